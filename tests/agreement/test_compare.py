"""The comparison itself: what is called agreement, what is called a disagreement, and what an explanation covers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.agreement.compare import (
    Comparison,
    Counterpart,
    counterparts,
    explanations,
    joined,
    judge,
    our_word,
    table,
)
from tests.agreement.looks import nothing_at

ONE = Counterpart("linux.a.b", "debian11", "all", ("x",))
WHY = "A reason of five words at least."


def said(ours: str, theirs: str, *, broken: str = "", tree: str = "bookworm-installed") -> Comparison:
    return Comparison(tree, frozenset({broken} - {""}), ONE, ours, theirs)


@pytest.mark.parametrize(
    ("join", "results", "word"),
    [
        ("all", ["pass", "pass"], "pass"),
        ("all", ["pass", "fail"], "fail"),
        ("all", ["unknown", "fail"], "fail"),
        ("all", ["pass", "error"], "unknown"),
        ("any", ["fail", "pass"], "pass"),
        ("any", ["fail", "notchecked"], "unknown"),
        ("any", ["fail", "fail"], "fail"),
        ("all", ["notapplicable"], "unknown"),
    ],
)
def test_results_are_joined_like_our_own_and_none_of_them_turns_unknown_into_pass(
    join: str, results: list[str], word: str
) -> None:
    assert joined(join, results) == word


def test_a_root_that_does_not_run_is_no_disagreement_but_any_other_unknown_is() -> None:
    assert our_word("unknown", "not-supported") == "unknown"
    assert our_word("unknown", "malformed") == "unknown(malformed)"
    verdict = judge(
        [said("unknown", "fail"), said("pass", "unknown"), said("unknown(malformed)", "fail")], []
    )
    assert len(verdict.not_looked) == 2
    assert len(verdict.unexplained) == 1


def test_an_explanation_holds_only_for_the_words_and_the_changes_that_it_names() -> None:
    described = {"rules": ["linux.a.*"], "pairs": ["pass/fail"], "broken": ["x"], "right": "ours", "why": WHY}
    (reason,) = explanations([described])
    heard = [said("pass", "fail", broken="x"), said("pass", "fail"), said("fail", "pass", broken="x")]
    verdict = judge(heard, [reason])
    assert [comparison for comparison, _ in verdict.explained] == heard[:1]
    assert verdict.unexplained == heard[1:]
    assert reason.used == 1


def test_what_is_called_absent_has_to_be_absent_in_the_tree(tmp_path: Path) -> None:
    entry = {"rules": ["linux.a.*"], "pairs": ["not-applicable/pass"], "right": "both", "why": WHY}
    with pytest.raises(ValueError, match="not an explanation"):
        explanations([entry])
    (reason,) = explanations([entry | {"absent": ["/usr/*bin/x"]}])
    gone = nothing_at(tmp_path, reason.absent)
    (tmp_path / "usr/sbin").mkdir(parents=True)
    (tmp_path / "usr/sbin/x").touch()
    heard = [
        replace(said("not-applicable", "pass"), missing=m)
        for m in (gone, nothing_at(tmp_path, reason.absent))
    ]
    verdict = judge(heard, [reason])
    assert [comparison for comparison, _ in verdict.explained] == heard[:1]
    assert verdict.unexplained == heard[1:]


def test_what_is_ours_to_fix_is_counted_among_all_that_was_compared() -> None:
    reasons = explanations([{"rules": ["*"], "pairs": ["fail/pass"], "right": "theirs", "why": WHY}])
    figures = judge([said("pass", "pass")] * 3 + [said("fail", "pass")], reasons).figures()
    assert figures["ours to fix %"] == 25.0
    assert figures["agreed %"] == 75.0
    assert figures["explained %"] == 100.0


def test_an_explanation_without_a_reason_is_refused() -> None:
    with pytest.raises(ValueError, match="not an explanation"):
        explanations([{"rules": ["*"], "pairs": ["fail/pass"], "right": "ours", "why": "so"}])


def test_counterparts_are_one_rule_or_several() -> None:
    found = counterparts({"linux.a.b": {"debian11": "x", "rhel9": {"any": ["y", "z"]}}})
    assert [c.name for c in found] == ["x", "any(y, z)"]
    with pytest.raises(ValueError, match="names a rule"):
        counterparts({"linux.a.b": {"debian11": {"none": ["x"]}}})


def test_the_table_shows_who_said_what() -> None:
    shown = table([said("pass", "pass"), said("pass", "fail"), said("fail", "fail")])
    assert [line.split() for line in shown.splitlines()][1:] == [["pass", "1", "1"], ["fail", "0", "1"]]
