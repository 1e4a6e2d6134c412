"""kernel.running: the running kernel beside the newest installed one, and whether a restart is due.

Kernels are told from names under boot/ and usr/lib/modules. A new build under an unchanged release name cannot be seen
in them; the distribution's own flag (run/reboot-required of Debian and Ubuntu, run/reboot-needed of SUSE) tells it.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.system import KernelRunning

from ...host import Host
from ...untrusted import as_text, bounded
from ..packages import debian_version

FLAGS: Final = ("run/reboot-required", "run/reboot-needed")
PACKAGES: Final = "run/reboot-required.pkgs"
# Debian, Ubuntu, SUSE: 6.1.0-25-cloud-amd64, 6.12.41+deb13-amd64, 5.14.21-150500.55.19-default
_FLAVOUR_LAST: Final = re.compile(r"(\d[^-]{0,60}(?:-\d[^-]{0,60}){0,4})-([a-z].{0,60})")
# Red Hat and its kin: 5.14.0-427.13.1.el9_4.x86_64, …el9uek.x86_64, …el9.x86_64+rt
_RED_HAT: Final = re.compile(
    r"(\d.{0,120})\.(?:el|fc)\d{1,3}(?:_\d{1,3})?([a-z]{0,10}\.[a-z0-9_]{1,20}(?:\+[a-z0-9-]{1,20})?)"
)


def flavour(release: str) -> tuple[str, str]:
    """(version, flavour) of a kernel's release name; the flavour is what two kernels share that replace each other."""
    match = _RED_HAT.fullmatch(release) or _FLAVOUR_LAST.fullmatch(release)
    return (match[1], match[2]) if match else (release, "")


def newest(running: str, installed: Iterable[str]) -> str:
    """The newest of `installed` with the flavour of `running`, by deb-version(7); empty if there is none."""
    wanted = flavour(running)[1]
    same = [name for name in installed if flavour(name)[1] == wanted]
    return max(same, key=functools.cmp_to_key(_order), default="")


def is_newer(release: str, than: str) -> bool:
    """`release` comes after `than`, both kernel release names of one flavour."""
    return _order(release, than) > 0


def _order(a: str, b: str) -> int:
    return debian_version.compare(flavour(a)[0], flavour(b)[0])


def boot_time(text: str) -> datetime:
    """Time of the last boot from proc/stat (proc(5), `btime`). Raises ValueError if it is not there."""
    match = re.search(r"^btime ([0-9]{1,11})$", text, re.MULTILINE)
    if match is None:
        raise ValueError("proc/stat has no btime")
    return datetime.fromtimestamp(int(match[1]), UTC)


def _installed(host: Host) -> list[str]:
    images = [name.removeprefix("vmlinuz-") for name in host.names("boot") if name.startswith("vmlinuz-")]
    modules = [
        name for name in host.names("usr/lib/modules") if host.exists(f"usr/lib/modules/{name}/vmlinuz")
    ]
    return [as_text(name) for name in (*images, *modules)]


def gather(host: Host, selector: tuple[str, ...]) -> tuple[KernelRunning, str]:
    """Topic kernel.running."""
    running = os.uname().release
    latest = newest(running, _installed(host))
    stat = host.text("proc/stat")
    if stat is None:
        raise CouldNotLook(Reason.NOT_SUPPORTED, "proc is not mounted")
    flagged = any(host.exists(flag) for flag in FLAGS)
    packages = sorted({bounded(line.strip()) for line in host.lines(PACKAGES) if line.strip()})
    return (
        KernelRunning(
            release=bounded(as_text(running)),
            newest_installed=bounded(latest),
            reboot_required=flagged or (bool(latest) and is_newer(latest, running)),
            reboot_because=packages,
            booted_at=boot_time(stat),
        ),
        "uname, boot, usr/lib/modules, run/reboot-required, proc/stat",
    )
