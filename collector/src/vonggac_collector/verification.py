"""Walks the ledger and checks what it claims: every signature, every link of every chain, and the audit log.

It needs the ledger alone: public keys are in it, no secret is asked for, and nothing is written; so an auditor runs it
on a copy. A chain may begin, or go on after a gap, behind reports that retention dropped: then the record of cuts has
the digest that the first report after them names, and the audit log vouches for that record.
"""

from __future__ import annotations

import re
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import Final

import msgspec

from vonggac_contract.envelope import REPORT, Envelope, envelope_from_bytes, keyid_of, verify
from vonggac_contract.errors import ContractError
from vonggac_contract.report import statement_from_envelope

from . import audit
from .enrolment import NOTED, enrolled_key
from .ingest.projection import unpack_raw
from .ledger.interface import Ledger, Transaction
from .ledger.rows import Agent
from .ledger.rows import Envelope as Row
from .retention import DROPPED, DROPPING, all_cuts, cuts_digest

_TOGETHER: Final = 200
"""Envelopes read and checked together: 3 to 4 MB."""
_WORTH: Final = 2_000
"""From so many on, processes gain more than the half second that each takes to begin."""
_AHEAD: Final = 3
"""Batches that wait for each process."""
_HEAD_BYTES: Final = 1_024
_HEAD: Final = re.compile(
    rb'\{"schema":1,"agent_id":"([0-9a-f-]{36})","epoch":(\d{1,16}),"sequence":(\d{1,16}),'
    rb'"previous":(?:null|"([0-9a-f]{64})"),"sealed_at":"'
)
"""How our own agents begin a statement: reading all of it takes several times as long as its signature."""
Place = tuple[int, int]
"""Epoch and sequence."""
Said = tuple[str, int, int, str | None]
"""Agent, epoch, sequence and the digest before."""
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


class Claim(msgspec.Struct, frozen=True):
    """An envelope as stored, and what its row says of it. `key`: None if the key id is not one of its agent's."""

    said: Said
    digest: str
    keyid: str
    key: bytes | None
    raw: bytes


def verify_ledger(ledger: Ledger, *, processes: int = 1, progress: Progress | None = None) -> Verified:
    """Check everything, many envelopes in that many processes.

    The chains are read in bulk while reports come in and shelves go; those that seem to have a fault are read again,
    each as it was at one moment.
    """
    with ledger.read() as tx:
        trail = _Trail()
        trail.read_on(tx)
        before = [f for f in (trail.fault_of_cuts(tx), *trail.faults_of_keys(tx)) if f is not None]
        walk = _Walk(tx, trail.dropping)
        total = tx.chain.total()
    several = processes > 1 and total >= _WORTH
    pool = ProcessPoolExecutor(processes, get_context("spawn")) if several else None
    try:
        done = 0
        for claims, wrongs in _checked(walk.batches(ledger), pool, processes * _AHEAD):
            walk.suspects.update(c.said[0] for c, wrong in zip(claims, wrongs, strict=True) if wrong)
            done += len(claims)
            if progress is not None:
                progress(done, max(done, total))
    finally:
        if pool is not None:
            pool.shutdown(cancel_futures=True)
    faults = [f for agent in sorted(walk.suspects) if (f := _verify_chain(ledger, agent, trail)) is not None]
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
        self._enrolled: dict[str, str] = {}
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
                    self._cuts = str(msgspec.json.decode(row.detail).get("cuts"))
                elif row.action == DROPPED:
                    self.dropping.discard(row.subject)
                elif row.action == NOTED:
                    self._enrolled[enrolled_key(row.detail)] = row.subject
            self.number, self._hash = rows[-1].number, rows[-1].hash

    def fault_of_cuts(self, tx: Transaction) -> Fault | None:
        """The record of cuts is as it was when a shelf was last dropped. Of the moment that was read to."""
        if self.fault is not None or cuts_digest(all_cuts(tx)) == self._cuts:
            return None
        return Fault("the record of cuts", "is not what the audit log says that retention left")

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
        self.begin_later = 0

    def follow(self, row: Row) -> str:
        """What is wrong with the row's place after the one before; "" if nothing is."""
        if row.epoch != self._epoch:
            self._epoch, self._sequence, self._previous = row.epoch, 0, None
        expected, self._sequence = self._sequence + 1, row.sequence
        previous, self._previous = self._previous, row.digest
        self._head_seen |= (row.sequence, row.digest) == self._head
        if row.sequence != expected:
            previous = self._cuts.pop((row.epoch, row.sequence - 1), None)
            if previous is None:
                return f"report {expected} is missing before it"
            self.begin_later += 1
        return "" if row.previous == previous else "it does not follow the report before it"

    def end(self) -> str:
        """What is missing behind the last row; "" if nothing is."""
        if not self._head_seen:
            return f"report {self._head[0]}, its head, is missing"
        left = min(self._cuts, default=None)
        return "" if left is None else f"report {left[1] + 1} of epoch {left[0]}, the first kept, is missing"


