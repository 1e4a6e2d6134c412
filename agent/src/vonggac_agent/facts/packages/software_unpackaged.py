"""software.unpackaged: programs that came past the package manager; snaps and Flatpaks, with managers of their own.

Sources: FHS 3.0 sections 3.13 (/opt) and 4.9 (/usr/local); snapd's and Flatpak's layouts of their folders.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from typing import Final

from vonggac_contract import limits
from vonggac_contract.facts.packages import UnpackagedSoftware

from ...host import Host
from ...untrusted import as_text, bounded
from . import dpkg, owning_package, package_inventory

LOCAL: Final = ("usr/local/bin", "usr/local/sbin")
_SNAP: Final = re.compile(r"([a-z0-9-]+(?:_[a-z0-9]+)?)_x?\d+\.snap")


def snap_names(files: Iterable[str]) -> list[str]:
    """Names of snaps, from files like `firefox_2987.snap`; each once, sorted."""
    return sorted({match[1] for name in files if (match := _SNAP.fullmatch(name))})


def owned(folders: Iterable[str], lists: Iterable[bytes]) -> set[str]:
    """Those of the absolute `folders` that a package's list of paths names, or has something below."""
    waiting = {folder: (os.fsencode(folder) + b"\n", os.fsencode(folder) + b"/") for folder in folders}
    found: set[str] = set()
    for listed in lists:
        within = b"\n" + listed + b"\n"
        for folder, ways in waiting.items():
            if any(b"\n" + way in within for way in ways):
                found.add(folder)
        for folder in found:
            waiting.pop(folder, None)
        if not waiting:
            break
    return found


def gather(host: Host, selector: tuple[str, ...]) -> tuple[UnpackagedSoftware, str]:
    """Topic software.unpackaged. Raises CouldNotLook(not-supported) without a package database."""
    package_inventory.look_for(host)
    programs = [
        f"/{folder}/{name}" for folder in LOCAL for name in host.names(folder) if _is_file(host, folder, name)
    ]
    programs += _of_opt(host)
    return (
        UnpackagedSoftware(
            programs=[bounded(as_text(path)) for path in programs][: limits.MAX_FACT_LIST],
            snaps=snap_names(host.names("var/lib/snapd/snaps"))[: limits.MAX_FACT_LIST],
            flatpaks=[bounded(as_text(name)) for name in host.names("var/lib/flatpak/app")][
                : limits.MAX_FACT_LIST
            ],
        ),
        "usr/local/bin, usr/local/sbin, opt, var/lib/snapd, var/lib/flatpak",
    )


def _is_file(host: Host, folder: str, name: str) -> bool:
    status = host.stat(f"{folder}/{name}")
    return status is not None and stat.S_ISREG(status.st_mode) and bool(status.st_mode & 0o111)


def _of_opt(host: Host) -> list[str]:
    """Folders of opt that no dpkg package owns; where rpm is at work nothing is told of opt."""
    if not host.exists(dpkg.STATUS):
        return []
    folders = [f"/opt/{name}" for name in host.names("opt")]
    if not folders:
        return []
    lists = (listed for _, listed in owning_package.lists(host, folders) if b"/opt/" in listed)
    known = owned(folders, lists)
    return [folder for folder in folders if folder not in known]
