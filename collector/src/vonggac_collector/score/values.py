"""What goes into the scoring and what comes out of it. No arithmetic here but adding up the parts of one value.

Points are whole numbers of 1/10,000 point: 1,000,000 is 100.0000, and nothing is finer than what is published. Times
are whole seconds since 1970 UTC: ages are differences, and whole seconds keep every score exact. Each score comes
with deductions whose points add up to FULL - score. `shares` beside deductions is what each stands for before
rounding, in proportion: the level above splits its loss by the shares, so that roundings don't pile up.
"""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import msgspec

from vonggac_contract.finding import Domain, Outcome, Severity

POINT = 10_000
FULL = 100 * POINT

Cap = Literal["known-exploited-reachable", "end-of-life", "critical-overdue"]
CAPS: tuple[Cap, ...] = ("known-exploited-reachable", "end-of-life", "critical-overdue")
Grade = Literal["A", "B", "C", "D", "E"]
LEVELS = (1, 2, 3, 4, 5)
Kind = Literal["rule", "unknown", "cap", "silence", "system-cap", "unassigned"]
"""Why points are missing: a rule fails or is met in part; could not be looked at; a cap; the host is silent; the
system's worst host of the highest criticality holds it down; unassigned hosts may not lift the agency.
"""


class RuleWeight(msgspec.Struct, frozen=True, gc=False):
    """One rule of the full list that a profile and platform ask for."""

    rule: str
    domain: Domain
    severity: Severity


class RuleOutcome(msgspec.Struct, frozen=True, gc=False):
    """What a rule said of the host. `passed` of `of` elements passed, for partial. `reason` for unknown."""

    rule: str
    domain: Domain
    severity: Severity
    outcome: Outcome
    passed: int = 0
    of: int = 0
    reason: str = ""


class HeldCap(msgspec.Struct, frozen=True):
    """A cap that holds the host down, and the rules that hold the cap: it lifts when the last of them is fixed.

    No rules: no fix of a rule lifts it.
    """

    cap: Cap
    rules: frozenset[str] = frozenset()


class HostInput(msgspec.Struct, frozen=True):
    """One host's outcomes for the full list of its profile and platform (`host.complete` makes it full), and its
    caps.
    """

    host: str
    rules: tuple[RuleOutcome, ...]
    caps: tuple[HeldCap, ...] = ()


class Deduction(msgspec.Struct, frozen=True, gc=False):
    """Points missing from a score, and why. `what`: a rule id, a cap, or the kind itself.

    `host`, `system`, `agency` are None where the level has none or several of them; `hosts` counts those it stands
    for. A deduction of less than 1/10,000 point may show 0 points.
    """

    kind: Kind
    what: str
    points: int
    host: str | None = None
    system: str | None = None
    agency: str | None = None
    reason: str = ""
    hosts: int = 1


class DomainScore(msgspec.Struct, frozen=True):
    """One domain of one host; its deductions are in points of the domain. `weight`: the domain's part in the host."""

    domain: Domain
    weight: int
    score: int
    deductions: tuple[Deduction, ...]


class HostScore(msgspec.Struct, frozen=True):
    """One host before freshness: does not depend on the time, so it stays good until the host's input or the
    parameters change.
    """

    host: str
    score: int
    domains: tuple[DomainScore, ...]
    deductions: tuple[Deduction, ...]
    parameters: int


class PlacedHost(msgspec.Struct, frozen=True):
    """A host as it counts in a group: what it scored, when it was looked at (`freshness.look_time`), whether it is
    expected.

    `score` or `looked_at` None: never heard. Raises ValueError for a criticality outside 1-3.
    """

    host: str
    score: HostScore | None
    looked_at: int | None
    expected: bool = True
    criticality: int = 1

    def __post_init__(self) -> None:
        if self.criticality not in (1, 2, 3):
            raise ValueError(f"host {self.host}: criticality {self.criticality} is not 1, 2 or 3")


class EffectiveHost(msgspec.Struct, frozen=True):
    """One host at one moment: `score` is what counts above it. `age_s` of the look; None if never heard."""

    host: str
    score: int
    age_s: int | None
    deductions: tuple[Deduction, ...]


class SystemInput(msgspec.Struct, frozen=True):
    """An information system (hệ thống thông tin) with its level (cấp độ). Raises ValueError for a level outside 1-5."""

    system: str
    level: int
    hosts: tuple[PlacedHost, ...]

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise ValueError(f"system {self.system}: level {self.level} is not 1 to 5")


class AgencyInput(msgspec.Struct, frozen=True):
    """An agency's systems, and its hosts that are in none."""

    agency: str
    systems: tuple[SystemInput, ...]
    unassigned: tuple[PlacedHost, ...] = ()


class Coverage(msgspec.Struct, frozen=True):
    """How much was looked at. `heard`: expected hosts with a look that still counts; `ages_s`: of all looks, sorted."""

    expected: int
    heard: int
    ages_s: tuple[int, ...]

    @property
    def share(self) -> float:
        """Heard of expected, 0 to 1, for showing; 0 where nothing is expected."""
        return self.heard / self.expected if self.expected else 0.0

    @property
    def freshness_s(self) -> int | None:
        """Median age of the looks; of two middle ones the older, so that rounding flatters nobody."""
        return self.ages_s[len(self.ages_s) // 2] if self.ages_s else None


class GroupScore(msgspec.Struct, frozen=True, dict=True):
    """What systems, agencies and parents have in common.

    `score` None: nothing there to score. `grade` None: not scored, or `sufficient` is False (coverage under the
    floor: "insufficient data", not ranked, never hidden). `weight`: its part in the level above.
    """

    score: int | None
    grade: Grade | None
    sufficient: bool
    weight: int
    coverage: Coverage
    deductions: tuple[Deduction, ...]
    shares: tuple[int, ...]
    parameters: int

    @cached_property
    def causes(self) -> tuple[list[Deduction], list[int]]:
        """The deductions with hosts, systems and agencies added together, without points, in order of kind and what;
        beside them their shares. Worked out once: an agency is asked by each unit above it.
        """
        shares: dict[tuple[Kind, str], int] = {}
        named: dict[tuple[Kind, str], set[str]] = {}
        counted: dict[tuple[Kind, str], int] = {}
        for deduction, share in zip(self.deductions, self.shares, strict=True):
            cause = (deduction.kind, deduction.what)
            shares[cause] = shares.get(cause, 0) + share
            if deduction.host is None:
                counted[cause] = counted.get(cause, 0) + deduction.hosts
            else:
                named.setdefault(cause, set()).add(deduction.host)
        causes = sorted(shares)
        deductions = [
            Deduction(kind, what, 0, hosts=counted.get((kind, what), 0) + len(named.get((kind, what), ())))
            for kind, what in causes
        ]
        return deductions, [shares[cause] for cause in causes]


class SystemScore(GroupScore, frozen=True, kw_only=True):
    """One information system; deductions by host and cause."""

    system: str
    level: int


class AgencyScore(GroupScore, frozen=True, kw_only=True):
    """One agency; deductions by system, host and cause. `unassigned`: the score of its unassigned hosts, None without
    any.
    """

    agency: str
    systems: tuple[SystemScore, ...]
    unassigned: int | None


class ParentScore(GroupScore, frozen=True, kw_only=True):
    """The agencies beneath a unit, at any depth; deductions by agency and cause. `weightless`: agencies without a
    scored system.
    """

    parent: str
    weightless: tuple[str, ...]
