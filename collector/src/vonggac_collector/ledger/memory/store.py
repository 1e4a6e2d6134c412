"""What the in-memory ledger holds."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from .. import rows
from ..applicants import Applicant
from ..keeping import Cut, Hold
from ..leaves import Leaf, Signed
from ..policy import Trial
from ..standings import HostStanding, Round, Standing


class Store:
    """Everything a ledger holds."""

    def __init__(self) -> None:
        self.units: dict[str, rows.Unit] = {}
        self.systems: dict[str, rows.System] = {}
        self.levels: list[tuple[str, datetime, int]] = []
        self.hosts: dict[str, rows.Host] = {}
        self.placements: list[rows.Placement] = []
        self.agents: dict[str, rows.Agent] = {}
        self.keys: dict[str, tuple[str, bytes, int, datetime, datetime | None]] = {}
        self.tokens: dict[str, rows.Token] = {}
        self.applicants: dict[str, Applicant] = {}
        self.envelopes: dict[str, rows.Envelope] = {}
        self.looks: dict[str, rows.Look] = {}
        self.rules: dict[str, bytes] = {}
        self.failings: dict[tuple[str, str], rows.Failing] = {}
        self.changes: dict[tuple[str, int, int, str], rows.Change] = {}
        self.sections: dict[tuple[str, str], rows.Section] = {}
        self.heartbeats: dict[tuple[str, date], rows.HeartbeatDay] = {}
        self.late: dict[tuple[str, int, int], rows.LateHeartbeat] = {}
        self.books: dict[str, rows.PublishedRulebook] = {}
        self.scores: dict[tuple[str, str, date], rows.DailyScore] = {}
        self.standings: dict[tuple[str, str], Standing] = {}
        self.host_standings: dict[str, HostStanding] = {}
        self.round: dict[str, Round] = {}
        self.users: dict[str, rows.User] = {}
        self.sessions: dict[str, rows.Session] = {}
        self.tries: list[tuple[str, datetime]] = []
        self.audit: list[rows.AuditRow] = []
        self.refusals: dict[str, tuple[int, int, int]] = {}
        self.outbox: dict[int, rows.OutboxRow] = {}
        self.dead: dict[int, rows.DeadLetter] = {}
        self.holds: dict[str, Hold] = {}
        self.cuts: dict[tuple[str, int, int], Cut] = {}
        self.leaves: dict[int, Leaf] = {}
        self.tiles: dict[tuple[int, int], bytes] = {}
        self.checkpoints: dict[int, Signed] = {}
        self.policy: dict[str, bytes] = {}
        self.trials: dict[int, Trial] = {}
        self.numbers: dict[str, int] = {}

    def copy(self) -> dict[str, Any]:
        """Shallow copies of every collection."""
        return {name: value.copy() for name, value in vars(self).items()}

    def beneath(self, unit: str) -> set[str]:
        """The code of the unit and those of all units beneath it."""
        found, left = {unit}, [unit]
        while left:
            above = left.pop()
            left += [u.code for u in self.units.values() if u.parent == above]
            found.update(left)
        return found

    def put_back(self, copies: dict[str, Any]) -> None:
        """Undo to `copies`."""
        vars(self).update(copies)


def put_new(store: dict[Any, Any], key: Any, value: Any) -> None:
    """Insert; ValueError if the key is taken, as a primary key is."""
    if key in store:
        raise ValueError(f"{key} is there already")
    store[key] = value
