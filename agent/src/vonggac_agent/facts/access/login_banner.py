"""login.banner: what is shown before and after a login, and whether it tells strangers what this machine is.

Sources: issue(5), agetty(8) "ISSUE FILES" (escapes), motd(5), os-release(5).
"""

from __future__ import annotations

import re
import stat
from typing import Final, Literal

from vonggac_contract.facts.sessions import Banner, Banners

from ...host import Host
from ..base import must_be_mounted
from ..system import os_release

Name = Literal["issue", "issue.net", "motd"]
NAMES: Final[tuple[Name, ...]] = ("issue", "issue.net", "motd")
ESCAPES: Final = re.compile(r"\\[mrsvS]")
"""agetty(8): machine, release, system name, version, os-release; other escapes (\\n, \\l, \\d …) tell no version."""
SYSTEMS: Final = (
    "debian", "ubuntu", "red hat", "rhel", "centos", "rocky linux", "almalinux", "oracle linux", "fedora", "opensuse",
    "suse linux", "gnu/linux", "kernel",
)  # fmt: skip


def reveals(text: str, names: tuple[str, ...] = ()) -> bool:
    """The text tells the system's name, version or kernel. `names`: what os-release calls it."""
    lower = text.lower()
    return ESCAPES.search(text) is not None or any(name in lower for name in (*SYSTEMS, *names))


def says(text: str) -> bool:
    """Something is left when getty's escapes and blanks are taken away."""
    return re.sub(r"\\.", "", text).strip() != ""


def gather(host: Host, selector: tuple[str, ...]) -> tuple[Banners, str]:
    """Topic login.banner. Raises CouldNotLook(not-installed) where etc holds nothing."""
    must_be_mounted(host, "/etc/issue")
    text = next((found for path in os_release.PATHS if (found := host.text(path))), "")
    try:
        told = os_release.parse(text)
    except ValueError:
        told = {}
    names = tuple(told[key].lower() for key in ("NAME", "PRETTY_NAME") if told.get(key))
    return Banners([_banner(host, name, names) for name in NAMES]), "etc/issue, etc/issue.net, etc/motd"


def _banner(host: Host, name: Name, names: tuple[str, ...]) -> Banner:
    path = f"etc/{name}"
    status = host.stat(path)
    if status is None:
        return Banner(name, exists=False, empty=True, reveals=False, others_write=False)
    text = host.text(path) or ""
    strange = status.st_uid != 0 or bool(status.st_mode & (stat.S_IWGRP | stat.S_IWOTH))
    return Banner(name, exists=True, empty=not says(text), reveals=reveals(text, names), others_write=strange)
