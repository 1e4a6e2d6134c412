"""What is checked of envelopes and of what was made of them, row by row; in as many processes as there are."""

from __future__ import annotations

import re
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from datetime import datetime
from typing import Final

import msgspec

from vonggac_contract.envelope import REPORT, Envelope, envelope_from_bytes, verify
from vonggac_contract.errors import ContractError
from vonggac_contract.report import statement_from_envelope

from .board import BoardMaker
from .ingest.projection import unpack_raw
from .ingest.reading import read_report
from .ledger.interface import Ledger
from .ledger.rows import Envelope as Row
from .ledger.rows import Look
from .present import Asked, odd, read_present
from .present import wrong as wrong_now
from .published import Done, Job, maker_of, work_out
from .remaking import Lists, wrong_look, wrong_row

_AHEAD: Final = 3
"""Batches that wait for each process."""
_AT_ONCE: Final = 50
"""Agents read together, so that no transaction lasts."""
_HEAD_BYTES: Final = 1_024
_HEAD: Final = re.compile(
    rb'\{"schema":1,"agent_id":"([0-9a-f-]{36})","epoch":(\d{1,16}),"sequence":(\d{1,16}),'
    rb'"previous":(?:null|"([0-9a-f]{64})"),"sealed_at":"'
)
"""How our own agents begin a statement: reading all of it takes several times as long as its signature."""
Said = tuple[str, int, int, str | None]
"""Agent, epoch, sequence and the digest before."""


class Claim(msgspec.Struct, frozen=True):
    """An envelope as stored. `key`: None if the key id is not one of its agent's. `look`: if that is asked for, too."""

    row: Row
    key: bytes | None
    whole: bool = False
    look: Look | None = None


class Batch(msgspec.Struct, frozen=True):
    """What is checked together: envelopes, and agents of which no more envelopes follow."""

    claims: list[Claim]
    ended: list[Asked]


Again = Callable[[], Ledger]
"""Opens the ledger once more, in another process too."""
_mine: list[tuple[Lists, Ledger, BoardMaker]] = []
"""Of a process that checks."""


def begin(packed: dict[str, bytes], again: Again) -> None:
    """Of a process: with these lists of rules, and the ledger opened once more."""
    ledger = again()
    _mine.append((Lists(packed), ledger, maker_of(ledger)))


def _check(batch: Batch) -> set[str]:
    ((lists, ledger, _),) = _mine
    return suspects_of(batch, lists, ledger)


def suspects_of(batch: Batch, lists: Lists, ledger: Ledger) -> set[str]:
    """The agents with which something is wrong, or odd; what is kept of those that ended is read, some at a time."""
    found = {c.row.agent for c in batch.claims if wrong(c, lists)}
    for start in range(0, len(batch.ended), _AT_ONCE):
        with ledger.read() as tx:
            some = [(a.agent, read_present(tx, a)) for a in batch.ended[start : start + _AT_ONCE]]
        found |= {agent for agent, p in some if p is None or wrong_now(p, lists) or odd(p)}
    return found


def checked(
    batches: Iterator[Batch], lists: Lists, ledger: Ledger, pool: ProcessPoolExecutor | None, processes: int
) -> Iterator[tuple[Batch, set[str]]]:
    """Batches with the agents with which something is wrong, in their order."""
    if pool is None:
        for batch in batches:
            yield batch, suspects_of(batch, lists, ledger)
        return
    waiting: deque[tuple[Batch, Future[set[str]]]] = deque()
    for batch in batches:
        waiting.append((batch, pool.submit(_check, batch)))
        if len(waiting) > processes * _AHEAD:
            first, future = waiting.popleft()
            yield first, future.result()
    for batch, future in waiting:
        yield batch, future.result()


def _work_out(job: Job, whole_since: datetime | None) -> Done:
    ((_, ledger, maker),) = _mine
    return work_out(ledger, maker, job, whole_since)


def worked_out(
    jobs: Sequence[Job], whole_since: datetime | None, ledger: Ledger, pool: ProcessPoolExecutor | None
) -> Iterator[Done]:
    """Published scores worked out again, in the order of the jobs."""
    if pool is None:
        maker = maker_of(ledger)
        yield from (work_out(ledger, maker, job, whole_since) for job in jobs)
    else:
        yield from pool.map(_work_out, jobs, [whole_since] * len(jobs))


def wrong(claim: Claim, lists: Lists) -> str:
    """What is wrong with the envelope by itself, its row and the look made of it; "" if nothing is. Pure."""
    row = claim.row
    if claim.key is None:
        return f"key {row.keyid[:16]}… is not one of this agent's"
    try:
        raw = unpack_raw(row.raw)
        envelope = envelope_from_bytes(raw)
        verify(envelope, claim.key)
        if envelope.digest != row.digest:
            return "the envelope has another digest than its row"
        if said_by(envelope) != (row.agent, row.epoch, row.sequence, row.previous):
            return "the envelope speaks of another place in the chain than its row"
        found = wrong_row(row, len(raw))
        return found or (wrong_look(row, read_report(envelope), claim.look, lists) if claim.whole else "")
    except (ContractError, zlib.error) as e:
        return f"the envelope is damaged: {e}"


def said_by(envelope: Envelope) -> Said:
    """Where a verified report says that it belongs. Raises ContractError if it is none."""
    if envelope.payload_type == REPORT:
        head = _HEAD.match(zlib.decompressobj(wbits=31).decompress(envelope.payload, _HEAD_BYTES))
        if head is not None:
            agent, epoch, sequence, previous = head.groups()
            return agent.decode(), int(epoch), int(sequence), None if previous is None else previous.decode()
    statement = statement_from_envelope(envelope)
    return statement.agent_id, statement.epoch, statement.sequence, statement.previous
