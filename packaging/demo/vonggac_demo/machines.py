"""What a sample host would show, and what is found of it: a well-kept machine of its kind, with the day's faults.

The kinds differ in system, services and software; faults come and go by seeded chance and the host's care. Facts
with a selector (a kernel parameter, a file, a package) take their good values from the rules' own cases, and so do
most faults their bad ones. Of what a machine does not have, the agent's own word stands.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from vonggac_agent.plan import plan
from vonggac_agent.scan import Scan
from vonggac_contract.errors import Malformed
from vonggac_contract.facts import Fact, FactKey, Known, fact_key
from vonggac_contract.finding import Finding, Outcome
from vonggac_contract.rule import Compare, Condition, Count, Not, Quantify, Rule
from vonggac_contract.snapshot import Snapshot, known
from vonggac_rules.cases import Case
from vonggac_rules.evaluate import View, decide_rule
from vonggac_rules.evidence import plain
from vonggac_rules.plan import facts_in
from vonggac_rules.rulebook import Rulebook

from .country import SampleHost
from .failings import MOST, WHAT_IT_IS, Failing, Values, apply, failing_cases
from .faults import FAULTS, UNSEEN
from .software import PACKAGES
from .well_kept import SYSTEMS, System, well_kept

DAYS: Final = 60
STRICTEST: Final = "tcvn14423-level5"
"""The profile by which failings are chosen: it asks every rule."""


class Span(NamedTuple):
    """A fault by name, from day `start` until the day before `end`; days count from the beginning of the history."""

    fault: str
    start: int
    end: int


class Asked(NamedTuple):
    """A rule of a profile with its parameters, the facts it reads, and whether it asks for the time."""

    rule: Rule
    parameters: Mapping[str, Any]
    keys: tuple[FactKey, ...]
    timed: bool


class Workshop:
    """Makes the looks of sample machines. Equal facts are one object, and are decided once."""

    def __init__(
        self, book: Rulebook, cases: Mapping[str, Iterable[Case]], bare: Mapping[FactKey, Fact]
    ) -> None:
        self.book = book
        self._keys = {profile: plan(book, profile, "linux") for profile in book.profiles}
        self._asked = {profile: _asked(book, profile) for profile in book.profiles}
        self._cases = failing_cases(cases)
        self._base = _base(bare, good_values(cases))
        self._failings: dict[tuple[str, str], dict[str, Failing]] = {}
        self._facts: dict[tuple[FactKey, bytes], Fact] = {}
        self._findings: dict[tuple[Any, ...], Finding] = {}

    def scan(self, host: SampleHost, spans: Iterable[Span], day: int, now: datetime, profile: str) -> Scan:
        """One look at the host at `now`, its day `day`."""
        shown = self._shown(host, system_of(host), now)
        failings = self.failings(host)
        active = [s.fault for s in spans if s.start <= day < s.end]
        for name in active:
            if name in failings:
                changed = apply(failings[name], shown, now)
                # Another fault may have taken away what this one is about.
                shown |= changed if self._are_whole(changed) else {}
            elif name in FAULTS:
                topics = {key.topic: value for key, value in shown.items() if not key.selector}
                FAULTS[name](topics, now)
                shown |= {FactKey(topic): value for topic, value in topics.items()}
        facts = {key: self._fact(key, shown[key]) for key in self._keys[profile]}
        for topic, why in (UNSEEN[name] for name in active if name in UNSEEN):
            facts |= {FactKey(topic): why} if FactKey(topic) in facts else {}
        snapshot = Snapshot(now, "linux", facts)
        findings = self._decide_all(self._asked[profile], profile, snapshot)
        return Scan(snapshot, self.book, profile, findings, now, now, 0.0)

    def failings(self, host: SampleHost) -> dict[str, Failing]:
        """How a machine of the host's kind can fail single rules, by rule."""
        system = system_of(host)
        kind = (host.archetype, system.family)
        if kind not in self._failings:
            self._failings[kind] = self._find_failings(host._replace(seed=0), system)
        return self._failings[kind]

    def _find_failings(self, host: SampleHost, system: System) -> dict[str, Failing]:
        now = datetime.fromisoformat("2026-11-23T02:00:00Z")
        shown = self._shown(host, system, now)
        readers: dict[FactKey, list[Asked]] = {}
        for one in self._asked[STRICTEST]:
            for key in one.keys:
                readers.setdefault(key, []).append(one)
        facts = {key: self._fact(key, shown[key]) for key in self._keys[STRICTEST]}
        asked = self._asked[STRICTEST]
        findings = self._decide_all(asked, STRICTEST, Snapshot(now, "linux", facts))
        before = {finding.rule: finding.outcome for finding in findings}
        found: dict[str, Failing] = {}
        for rule, cases in self._cases.items():
            if before.get(rule) is Outcome.PASS:
                for failing in [*cases, *(c._replace(whole=True) for c in cases)]:
                    changed = apply(failing, shown, now)
                    if self._is_one_fault(rule, changed, facts, readers, before, now):
                        found[rule] = failing
                        break
        return found

    def _is_one_fault(
        self, rule: str, changed: Values, facts: Mapping[FactKey, Fact],
        readers: Mapping[FactKey, list[Asked]], before: Mapping[str, Outcome], now: datetime,
    ) -> bool:  # fmt: skip
        """Whether with `changed` the rule fails, nothing becomes unknown, and little else fails."""
        if any(key.topic in WHAT_IT_IS for key in changed):
            return False
        if not self._are_whole(changed):
            return False
        new = {key: self._fact(key, value) for key, value in changed.items()}
        affected = {a.rule.id: a for key in changed for a in readers.get(key, [])}.values()
        findings = self._decide_all(affected, STRICTEST, Snapshot(now, "linux", {**facts, **new}))
        after = {finding.rule: finding.outcome for finding in findings}
        turned = [i for i, outcome in after.items() if outcome != before[i]]
        unknown = any(after[i] is Outcome.UNKNOWN for i in turned)
        return after.get(rule) is Outcome.FAIL and not unknown and len(turned) <= MOST

    def _shown(self, host: SampleHost, system: System, now: datetime) -> dict[FactKey, dict[str, Any]]:
        """Builtins of every fact of the machine without a fault."""
        facts = well_kept(host, system, now, random.Random(host.seed))
        shown = {key: dict(value) for key, value in self._base.items()}
        for topic, value in facts.items():
            shown[FactKey(topic)] = shown.get(FactKey(topic), {}) | value
        for name in (*PACKAGES["common"], *PACKAGES[host.archetype]):
            shown[FactKey("package.installed", (name,))] = {"installed": True, "version": "1"}
        return shown

    def _fact(self, key: FactKey, value: Mapping[str, Any]) -> Fact:
        at = (key, msgspec.msgpack.encode(value))
        if at not in self._facts:
            self._facts[at] = known(key.topic, value, "sample")
        return self._facts[at]

    def _are_whole(self, values: Values) -> bool:
        """Whether each value has what its fact demands: a case leaves out what its rule does not read."""
        try:
            return all(self._fact(key, value) for key, value in values.items())
        except Malformed:
            return False

    def _decide_all(self, asked: Iterable[Asked], profile: str, snapshot: Snapshot) -> list[Finding]:
        view = View(snapshot)
        found = []
        for one in asked:
            at = (profile, one.rule.id, *(id(snapshot.facts[key]) for key in one.keys))
            if one.timed:
                found.append(decide_rule(one.rule, one.parameters, view))
                continue
            if at not in self._findings:
                self._findings[at] = decide_rule(one.rule, one.parameters, view)
            found.append(self._findings[at])
        return found


