"""Every parameter of the shipped rules: which way its values go can be told, and the cases agree."""

from __future__ import annotations

from typing import Any

from vonggac_contract.finding import Outcome
from vonggac_rules.evaluate import View, decide_rule
from vonggac_rules.loosening import direction
from vonggac_rules.pack import Pack
from vonggac_rules.soundness import defaults

BAD = (Outcome.FAIL, Outcome.PARTIAL)


def changed(value: Any) -> list[Any]:
    """Other values that a profile may give instead."""
    if isinstance(value, int):
        return [n for n in (0, value + 1, max(0, value - 1), 1_000_000) if n != value]
    if isinstance(value, list):
        return [value[:1], value[1:] or value, [*value, value[0] + 1 if isinstance(value[0], int) else "x"]]
    return ["P0D", "P9D", "-P9D", "P5000D"] if value.lstrip("-").startswith("P") else []


def test_which_way_a_changed_value_goes_can_be_told_and_every_case_agrees(pack: Pack) -> None:
    told = 0
    for rule_id, loaded in pack.rules.items():
        own = defaults(loaded.rule)
        for name, value in own.items():
            for other in changed(value):
                new = own | {name: other}
                way = direction(loaded.rule, own, new)
                assert way != "other", (rule_id, new)
                told += 1
                for case in pack.cases[rule_id]:
                    view = View(case.snapshot)
                    first, second = (decide_rule(loaded.rule, v, view).outcome in BAD for v in (own, new))
                    assert first == second or way == ("looser" if first else "tighter"), (case.name, new)
    assert told > 200
