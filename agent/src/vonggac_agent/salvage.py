"""A damaged spool is set aside, and what can still be read of it is taken over.

Its last numbers may be gone with it, and one could be given twice: so its epoch is over (`head`). In the next one what
was not received is sealed again (`stranded`). The damaged file stays for whoever wants to look at it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

import apsw

from vonggac_contract.envelope import envelope_from_bytes
from vonggac_contract.errors import ContractError
from vonggac_contract.report import statement_from_envelope

from . import head
from .safety import sync_folder, write_whole
from .seal import Chain
from .spool import FILE, Spool
from .spool_rows import LINK_COLUMNS, link_of, read_rows

_PARTS: Final = ("-wal", "-shm", "")
"""The journal first: whenever this is killed, what is left under the old name is damaged still, or gone."""
_UNREAD: Final = ".unread"
"""Behind the name of a damaged spool as long as not all of it was taken over."""
KEPT_ASIDE: Final = 3
"""Damaged spools that stay, the newest: a disk that damages them again and again is not filled so. Our own figure."""
_QUESTION: Final = f"SELECT {LINK_COLUMNS}, envelope FROM link"  # noqa: S608 - constants
_MOST: Final = 100_000
"""Rows that are looked for; more than a spool of any size holds."""


def end_if_damaged(folder: Path, chain: Chain) -> bool:
    """Set a damaged spool aside, after the epoch it numbered was ended; False if nothing is wrong with it, or this is
    a copy on another machine: where it comes from the numbers are still given, and only a person can tell.

    Killed in between, the epoch is over and the spool still damaged: what comes next finds it so.
    """
    path = folder / FILE
    if head.is_of_another_machine(folder, chain):
        return False
    if path.exists() and not _is_sound(path):
        head.end_epoch(folder, chain)
        _put_aside(folder)
        return True
    with closing(Spool(folder, max_bytes=0)) as spool:
        if not is_behind(folder, spool, chain):
            return False
        head.end_epoch(folder, chain)
        spool.write_notes(salvaged="the spool was lost, or set back to an earlier one")
    return True


def is_behind(folder: Path, spool: Spool, chain: Chain) -> bool:
    """Whether a report was received that this spool does not know: it is not the one that gave its number."""
    known, tail = head.read(folder, chain), spool.tail(chain)
    return not known.over and known.sequence > (tail.sequence if tail is not None else 0)


def set_aside(folder: Path) -> int:
    """If the spool is damaged, begin a new one with what of the old can still be read; how many reports it was that
    were not received. 0 as well if there is no spool, or nothing wrong with it. Only in an epoch that is over or new.
    """
    path = folder / FILE
    return 0 if not path.exists() or _is_sound(path) else _put_aside(folder)


def _put_aside(folder: Path) -> int:
    path = folder / FILE
    before = sorted(int(p.name.rpartition("-")[2]) for p in folder.glob(f"{FILE}.damaged-*[0-9]"))
    aside = folder / f"{FILE}.damaged-{1 + max(before, default=0)}"
    _forget(folder, before[: 1 - KEPT_ASIDE])
    write_whole(Path(f"{aside}{_UNREAD}"), b"")
    for part in _PARTS:
        with suppress(FileNotFoundError):
            Path(f"{path}{part}").rename(f"{aside}{part}")
    sync_folder(folder)
    with closing(Spool(folder, max_bytes=aside.stat().st_size)) as spool:
        return take_back(folder, spool)


def _forget(folder: Path, numbers: list[int]) -> None:
    """Of these, those that were read to the end."""
    for name in (f"{FILE}.damaged-{number}" for number in numbers):
        if not (folder / f"{name}{_UNREAD}").exists():
            for part in _PARTS:
                (folder / f"{name}{part}").unlink(missing_ok=True)


def take_back(folder: Path, spool: Spool) -> int:
    """Take over what was set aside and not read to the end: it was killed, or found no room. Raises as `take_over`."""
    found = 0
    for mark in sorted(folder.glob(f"{FILE}.damaged-*{_UNREAD}")):
        found += spool.take_over(_rows(Path(f"{mark}".removesuffix(_UNREAD))))
        spool.write_notes(salvaged=f"the spool was damaged; {found} unsent reports of it could still be read")
        mark.unlink()
    return found


def _is_sound(path: Path) -> bool:
    try:
        with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
            if connection.pragma("integrity_check") != "ok" or connection.pragma("user_version") == 0:
                return False
            read_rows(lambda sql, values=(): list(connection.execute(sql, values)))
            return all(map(_is_whole, connection.execute(f"{_QUESTION} WHERE envelope IS NOT NULL")))
    except (apsw.Error, ValueError, TypeError):  # of msgspec, too, what cannot be decoded is a ValueError
        return False


def _rows(aside: Path) -> Iterator[tuple[Any, ...]]:
    """Every row that can be read, oldest first, whose envelope is the one that was sealed there."""
    try:
        connection = apsw.Connection(str(aside), flags=apsw.SQLITE_OPEN_READWRITE)
    except apsw.Error:
        return
    with closing(connection):
        # Its journal is read without another file beside it, for which there may be no room (wal.html, section 8).
        connection.pragma("locking_mode", "exclusive")
        try:
            ((most,),) = connection.execute("SELECT max(number) FROM link")
        except apsw.Error:
            most = _MOST
        for number in range(1, min(most or 0, _MOST) + 1):
            try:
                yield from filter(_is_whole, connection.execute(f"{_QUESTION} WHERE number = ?", (number,)))
            except apsw.Error:
                continue


def _is_whole(row: tuple[Any, ...]) -> bool:
    """Whether the envelope has the digest of its row, and speaks of that place."""
    agent_id, epoch, sequence, digest, *_, raw = row
    try:
        link_of(row[:-1])
        envelope = envelope_from_bytes(raw)
        said = statement_from_envelope(envelope)
    except (ContractError, ValueError, TypeError):
        return False
    return (said.agent_id, said.epoch, said.sequence, envelope.digest) == (agent_id, epoch, sequence, digest)
