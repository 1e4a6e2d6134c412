"""The ledger's rows as values. Times are UTC; bytes are as received or as packed by `ingest`."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final, Literal

import msgspec

UnitKind = Literal["root", "province", "agency"]
AgentStatus = Literal["active", "quarantined", "restored", "stray", "revoked"]
GOES_ON: Final = frozenset({"restored", "stray"})
"""Quarantined, and an officer decided which of two machines goes on (`forks`): as long as it did not begin an epoch."""
EnvelopeState = Literal["committed", "pending", "fork"]
WRONG: Final = frozenset({"fail", "partial", "unknown"})
"""Outcomes that a row is kept of while they last; pass and not-applicable are in the look's vector only."""
OutboxKind = Literal["look", "host", "scores", "rulebook"]
"""A newer look; a host's name, place, system or state; a day's scores; every text and what hosts are judged by."""


class Unit(msgspec.Struct, frozen=True):
    """A unit of the tree. `code`: its path from the root, such as ha-noi/so-y-te; `parent` is None for the root."""

    code: str
    parent: str | None
    kind: UnitKind
    name_vi: str
    name_en: str
    sample: bool
    created_at: datetime


class System(msgspec.Struct, frozen=True):
    """An information system with its level (1 to 5) at the moment asked for."""

    id: str
    unit: str
    name_vi: str
    name_en: str
    level: int
    sample: bool
    created_at: datetime


class Host(msgspec.Struct, frozen=True):
    """A host as it presented itself. `os`: name and version, from its newest look."""

    id: str
    hostname: str
    platform: str
    os: str
    machine_id: str
    expected_since: datetime
    sample: bool


class Placement(msgspec.Struct, frozen=True):
    """Where a host belongs, from `since` on. `criticality` 1 to 3. `profile` overrides that of the system's level."""

    host: str
    unit: str
    system: str | None
    criticality: int
    profile: str | None
    since: datetime


class Agent(msgspec.Struct, frozen=True):
    """The agent of the host with the same id, and the head of its chain (sequence 0: nothing committed yet).

    `vector`: that of its newest look, of an epoch before if this one has none yet. `aside`: how many envelopes of this
    epoch are kept beside the chain, pending or forked; 0 says that nothing stands in the way of the next one.
    """

    id: str
    status: AgentStatus
    epoch: int
    head_sequence: int
    head_digest: str | None
    head_content: str | None
    agent_version: str
    enrolled_at: datetime
    vector: bytes | None = None
    aside: int = 0


class AgentKey(msgspec.Struct, frozen=True):
    """A key of an agent, and when it was in force; `until` is None as long as it is."""

    keyid: str
    epoch: int
    since: datetime
    until: datetime | None


class KeyHolder(msgspec.Struct, frozen=True):
    """What ingest needs to know of a key: whose it is, until when it was valid, and what its host is judged by.

    `level`: of its host's system, or the highest of its unit's, or 1. `rulebook`: the newest, or the one that it tries.
    """

    keyid: str
    public_key: bytes
    revoked: bool
    agent: Agent
    unit: str
    profile: str | None
    level: int
    rulebook: str | None
    levels: bytes | None
    """The rulebook's profile ids by level, JSON."""


class Envelope(msgspec.Struct, frozen=True):
    """One received report. `raw` as sent, packed with zlib; `receipt` as answered; `size`: bytes as sent.

    `shelf`: what is thrown away together one day, see `shelf_of`.
    """

    digest: str
    agent: str
    epoch: int
    sequence: int
    previous: str | None
    state: EnvelopeState
    keyid: str
    sealed_at: datetime
    received_at: datetime
    committed_at: datetime | None
    size: int
    raw: bytes
    receipt: bytes | None
    shelf: str


class EnvelopeHead(msgspec.Struct, frozen=True):
    """An envelope without its bytes."""

    digest: str
    agent: str
    epoch: int
    sequence: int
    previous: str | None
    state: EnvelopeState
    keyid: str
    sealed_at: datetime
    received_at: datetime
    size: int
    receipt: bytes | None


class Look(msgspec.Struct, frozen=True):
    """What a committed report says, as far as scores need it; the rest is read from its envelope.

    `looked_at`: the earlier of the agent's time of finishing and the time of receipt. `outcomes_digest` names outcomes
    without their times: equal digests score alike. `vector`: see `ingest.vector`. `shelf`: that of its envelope.
    """

    digest: str
    agent: str
    epoch: int
    sequence: int
    looked_at: datetime
    finished_at: datetime
    committed_at: datetime
    rulebook: str
    profile: str
    platform: str
    content: str
    outcomes_digest: str
    vector: bytes
    flags: str
    shelf: str


