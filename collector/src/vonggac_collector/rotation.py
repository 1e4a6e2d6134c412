"""The next epoch of a machine that asks for it by itself: its key in force signs the new one (docs/wire.md, Rotation).

While the chain is whole it may when everything that it sent is here; after a fork, when an officer decided that it goes
on (`forks`). What is kept of it is one row of the audit log with the request itself, so that both signatures can be
verified again (`odd`).
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from vonggac_contract.envelope import ENROLLED, Envelope, envelope_from_bytes, envelope_to_bytes, keyid_of
from vonggac_contract.errors import ContractError
from vonggac_contract.rotation import Rotation, open_rotation

from . import audit
from .enrolment import answer_to
from .errors import Refused
from .forks import STRAY
from .ingest.accept import refuse
from .ingest.answer import Answer, pending, sealed, undecided
from .ingest.report import QUARANTINED
from .ledger.interface import Ledger, Transaction
from .ledger.rows import GOES_ON, AuditRow, KeyHolder
from .policy import pin
from .remaking import Epoch

ROTATED: Final = "rotated"
"""The action of the audit row."""
_DAY: Final = timedelta(days=1)
MAX_A_DAY: Final = 12
"""Keys of one machine that may begin within a day before it may turn again: each turn is a row of the audit log that is
kept for good. The project's own figure; a machine turns once a year."""
_ROTATED: Final = re.compile(r"epoch (\d{1,19}), key ([0-9a-f]{64}): (.+)", re.DOTALL)


def rotate(
    ledger: Ledger,
    raw: bytes,
    *,
    now: datetime,
    collector_key: Ed25519PrivateKey,
    peer: str = "",
    state: Path | None = None,
) -> Answer:
    """Take a rotation as sent. Never raises for what the sender did; Busy and StoreFailed pass through.

    The same keys are answered alike again as long as that epoch lasts, so a lost answer can be asked for once more.
    `state`: as for `enrolment.enrol`.
    """
    agent = ""
    try:
        envelope = envelope_from_bytes(raw)
        with ledger.write() as tx:
            old = tx.agents.holder(envelope.keyid)
            if old is None:
                raise Refused("unknown-key", f"no machine is enrolled with key {envelope.keyid[:16]}…")
            request = open_rotation(envelope, old.public_key)
            agent = old.agent.id
            if request.agent_id != agent:
                raise Refused("agent-mismatch", f"the rotation is of {request.agent_id}, the key of {agent}")
            keyid = keyid_of(request.public_key)
            new = tx.agents.holder(keyid)
            repeated = new is not None
            if new is None:
                waits = _waits(tx, request, old, now)
                if waits is not None:
                    return waits
                _begin(tx, envelope, request, old, now)
                new = tx.agents.holder(keyid)
            if new is None or not _is_of(new, request):
                raise Refused("key-in-use", "the new key was enrolled before")
            payload = answer_to(new, collector_key, pin(tx, state))
            return sealed(tx, ENROLLED, payload, collector_key, agent=agent, repeated=repeated)
    except (ContractError, Refused) as e:
        return refuse(ledger, e, now=now, peer=peer, agent=agent)


def _is_of(new: KeyHolder, request: Rotation) -> bool:
    """Whether that key is in force by this very request."""
    agent = new.agent
    in_force = not new.revoked and agent.status != "revoked"
    return in_force and (agent.id, agent.epoch) == (request.agent_id, request.epoch + 1)


def _waits(tx: Transaction, request: Rotation, old: KeyHolder, now: datetime) -> Answer | None:
    """What stands in the way for now; None if nothing does. Raises Refused."""
    agent = old.agent
    if old.revoked or agent.status == "revoked":
        raise Refused("key-revoked", f"key {old.keyid[:16]}… is no longer valid")
    if old.rulebook is None:
        raise Refused("no-rulebook", "no rulebook was published")
    if request.epoch != agent.epoch:
        raise Refused("epoch-mismatch", f"epoch {request.epoch}; this machine is in epoch {agent.epoch}")
    if agent.status == QUARANTINED:
        return undecided(agent=agent.id)
    whole = (request.sequence, request.digest) == (agent.head_sequence, agent.head_digest)
    if agent.status in GOES_ON:
        if not (whole if agent.status == STRAY else _forked(tx, request)):
            raise Refused("agent-quarantined", "an officer decided that the other machine goes on")
    elif request.sequence > agent.head_sequence:
        return pending(agent.head_sequence + 1, request.sequence, agent=agent.id)
    elif agent.aside or not whole:
        raise Refused("head-mismatch", f"report {request.sequence} does not end the chain here")
    if sum(key.since > now - _DAY for key in tx.agents.terms(agent.id)) >= MAX_A_DAY:
        raise Refused("throttled", f"{MAX_A_DAY} keys of this machine began within a day")
    return None


def _forked(tx: Transaction, request: Rotation) -> bool:
    """Whether the request names the report that was kept as a fork: only who sealed it knows its digest."""
    known = tx.chain.find(request.digest or "")
    place = (request.agent_id, request.epoch, request.sequence, "fork")
    return known is not None and (known.agent, known.epoch, known.sequence, known.state) == place


def _begin(tx: Transaction, envelope: Envelope, request: Rotation, old: KeyHolder, now: datetime) -> None:
    agent, epoch, keyid = old.agent, request.epoch + 1, keyid_of(request.public_key)
    tx.agents.end_keys(agent.id, now)
    begun = replace(
        agent, status="active", epoch=epoch, head_sequence=0, head_digest=None, head_content=None, aside=0
    )
    tx.agents.put(begun)
    tx.agents.add_key(keyid, agent.id, request.public_key, epoch, now)
    tx.outbox.add("host", [agent.id], now)
    said = f"epoch {epoch}, key {keyid}: {envelope_to_bytes(envelope).decode()}"
    audit.record(tx, now, f"agent {agent.id}", ROTATED, agent.id, said)


def epoch_of(row: AuditRow) -> Epoch:
    """The epoch that an audit row `ROTATED` begins."""
    found = _ROTATED.fullmatch(row.detail)
    return Epoch(int(found[1]), found[2], row.at) if found is not None else Epoch(0, "", row.at)


def odd(row: AuditRow, before: Epoch | None, old: bytes | None) -> str:
    """What is wrong with a row `ROTATED`; "" if nothing is. Pure.

    `before`: the epoch that it ended, `old`: that epoch's public key; None if there is none.
    """
    found, epoch = _ROTATED.fullmatch(row.detail), epoch_of(row)
    if found is None or before is None or old is None:
        return f"its epoch {epoch.number} follows none that is known"
    if before.revoked_at is not None or (before.quarantined_at is not None and before.decided not in GOES_ON):
        return f"its epoch {epoch.number} was begun by a machine that was locked out"
    try:
        request = open_rotation(envelope_from_bytes(found[3].encode()), old)
    except ContractError as e:
        return f"its epoch {epoch.number} is by a request that does not hold: {e}"
    asked = (request.agent_id, request.epoch + 1, keyid_of(request.public_key))
    if asked != (row.subject, epoch.number, epoch.keyid) or request.epoch != before.number:
        return f"its epoch {epoch.number} is by a request for another one"
    return ""
