"""What is kept beside the envelopes, made from them once more and compared: looks, what is wrong now, its history.

Every function of ingest that made a row makes it again here. A look depends on its envelope alone; what an agent's
looks say one after the other gives its history and what is wrong with it now. Where retention dropped looks between two
that are kept, what came of them is not known: then only what the kept ones say is asked for.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from vonggac_contract.decode import in_utc
from vonggac_contract.errors import ContractError
from vonggac_contract.receipt import Receipt
from vonggac_contract.report import Statement, section_digest

from .ingest.projection import envelope_of, project, unpack_json
from .ingest.reading import Reading, read_report, rules_of
from .ingest.report import flags_of
from .ingest.vector import Asked, Vector, differences, unpack_rules, unpack_vector
from .ledger.rows import (
    WRONG,
    Agent,
    Change,
    Envelope,
    Failing,
    HeartbeatDay,
    LateHeartbeat,
    Look,
    Section,
)

_RECEIPT: Final = msgspec.json.Decoder(Receipt)
_MISSING_SECTION: Final = "section-missing"
_OUTLIVING: Final = ("held-L", "past-L")
Place = tuple[int, int]
"""Epoch and sequence."""
UNREADABLE: Final = (
    zlib.error,
    msgspec.MsgspecError,
    KeyError,
    IndexError,
    ValueError,
    TypeError,
    ContractError,
)
"""What reading rows that somebody edited may raise."""


class Lists:
    """Lists of rules by their digest, those that are what it says. `find`: what else is there."""

    def __init__(
        self, packed: Mapping[str, bytes], find: Callable[[str], bytes | None] | None = None
    ) -> None:
        self.packed = dict(packed)
        self._find = find
        self._asked: dict[str, list[Asked]] = {}

    def changed(self) -> list[str]:
        """Those that are not what their digests say."""
        return sorted(d for d, packed in self.packed.items() if hashlib.sha256(packed).hexdigest() != d)

    def of(self, digest: str) -> list[Asked]:
        """Raises KeyError for one that is not there, or not what its digest says."""
        if digest not in self._asked:
            packed = self.packed.get(digest)
            if packed is None and self._find is not None:
                packed = self._find(digest)
            if packed is None or hashlib.sha256(packed).hexdigest() != digest:
                raise KeyError(digest)
            self._asked[digest] = unpack_rules(packed)
        return self._asked[digest]


class Epoch(msgspec.Struct, frozen=True):
    """An agent's epoch as the audit log has it: its key, from when on, and when it was quarantined or revoked."""

    number: int
    keyid: str
    since: datetime
    quarantined_at: datetime | None = None
    revoked_at: datetime | None = None
    decided: str = ""
    """What an officer decided about its fork, if the machine goes on (`forks`)."""


class Present(msgspec.Struct, frozen=True):
    """An agent at one moment, with some of its newest looks, oldest first, and all that was made of them.

    `newest`: the newest look's envelope. `base`: the first look is there only for the second to differ from.
    `kept_since`: what was received from then on was not dropped; None if nothing ever was. `cuts`: behind which of its
    reports some are missing. `brought`: envelopes of looks at moments that sections say they are from, if anybody asks.
    `epochs`: what the audit log says, if it is whole. `days`, `late`: heartbeats, newest first, some or all. `now`: by
    the clock of whoever asks, if that counts.
    """

    agent: Agent
    newest: Envelope | None
    looks: list[Look]
    base: bool
    kept_since: datetime | None
    cuts: list[Place]
    changes: list[Change]
    failings: list[Failing]
    sections: list[Section]
    brought: list[Envelope] | None
    epochs: list[Epoch] | None
    keys: dict[str, bytes]
    days: list[HeartbeatDay]
    late: list[LateHeartbeat]
    now: datetime | None


def wrong_row(row: Envelope, size: int) -> str:
    """What is wrong with an envelope's row that nobody needs to read the report for; "" if nothing is.

    Its receipt was sealed when it was sent, so only the machine has the signature. `size`: bytes as sent.
    """
    if row.size != size:
        return "the envelope has another size than its row"
    try:
        receipt = _RECEIPT.decode(row.receipt or b"")
    except msgspec.MsgspecError:
        return "its receipt is damaged"
    said = (receipt.agent_id, receipt.epoch, receipt.sequence, receipt.digest, receipt.received_at)
    if said != (row.agent, row.epoch, row.sequence, row.digest, row.received_at):
        return "its receipt says other than its row"
    if msgspec.json.encode(receipt) != row.receipt:
        return "its receipt was written anew"
    month, _, level = row.shelf.rpartition("-L")
    if level not in {"1", "2", "3", "4", "5"} or (
        month != f"{row.received_at:%Y-%m}" and not row.shelf.startswith(_OUTLIVING)
    ):
        return f"shelf {row.shelf} is not the one of its month"
    return ""


