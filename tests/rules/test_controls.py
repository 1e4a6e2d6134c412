"""Every control that an agent is to measure has a rule, in the profile of each level at which it applies."""

from __future__ import annotations

import csv
import sys
from collections import defaultdict

import pytest

from vonggac_rules.pack import Pack

from .conftest import POLICIES

TABLE = POLICIES / "data" / "level-controls.csv"


def controls() -> dict[str, set[int]]:
    """Controls whose measured_by names `agent`, with the levels at which they apply."""
    found: dict[str, set[int]] = defaultdict(set)
    with TABLE.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(line for line in stream if not line.startswith("#")):
            if "agent" in row["measured_by"].split("+"):
                found[row["control_id"]].add(int(row["level"]))
    return dict(found)


def rules_of(pack: Pack) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for rule_id, loaded in sorted(pack.rules.items()):
        for control in loaded.rule.maps["tcvn14423"]:
            found[control].append(rule_id)
    return found


def test_every_control_for_the_agent_has_a_rule(pack: Pack, capsys: pytest.CaptureFixture[str]) -> None:
    rules = rules_of(pack)
    table = [
        f"{control:<34} levels {','.join(map(str, sorted(levels))):<9} {len(rules[control]):>3} rules  "
        + _some(rules[control])
        for control, levels in sorted(controls().items())
    ]
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(table) + "\n")
    assert [control for control in controls() if not rules[control]] == []
    assert len(table) == 92


def test_each_profile_measures_every_control_for_the_agent_at_its_level(pack: Pack) -> None:
    for profile in pack.profiles:
        measured = {c for r in profile.rules for c in pack.rules[r].rule.maps["tcvn14423"]}
        due = {control for control, levels in controls().items() if profile.level in levels}
        assert due - measured == set(), profile.id
        assert len(due) >= 40


def _some(rules: list[str]) -> str:
    shown = ", ".join(r.removeprefix("linux.") for r in rules[:3])
    return shown + (f" and {len(rules) - 3} more" if len(rules) > 3 else "")
