"""Rules that fit their types and still say nothing: found by name, and never where there is nothing to find."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.slowness import slowness

from vonggac_contract.facts import FactKey, Known, fact_key
from vonggac_contract.facts.access import AccountPolicy
from vonggac_contract.facts.network import Listener, ListeningSockets
from vonggac_contract.facts.packages import PackageInstalled
from vonggac_contract.finding import Outcome
from vonggac_contract.rule import (
    All,
    AnyOf,
    Compare,
    Condition,
    Count,
    Not,
    Quantify,
    Rule,
    Text,
    Value,
)
from vonggac_contract.snapshot import Snapshot
from vonggac_rules.cases import load_cases
from vonggac_rules.errors import RuleError
from vonggac_rules.evaluate import View, decide_rule
from vonggac_rules.load import LoadedRule, load_rule
from vonggac_rules.profiles import load_profile
from vonggac_rules.soundness import flaws, unsound
from vonggac_rules.source import parse_source

HEAD = """\
id: linux.t.{name}
title: {{vi: "t", en: "t"}}
why: {{vi: "t", en: "t"}}
fix: {{vi: "t", en: "t"}}
severity: {severity}
domain: access
maps: {{}}
"""
PLAIN = "applies: {platform: linux}\n"
POLICY = "{fact: account.policy, field: %s}"


def rule(body: str, name: str = "x", severity: str = "low") -> LoadedRule:
    applies = "" if body.startswith("applies:") else PLAIN
    text = HEAD.format(name=name, severity=severity) + applies + body
    return load_rule(parse_source(text.encode(), f"linux.t.{name}.rule.yaml"))


def said(*loaded: LoadedRule) -> list[str]:
    return [str(e) for e in unsound({r.rule.id: r for r in loaded}, [], {})]


FLAWED = [
    (
        "check: {all: [{fact: sshd.effective, field: maxsessions, at_least: 4},"
        " {fact: sshd.effective, field: maxsessions, at_most: 3}]}",
        "9:1: no facts can make this rule pass",
    ),
    (
        "check: {any: [{fact: sshd.effective, field: maxsessions, at_least: 4},"
        " {fact: sshd.effective, field: maxsessions, at_most: 4}]}",
        "9:1: no facts can make this rule fail",
    ),
    (
        "check: {fact: sshd.effective, field: permitrootlogin,"
        ' one_of: ["yes", "no", prohibit-password, forced-commands-only]}',
        "9:1: no facts can make this rule fail",
    ),
    (
        'check: {fact: sshd.effective, field: allowtcpforwarding, matches: "off|never"}',
        "9:1: no facts can make this rule pass",
    ),
    (
        "check: {fact: socket.listening, field: sockets, count: {at_least: 0}}",
        "9:1: no facts can make this rule fail",
    ),
    (
        "check: {all: [{fact: sshd.effective, field: ports, absent: true},"
        " {fact: sshd.effective, field: ports, contains: 22}]}",
        "9:1: no facts can make this rule pass",
    ),
    (
        "check: {all: [{fact: os.support, newer_than: P0D}, {fact: os.support, older_than: P10D}]}",
        "9:1: no facts can make this rule pass",
    ),
    (
        "check: {any: [{fact: account.policy, field: history, absent: true},"
        " {fact: account.policy, field: history, exists: true}]}",
        "9:1: no facts can make this rule fail",
    ),
    (
        "applies: {platform: linux, when: {all: [{fact: sshd.effective, field: usepam, is: true},"
        " {not: {fact: sshd.effective, field: usepam, is: true}}]}}\n"
        "check: {fact: sshd.effective, field: x11forwarding, is: false}",
        "8:28: this can never hold, so the rule applies to no machine",
    ),
    (
        "applies: {platform: linux, when: {any: [{fact: sshd.effective, field: usepam, is: true},"
        " {fact: sshd.effective, field: usepam, is: false}]}}\n"
        "check: {fact: sshd.effective, field: x11forwarding, is: false}",
        "8:28: this leaves no machine out",
    ),
    (
        "applies: {platform: linux, when: {fact: sshd.effective, field: usepam, is: true}}\n"
        "check: {all: [{fact: sshd.effective, field: usepam, is: true},"
        " {fact: sshd.effective, field: x11forwarding, is: false}]}",
        "9:15: this part always holds",
    ),
    (
        "check: {all: [{fact: sshd.effective, field: maxsessions, at_most: 3},"
        " {fact: sshd.effective, field: maxsessions, at_most: 5}]}",
        "9:71: this part holds wherever part 1 (9:15) does, so it adds nothing",
    ),
    (
        "check: {any: [{fact: sshd.effective, field: maxsessions, at_most: 3},"
        " {fact: sshd.effective, field: maxsessions, at_most: 5}]}",
        "9:15: this part holds only where part 2 (9:71) does, so it adds nothing",
    ),
    (
        "check: {any: [{fact: sshd.effective, field: usepam, is: true},"
        " {all: [{fact: sshd.effective, field: maxsessions, at_most: 3},"
        " {fact: sshd.effective, field: maxsessions, at_least: 5}]}]}",
        "9:64: this part can never hold",
    ),
    (
        "check: {all: [{fact: sshd.effective, field: usepam, is: true},"
        " {any: [{fact: sshd.effective, field: maxsessions, at_most: 3},"
        " {all: [{fact: sshd.effective, field: maxsessions, at_most: 2},"
        " {fact: sshd.effective, field: x11forwarding, is: true}]}]}]}",
        "9:127: this part holds only where part 1 (9:71) does, so it adds nothing",
    ),
    (
        "check: {fact: socket.listening, field: sockets,"
        " where: {all: [{field: port, at_most: 80}, {field: port, at_least: 81}]}, none: {field: scope, equals: any}}",
        "9:49: no element can be meant",
    ),
    (
        "check: {fact: socket.listening, field: sockets,"
        " where: {field: protocol, one_of: [tcp, udp]}, none: {field: scope, equals: any}}",
        "9:49: this leaves no element out",
    ),
    (
        "check: {fact: socket.listening, field: sockets,"
        " where: {field: scope, equals: any}, none: {field: scope, equals: loopback}}",
        "9:85: no element can satisfy this",
    ),
    (
        "check: {fact: socket.listening, field: sockets,"
        " where: {field: scope, equals: any}, each: {not: {field: scope, equals: loopback}}}",
        "9:85: every element satisfies this",
    ),
    (
        "check: {fact: socket.listening, field: sockets,"
        " none: {all: [{field: port, equals: 23}, {field: port, between: [1, 1024]}]}}",
        "9:89: this part holds wherever part 1 (9:62) does, so it adds nothing",
    ),
    (
        "check: {fact: account.users, field: accounts, none:"
        " {field: groups, any: {all: [{equals: a}, {equals: b}]}}}",
        "9:69: no element can satisfy this",
    ),
    (
        "check: {all: [{fact: sshd.effective, field: ciphers, subset_of: [a, b]},"
        " {fact: sshd.effective, field: ciphers, contains: c}]}",
        "9:1: no facts can make this rule pass",
    ),
    (
        "check: {all: [{fact: sshd.effective, field: ciphers, none: {equals: a}},"
        " {fact: sshd.effective, field: ciphers, contains: a}]}",
        "9:1: no facts can make this rule pass",
    ),
    (
        "check: {all: [{fact: socket.listening, field: sockets, count: {at_most: 3}},"
        " {fact: socket.listening, field: sockets, count: {at_most: 20}}]}",
        "9:78: this part holds wherever part 1 (9:15) does, so it adds nothing",
    ),
]


@pytest.mark.parametrize(("body", "message"), FLAWED)
def test_a_rule_that_says_nothing_is_named_with_its_place(body: str, message: str) -> None:
    [found] = said(rule(body))
    assert found.startswith(f"linux.t.x.rule.yaml:{message}")


SOUND = [
    # A missing value means something only where the rule says so: none of these parts is idle.
    "check: {all: [{fact: account.policy, field: history, exists: true},"
    " {fact: account.policy, field: history, at_least: 5}]}",
    "check: {any: [{fact: account.policy, field: history, absent: true},"
    " {fact: account.policy, field: history, at_least: 5}]}",
    "check: {any: [{fact: os.support, absent: true}, {fact: os.support, newer_than: P0D}]}",
    # A pattern is not taken apart, so nothing is said of two of them.
    'check: {all: [{fact: sshd.effective, field: banner, matches: "/etc/.*"},'
    ' {fact: sshd.effective, field: banner, matches: ".*net"}]}',
    "check: {all: [{fact: sshd.effective, field: banner, contains: etc},"
    " {not: {fact: sshd.effective, field: banner, contains: tc/}}]}",
    # An empty list satisfies `each`.
    "check: {all: [{fact: sshd.effective, field: ports, exists: true},"
    " {fact: sshd.effective, field: ports, each: {at_least: 1024}}]}",
    "check: {fact: socket.listening, field: sockets, each: {field: process, one_of: [sshd]}, score: fraction}",
    "check: {fact: socket.listening, field: sockets,"
    " where: {field: scope, equals: any}, count: {between: [1, 2]}}",
    # Which of two moments is earlier changes with the clock, if one is a day and the other a span.
    'check: {all: [{fact: os.support, newer_than: P30D}, {fact: os.support, older_than: "2025-01-01"}]}',
]


@pytest.mark.parametrize("body", SOUND)
def test_a_rule_that_asks_something_is_let_pass(body: str) -> None:
    assert said(rule(body)) == []


def test_a_contradiction_says_which_parts_exclude_each_other() -> None:
    loaded = rule(FLAWED[0][0])
    [error] = unsound({"linux.t.x": loaded}, [], {})
    assert error.hint == "parts 1 and 2 of `all` exclude each other"


MAXIMUM = "check: {fact: sshd.effective, field: maxsessions, at_most: %s}"


def test_two_rules_that_ask_the_same_are_named() -> None:
    negated = "check: {not: {fact: sshd.effective, field: maxsessions, at_least: 5}}"
    [found] = said(rule(MAXIMUM % 4, "a"), rule(negated, "b"))
    assert found == (
        "linux.t.b.rule.yaml:1:1: linux.t.b asks the same as linux.t.a (linux.t.a.rule.yaml:1:1),"
        " which reads the same values"
    )


def test_cases_tell_rules_apart_and_never_hide_that_one_repeats_another() -> None:
    """A case may leave out what the other rule reads, so only what it decides for sure counts."""
    first = rule("check: {fact: socket.listening, field: sockets, none: {field: port, equals: 23}}", "a")
    either = "{any: [{field: port, equals: 23}, {field: port, equals: 512}]}"
    second = rule(f"check: {{fact: socket.listening, field: sockets, none: {either}}}", "b")
    text = (
        "pass-a:\n  facts: [{fact: socket.listening, value: {sockets: []}}]\n  expect: {outcome: pass}\n"
        "fail-a:\n  facts: [{fact: socket.listening, value: {sockets: [{port: 23}]}}]\n  expect: {outcome: fail}\n"
    )
    rules = {"linux.t.a": first, "linux.t.b": second}
    cases = {"linux.t.a": load_cases(parse_source(text.encode(), "a.cases.yaml"), first)}
    with_cases = [str(e) for e in unsound(rules, [], {}, cases)]
    assert with_cases == said(first, second)
    assert "linux.t.a never fails without linux.t.b" in with_cases[0]


def test_a_rule_that_fails_only_where_another_does_is_named_unless_it_weighs_more() -> None:
    [found] = said(rule(MAXIMUM % 9, "a"), rule(MAXIMUM % 4, "b"))
    assert "linux.t.a never fails without linux.t.b" in found
    assert said(rule(MAXIMUM % 9, "a", "high"), rule(MAXIMUM % 4, "b", "low")) == []
    other = "check: {fact: sshd.effective, field: maxauthtries, at_most: 4}"
    assert said(rule(MAXIMUM % 9, "a"), rule(other, "b")) == []


def test_rules_under_other_conditions_do_not_shadow_each_other() -> None:
    def under(state: str, name: str) -> LoadedRule:
        when = f"applies: {{platform: linux, when: {{fact: sshd.effective, field: usepam, is: {state}}}}}\n"
        return rule(when + MAXIMUM % 4, name)

    assert said(under("true", "a"), under("false", "b")) == []
    assert len(said(under("true", "a"), under("true", "b"))) == 1


PARAMETER = """\
check:
  all:
    - {fact: sshd.effective, field: maxsessions, between: [2, 5]}
    - {fact: sshd.effective, field: maxsessions, at_least: "${few}"}
