"""What a ledger can do. `sql` and `memory` do it; everything else asks through these protocols.

Everything happens within a transaction: `write` commits when its block ends (on SQLite with the disk synchronised) and
undoes everything if the block raises; `read` sees one consistent state. `as_of` arguments make history: only what the
ledger held at that moment counts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import Protocol

from . import rows
from .applicants import Applicants
from .keeping import Keeping
from .leaves import Leaves
from .outbox import Outbox
from .policy import Policy, Trial
from .standings import Standings


class Tree(Protocol):
    """Units, systems, hosts and where they belong."""

    def add_unit(self, unit: rows.Unit) -> None: ...
    def add_system(self, system: rows.System) -> None: ...
    def set_level(self, system: str, level: int, since: datetime) -> None: ...
    def add_host(self, host: rows.Host) -> None: ...
    def describe_host(self, host: str, hostname: str, os: str) -> None: ...
    def place(self, placement: rows.Placement) -> None:
        """Ends the host's placement before, if it has one."""

    def units(self, as_of: datetime) -> list[rows.Unit]:
        """Parents before children."""

    def is_sample(self, unit: str) -> bool:
        """Whether there is that unit, as sample data."""

    def unit_count(self, as_of: datetime) -> int:
        """How many there were; units are added and never changed, so as long as there are as many they are the same."""

    def systems(self, as_of: datetime, units: Sequence[str] | None = None) -> list[rows.System]:
        """Those of the units, or all."""

    def hosts(self, as_of: datetime) -> list[rows.Host]:
        """Hosts expected by then."""

    def host_count(self, as_of: datetime) -> int: ...
    def newest_hosts(
        self, above: str, since: datetime, as_of: datetime, limit: int
    ) -> list[tuple[rows.Host, rows.Placement]]:
        """Hosts of the unit and all beneath it that are expected from `since` or later, the newest first."""

    def placements(self, as_of: datetime, units: Sequence[str] | None = None) -> list[rows.Placement]:
        """Those in the units, or all."""

    def located(self, hosts: Sequence[str], as_of: datetime) -> dict[str, tuple[rows.Host, rows.Placement]]:
        """Those of the hosts that have a place, with it."""

    def moved(self, since: datetime, as_of: datetime) -> list[rows.Placement]:
        """The places of hosts that had another one before, and have theirs from `since` or later."""

    def placed_ever(self) -> list[tuple[rows.Placement, datetime | None]]:
        """Every place that hosts ever had, with its end, by host and time."""

    def levels_ever(self) -> list[tuple[rows.System, datetime, datetime | None]]:
        """Every level that systems ever had, with its beginning and end, by system and time."""


class Agents(Protocol):
    """Agents and their keys."""

    def add(self, agent: rows.Agent) -> None: ...
    def add_key(self, keyid: str, agent: str, public_key: bytes, epoch: int, since: datetime) -> None: ...
    def end_keys(self, agent: str, until: datetime) -> None: ...
    def holder(self, keyid: str) -> rows.KeyHolder | None: ...
    def get(self, agent: str) -> rows.Agent | None: ...
    def all(self) -> list[rows.Agent]: ...
    def with_aside(self) -> list[rows.Agent]:
        """Those with envelopes beside their chain, by id."""

    def heads(self) -> dict[str, str | None]:
        """Of each agent, the digest of its newest report; None if its epoch has none yet."""

    def keys(self, agent: str) -> dict[str, bytes]:
        """Every key it ever had, by key id, the oldest first."""

    def terms(self, agent: str) -> list[rows.AgentKey]:
        """Every key it ever had, the newest first."""

    def every_key(self) -> dict[str, tuple[str, bytes]]:
        """Agent and public key by key id."""

    def put(self, agent: rows.Agent) -> None:
        """Replace the agent's row, which was read in this transaction."""