def wrong_look(row: Envelope, reading: Reading, look: Look | None, lists: Lists) -> str:
    """What is wrong with the look that was made of a report; "" if nothing is."""
    if look is None:
        return "its look is missing"
    statement = reading.statement
    if row.sealed_at != in_utc(statement.sealed_at):
        return "it was sealed at another time than its row says"
    rules = rules_of(reading.told)[0]
    try:
        asked = lists.of(rules)
    except UNREADABLE:
        return f"the list of rules that it answers, {rules[:16]}…, was changed or is missing"
    vector = Vector(rules, asked, [t.said for t in reading.told])
    everything = {(name, s.digest) for name, s in statement.report.sections.items()}
    flags = flags_of(statement, row, everything)
    made = project(statement, row, vector, row.committed_at or row.received_at, flags)
    kept, new = msgspec.structs.asdict(look), msgspec.structs.asdict(made)
    other = [n for n in kept if kept[n] != new[n] and not _alike(n, kept[n], new[n], made, asked)]
    return f"its look was changed after it was made from the envelope: {', '.join(other)}" if other else ""


def _alike(name: str, kept: Any, new: Any, made: Look, asked: Sequence[Asked]) -> bool:
    """Whether the two say the same, however they were written."""
    if name == "vector":
        try:
            return zlib.decompress(kept) == zlib.decompress(new)
        except zlib.error:
            return False
    if name == "outcomes_digest":
        return bool(kept == _first_digest(made, asked))
    # Whether a section was missing depends on what was held then.
    return bool(name == "flags" and " ".join(w for w in kept.split(" ") if w != _MISSING_SECTION) == new)


def _first_digest(made: Look, asked: Sequence[Asked]) -> str:
    """`outcomes_digest` as revision 0001 of the ledger had it; revision 0003 left it as it was."""
    said = unpack_vector(made.vector, lambda _: list(asked)).said
    fields = [(a.rule, s.outcome, s.passed, s.of, s.reason) for a, s in zip(asked, said, strict=True)]
    return hashlib.sha256(msgspec.msgpack.encode(fields)).hexdigest()


def wrong_present(present: Present, lists: Lists) -> str:
    """What is wrong with an agent's current state and the history of it; "" if nothing is."""
    newest = present.looks[-1] if present.looks else None
    found = _wrong_head(present.agent, newest)
    if found or newest is None:
        odd = [*present.failings, *present.sections, *present.changes]
        return found or ("it has rows of reports that are not here" if odd else "")
    if present.newest is None:
        return f"report {newest.sequence} of epoch {newest.epoch}, its newest, is missing"
    try:
        reading = read_report(envelope_of(present.newest))
        return (
            wrong_look(present.newest, reading, newest, lists)
            or _wrong_version(present.agent, reading.statement)
            or _Replay(present, lists).wrong()
            or _wrong_sections(present, newest, reading.statement)
        )
    except UNREADABLE as e:
        return f"what was made of its reports is damaged: {e}"


def _wrong_version(agent: Agent, statement: Statement) -> str:
    same = agent.agent_version == statement.report.agent_version[:200]
    return "" if same else "its row has another agent's version than its newest report"


def _wrong_head(agent: Agent, newest: Look | None) -> str:
    if agent.vector != (None if newest is None else newest.vector):
        return "its row has another vector than its newest look"
    head = (agent.epoch, agent.head_sequence, agent.head_digest, agent.head_content)
    if newest is None or newest.epoch < agent.epoch:
        return "" if head[1:] == (0, None, None) else f"report {agent.head_sequence}, its head, has no look"
    made = (newest.epoch, newest.sequence, newest.digest, newest.content)
    return "" if head == made else "its row has another head than its newest look"


