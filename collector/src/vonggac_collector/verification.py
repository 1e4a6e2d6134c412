"""Walks the ledger and checks what it claims: every signature, every link of every chain, and the audit log.

It needs the ledger alone: machines' public keys are in it, no secret is asked for, and nothing is written; so an
auditor runs it on a copy, with the collector's public key for the signatures of its checkpoints (`logged`). A chain
may begin, or go on after a gap, behind reports that retention dropped: then the record of cuts has the digest that the
first report after them names, and the audit log vouches for that record. So it may behind reports that the machine
itself dropped for want of room, as the report after them says.
What was made from envelopes is made again (`remaking`): each agent's newest look and current state, or every look and
all of the history.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import date, datetime
from multiprocessing import get_context
from typing import Final

import msgspec

from vonggac_contract.errors import ContractError
from vonggac_contract.report import follows

from .checking import Again, Batch, Claim, begin, checked, worked_out, wrong
from .ingest.projection import statement_of
from .ingest.quarters import QUARTER, newest_known
from .instants import FAR
from .ledger.interface import Ledger, Transaction
from .ledger.rows import Envelope as Row
from .ledger.rows import Look
from .logged import Logged
from .present import Asked, read_present
from .present import odd as odd_now
from .present import wrong as wrong_now
from .published import Done, Job, odd_days, plan, wrong_above, wrong_rows
from .remaking import Lists, Place
from .retention import all_cuts
from .trail import Trail, first_of

_TOGETHER: Final = 200
"""Envelopes read and checked together: 3 to 4 MB."""
_WORTH: Final = 2_000
"""From so many on, processes gain more than the half second that each takes to begin."""
Progress = Callable[[int, int], None]
"""Is told how many of how many are done."""
Clock = Callable[[], datetime]


class Fault(msgspec.Struct, frozen=True):
    """Something that is not as it was written. `where`: an agent's report, or a row of the audit log. `also`: where
    else something of the kind is, if `what` only counts it.
    """

    where: str
    what: str
    also: tuple[str, ...] = ()


class Verified(msgspec.Struct, frozen=True):
    """How much was checked, and what was wrong: of each chain the first fault only.

    `begin_later`: how many times a chain begins, or goes on, after reports that retention dropped. `unproven`: how many
    agents were heard last by a late heartbeat, of which no envelope is kept. `checkpoints`: how many there are.
    `notes`: what an honest ledger may have as well. `left_out`: of how many days no score can be worked out again.
    """

    agents: int
    envelopes: int
    begin_later: int
    audit_rows: int
    faults: list[Fault]
    unproven: int = 0
    checkpoints: int = 0
    notes: list[Fault] = []
    left_out: int = 0


def verify_ledger(
    ledger: Ledger,
    *,
    processes: int = 1,
    again: Again | None = None,
    progress: Progress | None = None,
    scored: Progress | None = None,
    whole: bool = False,
    now: Clock | None = None,
    seed: int = 0,
    collector_key: bytes | None = None,
) -> Verified:
    """Check everything. `whole`: make every look again, not only the newest; every day's heartbeats, not three; every
    day's scores, not the newest's and one that `seed` draws.

    `again` opens the ledger in the other ones of `processes`; without it there are none. `now`: nothing is of later;
    the clock is read as often as the ledger is. `collector_key`: of checkpoints; None leaves their signatures out.
    `progress` is told of envelopes, `scored` of daily scores, some hundreds of hosts at a time.
    The chains are read in bulk while reports come in and shelves go; those that seem to have a fault are read again,
    each as it was at one moment.
    """
    misfits = [Fault(where, f"its {column} holds what it cannot hold") for where, column in ledger.misfits()]
    if misfits:
        # Rows that cannot be read as what they are cannot be walked either.
        return Verified(0, 0, 0, 0, misfits)
    with ledger.read() as tx:
        trail = Trail()
        trail.read_on(tx)
        lists = Lists(tx.findings.lists())
        before = [Fault(*odd) for odd in trail.odd(tx)]
        before += [Fault(f"list of rules {digest}", "was changed") for digest in lists.changed()]
        walk = _Walk(tx, trail, whole, now)
        total, unproven = tx.chain.total(), len(_unproven(tx))
        # What a rulebook says of a day is asked only of one that is what was published.
        unfit = trail.fault or any(odd.where.startswith("rulebook ") for odd in before)
        moment = None if now is None else now()
        jobs, left_out = plan(tx, trail.whole_since, whole=whole, seed=seed, now=moment)
        before += [Fault(*odd) for odd in first_of("scores of {}", odd_days(tx))]
    pool = None
    if processes > 1 and again is not None and total >= _WORTH:
        pool = ProcessPoolExecutor(processes, get_context("spawn"), begin, (lists.packed, again))
    try:
        done = 0
        for batch, suspects in checked(walk.batches(ledger), lists, ledger, pool, processes):
            walk.suspects |= suspects
            done += len(batch.claims)
            if progress is not None and batch.claims:
                progress(done, max(done, total))
        scores = _scores(ledger, [] if unfit else jobs, trail, pool, scored)
    finally:
        if pool is not None:
            pool.shutdown(cancel_futures=True)
    odd: dict[str, str] = {}
    faults = [
        f
        for agent in sorted(walk.suspects)
        if (f := _verify_chain(ledger, agent, trail, whole, now, odd)) is not None
    ]
    notes = [Fault(*first) for first in first_of("agent {}", odd)]
    logged = Logged()
    logged.check(ledger, trail, _cuts_of, collector_key)
    named = {f.where.split()[1] for f in faults}
    faults += [Fault(where, what) for where, what in logged.odd if named.isdisjoint(where.split())]
    with ledger.read() as tx:
        trail.read_on(tx)
    faults += scores
    faults += before if trail.fault is None else [*before, Fault(*trail.fault)]
    counts = (unproven, logged.checkpoints, notes, left_out)
    return Verified(len(walk.heads), done, walk.begin_later, trail.number, faults, *counts)


def _scores(
    ledger: Ledger, jobs: list[Job], trail: Trail, pool: ProcessPoolExecutor | None, told: Progress | None
) -> list[Fault]:
    """What is wrong with published scores: of each day the first, with how many more there are."""
    done: list[Done] = []
    for one in worked_out(jobs, trail.whole_since, ledger, pool):
        done.append(one)
        if told is not None:
            told(len(done), len(jobs))
    found: list[Fault] = []
    for day in sorted({job.day for job in jobs}):
        of_day = [(job, d) for job, d in zip(jobs, done, strict=True) if job.day == day]
        with ledger.read() as tx:
            # Retention may have run meanwhile.
            trail.read_on(tx)
            if trail.whole_since is not None and max(d.as_of for _, d in of_day) < trail.whole_since:
                continue
            asked = {code for job, _ in of_day for code in job.units}
            wrong = [d.odd for _, d in of_day]
            wrong += [wrong_rows(tx, day), wrong_above(tx, day, [d for _, d in of_day], asked)]
        odd = {f"{kind} {i}": what for some in wrong for (kind, i), what in some.items()}
        found += [Fault(*first) for first in first_of("{}", odd)]
    return found


def _unproven(tx: Transaction) -> set[str]:
    """Agents whose newest look is that of a late heartbeat: it keeps no envelope."""
    late = tx.heartbeats.newest_late(FAR)
    proven = {x.agent: x.looked_at for x in tx.chain.newest_looks(FAR, [*late])}
    for agent, day, mask in tx.heartbeats.recent(date.max, [*late]):
        known = newest_known(day, mask, FAR)
        if known is not None:
            proven[agent] = max(known + QUARTER, proven.get(agent, known))
    return {agent for agent, looked_at in late.items() if agent not in proven or proven[agent] < looked_at}


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
        after, named = row.sequence - 1, row.previous
        if row.sequence != expected:
            if (row.epoch, after) not in self._cuts:
                # Not dropped by retention, but by the machine, which says so under its signature.
                after, named = _followed(row)
            if after + 1 != expected:
                previous = self._cuts.pop((row.epoch, after), None)
                if previous is None:
                    return f"report {expected} is missing before it"
                self.begin_later += 1
                committed.add(row.committed_at)
        if named != previous:
            return "it does not follow the report before it"
        return "" if row.committed_at in committed else "it was committed at another time than its row says"

    def end(self) -> str:
        """What is missing behind the last row; "" if nothing is."""
        if not self._head_seen:
            return f"report {self._head[0]}, its head, is missing"
        left = min(self._cuts, default=None)
        return "" if left is None else f"report {left[1] + 1} of epoch {left[0]}, the first kept, is missing"


def _followed(row: Row) -> tuple[int, str | None]:
    """As `report.follows`, of a row; of one that cannot be read the report before."""
    try:
        return follows(statement_of(row))
    except (ContractError, zlib.error):
        return row.sequence - 1, row.previous


class _Walk:
    """All chains, in bulk. `suspects`: agents whose chain has to be looked at by itself."""

    def __init__(self, tx: Transaction, trail: Trail, whole: bool, now: Clock | None) -> None:
        self.heads = {a.id: (a.head_sequence, a.head_digest) for a in tx.agents.all()}
        self.suspects: set[str] = set()
        self.begin_later = 0
        self._whole = whole
        self._now = now
        self._kept_since = trail.kept_since
        self._dropping = frozenset(trail.dropping)
        self._trail = trail
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
            if until is None:
                break
            yield Batch(claims, [self._asked(e) for e in ended if e])
            after = until
        self._end(agent, links)
        for left in unseen:
            self._end(left, self._links(left))
        rest = [agent, *sorted(unseen)]
        for start in range(0, len(rest), _TOGETHER):
            yield Batch([], [self._asked(e) for e in rest[start : start + _TOGETHER] if e])

    def _asked(self, agent: str) -> Asked:
        cuts, epochs = [*self._cuts.get(agent, ())], self._trail.epochs(agent)
        return Asked(agent, cuts, epochs, self._dropping, self._kept_since, self._whole, self._now)

    def _links(self, agent: str) -> _Links:
        return _Links(self.heads.get(agent, (0, None)), self._cuts.get(agent, {}))

    def _end(self, agent: str, links: _Links) -> None:
        self.begin_later += links.begin_later
        if links.end():
            self.suspects.add(agent)


def _key(row: Row | Look) -> tuple[str, int, int, str]:
    return row.agent, row.epoch, row.sequence, row.digest


def _verify_chain(
    ledger: Ledger, agent: str, trail: Trail, whole: bool, now: Clock | None, notes: dict[str, str]
) -> Fault | None:
    """One chain, as it is at one moment: its first fault. If there is none, what is odd is put into `notes`."""
    with ledger.read() as tx:
        trail.read_on(tx)
        cuts = _cuts_of(tx, agent)
        asked = Asked(agent, [*cuts], trail.epochs(agent), trail.dropping, trail.kept_since, whole, now)
        present = read_present(tx, asked)
        if present is None:
            return Fault(f"agent {agent}", "has reports and is not enrolled")
        known, keys = present.agent, present.keys
        lists = Lists({}, tx.findings.rules)
        links = _Links((known.head_sequence, known.head_digest), cuts)
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
        what = what or wrong_now(present, lists)
        if not what and (told := odd_now(present)):
            notes[agent] = told
    return Fault(f"agent {agent}", what) if what else None


def _cuts_of(tx: Transaction, agent: str) -> dict[Place, str]:
    found: dict[Place, str] = {}
    after = (agent, 0, 0)
    while page := [c for c in tx.keeping.cuts(after, _TOGETHER) if c.agent == agent]:
        found |= {(c.epoch, c.sequence): c.digest for c in page}
        after = (agent, page[-1].epoch, page[-1].sequence)
    return found
