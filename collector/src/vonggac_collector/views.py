"""Read models: what each page and API answer holds, ready to be rendered, already scoped to the caller.

`queries.py` fills them; pages and API only render them. Points are integers of 1/10,000 point (1,000,000 = 100), so
that what is shown adds up exactly. Times are UTC. A score that is None is not there yet (nothing
expected, or never scored).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

import msgspec

from vonggac_contract.finding import Evidence
from vonggac_contract.rule import Direction

from .identity_views import Fork, KeyRow, MissingRow

Class = Literal["A", "B", "C", "D", "E"]


class Standing(msgspec.Struct, frozen=True):
    """A score with what stands beside it and is never mixed into it."""

    score: int | None
    grade: Class | None
    with_waivers: int | None
    coverage: float
    """Share of expected hosts heard from within the freshness window, 0 to 1."""
    freshness: int | None
    """Median age of the hosts' last looks, seconds; None if none was ever heard."""
    sufficient: bool
    """False under 60 % coverage: shown as insufficient data, not ranked."""
    change: int | None = None
    """Against 30 days before, points; None if there was no score then."""


class UnitLink(msgspec.Struct, frozen=True):
    """A unit by name. `within`: the name of the unit above, for agencies of different provinces often share theirs;
    empty at the top of what the caller may see.
    """

    code: str
    name_vi: str
    name_en: str
    sample: bool
    within_vi: str = ""
    within_en: str = ""


class TrendPoint(msgspec.Struct, frozen=True):
    """The score published for one day; None where none was."""

    day: date
    score: int | None


class UnitRow(msgspec.Struct, frozen=True):
    """One unit in a ranked table. `rank` is None where data is insufficient."""

    unit: UnitLink
    standing: Standing
    trend: list[TrendPoint]
    hosts: int
    silent: int
    critical: int
    """Failing findings of critical severity."""
    rank: int | None = None
    rank_change: int | None = None
    """Places won (positive) or lost in 30 days."""
    kind: Literal["root", "province", "agency"] = "agency"
    weight: int = 0
    """Its part in the score of the unit above (docs/scoring.md)."""
    own: bool = False
    """Only what the unit has itself, without those beneath it; then without trend and change."""


class DeductionRow(msgspec.Struct, frozen=True):
    """One reason why a score is not 100. `what`: a rule id, or the word of a cap or of silence (docs/scoring.md)."""

    kind: str
    what: str
    title_vi: str
    title_en: str
    points: int
    hosts: int


class FixRow(msgspec.Struct, frozen=True):
    """One thing to do, with the gain that doing it on these hosts would bring to the unit's score."""

    rule: str
    title_vi: str
    title_en: str
    severity: str
    hosts: int
    gain: int


class HostRow(msgspec.Struct, frozen=True):
    """One host in a list."""

    id: str
    hostname: str
    score: int | None
    looked_at: datetime | None
    silent: bool
    failing: int
    critical: int
    os: str
    system: str
    sample: bool
    system_vi: str = ""
    system_en: str = ""
    unit: UnitLink | None = None


class SystemRow(msgspec.Struct, frozen=True):
    """One information system (hệ thống thông tin) with its level (cấp độ)."""

    id: str
    name_vi: str
    name_en: str
    level: int
    score: int | None
    hosts: int
    sample: bool
    weight: int = 0
    """Its part in the agency's score (docs/scoring.md)."""


class RuleListRow(msgspec.Struct, frozen=True):
    """One rule in a list of rules."""

    id: str
    title: dict[str, str]
    severity: str
    domain: str
    failing: int
    of: int
    unknown: int = 0


class Overview(msgspec.Struct, frozen=True):
    """Who is doing how well, and who is not heard from: the caller's top units (provinces for the country)."""

    as_of: datetime
    root: UnitLink
    standing: Standing
    trend: list[TrendPoint]
    ranked: list[UnitRow]
    insufficient: list[UnitRow]
    tiles: list[UnitRow]
    """The provinces, for the tile grid; empty where the caller sees fewer than two."""
    risen: UnitRow | None
    fallen: UnitRow | None
    sample: bool
    """Some of what is shown is sample data."""
    own: UnitRow | None = None
    """Machines that the root has itself beside the units beneath it."""


class ProfileChangeRow(msgspec.Struct, frozen=True):
    """One thing in which a local profile differs: a threshold set, a rule added, a rule dropped for a reason.

    Texts by language; `before` and `after` are values in words.
    """

    kind: Literal["set", "added", "dropped"]
    rule: str
    title: dict[str, str]
    parameter: str = ""
    about: dict[str, str] = {}
    before: dict[str, str] = {}
    after: dict[str, str] = {}
    reason: dict[str, str] = {}
    direction: Direction = ""
    """Of a threshold: whether it refuses less than before (looser), more, or can't be told."""


class LocalProfile(msgspec.Struct, frozen=True):
    """A profile of an administrator's own. `replaces`: every system of its level is judged by it."""

    id: str
    title: dict[str, str]
    level: int
    extends: str
    extends_title: dict[str, str]
    replaces: bool
    changes: list[ProfileChangeRow]


