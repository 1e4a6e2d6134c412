"""What was sealed and not yet receipted, and the numbers that may be given only once: sequence and heartbeat counter.

Number, digest before, signature and row are one transaction: a report is sealed and kept, or it never was. Only a
receipt lets an envelope go; what the collector refuses is kept and marked. How rows get safely to the disk is the work
of `database`; sending, of `ship`.

The spool is bounded by size and by age (ADR 0020). At either bound the newest report takes the place of those right
before it, which it supersedes, and says so under its signature; the oldest that is unsent stays, so that the chain goes
on from it, and so does whatever was offered to a collector. A disk that is full is no such bound: then nothing goes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from vonggac_contract.envelope import Envelope, envelope_to_bytes
from vonggac_contract.report import Report

from . import head
from .database import Database
from .errors import SpoolFull
from .failpoints import Failpoint, reach
from .report import section_digests, without_known_sections
from .seal import Chain
from .spool_room import OFFERED, UNHEARD, drop_untaken, dropped_before, make_room, prune
from .spool_rows import (
    LINK_COLUMNS,
    SCHEMA,
    VERSION,
    Beat,
    Execute,
    Link,
    beat_of,
    count,
    known_sections,
    link_of,
    tail_of,
)  # fmt: skip

FILE: Final = "spool.db"
_STATE: Final = [name.strip() for name in LINK_COLUMNS.split(",")].index("state")


class Spool:
    """The spool of one state folder. Only the holder of the folder's lock may open it for writing."""

    def __init__(
        self, folder: Path, *, max_bytes: int, max_looks: int | None = None, read_only: bool = False
    ) -> None:
        """`max_looks`: its age, in looks since the last receipt, which no clock that is set makes more or fewer.

        Raises what `database.Database` raises.
        """
        self.max_bytes = max_bytes
        self.max_looks = max_looks
        self._database = Database(folder / FILE, schema=SCHEMA, version=VERSION, read_only=read_only)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    @property
    def is_made(self) -> bool:
        """Whether there is anything to read: a file without tables is one that is being made."""
        return self._database.is_made

    def tail(self, chain: Chain) -> Link | None:
        """The last link of the chain."""
        return tail_of(self._database.rows, chain)

    def head(self, chain: Chain) -> tuple[int, str | None]:
        """Sequence and digest of the chain's newest receipted link; (0, None) if there is none."""
        newest = self.newest_received(chain)
        return (newest.sequence, newest.digest) if newest is not None else (0, None)

    def newest_received(self, chain: Chain) -> Link | None:
        """The chain's newest receipted link."""
        found = self._links(
            "agent_id = ? AND epoch = ? AND state = 'received' ORDER BY sequence DESC LIMIT 1", tuple(chain)
        )
        return found[0] if found else None

    def add_report(
        self,
        chain: Chain,
        report: Report,
        seal: Callable[[Report, int, str | None], Envelope],
        *,
        instead_of: Link | None = None,
    ) -> Link:
        """Number, seal and keep a report. `seal(report, sequence, previous)` is called inside the transaction.

        `instead_of`: the same report in an epoch that is over, which goes in the same moment.
        Sections that the collector holds are left out before. Raises SpoolFull, SpoolFailing, StateDamaged; then
        nothing was numbered.
        """
        made: list[str] = []

        def work(execute: Execute) -> Link:
            tail = tail_of(execute, chain)
            if tail is not None and tail.digest in made:
                return tail  # the attempt before the I/O error had reached the disk
            sequence = tail.sequence + 1 if tail is not None else 1
            reach(Failpoint.NUMBERED)
            if instead_of is None:
                count(execute, UNHEARD)
            previous = tail.digest if tail is not None else None

            def sealed(before: Link | None) -> Envelope:
                """`before`: the link that is kept before this one."""
                whole = msgspec.structs.replace(report, dropped=dropped_before(before, sequence))
                envelope = seal(
                    without_known_sections(whole, known_sections(execute, chain)), sequence, previous
                )
                reach(Failpoint.SEALED)
                made.append(envelope.digest)
                return envelope

            drop_untaken(execute, chain)
            envelope = sealed(tail_of(execute, chain))
            raw = envelope_to_bytes(envelope)
            if instead_of is not None:
                place = (*instead_of.chain, instead_of.sequence)
                execute("DELETE FROM link WHERE agent_id = ? AND epoch = ? AND sequence = ?", place)
            # What takes another's place needs no room: of rows that are here already nothing may be stuck.
            room = self.max_bytes if instead_of is None else sys.maxsize
            if make_room(execute, chain, len(raw), max_bytes=room, max_looks=self.max_looks):
                envelope = sealed(tail_of(execute, chain))
                raw = envelope_to_bytes(envelope)
            reach(Failpoint.ROOM_MADE)
            execute(
                "INSERT INTO link (agent_id, epoch, sequence, digest, previous, content, profile, rulebook, sections,"
                " sealed_at, envelope) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*chain, sequence, envelope.digest, previous, report.content,
                 report.profile, report.rulebook, msgspec.json.encode(section_digests(report)),
                 report.finished_at.isoformat(), raw),
            )  # fmt: skip
            reach(Failpoint.LINKED)
            execute("UPDATE heartbeat SET state = 'replaced' WHERE agent_id = ? AND epoch = ?", tuple(chain))
            self._note_io_errors(execute)
            reach(Failpoint.INSERTED)
            link = tail_of(execute, chain)
            if link is None:
                raise SpoolFull("the row that was written is not there")
            return link

        link = self._database.transact(work)
        reach(Failpoint.COMMITTED)
        return link

    def add_heartbeat(
        self, chain: Chain, sequence: int, looked_at: datetime, seal: Callable[[int], Envelope]
    ) -> Beat:
        """Count, seal and keep a heartbeat in place of the one before; `seal(counter)`. Raises as `add_report`."""

        def work(execute: Execute) -> Beat:
            last = beat_of(execute, chain)
            count(execute, UNHEARD)
            counter = last.counter + 1 if last is not None else 1
            reach(Failpoint.BEAT_COUNTED)
            envelope = seal(counter)
            reach(Failpoint.BEAT_SEALED)
            execute(
                "INSERT OR REPLACE INTO heartbeat (agent_id, epoch, counter, sequence, digest, looked_at, envelope,"
                " state) VALUES (?, ?, ?, ?, ?, ?, ?, 'unsent')",
                (
                    *chain,
                    counter,
                    sequence,
                    envelope.digest,
                    looked_at.isoformat(),
                    envelope_to_bytes(envelope),
                ),
            )
            self._note_io_errors(execute)
            reach(Failpoint.BEAT_INSERTED)
            return Beat(chain, counter, sequence, envelope.digest, looked_at, "unsent", "")

        beat = self._database.transact(work)
        reach(Failpoint.BEAT_COMMITTED)
        return beat

    def unsent(self) -> list[Link]:
        """Every link to send, oldest first; none of a chain that is quarantined."""
        return self._links(
            "state = 'unsent' AND (agent_id, epoch) NOT IN (SELECT agent_id, epoch FROM quarantine) ORDER BY number"
        )

    def take_over(self, rows: Iterable[tuple[Any, ...]]) -> int:
        """Keep rows of LINK_COLUMNS with their envelopes, of a spool that was damaged, unless they were received; how
        many they are. The same rows twice are there once.
        """
        marks = ", ".join("?" * (len(LINK_COLUMNS.split(",")) + 1))
        statement = f"INSERT OR IGNORE INTO link ({LINK_COLUMNS}, envelope) VALUES ({marks})"  # noqa: S608 - constants
        taken = [row for row in rows if row[_STATE] != "received"]

        def work(execute: Execute) -> None:
            for row in taken:
                execute(statement, row)

        self._database.transact(work)
        return len(taken)

    def stranded(self, chain: Chain) -> list[Link]:
        """What the agent's epochs before this one left to send, or had refused for the machine's sake, oldest first."""
        return self._links(
            "agent_id = ? AND epoch < ? AND (state = 'unsent' OR state = 'refused'"
            " AND substr(reason, 1, 3) IN ('401', '403')) ORDER BY number",
            tuple(chain),
        )

    def refused(self) -> list[Link]:
        """Every link that the collector refused, oldest first."""
        return self._links("state = 'refused' ORDER BY number")

    def between(self, chain: Chain, first: int, last: int) -> list[Link]:
        """The links of the chain from sequence `first` to `last` whose envelope is still here, oldest first."""
        return self._links(
            "agent_id = ? AND epoch = ? AND sequence BETWEEN ? AND ? AND envelope IS NOT NULL ORDER BY sequence",
            (*chain, first, last),
        )

    def beat(self, chain: Chain) -> Beat | None:
        """The newest heartbeat of the chain."""
        return beat_of(self._database.rows, chain)

    def envelope(self, item: Link | Beat) -> bytes:
        """The exact bytes that were sealed, as JSON. Raises KeyError if they are no longer here."""
        if isinstance(item, Link):
            found = self._database.rows(
                "SELECT envelope FROM link WHERE agent_id = ? AND epoch = ? AND sequence = ? AND envelope IS NOT NULL",
                (*item.chain, item.sequence),
            )
        else:
            found = self._database.rows(
                "SELECT envelope FROM heartbeat WHERE agent_id = ? AND epoch = ? AND counter = ?",
                (*item.chain, item.counter),
            )
        if not found:
            raise KeyError(item.digest)
        return bytes(found[0][0])

    def mark_received(self, item: Link | Beat, receipt: bytes) -> None:
        """A receipt for exactly this envelope was verified: keep it, and let go of what is no longer needed."""

        def work(execute: Execute) -> None:
            execute("DELETE FROM note WHERE name = ?", (UNHEARD,))
            if isinstance(item, Beat):
                _mark_beat(execute, item, "received", "")
                return
            execute(
                "UPDATE link SET state = 'received', reason = '', receipt = ?"
                " WHERE agent_id = ? AND epoch = ? AND sequence = ? AND digest = ?",
                (receipt, *item.chain, item.sequence, item.digest),
            )
            reach(Failpoint.RECEIPT_WRITTEN)
            prune(execute)
            reach(Failpoint.PRUNED)

        self._database.transact(work)
        if isinstance(item, Link):
            head.note(self._database.path.parent, item)
        reach(Failpoint.RECEIPTED if isinstance(item, Link) else Failpoint.BEAT_RECEIPTED)

    def waits_behind(self, link: Link) -> bool:
        """Whether an earlier one of its chain was not received."""
        return bool(
            self._database.rows(
                "SELECT 1 FROM link WHERE agent_id = ? AND epoch = ? AND sequence < ? AND state <> 'received' LIMIT 1",
                (*link.chain, link.sequence),
            )
        )

    def mark_offered(self, *links: Link) -> None:
        """From now on a collector may have them, whatever becomes of the answer: they are not dropped."""

        def work(execute: Execute) -> None:
            for link in links:
                execute(
                    "UPDATE link SET reason = ? WHERE agent_id = ? AND epoch = ? AND sequence = ? AND state = 'unsent'",
                    (OFFERED, *link.chain, link.sequence),
                )

        self._database.transact(work)

    def mark_refused(self, item: Link | Beat, reason: str, now: datetime) -> None:
        """The collector will not take it: keep it, visibly, and do not send it again by itself."""

        def work(execute: Execute) -> None:
            if isinstance(item, Beat):
                _mark_beat(execute, item, "refused", reason)
                return
            execute(
                "UPDATE link SET state = 'refused', reason = ?, tried_at = ?"
                " WHERE agent_id = ? AND epoch = ? AND sequence = ? AND state <> 'received'",
                (reason, now.isoformat(), *item.chain, item.sequence),
            )
            reach(Failpoint.REFUSAL_WRITTEN)

        self._database.transact(work)
        reach(Failpoint.REFUSED)

    def quarantine(self, chain: Chain, reason: str, now: datetime) -> None:
        """Nothing of this chain is sent any more: the collector holds another envelope under one of its numbers."""
        self._database.transact(
            lambda execute: execute(
                "INSERT OR IGNORE INTO quarantine VALUES (?, ?, ?, ?)", (*chain, now.isoformat(), reason)
            )
        )

    def quarantined(self, chain: Chain) -> tuple[str, str] | None:
        """Since when (RFC 3339) and why the chain is quarantined; None if it is not."""
        found = self._database.rows(
            "SELECT at, reason FROM quarantine WHERE agent_id = ? AND epoch = ?", tuple(chain)
        )
        return (found[0][0], found[0][1]) if found else None

    def note(self, name: str) -> str:
        """A note by name, "" if there is none."""
        found = self._database.rows("SELECT value FROM note WHERE name = ?", (name,))
        return str(found[0][0]) if found else ""

    def write_notes(self, **notes: str) -> None:
        """Keep notes by name."""

        def work(execute: Execute) -> None:
            for name, value in notes.items():
                execute("INSERT OR REPLACE INTO note VALUES (?, ?)", (name, value))

        self._database.transact(work)

    def count(self, name: str, more: int = 1) -> None:
        """Raise a counter that never goes back."""
        self._database.transact(lambda execute: count(execute, name, more))

    def counter(self, name: str) -> int:
        """A counter's value, 0 if it was never raised."""
        return int(self.note(name) or 0)

    def sizes(self) -> tuple[int, int]:
        """Number and bytes of the envelopes that still have to be received."""
        ((number, size),) = self._database.rows(
            "SELECT count(*), coalesce(sum(length(envelope)), 0) FROM link WHERE state <> 'received'"
        )
        return int(number), int(size)

    def used_bytes(self) -> int:
        """Bytes of the spool's pages in use."""
        return self._database.used_bytes()

    def receipted(self, chain: Chain, sequence: int | None) -> tuple[str, bytes, bytes | None] | None:
        """Digest, receipt envelope, and the report's as long as it is kept, of a receipted link, or of the newest one;
        None if there is none.
        """
        found = self._database.rows(
            "SELECT digest, receipt, envelope FROM link WHERE agent_id = ? AND epoch = ? AND state = 'received'"
            " AND (sequence = ? OR ? IS NULL) ORDER BY sequence DESC LIMIT 1",
            (*chain, sequence, sequence),
        )
        return (str(found[0][0]), bytes(found[0][1]), found[0][2]) if found else None

    def _links(self, where: str, values: tuple[Any, ...] = ()) -> list[Link]:
        question = f"SELECT {LINK_COLUMNS} FROM link WHERE {where}"  # noqa: S608 - `where` is written in this class
        return [link_of(row) for row in self._database.rows(question, values)]

    def _note_io_errors(self, execute: Execute) -> None:
        if self._database.io_errors:
            count(execute, "posture_spool_io_errors_total", self._database.io_errors)
            self._database.io_errors = 0


@contextmanager
def reading(folder: Path, *, max_bytes: int) -> Iterator[Spool | None]:
    """The spool to look into beside whoever writes it; None if nothing was kept yet. Raises as Spool does."""
    if not (folder / FILE).exists():
        yield None
        return
    with closing(Spool(folder, max_bytes=max_bytes, read_only=True)) as spool:
        yield spool if spool.is_made else None


def _mark_beat(execute: Execute, beat: Beat, state: str, reason: str) -> None:
    execute(
        "UPDATE heartbeat SET state = ?, reason = ? WHERE agent_id = ? AND epoch = ? AND counter = ?",
        (state, reason, *beat.chain, beat.counter),
    )
