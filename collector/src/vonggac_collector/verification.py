"""Walks the ledger and checks what it claims: every signature, every link of every chain, and the audit log.

It needs the ledger alone: public keys are in it, no secret is asked for, and nothing is written; so an auditor runs it
on a copy. A chain may begin, or go on after a gap, behind reports that retention dropped: then the record of cuts has
the digest that the first report after them names, and the audit log vouches for that record.
What was made from envelopes is made again (`remaking`): each agent's newest look and current state, or every look and
all of the history.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from multiprocessing import get_context
from typing import Final

import msgspec

from vonggac_contract.envelope import keyid_of

from . import audit
from .checking import Batch, Claim, begin, checked, wrong
from .enrolment import NOTED, enrolled_key
from .holds import ADDED, RELEASED, odd_holds
from .ledger.interface import Ledger, Transaction
from .ledger.rows import Agent, Look
from .ledger.rows import Envelope as Row
from .remaking import Lists, Place, Present, wrong_present
from .retention import DROPPED, DROPPING, all_cuts, cuts_digest, month_after

_TOGETHER: Final = 200
"""Envelopes read and checked together: 3 to 4 MB."""
_WORTH: Final = 2_000
"""From so many on, processes gain more than the half second that each takes to begin."""
_END: Final = 2**63 - 1
"""Behind every epoch and sequence; the largest that a column holds."""
Progress = Callable[[int, int], None]
"""Is told how many envelopes of how many are done."""


class Fault(msgspec.Struct, frozen=True):
    """Something that is not as it was written. `where`: an agent's report, or a row of the audit log."""

    where: str
    what: str


class Verified(msgspec.Struct, frozen=True):
    """How much was checked, and what was wrong: of each chain the first fault only.

    `begin_later`: how many times a chain begins, or goes on, after reports that retention dropped.
    """

    agents: int
    envelopes: int
    begin_later: int
    audit_rows: int
    faults: list[Fault]


def verify_ledger(
    ledger: Ledger, *, processes: int = 1, progress: Progress | None = None, whole: bool = False
) -> Verified:
    """Check everything, many envelopes in that many processes. `whole`: make every look again, not only the newest.

    The chains are read in bulk while reports come in and shelves go; those that seem to have a fault are read again,
    each as it was at one moment.
    """
    misfits = [Fault(where, f"its {column} holds what it cannot hold") for where, column in ledger.misfits()]
    if misfits:
        # Rows that cannot be read as what they are cannot be walked either.
        return Verified(0, 0, 0, 0, misfits)
    with ledger.read() as tx:
        trail = _Trail()
        trail.read_on(tx)
        lists = Lists(tx.findings.lists())
        before = trail.faults_of_cuts(tx) + trail.faults_of_keys(tx) + trail.faults_of_holds(tx)
        before += [Fault(f"list of rules {digest}", "was changed") for digest in lists.changed()]
        walk = _Walk(tx, trail, whole)
        total = tx.chain.total()
    several = processes > 1 and total >= _WORTH
    pool = ProcessPoolExecutor(processes, get_context("spawn"), begin, (lists.packed,)) if several else None
    try:
        done = 0
        for batch, suspects in checked(walk.batches(ledger), lists, pool, processes):
            walk.suspects |= suspects
            done += len(batch.claims)
            if progress is not None and batch.claims:
                progress(done, max(done, total))
    finally:
        if pool is not None:
            pool.shutdown(cancel_futures=True)
    faults = [
        f for agent in sorted(walk.suspects) if (f := _verify_chain(ledger, agent, trail, whole)) is not None
    ]
    with ledger.read() as tx:
        trail.read_on(tx)
    faults += before if trail.fault is None else [*before, trail.fault]
    return Verified(len(walk.heads), done, walk.begin_later, trail.number, faults)