class UnknownRow(msgspec.Struct, frozen=True):
    """What could not be found out for one reason: on how many hosts, of how many rules, and the first few of these."""

    reason: str
    hosts: int
    rules: int
    first: list[RuleListRow]


class UnitPage(msgspec.Struct, frozen=True):
    """Where a unit stands, why, and what to do first. `deductions` add up to 1,000,000 - score."""

    as_of: datetime
    unit: UnitLink
    path: list[UnitLink]
    standing: Standing
    trend: list[TrendPoint]
    deductions: list[DeductionRow]
    fixes: list[FixRow]
    systems: list[SystemRow]
    hosts: list[HostRow]
    hosts_total: int
    children: list[UnitRow]
    silent: int = 0
    """Hosts that have fallen silent or were never heard from."""
    worst: list[RuleListRow] = []
    """The rules that fail on most hosts."""
    unassigned: SystemRow | None = None
    """The hosts in no information system, as the one group that they count as; None without any."""
    local: list[LocalProfile] = []
    """Local profiles that hosts here are judged by."""
    unknown: list[UnknownRow] = []
    """What is not known of the hosts' last looks, by reason; what concerns most hosts first."""
    own: UnitRow | None = None
    """Machines that the unit has itself beside the units beneath it."""


class LookRow(msgspec.Struct, frozen=True):
    """A look and the outcome that it began."""

    at: datetime
    outcome: str


class FindingRow(msgspec.Struct, frozen=True):
    """One finding of a host with the rule's texts. `since`: when it began to be what it is."""

    rule: str
    outcome: str
    reason: str
    detail: str
    severity: str
    domain: str
    title: dict[str, str]
    why: dict[str, str]
    fix: dict[str, str]
    evidence: list[Evidence]
    passed: int
    of: int
    since: datetime | None
    points: int
    """What it deducts from the host's score."""
    waived_until: date | None = None
    mended: datetime | None = None
    """Of one that fails again: the look that had found it mended."""
    looks: list[LookRow] = []
    """The newest looks that changed it."""


class ReportRow(msgspec.Struct, frozen=True):
    """One sealed report as the ledger has it."""

    epoch: int
    sequence: int
    digest: str
    previous: str | None
    sealed_at: datetime
    received_at: datetime
    keyid: str
    state: Literal["committed", "pending", "fork"]
    receipt_digest: str
    bytes: int


class HostPage(msgspec.Struct, frozen=True):
    """What is wrong with a host and how to fix it. `sections`: inventory as reported, by name (report.SECTION_TOPICS).

    A section that could not be looked at is {"unavailable", "detail"}; with fields held back {"content", "withheld"}.
    """

    as_of: datetime
    id: str
    hostname: str
    unit: UnitLink
    path: list[UnitLink]
    system: SystemRow | None
    profile: str
    level: int
    os: str
    score: int | None
    effective: int | None
    """After freshness: what counts in the system's score."""
    domains: dict[str, int]
    deductions: list[DeductionRow]
    findings: list[FindingRow]
    sections: dict[str, Any]
    section_times: dict[str, datetime]
    reports: list[ReportRow]
    reports_total: int
    looked_at: datetime | None
    last_heartbeat: datetime | None
    agent_state: Literal["active", "quarantined", "restored", "stray", "revoked", "never"]
    agent_version: str
    flags: list[str]
    """Words of `ingest.report.flags_of`, such as carried-late."""
    sample: bool
    rulebook: str = ""
    """The version of the rulebook that the newest look was decided by, its digest if nobody published it here."""
    rulebook_state: Literal["", "in-force", "tried", "earlier", "unknown"] = ""
    weights: dict[str, int] = {}
    """By domain: its part in the score."""
    local: LocalProfile | None = None
    """`profile`, if it is a local one."""
    keys: list[KeyRow] = []
    """The newest first."""
    fork: Fork | None = None
    """Until it is decided, and the machine that goes on has begun its next epoch."""
    missing: list[MissingRow] = []


class RuleFailure(msgspec.Struct, frozen=True):
    """One unit where hosts fail a rule."""

    unit: UnitLink
    failing: int
    unknown: int
    of: int
    hosts: list[HostRow]
    """The first few of them: those that fail, then those where it is not known."""
    beneath: int = 0
    """How many units beneath it are counted with it; then the page within it names hosts."""


class RulePage(msgspec.Struct, frozen=True):
    """What a rule asks, why, how to fix it, and where it fails among the hosts that the caller may see."""

    as_of: datetime
    id: str
    title: dict[str, str]
    why: dict[str, str]
    fix: dict[str, dict[str, str]]
    """By distribution family; "any" for all."""
    severity: str
    domain: str
    platform: str
    asks: dict[str, str]
    """The check explained in a paragraph, by language."""
    parameters: dict[str, dict[str, Any]]
    """Parameter name -> profile id -> value."""
    maps: dict[str, list[str]]
    clauses: dict[int, list[str]]
    """Level -> clauses of TCVN 14423 (unofficial source)."""
    profiles: list[str]
    counts: dict[str, int]
    """Outcome -> hosts."""
    failures: list[RuleFailure]
    local: list[LocalProfile] = []
    """Local profiles, with what they change of this rule."""
    within: UnitLink | None = None
    """Counted is what is beneath this unit; None: beneath the caller's."""