class _Walk:
    """All chains, in bulk. `suspects`: agents whose chain has to be looked at by itself."""

    def __init__(self, tx: Transaction, dropping: set[str]) -> None:
        self.heads = {a.id: (a.head_sequence, a.head_digest) for a in tx.agents.all()}
        self.suspects: set[str] = set()
        self.begin_later = 0
        self._dropping = frozenset(dropping)
        self._keys = tx.agents.every_key()
        self._cuts: dict[str, dict[Place, str]] = {}
        for cut in all_cuts(tx):
            self._cuts.setdefault(cut.agent, {})[cut.epoch, cut.sequence] = cut.digest

    def batches(self, ledger: Ledger) -> Iterator[list[Claim]]:
        """Every committed envelope, agent by agent in the order of its chain."""
        unseen = set(self.heads)
        agent, links = "", self._links("")
        after = ("", 0, 0, "")
        while True:
            with ledger.read() as tx:
                page = tx.chain.walk_all(after, _TOGETHER)
            if not page:
                break
            claims = []
            for row in page:
                if row.shelf in self._dropping:
                    continue
                if row.agent != agent:
                    self._end(agent, links)
                    agent, links = row.agent, self._links(row.agent)
                    unseen.discard(agent)
                if links.follow(row):
                    self.suspects.add(agent)
                holder, key = self._keys.get(row.keyid, ("", None))
                claims.append(claim_of(row, key if holder == row.agent else None))
            yield claims
            last = page[-1]
            after = (last.agent, last.epoch, last.sequence, last.digest)
        self._end(agent, links)
        for left in unseen:
            self._end(left, self._links(left))

    def _links(self, agent: str) -> _Links:
        return _Links(self.heads.get(agent, (0, None)), self._cuts.get(agent, {}))

    def _end(self, agent: str, links: _Links) -> None:
        self.begin_later += links.begin_later
        if links.end():
            self.suspects.add(agent)


def _checked(
    batches: Iterator[list[Claim]], pool: ProcessPoolExecutor | None, ahead: int
) -> Iterator[tuple[list[Claim], list[str]]]:
    """What is wrong with each claim, in their order."""
    if pool is None:
        for batch in batches:
            yield batch, wrong_each(batch)
        return
    waiting: deque[tuple[list[Claim], Future[list[str]]]] = deque()
    for batch in batches:
        waiting.append((batch, pool.submit(wrong_each, batch)))
        if len(waiting) > ahead:
            claims, future = waiting.popleft()
            yield claims, future.result()
    for claims, future in waiting:
        yield claims, future.result()


def _verify_chain(ledger: Ledger, agent: str, trail: _Trail) -> Fault | None:
    """One chain, as it is at one moment: its first fault."""
    with ledger.read() as tx:
        trail.read_on(tx)
        known = tx.agents.get(agent)
        if known is None:
            return Fault(f"agent {agent}", "has reports and is not enrolled")
        keys = tx.agents.keys(agent)
        links = _Links((known.head_sequence, known.head_digest), _cuts_of(tx, known))
        after = (agent, 0, 0, "")
        while True:
            page = [r for r in tx.chain.walk_all(after, _TOGETHER) if r.agent == agent]
            for row in page:
                if row.shelf in trail.dropping:
                    continue
                misplaced = links.follow(row)
                what = "" if "missing" in misplaced else wrong(claim_of(row, keys.get(row.keyid)))
                if what or misplaced:
                    return Fault(f"agent {agent} epoch {row.epoch} report {row.sequence}", what or misplaced)
            if not page:
                break
            after = (agent, page[-1].epoch, page[-1].sequence, page[-1].digest)
    missing = links.end()
    return Fault(f"agent {agent}", missing) if missing else None


def _cuts_of(tx: Transaction, agent: Agent) -> dict[Place, str]:
    found: dict[Place, str] = {}
    after = (agent.id, 0, 0)
    while page := [c for c in tx.keeping.cuts(after, _TOGETHER) if c.agent == agent.id]:
        found |= {(c.epoch, c.sequence): c.digest for c in page}
        after = (agent.id, page[-1].epoch, page[-1].sequence)
    return found


def claim_of(row: Row, key: bytes | None) -> Claim:
    """What there is to check of a row by itself. `key`: the public key of its key id, if that is its agent's."""
    return Claim((row.agent, row.epoch, row.sequence, row.previous), row.digest, row.keyid, key, row.raw)


def wrong_each(claims: list[Claim]) -> list[str]:
    """`wrong` of each."""
    return [wrong(claim) for claim in claims]


def wrong(claim: Claim) -> str:
    """What is wrong with the envelope by itself; "" if nothing is. Pure."""
    if claim.key is None:
        return f"key {claim.keyid[:16]}… is not one of this agent's"
    try:
        envelope = envelope_from_bytes(unpack_raw(claim.raw))
        verify(envelope, claim.key)
        said = said_by(envelope)
    except (ContractError, zlib.error) as e:
        return f"the envelope is damaged: {e}"
    if envelope.digest != claim.digest:
        return "the envelope has another digest than its row"
    return "" if said == claim.said else "the envelope speaks of another place in the chain than its row"


def said_by(envelope: Envelope) -> Said:
    """Where a verified report says that it belongs. Raises ContractError if it is none."""
    if envelope.payload_type == REPORT:
        head = _HEAD.match(zlib.decompressobj(wbits=31).decompress(envelope.payload, _HEAD_BYTES))
        if head is not None:
            agent, epoch, sequence, previous = head.groups()
            return agent.decode(), int(epoch), int(sequence), None if previous is None else previous.decode()
    statement = statement_from_envelope(envelope)
    return statement.agent_id, statement.epoch, statement.sequence, statement.previous