class _Trail:
    """The audit log, as far as it was read: whether it is whole, and what enrolments and retention wrote in it."""

    def __init__(self) -> None:
        self.number, self._hash = 0, audit.NO_HASH
        self.fault: Fault | None = None
        self.dropping: set[str] = set()
        self.kept_since: datetime | None = None
        """What was received from then on was not dropped; None if nothing ever was."""
        self._enrolled: dict[str, str] = {}
        self._held: dict[str, str] = {}
        self._released: set[str] = set()
        self._cuts = cuts_digest(())

    def read_on(self, tx: Transaction) -> None:
        """To its end."""
        while self.fault is None and (rows := tx.trail.walk(self.number, _TOGETHER)):
            damaged = audit.first_damaged(rows, self.number, self._hash)
            if damaged is not None:
                self.fault = Fault(f"audit row {damaged}", "was changed, or rows before it are missing")
                return
            for row in rows:
                if row.action == DROPPING:
                    self.dropping.add(row.subject)
                    if (month := month_after(row.subject)) is not None:
                        self.kept_since = max(month, self.kept_since or month)
                    self._cuts = str(msgspec.json.decode(row.detail).get("cuts"))
                elif row.action == DROPPED:
                    self.dropping.discard(row.subject)
                elif row.action == NOTED:
                    self._enrolled[enrolled_key(row.detail)] = row.subject
                elif row.action == ADDED:
                    self._held[row.subject] = row.detail
                elif row.action == RELEASED:
                    self._released.add(row.subject)
            self.number, self._hash = rows[-1].number, rows[-1].hash

    def faults_of_cuts(self, tx: Transaction) -> list[Fault]:
        """The record of cuts is as it was when a shelf was last dropped. Of the moment that was read to."""
        if self.fault is not None or cuts_digest(all_cuts(tx)) == self._cuts:
            return []
        return [Fault("the record of cuts", "is not what the audit log says that retention left")]

    def faults_of_holds(self, tx: Transaction) -> list[Fault]:
        """Legal holds are those that people added, as they added them. Of the moment that was read to."""
        if self.fault is not None:
            return []
        odd = odd_holds(tx, self._held, self._released)
        return [Fault(f"legal hold {identifier}", odd[identifier]) for identifier in sorted(odd)]

    def faults_of_keys(self, tx: Transaction) -> list[Fault]:
        """Every key is its agent's by an enrolment, and every enrolment's key is there. Of the moment that was read to.

        So an agent that was deleted with all it had is missed, as are reports signed anew with a key put beside theirs,
        and an audit log that lost its end with an enrolment in it.
        """
        if self.fault is not None:
            return []
        held = tx.agents.every_key()
        sound = {keyid: agent for keyid, (agent, key) in held.items() if keyid_of(key) == keyid}
        faults = []
        for here, there, what in (
            (sound, self._enrolled, "is not enrolled by any row of the audit log"),
            (self._enrolled, sound, "was enrolled, says the audit log, and is not there as it was"),
        ):
            odd = sorted(keyid for keyid, agent in here.items() if there.get(keyid) != agent)
            if odd:
                more = f"; so are {len(odd) - 1} more" if len(odd) > 1 else ""
                faults.append(Fault(f"agent {here[odd[0]]}", f"its key {odd[0][:16]}… {what}{more}"))
        return faults


class _Links:
    """One agent's chain, followed row by row."""

    def __init__(self, head: tuple[int, str | None], cuts: Mapping[Place, str]) -> None:
        self._head = head
        self._head_seen = head[0] == 0
        self._cuts = dict(cuts)
        self._epoch = self._sequence = 0
        self._previous: str | None = None
        self._committed_at: datetime | None = None
        self.begin_later = 0

    def follow(self, row: Row) -> str:
        """What is wrong with the row's place after the one before; "" if nothing is."""
        if row.epoch != self._epoch:
            self._epoch, self._sequence, self._previous, self._committed_at = row.epoch, 0, None, None
        expected, self._sequence = self._sequence + 1, row.sequence
        previous, self._previous = self._previous, row.digest
        # A report is committed as it comes, or with the one before it, for which it waited.
        committed = {row.received_at, self._committed_at}
        self._committed_at = row.committed_at
        self._head_seen |= (row.sequence, row.digest) == self._head
        if row.sequence != expected:
            previous = self._cuts.pop((row.epoch, row.sequence - 1), None)
            if previous is None:
                return f"report {expected} is missing before it"
            self.begin_later += 1
            committed.add(row.committed_at)
        if row.previous != previous:
            return "it does not follow the report before it"
        return "" if row.committed_at in committed else "it was committed at another time than its row says"

    def end(self) -> str:
        """What is missing behind the last row; "" if nothing is."""
        if not self._head_seen:
            return f"report {self._head[0]}, its head, is missing"
        left = min(self._cuts, default=None)
        return "" if left is None else f"report {left[1] + 1} of epoch {left[0]}, the first kept, is missing"


class _Walk:
    """All chains, in bulk. `suspects`: agents whose chain has to be looked at by itself."""

    def __init__(self, tx: Transaction, trail: _Trail, whole: bool) -> None:
        self.heads = {a.id: (a.head_sequence, a.head_digest) for a in tx.agents.all()}
        self.suspects: set[str] = set()
        self.begin_later = 0
        self._whole = whole
        self._kept_since = trail.kept_since
        self._dropping = frozenset(trail.dropping)
        self._keys = tx.agents.every_key()
        self._cuts: dict[str, dict[Place, str]] = {}
        for cut in all_cuts(tx):
            self._cuts.setdefault(cut.agent, {})[cut.epoch, cut.sequence] = cut.digest

    def batches(self, ledger: Ledger) -> Iterator[Batch]:
        """Every committed envelope, agent by agent in the order of its chain; each agent after its last."""
        unseen = set(self.heads)
        agent, links = "", self._links("")
        after = ("", 0, 0, "")
        while True:
            claims, ended = [], []
            with ledger.read() as tx:
                page = tx.chain.walk_all(after, _TOGETHER)
                until = _key(page[-1]) if page else None
                looks = {_key(x): x for x in tx.chain.walk_looks(after, until)} if self._whole else {}
                for row in page:
                    look = looks.pop(_key(row), None)
                    if row.shelf in self._dropping:
                        continue
                    if row.agent != agent:
                        self._end(agent, links)
                        ended.append(agent)
                        agent, links = row.agent, self._links(row.agent)
                        unseen.discard(agent)
                    if links.follow(row):
                        self.suspects.add(agent)
                    holder, key = self._keys.get(row.keyid, ("", None))
                    claims.append(Claim(row, key if holder == row.agent else None, self._whole, look))
                self.suspects.update(x.agent for x in looks.values() if x.shelf not in self._dropping)
                presents = [p for e in ended if (p := self._present(tx, e)) is not None]
            if until is None:
                break
            yield Batch(claims, presents)
            after = until
        self._end(agent, links)
        for left in unseen:
            self._end(left, self._links(left))
        rest = [agent, *sorted(unseen)]
        for start in range(0, len(rest), _TOGETHER):
            with ledger.read() as tx:
                those = rest[start : start + _TOGETHER]
                yield Batch([], [p for e in those if (p := self._present(tx, e)) is not None])

    def _present(self, tx: Transaction, agent: str) -> Present | None:
        known = tx.agents.get(agent)
        if known is None:
            self.suspects |= {agent} - {""}
            return None
        cuts = [*self._cuts.get(agent, ())]
        return _present(tx, known, cuts, self._dropping, self._kept_since, self._whole)

    def _links(self, agent: str) -> _Links:
        return _Links(self.heads.get(agent, (0, None)), self._cuts.get(agent, {}))

    def _end(self, agent: str, links: _Links) -> None:
        self.begin_later += links.begin_later
        if links.end():
            self.suspects.add(agent)


