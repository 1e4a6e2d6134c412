"""How a machine becomes known: tokens that people make, and the exchange that turns one into an enrolled key.

The machine shows that it holds the key; what it says of itself (host name, machine id) is kept but proves nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, get_args

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vonggac_contract.enrolment import SCHEMA, Enrolled, EnrolmentRequest, PolicyRoot, open_request
from vonggac_contract.envelope import ENROLLED, envelope_from_bytes, keyid_of
from vonggac_contract.errors import ContractError
from vonggac_contract.facts.base import Platform

from . import applying, audit, policy
from .auth import Caller
from .auth.caller import require
from .auth.scope import require_unit
from .enrolment_views import TokenRow
from .errors import Invalid, NotFound, Refused
from .ingest.accept import refuse
from .ingest.answer import Answer, sealed
from .ingest.judgement import profile_for
from .ledger.applicants import Applicant
from .ledger.interface import Ledger, Transaction
from .ledger.rows import Agent, AuditRow, Host, KeyHolder, Placement, Token
from .views import UnitLink

PREFIX: Final = "vg1-"
NOTED: Final = "enrolled"
"""The action of the audit row of an enrolment."""
CREATED: Final = "token-created"
_BY: Final = "token "
_ENROLLED: Final = re.compile(r"epoch (\d{1,19}), key ([0-9a-f]{64})")
WANTS_APPROVAL: Final = ", each approved"
"""The end of the audit row of a token that wants approval."""
_CREATED: Final = re.compile(
    r"unit ([^,]+)(, no system|, system ([^,]+))?, (\d{1,9}) uses(, for new hosts|, for host ([^,]+))?"
    rf"({WANTS_APPROVAL})?"
)
"""Of earlier releases without the system, and without whom it is for."""
_SECRET_BYTES: Final = 24
MAX_USES: Final = 10_000
_REFUSED: Final = "the token is unknown, expired, used up or revoked"


def token_hash(text: str) -> str:
    """SHA-256; tokens have 192 random bits, so no slow hash is needed."""
    return hashlib.sha256(text.encode()).hexdigest()


def create_token(
    ledger: Ledger,
    caller: Caller,
    unit: str,
    system: str | None,
    uses: int,
    expires_at: datetime,
    now: datetime,
    *,
    host: str | None = None,
    approval: bool = False,
) -> tuple[str, TokenRow]:
    """Make a token for machines of `unit` (and `system`); returns its text, which is kept nowhere, and its row.

    `host`: the token gives that host a new key and epoch, instead of making a host; of one that is locked out, only who
    may decide makes one. `approval`: somebody has to approve
    each machine (`approval`).
    Raises Forbidden, NotFound, Invalid.
    """
    require(caller, "enrol")
    if not 1 <= uses <= MAX_USES:
        raise Invalid(f"uses: {uses} is not between 1 and {MAX_USES}")
    if expires_at <= now:
        raise Invalid("expires: is in the past")
    text = PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
    with ledger.write() as tx:
        of = require_unit(tx.tree.units(now), caller, unit)
        if system is not None and not any(s.id == system and s.unit == unit for s in tx.tree.systems(now)):
            raise NotFound
        if host is not None and not any(p.host == host and p.unit == unit for p in tx.tree.placements(now)):
            raise NotFound
        if host is not None and (agent := tx.agents.get(host)) is not None and agent.status != "active":
            require(caller, "decide")  # it would undo what was decided, or decide
        token = Token(
            id=secrets.token_hex(8),
            hash=token_hash(text),
            unit=unit,
            system=system,
            host=host,
            uses_left=1 if host is not None else uses,
            expires_at=expires_at,
            created_by=caller.name,
            created_at=now,
            revoked=False,
            approval=approval,
        )
        tx.tokens.add(token)
        of_system = f"system {system}" if system is not None else "no system"
        whom = "new hosts" if host is None else f"host {host}"
        said = f"unit {unit}, {of_system}, {token.uses_left} uses, for {whom}"
        audit.record(tx, now, caller.name, CREATED, token.id, said + (WANTS_APPROVAL if approval else ""))
    return text, token_row(token, UnitLink(of.code, of.name_vi, of.name_en, of.sample))


def revoke_token(ledger: Ledger, caller: Caller, token: str, now: datetime) -> None:
    """From now on the token enrols nobody. Raises Forbidden, NotFound."""
    require(caller, "enrol")
    with ledger.write() as tx:
        found = tx.tokens.get(token)
        if found is None:
            raise NotFound
        require_unit(tx.tree.units(now), caller, found.unit)
        tx.tokens.revoke(token)
        audit.record(tx, now, caller.name, "token-revoked", token)


def token_row(token: Token, unit: UnitLink) -> TokenRow:
    """A token as people see it."""
    return TokenRow(
        token.id,
        unit,
        token.system or "",
        token.uses_left,
        token.expires_at,
        token.created_by,
        token.created_at,
        token.revoked,
        token.approval,
    )


def enrol(
    ledger: Ledger,
    raw: bytes,
    *,
    now: datetime,
    collector_key: Ed25519PrivateKey,
    peer: str = "",
    state: Path | None = None,
) -> Answer:
    """Take an enrolment as sent. Never raises for what the sender did; Busy and StoreFailed pass through.

    The same key with the same token is answered alike again, so that a lost answer can be asked for once more.
    `state`: the folder that knows which roots of the policy repository were accepted; without it the ledger alone is
    believed.
    """
    try:
        request = open_request(envelope_from_bytes(raw))
        if request.platform not in get_args(Platform):
            raise Refused("malformed", f"platform {request.platform[:40]!r} is not known")
        keyid = keyid_of(request.public_key)
        with ledger.write() as tx:
            token = tx.tokens.by_hash(token_hash(request.token))
            if token is None or not hmac.compare_digest(token.hash, token_hash(request.token)):
                raise Refused("token-refused", _REFUSED)
            if tx.agents.holder(keyid) is None:
                if not token.approval or tx.applicants.get(keyid) is None:
                    _use(tx, token, now)
                if token.approval:
                    return applying.ask(tx, request, keyid, token, now, peer)
                add_machine(tx, request, keyid, token, now)
            holder = tx.agents.holder(keyid)
            if holder is None or holder.revoked or holder.rulebook is None:
                raise Refused("key-in-use", "this key was enrolled before and is no longer valid")
            payload = answer_to(holder, collector_key, policy.pin(tx, state))
            return sealed(tx, ENROLLED, payload, collector_key, agent=holder.agent.id)
    except (ContractError, Refused) as e:
        return refuse(ledger, e, now=now, peer=peer)


def _use(tx: Transaction, token: Token, now: datetime) -> None:
    if not tx.rulebooks.published(now):
        raise Refused("no-rulebook", "no rulebook was published")
    if token.revoked or token.expires_at <= now or not tx.tokens.use(token.id):
        raise Refused("token-refused", _REFUSED)


def add_machine(
    tx: Transaction, request: EnrolmentRequest | Applicant, keyid: str, token: Token, now: datetime
) -> str:
    """Give the machine a place and its key an epoch; returns its host's id.

    Raises Refused if the token is for a host that has left the token's unit since.
    """
    version = request.agent_version[:200]
    if token.host is not None:
        found = tx.tree.located([token.host], now).get(token.host)
        if found is None or found[1].unit != token.unit:
            raise Refused("token-refused", _REFUSED)
        before = tx.agents.get(token.host)
        epoch = 1 if before is None else before.epoch + 1
        tx.agents.end_keys(token.host, now)
        agent_id = token.host
    else:
        before, epoch, agent_id = None, 1, str(uuid.uuid4())
        host = Host(
            agent_id,
            request.hostname,
            request.platform,
            "",
            request.machine_id,
            now,
            tx.tree.is_sample(token.unit),
        )
        tx.tree.add_host(host)
        tx.tree.place(Placement(agent_id, token.unit, token.system, 2, None, now))
    if before is None:
        tx.agents.add(Agent(agent_id, "active", epoch, 0, None, None, version, now))
    else:
        tx.agents.put(
            msgspec.structs.replace(
                before,
                status="active",
                epoch=epoch,
                head_sequence=0,
                head_digest=None,
                head_content=None,
                aside=0,
            )
        )
    tx.agents.add_key(keyid, agent_id, request.public_key, epoch, now)
    tx.outbox.add("host", [agent_id], now)
    audit.record(tx, now, f"{_BY}{token.id}", NOTED, agent_id, f"epoch {epoch}, key {keyid}")
    return agent_id


class Noted(msgspec.Struct, frozen=True):
    """What an audit row `NOTED` says: an agent's key of an epoch from then on, and by which token."""

    epoch: int
    keyid: str
    at: datetime
    token: str