class _Replay:
    """An agent's looks one after the other, with the history and the rows of what is wrong that they make."""

    def __init__(self, present: Present, lists: Lists) -> None:
        self._present = present
        self._lists = lists
        self._rows: dict[str, Failing] = {}
        self._loose: dict[str, Place] = {}
        """Rules that were wrong when looks were missing, or before, with the look after: since when is not known."""
        self._unmoved: dict[str, Place] = {}
        """Likewise, which look wrote their rows."""
        self._kept: dict[Place, dict[str, Change]] = {}
        for change in present.changes:
            self._kept.setdefault((change.epoch, change.sequence), {})[change.rule] = change

    def wrong(self) -> str:
        """ "" if all of it is what the looks make."""
        before: tuple[Look, Vector] | None = None
        for number, look in enumerate(self._present.looks):
            vector = unpack_vector(look.vector, self._lists.of)
            sure = self._follows(look, None if before is None else before[0])
            history = self._kept.pop((look.epoch, look.sequence), {})
            if self._present.base and number == 0:
                sure, history = False, None  # type: ignore[assignment]
            found = self._step(
                look, vector, before[1] if before is not None and sure else None, sure, history
            )
            if found:
                return found
            before = (look, vector)
        first = self._present.looks[0]
        left = [p for p in self._kept if not self._present.base or p > (first.epoch, first.sequence)]
        if left:
            return (
                f"the history has changes of report {min(left)[1]} of epoch {min(left)[0]}, which is not here"
            )
        return self._wrong_rows()

    def _follows(self, look: Look, before: Look | None) -> bool:
        """Whether no look was between the two."""
        if before is not None and before.epoch == look.epoch:
            return look.sequence == before.sequence + 1
        return self._present.kept_since is None or (look.epoch, look.sequence) == (1, 1)

    def _step(
        self, look: Look, vector: Vector, before: Vector | None, sure: bool, history: dict[str, Change] | None
    ) -> str:
        made, place = differences(look, vector, before), (look.epoch, look.sequence)
        if not sure:
            self._rows, self._loose, self._unmoved = {}, {}, {}
        for row in made.wrong:
            was = self._rows.get(row.rule)
            if was is not None and was.outcome == row.outcome:
                row = msgspec.structs.replace(row, since=was.since)
            else:
                self._loose.pop(row.rule, None)
            self._unmoved.pop(row.rule, None)
            self._rows[row.rule] = row
            if not sure:
                self._loose[row.rule] = self._unmoved[row.rule] = place
        for rule in made.mended:
            for kept in (self._rows, self._loose, self._unmoved):
                kept.pop(rule, None)
        if history is None:
            return ""
        expected = {c.rule: c for c in made.changes}
        answers = vector.by_rule()
        for rule in sorted({*expected, *history}):
            fits = (
                history.get(rule) == expected.get(rule) if sure else _may_be(history.get(rule), look, answers)
            )
            if not fits:
                return f"the history of {rule} at report {place[1]} of epoch {place[0]} is not what the reports say"
        return ""

    def _wrong_rows(self) -> str:
        rows = {f.rule: f for f in self._present.failings}
        for rule in sorted({*rows, *self._rows}):
            row, made = rows.get(rule), self._rows.get(rule)
            if row is None or made is None:
                return (
                    f"{rule}: is {'not ' if row is None else ''}listed as wrong, unlike in its newest report"
                )
            place = (row.epoch, row.sequence)
            if rule in self._unmoved and place <= self._unmoved[rule]:
                made = msgspec.structs.replace(made, epoch=row.epoch, sequence=row.sequence)
            if rule in self._loose:
                if not self._since_fits(row):
                    return f"{rule}: is wrong since another time than the history says"
                made = msgspec.structs.replace(made, since=row.since)
            if row != made:
                here, there = msgspec.structs.asdict(row), msgspec.structs.asdict(made)
                other = [n for n in here if here[n] != there[n]]
                return f"{rule}: what is wrong now was changed after it was made: {', '.join(other)}"
        return ""

    def _since_fits(self, row: Failing) -> bool:
        """Whether the history, as far as it is kept, does not say otherwise."""
        present, last = self._present, self._present.looks[-1]
        newest = next((c for c in reversed(present.changes) if c.rule == row.rule), None)
        if newest is None:
            return _may_be_gone(present, row.since)
        whole = newest.epoch == last.epoch and not any(
            epoch == newest.epoch and sequence >= newest.sequence for epoch, sequence in present.cuts
        )
        if (newest.after, newest.looked_at) == (row.outcome, row.since):
            return True
        return not whole and _may_be_gone(present, row.since)


def _may_be_gone(present: Present, looked_at: datetime) -> bool:
    """Whether retention may have dropped a look of then: it was received no sooner than it looked."""
    return present.kept_since is not None and looked_at < present.kept_since


def _may_be(change: Change | None, look: Look, answers: Mapping[str, tuple[Asked, object]]) -> bool:
    """Whether a look may have written that change, whatever was said before it."""
    if change is None:
        return True
    now = answers.get(change.rule)
    outcome, reason = ("", "") if now is None else (now[1].outcome, now[1].reason)  # type: ignore[attr-defined]
    return (
        (change.after, change.reason, change.looked_at) == (outcome, reason, look.looked_at)
        and (change.committed_at, change.shelf) == (look.committed_at, look.shelf)
        and change.before != change.after
        and bool({change.before, change.after} & WRONG)
    )


def _wrong_sections(present: Present, newest: Look, statement: Statement) -> str:
    rows = {s.name: s for s in present.sections}
    missing = False
    for name, said in statement.report.sections.items():
        here = name in rows and rows[name].digest == said.digest
        missing |= bool(said.digest) and not here
        if said.content is not None and not here:
            return f"section {name} is not that of its newest report"
    if missing != (_MISSING_SECTION in newest.flags.split()):
        return "a section that its newest report names is missing, or was"
    for row in present.sections:
        if section_digest(unpack_json(row.content)) != row.digest:
            return f"section {row.name} has another content than its digest says"
    return "" if present.brought is None else _wrong_times(present, [*_bringing(present.brought)])


def _bringing(rows: Sequence[Envelope]) -> Iterator[tuple[Envelope, Statement]]:
    for row in rows:
        yield row, read_report(envelope_of(row)).statement


def _wrong_times(present: Present, brought: list[tuple[Envelope, Statement]]) -> str:
    for row in present.sections:
        then = [
            s.report.sections.get(row.name)
            for e, s in brought
            if min(in_utc(s.report.finished_at), e.received_at) == row.since
        ]
        if any(s is not None and s.content is not None and s.digest == row.digest for s in then):
            continue
        if then or not _may_be_gone(present, row.since):
            return f"section {row.name} is not from the time that it says"
    return ""
