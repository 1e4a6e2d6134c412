"""What each topic's module gives: one `gather`, entered in its subject's table."""

from __future__ import annotations

import posixpath
from collections.abc import Callable

import msgspec

from vonggac_contract.facts import CouldNotLook, Reason

from ..host import Host

Gather = Callable[[Host, tuple[str, ...]], tuple[msgspec.Struct, str]]
"""Looks at a host for one topic: (host, selector values) to (the topic's Struct, where it was read)."""


def must_be_mounted(host: Host, path: str) -> None:
    """For a topic that tells what is not at `path` (absolute): there is a system that could have it there.

    Raises CouldNotLook(not-installed) where the top folder, or the nearest folder above that is there, holds nothing:
    then the file system with it was not mounted, and what is absent says nothing about the machine.
    """
    above = posixpath.dirname(
        posixpath.normpath("/" + path.lstrip("/"))
    )  # POSIX leaves two slashes as they are
    while above.count("/") > 1 and not host.exists(above):
        above = posixpath.dirname(above)
    if not holds(host, above):
        raise CouldNotLook(Reason.NOT_INSTALLED, f"{above} is absent or empty: it may not have been mounted")


def holds(host: Host, folder: str) -> bool:
    """The folder is there and not empty. Raises CouldNotLook as `Host.names` does."""
    return host.once(f"holds {folder}", lambda: _holds(host, folder))


def _holds(host: Host, folder: str) -> bool:
    try:
        return bool(host.names(folder))
    except CouldNotLook as error:
        if error.reason is Reason.TOO_LARGE:
            return True
        raise
