"""Our rules and the distribution's own SCAP content look at the same roots, and every difference is explained."""

from __future__ import annotations

import json
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.agreement import looks, openscap
from tests.agreement.compare import Comparison, Explanation, Verdict, explanations, judge, table
from tests.agreement.trees import HERE, fell
from tests.roots.kept import cache_folder

pytestmark = pytest.mark.timeout(2400)
FIGURES = HERE.parents[1] / "build/agreement.json"
MOST_TO_FIX = 2.0
"""Per cent of the comparisons in which we may be the ones who are wrong."""


@pytest.fixture(scope="module")
def comparisons(
    tmp_path_factory: pytest.TempPathFactory, reasons: list[Explanation]
) -> Iterator[list[Comparison]]:
    """Everything compared, once. The trees stand beside the roots: hard links do not cross file systems."""
    if reason := openscap.wanting():
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    cache_folder().mkdir(parents=True, exist_ok=True)
    forest = Path(tempfile.mkdtemp(prefix="forest-", dir=cache_folder()))
    try:
        watched = frozenset[str]().union(*(reason.absent for reason in reasons))
        yield looks.look_at_all(looks.described(), forest, tmp_path_factory.mktemp("agreement"), watched)
    finally:
        fell(forest)


@pytest.fixture(scope="module")
def reasons() -> list[Explanation]:
    return explanations(yaml.safe_load((HERE / "disagreements.yaml").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def verdict(comparisons: list[Comparison], reasons: list[Explanation]) -> Verdict:
    found = judge(comparisons, reasons)
    FIGURES.parent.mkdir(exist_ok=True)
    FIGURES.write_text(json.dumps({**found.figures(), "rules": per_rule(found)}, indent=1) + "\n")
    return found


def per_rule(verdict: Verdict) -> dict[str, dict[str, int]]:
    """Rule -> how often which pair of words was said, for the file of figures."""
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    explained = [comparison for comparison, _ in verdict.explained]
    for comparison in (*verdict.agreed, *explained, *verdict.unexplained, *verdict.not_looked):
        counts[comparison.counterpart.rule][comparison.pair] += 1
    return {rule: dict(sorted(pairs.items())) for rule, pairs in sorted(counts.items())}


def test_every_disagreement_with_openscap_is_explained(
    comparisons: list[Comparison], verdict: Verdict, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        print(f"\n{table(comparisons)}\n")  # noqa: T201
        print("\n".join(f"{name:<16}{value:>10}" for name, value in verdict.figures().items()))  # noqa: T201
    lines = [
        f"{c.tree}: {c.counterpart.rule} {c.pair} {c.counterpart.name} ({c.counterpart.content}): {c.detail}"
        for c in verdict.unexplained
    ]
    assert not lines, "unexplained:\n" + "\n".join(lines)


def test_every_explanation_explains_something(verdict: Verdict, reasons: list[Explanation]) -> None:
    assert verdict.compared
    unused = [f"{', '.join(r.rules)} {', '.join(r.pairs)}: {r.why}" for r in reasons if not r.used]
    assert not unused, "explains nothing any more:\n" + "\n".join(unused)


def test_we_are_wrong_in_few_comparisons(verdict: Verdict) -> None:
    assert verdict.compared > 0
    assert verdict.figures()["ours to fix %"] < MOST_TO_FIX


def test_both_families_are_looked_at_in_at_least_twelve_trees(comparisons: list[Comparison]) -> None:
    trees = {comparison.tree for comparison in comparisons}
    assert len(trees) >= 12
    assert {"debian11", "foreign", "walk", "rhel9"} == {c.counterpart.content for c in comparisons}


def test_both_words_are_heard_from_both_sides(comparisons: list[Comparison]) -> None:
    """A comparison that only ever passes shows nothing."""
    pairs = {comparison.pair for comparison in comparisons}
    assert {"pass/pass", "fail/fail"} <= pairs
