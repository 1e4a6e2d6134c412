"""The audit log as far as it was read: whether it is whole, and what other rows of the ledger are held against in it.

People's own actions, enrolments, quarantine and retention are no machine's report: what came of them is vouched for by
the row that was written with them, in the same transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec

from vonggac_contract.envelope import keyid_of

from . import audit
from .approval import APPROVED
from .enrolment import CREATED, NOTED, WANTS_APPROVAL, Created, Noted, created, noted
from .forks import DECIDED, decision_of
from .holds import ADDED, RELEASED, odd_holds
from .ingest.report import QUARANTINED
from .instants import FAR, written
from .ledger.interface import Transaction
from .ledger.rows import AuditRow, Placement
from .policy import IMPORTED, odd_policy
from .remaking import Epoch
from .retention import DROPPED, DROPPING, FORGOTTEN, all_cuts, cuts_digest, month_after
from .revocation import REVOKED
from .rotation import ROTATED, epoch_of
from .rotation import odd as odd_rotation
from .rulebooks import PUBLISHED, TRIAL, TRIED, odd_rulebooks
from .structure import ADDED as SYSTEM_ADDED
from .structure import LEVELLED, PLACED, said_of, said_of_system
from .trials import odd_trials

_TOGETHER: Final = 500
_FIRST: Final = 2
"""The criticality that an enrolment gives."""
S = TypeVar("S")
V = TypeVar("V")
Odd = tuple[str, str]
"""Where something is not as it was written, and what."""


class Named(NamedTuple):
    """The same. `also`: where else something of the kind is."""

    where: str
    what: str
    also: tuple[str, ...] = ()


class _Span(NamedTuple, Generic[V]):
    """What was so of a subject for a time, in the words that the audit log has for it."""

    subject: str
    since: datetime
    until: datetime | None
    words: str
    value: V


class Trail:
    """What was read of the audit log."""

    def __init__(self) -> None:
        self.number, self._hash = 0, audit.NO_HASH
        self.fault: Odd | None = None
        self.dropping: set[str] = set()
        self.kept_since: datetime | None = None
        """What was received from then on was not dropped; None if nothing ever was."""
        self.whole_since: datetime | None = None
        """Likewise of heartbeats as well, so that scores can be worked out."""
        self._epochs: dict[str, list[Epoch]] = {}
        self._enrolled: dict[str, str] = {}
        self._keys: dict[str, tuple[str, bytes]] = {}
        self._rotated: dict[str, str] = {}
        self._wanting: set[str] = set()
        self._approved: set[str] = set()
        self._ungranted: dict[str, str] = {}
        self._held: dict[str, str] = {}
        self._released: set[str] = set()
        self._cuts = cuts_digest(())
        self._tokens: dict[str, Created] = {}
        self._used: Counter[str] = Counter()
        self._systems: dict[str, dict[datetime, str]] = {}
        self._places: dict[str, dict[datetime, str | Noted]] = {}
        self._rulebooks: dict[str, tuple[datetime, str]] = {}
        self._trials: list[AuditRow] = []
        self._policy: AuditRow | None = None
        self._unsaid_until: datetime | None = None
        self._reads: dict[str, Callable[[AuditRow], None]] = {
            DROPPING: self._dropping,
            DROPPED: lambda row: self.dropping.discard(row.subject),
            FORGOTTEN: lambda row: self._let_go(datetime.fromisoformat(row.detail)),
            NOTED: self._noted,
            APPROVED: lambda row: self._approved.add(row.subject),
            QUARANTINED: self._quarantined,
            DECIDED: self._decided,
            REVOKED: self._revoked,
            CREATED: self._created,
            ADDED: lambda row: self._held.update({row.subject: row.detail}),
            RELEASED: lambda row: self._released.add(row.subject),
            TRIED: lambda row: self._rulebooks.update({row.subject: (FAR, row.detail)}),
            PUBLISHED: lambda row: self._rulebooks.update({row.subject: (row.at, row.detail)}),
            TRIAL: self._trials.append,
            IMPORTED: self._imported,
            SYSTEM_ADDED: self._levelled,
            LEVELLED: self._levelled,
            PLACED: self._placed,
        }

    def read_on(self, tx: Transaction) -> None:
        """To its end."""
        while self.fault is None and (rows := tx.trail.walk(self.number, _TOGETHER)):
            damaged = audit.first_damaged(rows, self.number, self._hash)
            if damaged is not None:
                self.fault = (f"audit row {damaged}", "was changed, or rows before it are missing")
                return
            for row in rows:
                if row.action in self._reads:
                    self._reads[row.action](row)
                elif row.action == ROTATED:
                    self._turned(row, tx)
            self.number, self._hash = rows[-1].number, rows[-1].hash

    def epochs(self, agent: str) -> list[Epoch] | None:
        """The agent's, oldest first; None if the log is not whole itself."""
        return self._epochs.get(agent, []) if self.fault is None else None

    def _dropping(self, row: AuditRow) -> None:
        self.dropping.add(row.subject)
        if (month := month_after(row.subject)) is not None:
            self.kept_since = max(month, self.kept_since or month)
            self._let_go(month)
        self._cuts = str(msgspec.json.decode(row.detail).get("cuts"))

    def _let_go(self, before: datetime) -> None:
        self.whole_since = max(before, self.whole_since or before)

    def _noted(self, row: AuditRow) -> None:
        said = noted(row)
        self._enrolled[said.keyid] = row.subject
        if what := self._ungranted_by(said, row.subject):
            self._ungranted.setdefault(row.subject, f"its key {said.keyid[:16]}… {what}")
        self._epochs.setdefault(row.subject, []).append(Epoch(said.epoch, said.keyid, said.at))
        if row.subject not in self._places:
            self._places[row.subject] = {said.at: said}

    def _ungranted_by(self, said: Noted, host: str) -> str:
        """Why the token does not give that host this key; "" if it does. Every release noted its tokens."""
        token = self._tokens.get(said.token)
        self._used[said.token] += 1
        if token is None:
            return "is by a token that no row of the audit log made"
        if token.host not in (None, host) and (token.host or host in self._epochs):
            return f"is by a token for {f'host {token.host}' if token.host else 'new hosts'}"
        if self._used[said.token] > token.uses:
            return f"is by a token of {token.uses} uses that was used up"
        if said.token in self._wanting and said.keyid not in self._approved:
            return "was approved by nobody, as its token wants"
        return ""

    def _created(self, row: AuditRow) -> None:
        token = created(row)
        if not self._tokens:
            # Earlier releases let systems be added, and hosts be placed, without a row that says so.
            self._unsaid_until = None if token.says_system else FAR
        self._tokens[row.subject] = token
        if row.detail.endswith(WANTS_APPROVAL):
            self._wanting.add(row.subject)
        if token.says_system:
            self._says_all(row.at)

    def _imported(self, row: AuditRow) -> None:
        self._policy = row

    def _placed(self, row: AuditRow) -> None:
        self._places.setdefault(row.subject, {})[row.at] = row.detail
        self._says_all(row.at)

    def _levelled(self, row: AuditRow) -> None:
        self._systems.setdefault(row.subject, {})[row.at] = row.detail

    def _says_all(self, at: datetime) -> None:
        if self._unsaid_until == FAR:
            self._unsaid_until = at

    def _unsaid(self, at: datetime) -> bool:
        """Whether what came to be then may have no row: its release wrote none."""
        return self._unsaid_until is not None and at < self._unsaid_until

    def _quarantined(self, row: AuditRow) -> None:
        epochs = self._epochs.get(row.subject)
        if epochs and epochs[-1].quarantined_at is None:
            epochs[-1] = msgspec.structs.replace(epochs[-1], quarantined_at=row.at)

    def _decided(self, row: AuditRow) -> None:
        if epochs := self._epochs.get(row.subject):
            epochs[-1] = msgspec.structs.replace(epochs[-1], decided=decision_of(row))

    def _turned(self, row: AuditRow, tx: Transaction) -> None:
        epochs, begun = self._epochs.setdefault(row.subject, []), epoch_of(row)
        before = epochs[-1] if epochs else None
        if before is not None and before.keyid not in self._keys:
            self._keys = tx.agents.every_key()
        holder, old = self._keys.get("" if before is None else before.keyid, ("", None))
        if what := odd_rotation(row, before, old if holder == row.subject else None):
            self._rotated.setdefault(row.subject, what)
        self._enrolled[begun.keyid] = row.subject
        epochs.append(begun)

    def _revoked(self, row: AuditRow) -> None:
        if epochs := self._epochs.get(row.subject):
            epochs[-1] = msgspec.structs.replace(epochs[-1], revoked_at=row.at)

    def odd(self, tx: Transaction) -> list[Named]:
        """What is not as the log says. Of the moment that was read to; nothing if the log is not whole itself."""
        if self.fault is not None:
            return []
        return [
            *self._odd_cuts(tx),
            *self._odd_keys(tx),
            *first_of("agent {}", self._ungranted),
            *self._odd_holds(tx),
            *first_of("agent {}", self._rotated),
            *first_of("rulebook {}", odd_rulebooks(tx, self._rulebooks, FAR)),
            *first_of("trial {}", odd_trials(tx, self._trials)),
            *([Named("the policy repository", what)] if (what := odd_policy(tx, self._policy)) else ()),
            *first_of("system {}", self._odd_systems(tx)),
            *first_of("host {}", self._odd_hosts(tx)),
        ]

    def _odd_cuts(self, tx: Transaction) -> list[Named]:
        if cuts_digest(all_cuts(tx)) == self._cuts:
            return []
        return [Named("the record of cuts", "is not what the audit log says that retention left")]

    def _odd_holds(self, tx: Transaction) -> list[Named]:
        """Legal holds are those that people added, as they added them."""
        odd = odd_holds(tx, self._held, self._released)
        return [Named(f"legal hold {identifier}", odd[identifier]) for identifier in sorted(odd)]

    def _odd_keys(self, tx: Transaction) -> list[Named]:
        """Every key is its agent's by an enrolment, and every enrolment's key is there.

        So an agent that was deleted with all it had is missed, as are reports signed anew with a key put beside theirs,
        and an audit log that lost its end with an enrolment in it.
        """
        held = tx.agents.every_key()
        sound = {keyid: agent for keyid, (agent, key) in held.items() if keyid_of(key) == keyid}
        faults: list[Named] = []
        for here, there, what in (
            (sound, self._enrolled, "is not enrolled by any row of the audit log"),
            (self._enrolled, sound, "was enrolled, says the audit log, and is not there as it was"),
        ):
            odd = {f"{here[k]} key {k}": f"its key {k[:16]}… {what}" for k in here if there.get(k) != here[k]}
            for found in first_of("agent {}", odd):
                faults.append(found._replace(where=found.where.partition(" key ")[0]))
        return faults

    def _odd_systems(self, tx: Transaction) -> dict[str, str]:
        """Every system is where it was added, and had the levels that people gave it, one after the other."""
        spans = (
            _Span(system.id, since, until, said_of_system(system), since == system.created_at)
            for system, since, until in tx.tree.levels_ever()
        )
        return self._odd_spans("level", spans, self._systems, _says_level)

    def _odd_hosts(self, tx: Transaction) -> dict[str, str]:
        """Every host was always where an enrolment or a person put it, and is expected since it was enrolled."""
        spans = (
            _Span(place.host, place.since, until, said_of(place), place)
            for place, until in tx.tree.placed_ever()
        )
        odd = self._odd_spans("place", spans, self._places, self._says_place)
        for known in tx.tree.hosts(FAR):
            first = self._epochs.get(known.id)
            if first and first[0].since != known.expected_since:
                odd.setdefault(known.id, f"was enrolled at {written(first[0].since)}, its row says otherwise")
        return odd

    def _odd_spans(
        self,
        kind: str,
        spans: Iterable[_Span[V]],
        said: Mapping[str, Mapping[datetime, S]],
        says: Callable[[S, _Span[V]], bool],
    ) -> dict[str, str]:
        """Of each subject its first span that is not as a row says, does not follow the one before, or is missing.

        `spans`: by subject and time. `said`: subject -> since -> what its row says.
        """
        odd: dict[str, str] = {}
        left = {subject: dict(rows) for subject, rows in said.items()}
        ends: dict[str, datetime | None] = {}
        for span in spans:
            follows = ends.get(span.subject, span.since) == span.since
            ends[span.subject] = span.until
            row = left.get(span.subject, {}).pop(span.since, None)
            if row is None and follows and self._unsaid(span.since):
                continue
            if row is None or not says(row, span) or not follows:
                what = f"its {kind} from {written(span.since)} on ({span.words})"
                odd.setdefault(span.subject, f"{what} is by no row of the audit log")
        for subject, rows in left.items():
            if rows:
                what = f"its {kind} from {written(min(rows))} on, which the audit log names,"
                odd.setdefault(subject, f"{what} is missing")
            elif ends.get(subject) is not None:
                odd.setdefault(subject, f"its newest {kind} was ended by no row of the audit log")
        return odd

    def _says_place(self, said: str | Noted, span: _Span[Placement]) -> bool:
        place = span.value
        if isinstance(said, str):
            return said == span.words
        token = self._tokens.get(said.token, Created())
        if (place.unit, place.criticality, place.profile) != (token.unit, _FIRST, None):
            return False
        return place.system == token.system or not token.says_system


def _says_level(said: str, span: _Span[bool]) -> bool:
    """The system's first is what was said when it was added, every later one has its reason behind it."""
    return said == span.words if span.value else said.startswith(f"{span.words}: ")


def first_of(where: str, odd: Mapping[str, str]) -> Iterable[Named]:
    """The first of them, with how many more there are, and which."""
    if odd:
        first, *others = sorted(odd)
        more = f"; so are {len(others)} more" if others else ""
        yield Named(where.format(first), odd[first] + more, tuple(where.format(other) for other in others))
