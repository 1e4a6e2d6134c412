"""Deciding: three values, quantifiers, fractions, dates against the scan's clock, evidence."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Fact, FactKey, Known, Reason, Unavailable, fact_key
from vonggac_contract.facts.network import FirewallState, Listener, ListeningSockets
from vonggac_contract.facts.packages import PackageInstalled
from vonggac_contract.facts.system import OsSupport
from vonggac_contract.finding import Finding, Outcome
from vonggac_contract.rule import All, AnyOf, Compare, Condition, Not, Rule, Text, Value
from vonggac_contract.snapshot import Snapshot
from vonggac_rules.evaluate import View, compare, decide_rule
from vonggac_rules.load import load_rule
from vonggac_rules.source import parse_source

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
WORDS = Text("lời", "words")


def rule(check: Condition, when: Condition | None = None) -> Rule:
    return Rule("linux.t.x", WORDS, WORDS, {"any": WORDS}, "low", "access", "linux", when, check, {}, {})


def decide(facts: dict[FactKey, Fact], check: Condition, when: Condition | None = None) -> Finding:
    return decide_rule(rule(check, when), {}, View(Snapshot(NOW, "linux", facts)))


def package(name: str) -> FactKey:
    return fact_key("package.installed", {"name": name})


def installed(name: str) -> Compare:
    return Compare(package(name), "installed", "is", Value(True))


NAMES = ("a", "b", "c")
leaves = st.sampled_from([installed(n) for n in NAMES])
conditions = st.recursive(
    leaves,
    lambda c: (
        st.lists(c, min_size=1, max_size=3).map(lambda of: All(tuple(of)))
        | st.lists(c, min_size=1, max_size=3).map(lambda of: AnyOf(tuple(of)))
        | c.map(Not)
    ),
    max_leaves=6,
)


@settings(max_examples=400)
@given(conditions, st.lists(st.sampled_from([True, False, None]), min_size=3, max_size=3))
def test_a_verdict_beside_unknowns_holds_whatever_they_turn_out_to_be(
    check: Condition, seen: list[bool | None]
) -> None:
    def facts(values: tuple[bool | None, ...]) -> dict[FactKey, Fact]:
        return {
            package(n): Unavailable(Reason.TIMED_OUT, "") if v is None else Known(PackageInstalled(v), "t")
            for n, v in zip(NAMES, values, strict=True)
        }

    verdict = decide(facts(tuple(seen)), check).outcome
    worlds = itertools.product(*[(v,) if v is not None else (True, False) for v in seen])
    possible = {decide(facts(world), check).outcome for world in worlds}
    if verdict is not Outcome.UNKNOWN:
        assert possible == {verdict}
    if None not in seen:
        assert verdict in (Outcome.PASS, Outcome.FAIL)


@pytest.mark.parametrize("reason", list(Reason))
def test_what_could_not_be_looked_at_is_unknown_with_its_reason(reason: Reason) -> None:
    found = decide({package("a"): Unavailable(reason, "why")}, installed("a"))
    assert (found.outcome, found.reason, found.detail) == (Outcome.UNKNOWN, str(reason), "why")


def test_a_fact_that_nobody_gathered_is_unknown_and_never_a_pass() -> None:
    assert decide({}, installed("a")).outcome is Outcome.UNKNOWN
    assert decide({}, Not(installed("a"))).outcome is Outcome.UNKNOWN


def test_a_condition_that_does_not_hold_makes_the_rule_not_applicable_and_an_unknown_one_unknown() -> None:
    facts: dict[FactKey, Fact] = {package("a"): Known(PackageInstalled(False), "t")}
    assert decide(facts, installed("b"), installed("a")).outcome is Outcome.NOT_APPLICABLE
    assert decide(facts, installed("a"), installed("b")).outcome is Outcome.UNKNOWN


def test_a_rule_of_another_platform_is_not_applicable() -> None:
    view = View(Snapshot(NOW, "windows", {}))
    assert decide_rule(rule(installed("a")), {}, view).reason == "platform"


SOCKETS = FactKey("socket.listening")


def listener(port: int, scope: str) -> Listener:
    return Listener("tcp", "192.0.2.1", port, scope, "p")  # type: ignore[arg-type]


def loaded(check: str) -> Condition:
    text = f"""
