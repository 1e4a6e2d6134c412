"""What every command says when it is refused, or when a file or folder that it was given cannot be used."""

from __future__ import annotations

import argparse
import errno
import os
from typing import Final

from vonggac_collector.errors import CollectorError, LedgerDamaged, NotFound, SettingsError
from vonggac_contract.errors import ContractError

from .common import REFUSED, WRONG_USE, inert

_ADVICE: Final = {
    errno.ENOENT: "Check the path: is it spelled so, is the medium mounted?",
    errno.ENOTDIR: "Name a folder.",
    errno.EISDIR: "Name a file.",
    errno.EEXIST: "Name one that is not there yet, or put that one elsewhere.",
    errno.EACCES: "Run the command as a user who may use it: root, or the collector's own.",
    errno.EPERM: "Run the command as a user who may use it: root, or the collector's own.",
    errno.EROFS: "Mount it for writing, or name a place elsewhere.",
    errno.ENOSPC: "Free space there, or name a place elsewhere.",
    errno.ELOOP: "Name the file itself: links are not followed here.",
}


def sought(command: argparse.ArgumentParser, what: str, lister: str) -> None:
    """Say of a command what NotFound means: `what`, with its arguments in braces, and the command that lists those."""
    command.set_defaults(sought=what, lister=lister)


def told(error: CollectorError | ContractError | OSError, args: argparse.Namespace) -> tuple[str, int]:
    """The lines for whoever ran the command, with what to do next, and the exit code."""
    if isinstance(error, OSError):
        return _of_system(error), WRONG_USE
    if isinstance(error, SettingsError | LedgerDamaged):
        return str(error), WRONG_USE
    if isinstance(error, NotFound) and "sought" in args:
        given = {k: ", ".join(v) if isinstance(v, list) else v for k, v in vars(args).items()}
        what = inert(args.sought.format_map(given))
        return f"there is no {what}\n  `vonggac-collector {args.lister}` shows what there is.", REFUSED
    return f"{error}\n  {error.hint}", REFUSED


def _of_system(error: OSError) -> str:
    """Such as `/media/usb: No such file or directory`."""
    why = os.strerror(error.errno) if error.errno else str(error)
    name = "" if error.filename is None else f"{inert(os.fsdecode(error.filename))}: "
    return f"{name}{why}\n  {_ADVICE.get(error.errno or 0, 'Is the disk full, read-only or failing?')}"