class Chain(Protocol):
    """Envelopes and what they say."""

    def find(self, digest: str) -> rows.EnvelopeHead | None: ...
    def at(self, agent: str, epoch: int, sequence: int) -> list[rows.EnvelopeHead]: ...
    def envelope(self, digest: str) -> rows.Envelope | None: ...
    def first_pending(self, agent: str, epoch: int) -> int | None:
        """Its lowest pending sequence."""

    def forks(self, agent: str, epoch: int) -> list[rows.EnvelopeHead]:
        """Those that were kept as evidence, beside the chain."""

    def count(self, agent: str, state: rows.EnvelopeState) -> int: ...
    def add(self, envelope: rows.Envelope) -> None: ...
    def settle(
        self, digest: str, state: rows.EnvelopeState, committed_at: datetime | None, receipt: bytes | None
    ) -> None:
        """Turn a pending envelope into a committed or forked one."""

    def of_agent(self, agent: str, limit: int) -> list[rows.EnvelopeHead]:
        """Newest first."""

    def walk(self, agent: str, after: tuple[int, int], limit: int) -> list[rows.Envelope]:
        """Committed envelopes in order of (epoch, sequence), those after `after`."""

    def walk_all(self, after: tuple[str, int, int, str], limit: int) -> list[rows.Envelope]:
        """Committed envelopes of all agents in order of (agent, epoch, sequence, digest), those after `after`."""

    def total(self) -> int:
        """How many envelopes are committed."""

    def add_look(self, look: rows.Look) -> None: ...
    def look(self, digest: str) -> rows.Look | None: ...
    def newest_look(self, agent: str, as_of: datetime) -> rows.Look | None: ...
    def newest_looks(self, as_of: datetime, agents: Sequence[str] | None = None) -> list[rows.LookHead]:
        """Of each of the agents, or of all, the newest by epoch and sequence of those committed by then."""

    def running(self, as_of: datetime, agents: Sequence[str] | None = None) -> dict[str, int]:
        """By rulebook, how many of the agents, or of all, were judged by it in their newest look by then."""

    def walk_looks(
        self, after: tuple[str, int, int, str], until: tuple[str, int, int, str] | None
    ) -> list[rows.Look]:
        """Looks of all agents in the order of `walk_all`, those after `after` up to `until`, or to the end."""

    def look_before(self, agent: str, epoch: int, sequence: int) -> rows.Look | None:
        """The newest before that place."""

    def vectors(self, digests: Sequence[str]) -> dict[str, bytes]:
        """The packed answers of looks."""

    def put_section(self, section: rows.Section) -> None:
        """Takes the place of the content before, if there is one."""

    def held(self, agent: str) -> set[tuple[str, str]]:
        """Names and digests of the sections held."""

    def sections(self, agent: str) -> list[rows.Section]: ...


class Findings(Protocol):
    """What is wrong now, and what became of it. Passes are in the vectors of looks."""

    def add_rules(self, digest: str, packed: bytes) -> None:
        """A list of rules that vectors answer; nothing if it is there."""

    def rules(self, digest: str) -> bytes | None: ...
    def lists(self) -> dict[str, bytes]:
        """Every list of rules, packed, by its digest."""

    def differ(
        self, agent: str, wrong: Sequence[rows.Failing], mended: Sequence[str], changes: Sequence[rows.Change]
    ) -> None:
        """Write what a look changed. Where the outcome is the same as before, `since` stays what it was."""

    def current(self, agents: Sequence[str]) -> dict[str, list[rows.Failing]]:
        """What is wrong with each of them, by rule; an agent with nothing wrong has no entry."""

    def history(
        self, agent: str, rule: str | None = None, *, after: tuple[int, int] = (0, 0), limit: int = 10_000
    ) -> list[rows.Change]:
        """In order of looks, then rules: of one rule or all, those of looks after that epoch and sequence."""


class Heartbeats(Protocol):
    """When unchanging hosts were looked at."""

    def day(self, agent: str, day: date) -> rows.HeartbeatDay | None: ...
    def put(self, row: rows.HeartbeatDay, *, first: bool) -> None:
        """`first`: the day has no row yet."""

    def add_late(self, row: rows.LateHeartbeat) -> None:
        """Nothing if a look of that moment is there already. A counter that is taken is of a machine which was set back
        to a snapshot: another one is given, since nothing is asked of it.
        """

    def recent(self, until: date, agents: Sequence[str] | None = None) -> list[tuple[str, date, bytes]]:
        """Of each of the agents, or of all, the masks of its newest three days up to `until`."""

    def newest_late(self, as_of: datetime, agents: Sequence[str] | None = None) -> dict[str, datetime]:
        """Of each of the agents, or of all, the newest look of those late ones that were received by then."""

    def newest(self, agent: str, as_of: datetime) -> datetime | None:
        """The newest look of the heartbeats received by then, as exactly as it is kept."""

    def days(self, agent: str, limit: int) -> list[rows.HeartbeatDay]: ...
    def late(self, agent: str, limit: int) -> list[rows.LateHeartbeat]:
        """Like `days`, those of the newest looks first."""


class Tokens(Protocol):
    """Enrolment tokens."""

    def add(self, token: rows.Token) -> None: ...
    def by_hash(self, hashed: str) -> rows.Token | None: ...
    def get(self, token: str) -> rows.Token | None: ...
    def all(self) -> list[rows.Token]: ...
    def first(self, units: Sequence[str] | None, now: datetime, limit: int) -> tuple[list[rows.Token], int]:
        """Of those units, or of all: those that still enrol, then the others, the newest first; and how many in all."""

    def use(self, token: str) -> bool:
        """Take one use, if one is left; says whether."""

    def revoke(self, token: str) -> None: ...


class Rulebooks(Protocol):
    """Published rulebooks."""

    def add(self, book: rows.PublishedRulebook) -> None: ...
    def get(self, digest: str) -> rows.PublishedRulebook | None: ...
    def published(self, as_of: datetime) -> list[tuple[str, datetime]]:
        """Digests and times, oldest first. Before FAR none that is only tried."""

    def publish(self, digest: str, at: datetime) -> None:
        """Of one that is only tried."""

    def try_out(self, trial: Trial) -> None: ...
    def trials(self, as_of: datetime) -> list[Trial]:
        """Oldest first."""


