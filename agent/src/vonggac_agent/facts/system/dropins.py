"""Configuration spread over folders of drop-ins, as systemd and kmod read it: which files count, in which order.

Sources: sysctl.d(5), modprobe.d(5), systemd.unit(5), systemd-system.conf(5): a file hides those of its name in later
folders, all are read in the order of their names, a link to /dev/null is no file at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vonggac_contract.facts import CouldNotLook, Reason

from ...host import Host

MAX_FILES: Final = 500
"""Files that one configuration may be spread over; distributions ship some twenty."""
CONFIGURATION: Final = ("etc", "run", "usr/local/lib", "usr/lib")
"""Where systemd's own programs look for their settings, the administrator's first (systemd-system.conf(5))."""


def files(host: Host, folders: Sequence[str], ending: str = ".conf") -> list[str]:
    """Paths in the order in which they are read; `folders` come with the one that hides the others first.

    Raises CouldNotLook(too-large) for over `MAX_FILES` files.
    """
    found: dict[str, str] = {}
    for folder in reversed(folders):
        found |= {name: f"{folder}/{name}" for name in host.names(folder) if name.endswith(ending)}
    if len(found) > MAX_FILES:
        raise CouldNotLook(Reason.TOO_LARGE, f"{folders[0]} and its like hold over {MAX_FILES} files")
    return [found[name] for name in sorted(found) if host.readlink(found[name]) != "/dev/null"]


def configuration(host: Host, name: str) -> list[str]:
    """The file of that name, such as `systemd/journald.conf`, from the first folder that has it, and its drop-ins.

    Raises CouldNotLook as `files` does.
    """
    main = [path for folder in CONFIGURATION if host.exists(path := f"{folder}/{name}")][:1]
    return [*main, *files(host, [f"{folder}/{name}.d" for folder in CONFIGURATION])]
