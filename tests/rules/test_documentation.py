"""docs/rules.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from msgspec.structs import replace

from vonggac_contract.finding import DOMAINS, SEVERITIES
from vonggac_rules.cases import broken, load_cases
from vonggac_rules.check import OPERATORS_BY_KIND
from vonggac_rules.load import FAMILIES, load_rule
from vonggac_rules.pack import Pack
from vonggac_rules.profiles import Books, load_local
from vonggac_rules.soundness import unsound_values
from vonggac_rules.source import parse_source

from .mutate import mutants

PAGE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def test_the_example_loads_its_cases_hold_and_notice_faults() -> None:
    loaded = load_rule(parse_source(BLOCKS[0].encode(), "docs/rules.md"))
    cases = load_cases(parse_source(BLOCKS[1].encode(), "docs/rules.md"), loaded)
    assert f"`{loaded.rule.id}.rule.yaml`" in PAGE
    assert f"`{loaded.rule.id}.cases.yaml`" in PAGE
    assert [w for w in (broken(loaded, c) for c in cases) if w] == []
    faults = list(mutants(loaded.rule))
    noticed = [n for n, r in faults if any(broken(replace(loaded, rule=r), c) for c in cases)]
    assert len(noticed) > len(faults) * 0.8


def test_every_other_block_is_yaml() -> None:
    assert len(BLOCKS) >= 4
    for block in BLOCKS[2:]:
        assert parse_source(block.encode(), "docs/rules.md").value


def test_the_example_of_a_local_profile_extends_a_shipped_one(pack: Pack) -> None:
    [block] = [b for b in BLOCKS if "extends:" in b]
    complete = {p.id: p for p in pack.profiles}
    found = load_local(parse_source(block.encode(), "docs/rules.md"), Books(pack.rules, complete=complete))
    assert [(c.kind, c.rule) for c in found.changes] == [
        ("dropped", "linux.exposure.snmp"),
        ("set", "linux.logging.retention"),
    ]
    assert (
        unsound_values(pack.rules, [found], {found.id: parse_source(block.encode(), "docs/rules.md")}) == []
    )


def test_the_table_of_operators_is_the_codes() -> None:
    rows = re.findall(r"^\| (\w+) \| (`.*`) \|$", PAGE, re.MULTILINE)
    table = {kind: tuple(re.findall(r"`(\w+)`", operators)) for kind, operators in rows}
    assert {k: table.get(k) for k in OPERATORS_BY_KIND} == OPERATORS_BY_KIND


def test_severities_domains_and_families_are_the_codes() -> None:
    words = set(re.findall(r"`([a-z]+)`", PAGE))
    assert {*SEVERITIES, *DOMAINS} <= words
    assert {*FAMILIES} - {"windows"} <= words