def system_of(host: SampleHost) -> System:
    """The operating system that the host runs."""
    return random.Random(host.seed).choice(SYSTEMS[host.archetype])


def good_values(cases: Mapping[str, Iterable[Case]]) -> dict[FactKey, dict[str, Any]]:
    """What the rules' pass cases say of facts with a selector."""
    good: dict[FactKey, dict[str, Any]] = {}
    for _, rule_cases in sorted(cases.items()):
        for case in rule_cases:
            if case.outcome is Outcome.PASS:
                for key, fact in case.snapshot.facts.items():
                    if key.selector and isinstance(fact, Known):
                        value = {n: v for n, v in plain(fact.value).items() if v is not None}
                        good.setdefault(key, value)
    return good | WELL_KEPT


def _base(bare: Mapping[FactKey, Fact], good: Mapping[FactKey, Any]) -> dict[FactKey, dict[str, Any]]:
    """Builtins of each key before anything is known of the machine's kind."""
    return {
        key: (plain(fact.value) if isinstance(fact, Known) else {}) | SELECTED.get(key.topic, {}) | good.get(key, {})
        for key, fact in bare.items()
    }  # fmt: skip


def _asked(book: Rulebook, profile: str) -> list[Asked]:
    asked = []
    for rule, parameters in book.profile_rules(profile):
        conditions = [rule.check] if rule.when is None else [rule.when, rule.check]
        keys = tuple(sorted(set().union(*(facts_in(c) for c in conditions))))
        asked.append(Asked(rule, parameters, keys, any(_asks_time(c) for c in conditions)))
    return asked