class Scores(Protocol):
    """Daily scores as published."""

    def put(self, scores: Iterable[rows.DailyScore]) -> None:
        """In place of what was published for the same days and ids."""

    def series(
        self, kind: str, ids: Sequence[str], since: date, until: date
    ) -> dict[str, dict[date, int | None]]:
        """Score by id and day, both ends included."""

    def day(self, day: date, units: Sequence[str] | None = None) -> list[rows.DailyScore]:
        """Those of the units, or all, of systems as well."""

    def newest_day(self) -> date | None: ...
    def versions(self) -> dict[date, tuple[int, int]]:
        """Every day that has any, in order, with the lowest and the highest version of parameters of its scores."""


class People(Protocol):
    """Users and their sessions."""

    def add(self, user: rows.User) -> None: ...
    def by_name(self, name: str) -> rows.User | None: ...
    def get(self, user: str) -> rows.User | None: ...
    def all(self) -> list[rows.User]: ...
    def set_password(self, user: str, password: str) -> None:
        """Ends the user's sessions."""

    def open_session(self, session: rows.Session) -> None: ...
    def session(self, hashed: str) -> tuple[rows.Session, rows.User] | None: ...
    def touch(self, hashed: str, seen_at: datetime) -> None: ...
    def close_session(self, hashed: str) -> None: ...
    def close_expired(self, now: datetime) -> None: ...
    def tries(self, keys: Sequence[str], since: datetime) -> dict[str, int]:
        """How many tries each key has, of those after `since`; older ones are forgotten. Until the transaction ends
        nobody else counts.
        """

    def add_tries(self, keys: Sequence[str], at: datetime) -> None:
        """One more for each key."""

    def forgive(self, keys: Sequence[str]) -> None:
        """One less for each key: the newest."""


class Trail(Protocol):
    """The audit log, and the count of refusals."""

    def hold(self) -> None:
        """Until the transaction ends nobody else appends or counts."""

    def head(self) -> tuple[int, str]:
        """Number and hash of the newest row; (0, 64 zeros) if there is none."""

    def add(self, row: rows.AuditRow) -> None: ...
    def count(self, code: str, hour: int) -> int:
        """One more refusal of that kind; says how many there were in that hour (of 1970), this one included."""

    def counts(self) -> dict[str, int]: ...
    def walk(self, after: int, limit: int) -> list[rows.AuditRow]: ...


class Transaction(Protocol):
    """One transaction: everything in it happens or nothing."""

    @property
    def committed(self) -> bool:
        """Whether COMMIT has returned."""

    def before_commit(self, work: Callable[[], None]) -> None:
        """Do `work` in this transaction, at its end: what all writers wait for is taken last, and held shortly."""

    @property
    def tree(self) -> Tree: ...
    @property
    def agents(self) -> Agents: ...
    @property
    def chain(self) -> Chain: ...
    @property
    def findings(self) -> Findings: ...
    @property
    def heartbeats(self) -> Heartbeats: ...
    @property
    def tokens(self) -> Tokens: ...
    @property
    def applicants(self) -> Applicants: ...
    @property
    def rulebooks(self) -> Rulebooks: ...
    @property
    def scores(self) -> Scores: ...
    @property
    def standings(self) -> Standings: ...
    @property
    def people(self) -> People: ...
    @property
    def trail(self) -> Trail: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def keeping(self) -> Keeping: ...
    @property
    def leaves(self) -> Leaves: ...
    @property
    def policy(self) -> Policy: ...


class Duty(Protocol):
    """A job that one process at a time does; the others stand by."""

    def held(self) -> bool:
        """Take it if nobody has it; whether it is this process's now. Raises errors.Busy, errors.StoreFailed."""

    def close(self) -> None:
        """Leave it to another."""


class Ledger(Protocol):
    """The record. Raises errors.Busy when another writer holds on too long, errors.StoreFailed when the disk fails."""

    def write(self) -> AbstractContextManager[Transaction]:
        """One transaction; within `batch`, part of its transaction."""

    def batch(self, senders: Collection[str] = ()) -> AbstractContextManager[None]:
        """Everything that this thread writes in the block is one transaction, committed at its end.

        `senders`: key ids that will be asked for, which may be read together.
        """

    def read(self) -> AbstractContextManager[Transaction]:
        """A consistent view."""

    def version(self) -> int:
        """Changes whenever anything was committed, by this process or another; rises by one with each commit."""

    def duty(self, name: str) -> Duty:
        """The duty of that name, not taken yet."""

    def misfits(self) -> list[tuple[str, str]]:
        """Rows with a value that its column cannot hold, and the column: somebody wrote past this interface."""

    def close(self) -> None: ...