class Failing(msgspec.Struct, frozen=True):
    """A rule that an agent's newest look has as fail, partial or unknown, with severity and domain as reported.

    `since`: the first look that had this outcome, of those that followed on each other. `epoch`, `sequence`: of the
    look that wrote the row.
    """

    agent: str
    rule: str
    outcome: str
    reason: str
    passed: int
    of: int
    severity: str
    domain: str
    since: datetime
    epoch: int
    sequence: int


class Change(msgspec.Struct, frozen=True):
    """A look in which a rule's outcome became fail, partial or unknown, or ended being so.

    `before` and `after`: outcomes, "" for a rule that the look did not answer. `reason`: that of the new outcome.
    """

    agent: str
    epoch: int
    sequence: int
    rule: str
    looked_at: datetime
    committed_at: datetime
    before: str
    after: str
    reason: str
    shelf: str


class LookHead(msgspec.Struct, frozen=True):
    """A look as scoring needs it."""

    digest: str
    agent: str
    looked_at: datetime
    rulebook: str
    profile: str
    outcomes_digest: str
    flags: str


class Section(msgspec.Struct, frozen=True):
    """The newest content of one inventory section (zlib JSON), so since `since`; earlier ones are in envelopes."""

    agent: str
    name: str
    digest: str
    since: datetime
    content: bytes


class HeartbeatDay(msgspec.Struct, frozen=True):
    """One day (UTC, of looking) of an agent's heartbeats that came in time: bit q of `mask` is the quarter hour q.

    The rest is the newest of the day; `raw` is its envelope as sent.
    """

    agent: str
    day: date
    mask: bytes
    epoch: int
    counter: int
    looked_at: datetime
    received_at: datetime
    raw: bytes


class LateHeartbeat(msgspec.Struct, frozen=True):
    """A heartbeat that came later than `heartbeat.LATE` after its look."""

    agent: str
    epoch: int
    counter: int
    looked_at: datetime
    received_at: datetime


class Token(msgspec.Struct, frozen=True):
    """An enrolment token by its hash. `host`: only for its next epoch, instead of a new one. `approval`: is needed."""

    id: str
    hash: str
    unit: str
    system: str | None
    host: str | None
    uses_left: int
    expires_at: datetime
    created_by: str
    created_at: datetime
    revoked: bool
    approval: bool = False


class PublishedRulebook(msgspec.Struct, frozen=True):
    """A rulebook's bytes and when all hosts began to be judged by it, FAR as long as it is only tried. `levels`: JSON,
    level -> profile id.
    """

    digest: str
    version: str
    published_at: datetime
    levels: bytes
    raw: bytes


class DailyScore(msgspec.Struct, frozen=True):
    """A score as published for one day of `Asia/Ho_Chi_Minh`. `id`: a unit's code, a system's or host's id."""

    kind: Literal["unit", "system", "host"]
    id: str
    day: date
    as_of: datetime
    score: int | None
    with_waivers: int | None
    coverage: float
    freshness: int | None
    parameters: int


class User(msgspec.Struct, frozen=True):
    """Somebody who signs in. `unit`: the root of the subtree they may see. `password`: argon2id, encoded."""

    id: str
    name: str
    role: str
    unit: str
    password: str
    active: bool
    created_at: datetime


class Session(msgspec.Struct, frozen=True):
    """A signed-in browser, by the SHA-256 of its secret."""

    hash: str
    user: str
    csrf: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


class AuditRow(msgspec.Struct, frozen=True):
    """One thing that was done or refused. `hash` covers the other fields, `previous` is the row's before."""

    number: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: str
    previous: str
    hash: str


class OutboxRow(msgspec.Struct, frozen=True):
    """Something that the index is to be told. It says where to look, never what is there: the ledger says that.

    `subject`: the agent's id for "look" and "host", the digest for "rulebook"; for "scores" the day and, after a slash,
    the moment from which on its scores were written (ISO 8601).
    `attempts` that failed; `next_at`: not before then; `error` of the last attempt.
    """

    number: int
    kind: OutboxKind
    subject: str
    queued_at: datetime
    attempts: int
    next_at: datetime
    error: str


class DeadLetter(msgspec.Struct, frozen=True):
    """A row of the outbox whose document the index refused for good."""

    number: int
    kind: OutboxKind
    subject: str
    error: str
    at: datetime


class Lag(msgspec.Struct, frozen=True):
    """How far the index is behind: rows that wait, since when the oldest does, and letters that are dead."""

    waiting: int
    oldest: datetime | None
    dead: int


def shelf_of(received_at: datetime, level: int) -> str:
    """The month of receipt and the level of the host's system: what has the same time to be kept."""
    return f"{received_at:%Y-%m}-L{level}"
