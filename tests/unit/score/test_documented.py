"""docs/scoring.md and the code say the same: parameters, the example's scores, its arithmetic, its deductions."""

from __future__ import annotations

from fractions import Fraction

import msgspec
import pytest

from vonggac_collector.score.freshness import effective_host
from vonggac_collector.score.gain import agency_gain
from vonggac_collector.score.host import host_score
from vonggac_collector.score.system import agency_score, parent_score
from vonggac_collector.score.values import FULL, POINT, Deduction, GroupScore

from .countries import NOW, PARAMETERS
from .documented import TEXT, arithmetic, example, flattened, tables

SCORES = list(tables("Score"))
DEDUCTIONS = list(tables("Deduction"))


def _published(text: str) -> int:
    whole, _, rest = text.replace("*", "").partition(".")
    assert len(rest) == 4, f"{text}: four decimals are published"
    return int(whole) * POINT + int(rest)


def _scores() -> tuple[dict[str, int | None], dict[str, tuple[Deduction, ...]]]:
    country = example()
    agencies = country.placed()
    scores: dict[str, int | None] = {}
    missing: dict[str, tuple[Deduction, ...]] = {}
    for name, given in country.inputs().items():
        host = host_score(given, PARAMETERS)
        scores[f"host {name}"], missing[f"host {name}"] = host.score, host.deductions
        for domain in host.domains:
            scores[f"domain {name} {domain.domain}"] = domain.score
    for agency in agencies.values():
        for placed in [*agency.unassigned, *(host for system in agency.systems for host in system.hosts)]:
            effective = effective_host(placed, NOW, PARAMETERS)
            scores[f"effective {placed.host}"] = effective.score
            missing[f"effective {placed.host}"] = effective.deductions
        whole = agency_score(agency, NOW, PARAMETERS)
        scores[f"agency {whole.agency}"], missing[f"agency {whole.agency}"] = whole.score, whole.deductions
        scores[f"unassigned {whole.agency}"] = whole.unassigned
        for system in whole.systems:
            scores[f"system {system.system}"] = system.score
            missing[f"system {system.system}"] = system.deductions
        for rule in country.rules:
            gain = agency_gain(agency, rule.rule, country.inputs().values(), NOW, PARAMETERS)
            scores[f"gain {whole.agency} {rule.rule}"] = gain
    parent = parent_score(
        "province", [agency_score(a, NOW, PARAMETERS) for a in agencies.values()], PARAMETERS
    )
    scores["parent province"], missing["parent province"] = parent.score, parent.deductions
    return scores, missing


def test_the_document_names_every_parameter_with_its_value() -> None:
    written = {row[0].strip("`"): row[1] for row in tables("Parameter")}
    assert written == dict(flattened(msgspec.to_builtins(PARAMETERS, str_keys=True)))


@pytest.mark.parametrize("row", SCORES, ids=lambda row: row[0])
def test_each_score_of_the_document_is_what_the_code_gives(row: list[str]) -> None:
    assert _scores()[0][row[0]] == _published(row[2])


@pytest.mark.parametrize("row", SCORES, ids=lambda row: row[0])
def test_the_arithmetic_beside_each_score_gives_it_rounded_down(row: list[str]) -> None:
    assert arithmetic(row[1]) * POINT // 1 == _published(row[2])


def _key(deduction: Deduction, of: str) -> str:
    level = of.split()[0]
    place = {
        "host": (),
        "effective": (),
        "system": (deduction.host,),
        "agency": (deduction.system, deduction.host),
        "parent": (deduction.agency,),
    }[level]
    return " ".join([of, deduction.kind, deduction.what, *(name for name in place if name is not None)])


def test_each_deduction_of_the_document_is_what_the_code_gives_and_none_is_left_out() -> None:
    missing = _scores()[1]
    written = {row[0]: _published(row[2]) for row in DEDUCTIONS}
    levels = {" ".join(name.split()[:2]) for name in written}
    given = {_key(deduction, of): deduction.points for of in levels for deduction in missing[of]}
    assert written == given


@pytest.mark.parametrize("row", DEDUCTIONS, ids=lambda row: row[0])
def test_the_arithmetic_beside_each_deduction_is_within_a_unit_of_it(row: list[str]) -> None:
    assert abs(arithmetic(row[1]) * POINT - _published(row[2])) < 1 + Fraction(1, 100)


def test_the_deductions_written_for_a_level_add_up_to_its_loss() -> None:
    scores = _scores()[0]
    sums: dict[str, int] = {}
    for row in DEDUCTIONS:
        level = " ".join(row[0].split()[:2])
        sums[level] = sums.get(level, 0) + _published(row[2])
    assert sums == {level: FULL - (scores[level] or 0) for level in sums}


def test_the_grades_and_coverage_of_the_document_are_what_the_code_gives() -> None:
    agencies = [agency_score(agency, NOW, PARAMETERS) for agency in example().placed().values()]
    parent = parent_score("province", agencies, PARAMETERS)
    scores: dict[str, GroupScore] = {f"agency {agency.agency}": agency for agency in agencies}
    scores["parent province"] = parent
    given = [
        [name, score.grade, f"{score.coverage.heard} of {score.coverage.expected}"]
        for name, score in scores.items()
    ]
    assert list(tables("Graded")) == given


def test_the_document_is_about_this_version_of_the_parameters() -> None:
    assert f"Parameters version {PARAMETERS.version}" in TEXT
