"""Every rule's cases hold, and fail as soon as the rule is changed in the least."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from vonggac_rules.cases import broken
from vonggac_rules.pack import Pack
from vonggac_rules.source import read_source

from .mutate import mutants

EQUIVALENT = Path(__file__).with_name("equivalent-mutants.yaml")


def test_every_case_of_every_rule_holds(pack: Pack) -> None:
    assert [str(e) for e in pack.errors] == []
    assert pack.rules


def test_a_fault_in_a_rule_breaks_one_of_its_cases(pack: Pack) -> None:
    excused: dict[str, dict[str, str]] = read_source(EQUIVALENT).value
    survivors = [(rule_id, name) for rule_id in sorted(pack.rules) for name in surviving(pack, rule_id)]
    listed = {(rule_id, name) for rule_id, reasons in excused.items() for name in reasons}
    assert [f"{r} | {n}" for r, n in survivors if (r, n) not in listed] == []
    assert sorted(listed - set(survivors)) == []  # an excuse that is no longer needed


def test_every_excuse_is_a_sentence(pack: Pack) -> None:
    excused: dict[str, dict[str, str]] = read_source(EQUIVALENT).value
    assert [n for reasons in excused.values() for n, why in reasons.items() if len(why.split()) < 5] == []


def surviving(pack: Pack, rule_id: str) -> list[str]:
    """Names of the mutants under which every case still comes out as it should."""
    loaded = pack.rules[rule_id]
    cases = pack.cases[rule_id]
    return [
        name
        for name, rule in mutants(loaded.rule)
        if not any(broken(replace(loaded, rule=rule), case) for case in cases)
    ]
