"""The trace: the evaluator's own answers, all of them, bounded, in the order of the rule."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vonggac_contract import limits
from vonggac_contract.facts import Fact, FactKey, Known, Reason, Unavailable, fact_key
from vonggac_contract.facts.access import AccountPolicy
from vonggac_contract.facts.network import Listener, ListeningSockets
from vonggac_contract.facts.packages import PackageInstalled
from vonggac_contract.rule import All, AnyOf, Compare, Condition, Not, Rule, Text, Value
from vonggac_contract.snapshot import Snapshot, snapshot_to_bytes
from vonggac_rules.builtin import default_rulebook_bytes
from vonggac_rules.cli import main
from vonggac_rules.evaluate import View, decide, decide_rule
from vonggac_rules.load import load_rule
from vonggac_rules.rulebook import load_rulebook
from vonggac_rules.source import parse_source
from vonggac_rules.trace import Step, Trace, said, trace_rule

from .test_soundness import HEAD, PLAIN

NOW = datetime(2026, 6, 1, tzinfo=UTC)
WORDS = Text("v", "e")
SOCKETS = FactKey("socket.listening")


def rule(check: Condition, when: Condition | None = None) -> Rule:
    return Rule("linux.t.x", WORDS, WORDS, {}, "low", "access", "linux", when, check, {}, {})


def written(check: str) -> Rule:
    text = HEAD.format(name="x", severity="low") + PLAIN + f"check: {check}\n"
    return load_rule(parse_source(text.encode(), "x.rule.yaml")).rule


def trace(asked: Rule, facts: dict[FactKey, Fact]) -> Trace:
    return trace_rule(asked, {}, View(Snapshot(NOW, "linux", facts)))


def every(steps: tuple[Step, ...]) -> Iterator[Step]:
    for step in steps:
        yield step
        yield from every(step.steps)


def package(name: str) -> FactKey:
    return fact_key("package.installed", {"name": name})


conditions = st.recursive(
    st.sampled_from("abc").map(lambda n: Compare(package(n), "installed", "is", Value(True))),
    lambda c: (
        st.lists(c, min_size=1, max_size=3).map(lambda of: All(tuple(of)))
        | st.lists(c, min_size=1, max_size=3).map(lambda of: AnyOf(tuple(of)))
        | c.map(Not)
    ),
    max_leaves=6,
)
seen = st.dictionaries(
    st.sampled_from("abc").map(package),
    st.booleans().map(lambda b: Known(PackageInstalled(b), ""))
    | st.just(Unavailable(Reason.TIMED_OUT, "too slow")),
)


@settings(max_examples=200)
@given(conditions, st.none() | conditions, seen)
def test_the_finding_is_the_evaluators_and_each_step_follows_from_those_below_it(
    check: Condition, when: Condition | None, facts: dict[FactKey, Fact]
) -> None:
    # Conditions from `sampled_from` may be one object; rules from files never are.
    asked = msgspec.json.decode(msgspec.json.encode(rule(check, when)), type=Rule)
    found = trace(asked, facts)
    assert found.finding == decide_rule(asked, {}, View(Snapshot(NOW, "linux", facts)))
    for step in every(found.steps):
        truths = [s.truth for s in step.steps]
        if step.kind == "all" and step.truth != "not asked":
            assert step.truth == (
                "false" if "false" in truths else "unknown" if "unknown" in truths else "true"
            )
            assert [s.decides for s in step.steps] == [t == step.truth for t in truths]
        elif step.kind == "not" and step.truth != "not asked":
            assert step.truth == {"true": "false", "false": "true", "unknown": "unknown"}[truths[0]]
        assert bool(step.reason) == (step.truth == "unknown")
    outcome = {"true": "pass", "false": "fail", "unknown": "unknown"}
    if found.steps[-1].truth in outcome:
        assert found.finding.outcome == outcome[found.steps[-1].truth]


def test_a_rule_that_does_not_apply_shows_why_and_that_its_check_is_not_asked() -> None:
    asked = rule(
        Compare(package("b"), "installed", "is", Value(True)),
        Compare(package("a"), "installed", "is", Value(True)),
    )
    found = trace(asked, {package("a"): Known(PackageInstalled(False), "")})
    assert [(s.path, s.truth, s.actual) for s in found.steps] == [
        ("when", "false", False),
        ("check", "not asked", None),
    ]


def test_what_nobody_could_look_at_is_unknown_with_its_reason() -> None:
    asked = rule(Compare(package("a"), "installed", "is", Value(True)))
    [step] = trace(asked, {package("a"): Unavailable(Reason.TIMED_OUT, "too slow")}).steps
    assert (step.truth, step.reason, step.detail, step.actual) == ("unknown", "timed-out", "too slow", None)


def listener(port: int, scope: str = "any", process: str = "p") -> Listener:
    return Listener("tcp", "192.0.2.1", port, scope, process)  # type: ignore[arg-type]


NONE = "{fact: socket.listening, field: sockets, where: {field: scope, equals: any}, none: {field: port, equals: 23}}"


def test_each_element_has_its_step_with_what_was_read_of_it() -> None:
    sockets = ListeningSockets([listener(22), listener(23, "loopback"), listener(23)], 0)
    [step] = trace(written(NONE), {SOCKETS: Known(sockets, "")}).steps
    assert (step.path, step.kind, step.truth, step.actual, step.of) == ("check", "none", "false", "1/2", 3)
    assert [(s.element, s.truth) for s in step.steps] == [(1, "false"), (2, "left out"), (3, "true")]
    assert step.steps[2].actual["port"] == 23
    assert [s.path for s in step.steps[0].steps] == ["check.where", "check.none"]
    assert [s.actual for s in step.steps[1].steps] == ["loopback"]


@pytest.mark.hostile
def test_of_ten_thousand_elements_twenty_are_shown_those_that_are_meant_first() -> None:
    many = [listener(1, "loopback")] * 5000 + [listener(23)] * 5000
    [step] = trace(written(NONE), {SOCKETS: Known(ListeningSockets(many, 0), "")}).steps
    assert len(step.steps) == limits.MAX_EVIDENCE_ITEMS
    assert {s.truth for s in step.steps} == {"true"}
    assert step.of == 10_000
    lines = list(said(Trace(decide_rule(written(NONE), {}, View(Snapshot(NOW, "linux", {}))), (step,))))
    assert lines[-1].strip() == "… 9980 more of 10000"


@pytest.mark.hostile
def test_a_long_text_is_cut_and_what_a_terminal_would_obey_is_spelt() -> None:
    asked = written("{fact: socket.listening, field: sockets, none: {field: process, equals: x}}")
    sockets = ListeningSockets([listener(1, process="\x1b[31m\u202e\u200b" + "y" * 9000)], 0)
    text = "\n".join(said(trace(asked, {SOCKETS: Known(sockets, "")})))
    assert not {"\x1b", "\u202e", "\u200b"} & set(text)
    assert len(text) < 4 * limits.MAX_EVIDENCE_TEXT


def test_eval_prints_the_trace_of_one_rule_and_gives_it_as_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts: dict[FactKey, Fact] = {
        FactKey("account.policy"): Known(AccountPolicy(minimum_length=8, minimum_classes=4), "")
    }
    saved = tmp_path / "facts.json"
    saved.write_bytes(snapshot_to_bytes(Snapshot(NOW, "linux", facts)))
    asked = [
        "eval",
        "--facts",
        str(saved),
        "--profile",
        "tcvn14423-level3",
        "--rule",
        "linux.password.strength",
    ]
    assert main([*asked, "--trace"]) == 1
    out = capsys.readouterr().out
    assert "    check: false\n        check.all[0]: true  (overruled)" in out
    assert "account.policy minimum_length at_least 14, found 8" in out
    assert main([*asked, "--trace", "--json"]) == 1
    [found] = json.loads(capsys.readouterr().out)
    assert found["finding"]["outcome"] == "fail"
    assert found["steps"][0]["steps"][1]["actual"] == 8
    assert main([*asked, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)[0]["rule"] == "linux.password.strength"
    assert main([*asked[:-1], "linux.password.strenght"]) == 2
    assert "did you mean linux.password.strength" in capsys.readouterr().err


def test_every_rule_of_the_release_can_be_traced_and_comes_out_the_same() -> None:
    book = load_rulebook(default_rulebook_bytes())
    snapshot = Snapshot(NOW, "linux", {SOCKETS: Known(ListeningSockets([listener(22)], 0), "")})
    view = View(snapshot)
    found = [trace_rule(r, values, view).finding for r, values in book.profile_rules("tcvn14423-level5")]
    assert found == decide(book, "tcvn14423-level5", snapshot)