parameters:
  few: {default: 3, about: {vi: "v", en: "e"}}
"""
PROFILE = """\
id: p
level: 3
title: {vi: t, en: t}
source: {vi: s, en: s}
rules:
  linux.t.x: {few: %d}
"""


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (6, "check of linux.t.x: no facts can make this rule pass"),
        (2, "check.all.1 of linux.t.x: this part holds wherever part 1 does, so it adds nothing"),
    ],
)
def test_a_profiles_value_that_takes_a_rules_sense_is_named_in_the_profile(value: int, message: str) -> None:
    [error] = told_of_profile(value)
    assert str(error) == f"p.profile.yaml:6:15: with few: {value} of p, at {message}"
    assert error.hint == "the rule's own value is 3"


def test_a_profiles_value_that_leaves_a_rule_its_sense_is_let_pass() -> None:
    assert told_of_profile(4) == []


def told_of_profile(value: int) -> list[RuleError]:
    loaded = {"linux.t.x": rule(PARAMETER)}
    source = parse_source((PROFILE % value).encode(), "p.profile.yaml")
    return unsound(loaded, [load_profile(source, loaded)], {"p": source})


@pytest.mark.parser
@pytest.mark.hostile
def test_a_rule_with_too_many_worlds_costs_little_and_nothing_is_said_of_it() -> None:
    keys = [f"fact: sysctl, key: k{n}" for n in range(61)]
    both = ", ".join(
        f"{{any: [{{{a}, equals: a}}, {{{b}, equals: b}}]}}" for a, b in itertools.pairwise(keys)
    )
    words = ", ".join(f'{{field: process, matches: "{n}.*"}}' for n in range(30))
    started = time.process_time()
    assert said(rule(f"check: {{all: [{both}]}}")) == []
    assert said(rule(f"check: {{fact: socket.listening, field: sockets, none: {{any: [{words}]}}}}")) == []
    assert time.process_time() - started < 2 * slowness()


@pytest.mark.parser
@pytest.mark.hostile
def test_a_rule_of_thousands_of_parts_and_words_costs_seconds_at_most() -> None:
    parts = ", ".join(f"{{fact: sshd.effective, field: maxsessions, at_most: {n}}}" for n in range(2000))
    words = ", ".join(f"w{n}" for n in range(5000))
    same = ", ".join(f"{{fact: sshd.effective, field: banner, matches: 'w{n}.*'}}" for n in range(500))
    bodies = (
        f"check: {{all: [{parts}]}}",
        f"check: {{fact: sshd.effective, field: banner, one_of: [{words}]}}",
        f"check: {{any: [{same}]}}",
        f"check: {{fact: sshd.effective, field: ciphers, none: {{one_of: [{words}]}}}}",
    )
    for body in bodies:
        loaded = rule(body)
        started = time.process_time()
        said(loaded)
        assert time.process_time() - started < 5 * slowness(), body[:80]


def test_of_a_rule_with_too_many_worlds_each_part_that_stands_alone_is_looked_at() -> None:
    parts = [f"{{fact: sysctl, key: k{n}, one_of: [a, b]}}" for n in range(60)]
    limits = "{fact: account.policy, field: history, at_least: 9}, {fact: account.policy, field: history, at_most: 3}"
    [found] = said(rule(f"check: {{all: [{', '.join([*parts, f'{{all: [{limits}]}}'])}]}}"))
    assert "this part can never hold, so the rule can never pass" in found
    beside = "{fact: sysctl, key: k3, equals: c}"
    assert said(rule(f"check: {{all: [{', '.join([*parts, beside])}]}}")) == []


# Brute force over a small world, by the evaluator alone.

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WORDS = Text("v", "e")
POLICY_KEY, PACKAGE, SOCKETS = (
    FactKey("account.policy"),
    fact_key("package.installed", {"name": "a"}),
    FactKey("socket.listening"),
)


def number(field: str, key: FactKey | None, most: int) -> st.SearchStrategy[Condition]:
    one = st.integers(0, most)
    return st.one_of(
        st.builds(
            lambda op, n: Compare(key, field, op, Value(n)),
            st.sampled_from(["equals", "at_least", "at_most"]),
            one,
        ),
        st.tuples(one, one).map(lambda p: Compare(key, field, "between", Value(sorted(p)))),
    )


leaf = st.one_of(
    number("history", POLICY_KEY, 3),
    st.sampled_from(["exists", "absent"]).map(lambda op: Compare(POLICY_KEY, "history", op, Value(True))),  # type: ignore[arg-type]
    st.just(Compare(PACKAGE, "installed", "is", Value(True))),
    st.lists(st.sampled_from(["p", "q"]), min_size=1, max_size=2).map(
        lambda w: Compare(PACKAGE, "version", "one_of", Value(w))
    ),
)
inner = st.one_of(
    number("port", None, 1),
    st.sampled_from(["a", "b"]).map(lambda w: Compare(None, "process", "equals", Value(w))),
)


def joined(leaves: st.SearchStrategy[Condition], most: int) -> st.SearchStrategy[Condition]:
    return st.recursive(
        leaves,
        lambda c: (
            st.lists(c, min_size=1, max_size=3).map(lambda of: All(tuple(of)))
            | st.lists(c, min_size=1, max_size=3).map(lambda of: AnyOf(tuple(of)))
            | c.map(Not)
        ),
        max_leaves=most,
    )


listed = st.one_of(
    st.builds(
        lambda q, c, w: Quantify(SOCKETS, "sockets", q, c, w),
        st.sampled_from(["each", "any", "none"]),
        joined(inner, 2),
        st.none() | joined(inner, 2),
    ),
    st.builds(
        lambda op, n, w: Count(SOCKETS, "sockets", op, Value(n), w),
        st.sampled_from(["equals", "at_least", "at_most"]),
        st.integers(0, 2),
        st.none() | joined(inner, 2),
    ),
)


def outcomes(check: Condition, when: Condition | None = None, read: str = "") -> Iterator[Outcome]:
    """What the rule says in every world of numbers -1 to 4, three words, and lists of up to three elements."""
    read = read or repr(check) + repr(when)
    numbers: list[Any] = [None, -1, 0, 1, 2, 3, 4] if "account.policy" in read else [None]
    packages = itertools.product([True, False], ["p", "q", "r"]) if "package" in read else [(True, "p")]
    elements = [(p, w) for p in (-1, 0, 1, 2) for w in ("a", "b", "c", "")]
    lists: list[Any] = [()]
    if "socket" in read:
        lists = [e for n in range(4) for e in itertools.combinations_with_replacement(elements, n)]
    asked = Rule("linux.t.x", WORDS, WORDS, {}, "low", "access", "linux", when, check, {}, {})
    for history, (installed, version), chosen in itertools.product(numbers, packages, lists):
        sockets = [Listener("tcp", "", port, "any", word) for port, word in chosen]
        view = View(
            Snapshot(
                NOW,
                "linux",
                {
                    POLICY_KEY: Known(AccountPolicy(history=history), ""),
                    PACKAGE: Known(PackageInstalled(installed, version), ""),
                    SOCKETS: Known(ListeningSockets(sockets, 0), ""),
                },
            )
        )
        yield decide_rule(asked, {}, view).outcome


def messages(check: Condition, when: Condition | None = None) -> set[str]:
    asked = Rule("linux.t.x", WORDS, WORDS, {}, "low", "access", "linux", when, check, {}, {})
    return {f.message for f in flaws(asked, {}) if f.path in (("check",), ("applies", "when"))}


def agree(found: set[Outcome], told: set[str]) -> None:
    assert ("no facts can make this rule pass" in told) == (Outcome.PASS not in found)
    assert ("no facts can make this rule fail" in told) == (
        Outcome.FAIL not in found and Outcome.PASS in found
    )


@settings(max_examples=300, deadline=None)
@given(joined(leaf, 5))
def test_the_checker_agrees_with_trying_every_value(check: Condition) -> None:
    agree(set(outcomes(check)), messages(check))


@settings(max_examples=150, deadline=None)
@given(joined(leaf, 3), joined(leaf, 3))
def test_the_checker_agrees_with_trying_every_value_under_a_condition(
    check: Condition, when: Condition
) -> None:
    told = messages(check, when)
    found = set(outcomes(check, when))
    if "this can never hold, so the rule applies to no machine" in told:
        assert found <= {Outcome.NOT_APPLICABLE, Outcome.UNKNOWN}
    elif "this leaves no machine out" in told:
        assert Outcome.NOT_APPLICABLE not in found
    else:
        assert Outcome.NOT_APPLICABLE in found
        agree(found, told)


@settings(max_examples=25, deadline=None)
@given(listed)
def test_the_checker_agrees_with_trying_every_list(check: Condition) -> None:
    told = messages(check)
    asked = Rule("linux.t.x", WORDS, WORDS, {}, "low", "access", "linux", None, check, {}, {})
    if told or not flaws(asked, {}):
        agree(set(outcomes(check)), told)


@settings(max_examples=200, deadline=None)
@given(st.lists(leaf, min_size=2, max_size=4), st.booleans())
def test_a_part_named_as_idle_can_be_left_out_and_nothing_changes(
    parts: list[Condition], every: bool
) -> None:
    kind = All if every else AnyOf
    asked = Rule("linux.t.x", WORDS, WORDS, {}, "low", "access", "linux", None, kind(tuple(parts)), {}, {})
    word = "all" if every else "any"
    idle = {f.path[2] for f in flaws(asked, {}) if len(f.path) == 3 and f.path[:2] == ("check", word)}
    left = kind(tuple(p for i, p in enumerate(parts) if i not in idle))
    whole = kind(tuple(parts))
    assert list(outcomes(left, read=repr(whole))) == list(outcomes(whole))