def _asks_time(condition: Condition | None) -> bool:
    if condition is None:
        return False
    if isinstance(condition, Compare):
        return condition.operator in ("newer_than", "older_than")
    if isinstance(condition, Quantify):
        return _asks_time(condition.where) or _asks_time(condition.check)
    if isinstance(condition, Count):
        return _asks_time(condition.where)
    if isinstance(condition, Not):
        return _asks_time(condition.of)
    return any(_asks_time(c) for c in condition.of)


def life_of(host: SampleHost, failings: Iterable[str]) -> list[Span]:
    """Which faults the host has when: there from the start, mended or made on one of its few days of work."""
    chance = random.Random(host.seed)
    work = chance.sample(range(1, DAYS), 1 + round(2 * host.care))
    agency = random.Random(f"{host.province}-{host.agency}")
    lapse, zeal = agency.choice(LAPSE), agency.choice(ZEAL)
    heed: dict[str, float] = {}
    spans = []
    for name in sorted({*FAULTS, *UNSEEN, *failings}):
        subject = name.rsplit(".", 1)[0]
        if subject not in heed:
            heed[subject] = 1.1 if name in FAULTS else 0.15 if name in UNSEEN else chance.choice(NEGLECT)
        if chance.random() >= (1 - host.care) * heed[subject]:
            continue
        start = chance.choice(work) if chance.random() < lapse else 0
        later = [day for day in work if day > start]
        mended = chance.random() < zeal and later
        spans.append(Span(name, start, chance.choice(later) if mended else 10**6))
    return spans


NEGLECT: Final = (0.4, 1.0, 1.5, 2.2)
"""How far a machine's keepers let one subject go, beside their care for the whole."""

LAPSE: Final = (0.02, 0.05, 0.1, 0.25)
"""Which part of an agency's faults is made within the history."""
ZEAL: Final = (0.05, 0.15, 0.35, 0.6)
"""Which part of them its keepers mend, if they come to it."""


def changes_of(spans: Iterable[Span]) -> frozenset[int]:
    """The days on which something begins or ends."""
    return frozenset(day for span in spans for day in (span.start, span.end))


WELL_KEPT: Final[dict[FactKey, dict[str, Any]]] = {
    fact_key("sysctl", {"key": "net.ipv4.ip_forward"}): {"value": "0", "number": 0}
}
"""Good values where the pass cases show an exception."""

SELECTED: Final[Mapping[str, dict[str, Any]]] = {
    "sysctl": {"value": "1", "number": 1},
    "file.stat": {"exists": False},
    "package.installed": {"installed": False},
    "service.unit": {"exists": False, "enabled": "absent", "active": False},
}
"""Facts with a selector about which no case says anything."""
