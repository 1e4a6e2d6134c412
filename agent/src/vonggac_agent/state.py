"""The state folder: that it and everything in it is this user's alone.

What the files hold is known to `identity`, `spool`, `rulebooks`, `daily` and `skipped`; that one agent works on it at
a time, to `lock`.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from .errors import UnsafePath
from .safety import check_entry, check_path, sync_folder


def open_state(folder: Path, *, create: bool = False) -> Path:
    """Check the folder and everything in it; make it (mode 0700) if `create`. Returns its absolute path.

    Raises UnsafePath, naming path and mode, before anything is read or written in it.
    """
    folder = Path(os.path.abspath(folder))
    if create and not folder.exists() and not folder.is_symlink():
        try:
            folder.mkdir(mode=0o700, parents=False)
        except OSError as error:
            raise UnsafePath(
                "cannot make the state folder {folder}: {reason}",
                hint="Make the folder above it, or name another one in VONGGAC_STATE_DIR.",
                folder=folder,
                reason=error.strerror,
            ) from error
        sync_folder(folder.parent)
    if not folder.exists() and not folder.is_symlink():
        raise UnsafePath(
            "there is no state folder {folder}",
            hint="`vonggac-agent enrol` makes it; VONGGAC_STATE_DIR names another place.",
            folder=folder,
        )
    try:
        check_path(folder, private=True)
        for name in sorted(os.listdir(folder)):
            with contextlib.suppress(
                FileNotFoundError
            ):  # the spool's journal comes and goes while it is read
                check_entry(folder / name, private=True)
    except PermissionError as error:
        raise UnsafePath(
            "cannot look at {path}: {reason}",
            hint="Run it as the user the agent runs as (root).",
            path=error.filename,
            reason=error.strerror,
        ) from error
    return folder
