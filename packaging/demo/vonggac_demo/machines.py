"""What a sample host would show: the facts of a well-kept machine of its kind, with the day's faults. Pure.

The kinds differ in system, services and software; faults come and go by seeded chance and the host's care. Facts
with a selector (a kernel parameter, a file, a package) take their good and bad values from the rules' own cases.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from vonggac_contract.facts import Fact, FactKey, fact_key
from vonggac_contract.facts import Known as KnownFact
from vonggac_contract.finding import Outcome
from vonggac_contract.snapshot import Snapshot, known
from vonggac_rules.cases import Case
from vonggac_rules.evidence import plain

from .country import SampleHost
from .faults import FAULTS
from .software import PACKAGES
from .well_kept import SYSTEMS, Facts, well_kept

DAYS: Final = 60


class Known(NamedTuple):
    """Good and bad values of facts with a selector, from the rules' cases: rule -> key -> builtins."""

    good: Mapping[FactKey, dict[str, Any]]
    bad: Mapping[str, Mapping[FactKey, dict[str, Any]]]
    bare: Mapping[FactKey, Fact]
    """What is said of a machine that has nothing."""

    def nothing(self, key: FactKey) -> dict[str, Any]:
        """Builtins of what is said of it; empty where that is no more than that nobody could look."""
        fact = self.bare.get(key)
        return plain(fact.value) if isinstance(fact, KnownFact) else {}


def from_cases(cases: Mapping[str, Iterable[Case]], bare: Mapping[FactKey, Fact]) -> Known:
    """Take what the rules' pass and fail cases say of facts with a selector."""
    good: dict[FactKey, dict[str, Any]] = {}
    bad: dict[str, dict[FactKey, dict[str, Any]]] = {}
    for rule, rule_cases in sorted(cases.items()):
        for case in rule_cases:
            facts = {k: f for k, f in case.snapshot.facts.items() if k.selector and hasattr(f, "value")}
            values = {k: {n: v for n, v in plain(f.value).items() if v is not None} for k, f in facts.items()}
            if case.outcome is Outcome.PASS:
                for key, value in values.items():
                    good.setdefault(key, value)
            elif case.outcome is Outcome.FAIL and len(values) == len(case.snapshot.facts):
                bad.setdefault(rule, values)
    return Known(good, bad, bare)


class Span(NamedTuple):
    """A fault by name, from day `start` until the day before `end`; days count from the beginning of the history."""

    fault: str
    start: int
    end: int


def life_of(host: SampleHost, rules: Known) -> list[Span]:
    """Which faults the host has when: there from the start, mended or made within the history."""
    chance = random.Random(host.seed)
    spans = []
    for name in sorted({*FAULTS, *rules.bad}):
        likely = (1 - host.care) * (1.1 if name in FAULTS else 0.8)
        if chance.random() >= likely:
            continue
        start = 0 if chance.random() < 0.88 else chance.randrange(1, DAYS)
        mended = chance.random() < 0.1 + 0.3 * host.care
        spans.append(Span(name, start, chance.randrange(start + 1, DAYS + 2) if mended else 10**6))
    return spans


def changes_of(spans: Iterable[Span]) -> frozenset[int]:
    """The days on which something begins or ends."""
    return frozenset(day for span in spans for day in (span.start, span.end))


def snapshot_of(
    host: SampleHost, spans: Iterable[Span], day: int, now: datetime, keys: Iterable[FactKey], rules: Known
) -> Snapshot:
    """The facts that the host would give at `now`, its day `day`, for `keys`."""
    chance = random.Random(host.seed)
    system = chance.choice(SYSTEMS[host.archetype])
    facts = well_kept(host, system, now, chance)
    active = [s.fault for s in spans if s.start <= day < s.end]
    selected = dict(rules.good) | WELL_KEPT
    for name in active:
        if name in FAULTS:
            FAULTS[name](facts, now)
        else:
            selected.update(rules.bad[name])
    gathered: dict[FactKey, Fact] = {}
    for key in keys:
        if key.topic not in facts and key.topic not in SELECTED and key not in selected:
            gathered[key] = rules.bare[key]
            continue
        value = (
            rules.nothing(key)
            | facts.get(key.topic, {})
            | SELECTED.get(key.topic, {})
            | selected.get(key, {})
        )
        if (
            key.topic == "package.installed"
            and key.selector[0] in PACKAGES["common"] + PACKAGES[host.archetype]
        ):
            value = {"installed": True, "version": "1"} | selected.get(key, {})
        gathered[key] = known(key.topic, value, "sample")
    return Snapshot(now, "linux", gathered)


WELL_KEPT: Final[dict[FactKey, dict[str, Any]]] = {
    fact_key("sysctl", {"key": "net.ipv4.ip_forward"}): {"value": "0", "number": 0}
}
"""Good values where the pass cases show an exception."""

SELECTED: Final[Facts] = {
    "sysctl": {"value": "1", "number": 1},
    "file.stat": {"exists": False},
    "package.installed": {"installed": False},
    "service.unit": {"exists": False, "enabled": "absent", "active": False},
}
"""Facts with a selector about which no case says anything."""