def noted(row: AuditRow) -> Noted:
    """What the row says of an enrolment."""
    found = _ENROLLED.fullmatch(row.detail)
    epoch, keyid = (int(found[1]), found[2]) if found is not None else (0, "")
    return Noted(epoch, keyid, row.at, row.actor.removeprefix(_BY))


class Created(msgspec.Struct, frozen=True):
    """What an audit row `CREATED` says of a token. `says_system`: as earlier ones do not. `host`: the one that it is
    for, "" new ones; None if the row does not say.
    """

    unit: str = ""
    system: str | None = None
    says_system: bool = False
    uses: int = 0
    host: str | None = None


def created(row: AuditRow) -> Created:
    """What the row says of a token."""
    found = _CREATED.fullmatch(row.detail)
    if found is None:
        return Created()
    host = None if found[5] is None else found[6] or ""
    return Created(found[1], found[3], found[2] is not None, int(found[4]), host)


def answer_to(holder: KeyHolder, collector_key: Ed25519PrivateKey, root: PolicyRoot | None = None) -> bytes:
    """The payload of the answer to whoever holds that key now. `root`: where a new machine begins to trust."""
    answer = Enrolled(
        schema=SCHEMA,
        agent_id=holder.agent.id,
        epoch=holder.agent.epoch,
        public_key=holder.public_key,
        collector_key=collector_key.public_key().public_bytes_raw(),
        unit=holder.unit,
        profile=profile_for(holder.profile, holder.level, holder.levels or b"{}"),
        rulebook=holder.rulebook or "",
        enrolled_at=holder.agent.enrolled_at.astimezone(UTC),
        policy=root,
    )
    return msgspec.json.encode(answer)