def _present(
    tx: Transaction,
    agent: Agent,
    cuts: list[Place],
    dropping: Collection[str],
    kept_since: datetime | None,
    whole: bool,
) -> Present:
    """What is kept of an agent. `whole`: with all of its looks, not only the two newest."""
    if whole:
        every = tx.chain.walk_looks((agent.id, 0, 0, ""), (agent.id, _END, 0, ""))
        looks = [x for x in every if x.shelf not in dropping]
    else:
        newest = tx.chain.look_before(agent.id, _END, 0)
        before = None if newest is None else tx.chain.look_before(agent.id, newest.epoch, newest.sequence)
        kept = before is not None and before.shelf not in dropping
        looks = [x for x in (before if kept else None, newest) if x is not None]
    sections = tx.chain.sections(agent.id)
    brought = None
    if whole:
        moments = {s.since for s in sections}
        found = [tx.chain.envelope(x.digest) for x in looks if x.looked_at in moments]
        brought = [e for e in found if e is not None]
    return Present(
        agent=agent,
        newest=tx.chain.envelope(looks[-1].digest) if looks else None,
        looks=looks,
        base=not whole and len(looks) > 1,
        kept_since=kept_since,
        cuts=cuts,
        changes=[c for c in tx.findings.history(agent.id, limit=_END) if c.shelf not in dropping],
        failings=tx.findings.current([agent.id]).get(agent.id, []),
        sections=sections,
        brought=brought,
    )


def _key(row: Row | Look) -> tuple[str, int, int, str]:
    return row.agent, row.epoch, row.sequence, row.digest


def _verify_chain(ledger: Ledger, agent: str, trail: _Trail, whole: bool) -> Fault | None:
    """One chain, as it is at one moment: its first fault."""
    with ledger.read() as tx:
        trail.read_on(tx)
        known = tx.agents.get(agent)
        if known is None:
            return Fault(f"agent {agent}", "has reports and is not enrolled")
        keys, cuts = tx.agents.keys(agent), _cuts_of(tx, known)
        lists = Lists({}, tx.findings.rules)
        links = _Links((known.head_sequence, known.head_digest), cuts)
        present = _present(tx, known, [*cuts], trail.dropping, trail.kept_since, whole)
        looks = {_key(x): x for x in present.looks}
        newest = looks.popitem()[0] if looks and not whole else None
        after = (agent, 0, 0, "")
        while page := [r for r in tx.chain.walk_all(after, _TOGETHER) if r.agent == agent]:
            for row in page:
                if row.shelf in trail.dropping:
                    continue
                misplaced = links.follow(row)
                look = present.looks[-1] if _key(row) == newest else looks.pop(_key(row), None)
                claim = Claim(row, keys.get(row.keyid), whole or _key(row) == newest, look)
                what = "" if "missing" in misplaced else wrong(claim, lists)
                if what or misplaced:
                    return Fault(f"agent {agent} epoch {row.epoch} report {row.sequence}", what or misplaced)
            after = _key(page[-1])
        what = links.end()
        if not what and whole and looks:
            what = f"the look of report {min(looks)[2]} of epoch {min(looks)[1]} has no envelope"
        what = what or wrong_present(present, lists)
    return Fault(f"agent {agent}", what) if what else None


def _cuts_of(tx: Transaction, agent: Agent) -> dict[Place, str]:
    found: dict[Place, str] = {}
    after = (agent.id, 0, 0)
    while page := [c for c in tx.keeping.cuts(after, _TOGETHER) if c.agent == agent.id]:
        found |= {(c.epoch, c.sequence): c.digest for c in page}
        after = (agent.id, page[-1].epoch, page[-1].sequence)
    return found