id: linux.t.x
title: {{vi: "t", en: "t"}}
why: {{vi: "t", en: "t"}}
fix: {{vi: "t", en: "t"}}
severity: low
domain: access
applies: {{platform: linux}}
check: {check}
maps: {{}}
"""
    return load_rule(parse_source(text.encode(), "t.rule.yaml")).rule.check


lists = st.lists(st.tuples(st.integers(1, 5), st.sampled_from(["any", "loopback"])), max_size=6)


@given(lists)
def test_quantifiers_say_what_python_says(entries: list[tuple[int, str]]) -> None:
    facts: dict[FactKey, Fact] = {
        SOCKETS: Known(ListeningSockets([listener(p, s) for p, s in entries], 0), "t")
    }
    chosen = [p for p, s in entries if s == "any"]

    def outcome(asked: str) -> Outcome:
        text = "{fact: socket.listening, field: sockets, where: {field: scope, equals: any}, " + asked + "}"
        return decide(facts, loaded(text)).outcome

    def word(holds: bool) -> Outcome:
        return Outcome.PASS if holds else Outcome.FAIL

    assert outcome("each: {field: port, at_most: 3}") == word(all(p <= 3 for p in chosen))
    assert outcome("any: {field: port, at_most: 3}") == word(any(p <= 3 for p in chosen))
    assert outcome("none: {field: port, at_most: 3}") == word(not any(p <= 3 for p in chosen))
    assert outcome("count: {at_most: 2}") == word(len(chosen) <= 2)
    good = sum(p <= 3 for p in chosen)
    found = decide(
        facts,
        loaded(
            "{fact: socket.listening, field: sockets, where: {field: scope, equals: any}, "
            "each: {field: port, at_most: 3}, score: fraction}"
        ),
    )
    if 0 < good < len(chosen):
        assert (found.outcome, found.passed, found.of) == (Outcome.PARTIAL, good, len(chosen))
    else:
        assert found.outcome == word(good == len(chosen))


@given(st.lists(st.integers(0, 10) | st.none(), max_size=5), st.integers(0, 5))
def test_a_count_beside_elements_nobody_can_judge_is_unknown_unless_they_change_nothing(
    ages: list[int | None], limit: int
) -> None:
    from vonggac_contract.facts.access import Account, Accounts

    people = [
        Account(str(i), i, i, "", "", False, True, [], "set", maximum_age=a) for i, a in enumerate(ages)
    ]
    facts: dict[FactKey, Fact] = {FactKey("account.users"): Known(Accounts(people, []), "t")}
    text = "{fact: account.users, field: accounts, where: {field: maximum_age, at_least: 5}, count: {at_most: %d}}"
    found = decide(facts, loaded(text % limit)).outcome
    sure = sum(a is not None and a >= 5 for a in ages)
    most = sure + sum(a is None for a in ages)
    expected = Outcome.PASS if most <= limit else Outcome.FAIL if sure > limit else Outcome.UNKNOWN
    assert found == expected


@given(st.integers(-400, 400), st.integers(0, 400))
def test_newer_and_older_look_back_from_the_scans_clock(age: int, window: int) -> None:
    moment = NOW - timedelta(days=age, seconds=1)
    assert compare("newer_than", moment, f"P{window}D", NOW) == (age < window)
    assert compare("older_than", moment, f"P{window}D", NOW) == (age >= window)


def test_a_span_beyond_every_date_is_the_first_or_the_last_of_them() -> None:
    assert compare("newer_than", NOW, "P9999Y", NOW)
    assert compare("older_than", NOW, "-P9999Y", NOW)


def test_a_day_counts_until_its_end() -> None:
    assert compare("newer_than", date(2026, 6, 1), "P0D", NOW)
    assert not compare("newer_than", date(2026, 5, 31), "P0D", NOW)
    assert compare("newer_than", date(2026, 6, 30), "-P28D", NOW)
    assert not compare("newer_than", date(2026, 6, 28), "-P28D", NOW)


def test_a_value_that_is_not_set_is_unknown_unless_the_rule_asks_for_its_absence() -> None:
    facts: dict[FactKey, Fact] = {FactKey("os.support"): Known(OsSupport("debian", "14"), "t")}
    found = decide(facts, loaded("{fact: os.support, newer_than: P0D}"))
    assert (found.outcome, found.reason) == (Outcome.UNKNOWN, "no-value")
    either = "{any: [{fact: os.support, absent: true}, {fact: os.support, newer_than: P0D}]}"
    assert decide(facts, loaded(either)).outcome is Outcome.PASS


@pytest.mark.hostile
def test_evidence_of_ten_thousand_offenders_is_twenty_and_their_number() -> None:
    many = [listener(23, "any")] * 10_000
    facts: dict[FactKey, Fact] = {SOCKETS: Known(ListeningSockets(many, 0), "t")}
    found = decide(facts, loaded("{fact: socket.listening, field: sockets, none: {field: port, equals: 23}}"))
    assert len(found.evidence[0].offenders) == limits.MAX_EVIDENCE_ITEMS
    assert found.evidence[0].total == 10_000


@pytest.mark.parametrize(
    "asked",
    ["none: {field: process, equals: a}", "where: {field: process, equals: a}, count: {at_most: 0}"],
)
def test_an_element_that_nobody_could_judge_is_named_and_a_judged_one_still_decides(asked: str) -> None:
    check = loaded(f"{{fact: socket.listening, field: sockets, {asked}}}")
    unseen = Listener("tcp", "10.0.0.1", 22, "private", "")

    def found(*sockets: Listener) -> Finding:
        return decide({SOCKETS: Known(ListeningSockets(list(sockets), 0), "t")}, check)

    blind = found(unseen)
    assert (blind.outcome, blind.reason) == (Outcome.UNKNOWN, "no-value")
    assert blind.detail == "process: protocol tcp, address 10.0.0.1, port 22"
    assert blind.evidence[0].offenders == [
        {"protocol": "tcp", "address": "10.0.0.1", "port": 22, "process": ""}
    ]
    assert found(unseen, Listener("tcp", "10.0.0.2", 80, "private", "a")).outcome is Outcome.FAIL


@pytest.mark.hostile
def test_a_long_text_is_cut_in_evidence_and_kept_as_it_is() -> None:
    name = "<script>\x1b[31m\u202e" + "x" * 5000
    facts: dict[FactKey, Fact] = {
        SOCKETS: Known(ListeningSockets([Listener("tcp", "::", 1, "any", name)], 0), "t")
    }
    found = decide(
        facts, loaded("{fact: socket.listening, field: sockets, none: {field: process, contains: script}}")
    )
    shown = found.evidence[0].offenders[0]["process"]
    assert shown.startswith("<script>\x1b[31m\u202e")
    assert len(shown) == limits.MAX_EVIDENCE_TEXT + 1


@pytest.mark.hostile
def test_a_pattern_made_to_explode_takes_linear_time() -> None:
    facts: dict[FactKey, Fact] = {package("a"): Known(PackageInstalled(True, "a" * 100_000 + "!"), "t")}
    text = '{fact: package.installed, name: a, field: version, matches: "(a+)+(a*)*"}'
    started = datetime.now(UTC)
    assert decide(facts, loaded(text)).outcome is Outcome.FAIL
    assert datetime.now(UTC) - started < timedelta(seconds=5)


def test_could_not_look_bounds_its_detail() -> None:
    assert len(CouldNotLook(Reason.MALFORMED, "x" * 10_000).detail) == 400


@pytest.mark.parametrize("negated", [False, True])
def test_a_value_that_means_nobody_looked_is_neither_equal_nor_unequal(negated: bool) -> None:
    firewall = FirewallState(tools=[], active=True, input_policy="unknown")
    asked: Condition = Compare(fact_key("firewall.state"), "input_policy", "equals", Value("accept"))
    found = decide({fact_key("firewall.state"): Known(firewall, "t")}, Not(asked) if negated else asked)
    assert (found.outcome, found.reason) == (Outcome.UNKNOWN, "no-value")
    assert found.evidence[0].actual == "unknown"
