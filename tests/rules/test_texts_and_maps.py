"""What every rule says to people, and what it maps to."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pytest

from vonggac_contract.finding import DOMAINS
from vonggac_contract.rule import Rule, Text
from vonggac_rules.pack import Pack, read_clauses

from .conftest import POLICIES

TONED = re.compile("[À-ÖØ-öø-ỹ]")
"""A letter that only Vietnamese spelling with its marks has."""
COMMAND = re.compile(r"^ +\S", re.MULTILINE)
"""In a fix an indented line is a command, or a line of a file, to copy."""
NET = re.compile(r"\b(curl|wget|fetch|nc|ncat)\b|https?://[^\s]+\s*\|", re.IGNORECASE)
NIST = re.compile(r"[A-Z]{2}-\d{1,2}(\(\d{1,2}\))?")
CIS = re.compile(r"\d(\.\d{1,2}){1,4}")


def texts(rule: Rule) -> Iterator[tuple[str, Text]]:
    yield "title", rule.title
    yield "why", rule.why
    for family, fix in rule.fix.items():
        yield f"fix {family}", fix
    for name, parameter in rule.parameters.items():
        yield f"parameter {name}", parameter.about


def offenders(pack: Pack, wrong: dict[str, bool]) -> list[str]:
    assert pack.rules
    return [place for place, is_wrong in wrong.items() if is_wrong]


def test_the_vietnamese_text_is_spelt_with_its_marks_and_differs_from_the_english(pack: Pack) -> None:
    wrong = {
        f"{r} {place}": not TONED.search(text.vi) or text.vi == text.en or bool(TONED.search(text.en))
        for r, loaded in pack.rules.items()
        for place, text in texts(loaded.rule)
    }
    assert offenders(pack, wrong) == []


def test_titles_are_short_and_unlike_each_other(pack: Pack) -> None:
    titles = [t for loaded in pack.rules.values() for t in (loaded.rule.title.vi, loaded.rule.title.en)]
    assert [t for t in titles if len(t) > 90 or t.endswith(".")] == []
    assert [t for t, n in Counter(titles).items() if n > 1] == []


def test_why_is_one_to_three_sentences(pack: Pack) -> None:
    wrong = {
        f"{r} {language}": not (why.endswith(".") and 8 <= len(why.split()) <= 80)
        for r, loaded in pack.rules.items()
        for language, why in (("vi", loaded.rule.why.vi), ("en", loaded.rule.why.en))
    }
    assert offenders(pack, wrong) == []


def test_every_fix_has_commands_to_copy_and_says_how_to_check(pack: Pack) -> None:
    wrong = {}
    for r, loaded in pack.rules.items():
        for family, fix in loaded.rule.fix.items():
            for language, text, word in (("vi", fix.vi, "Kiểm tra"), ("en", fix.en, "Check")):
                _, found, after = text.rpartition(word)
                wrong[f"{r} {family} {language}"] = not (found and COMMAND.search(after))
    assert offenders(pack, wrong) == []


def test_both_languages_of_a_fix_give_the_same_number_of_commands(pack: Pack) -> None:
    wrong = {
        f"{r} {family}": len(COMMAND.findall(fix.vi)) != len(COMMAND.findall(fix.en))
        for r, loaded in pack.rules.items()
        for family, fix in loaded.rule.fix.items()
    }
    assert offenders(pack, wrong) == []


def test_no_fix_runs_what_it_fetched_from_the_internet(pack: Pack) -> None:
    wrong = {
        f"{r} {family}": bool(NET.search(fix.vi) or NET.search(fix.en))
        for r, loaded in pack.rules.items()
        for family, fix in loaded.rule.fix.items()
    }
    assert offenders(pack, wrong) == []


def test_a_fix_that_differs_by_family_leaves_no_family_out(pack: Pack) -> None:
    wrong = {
        r: "any" not in loaded.rule.fix and not {"debian", "redhat", "suse"} <= set(loaded.rule.fix)
        for r, loaded in pack.rules.items()
        # The rule itself is about Debian's archives and asks nothing of others.
        if r != "linux.updates.security-archive"
    }
    assert offenders(pack, wrong) == []


def test_every_domain_is_covered(pack: Pack) -> None:
    covered = Counter(loaded.rule.domain for loaded in pack.rules.values())
    assert {d: covered[d] for d in DOMAINS if covered[d] < 6} == {}
    assert len(pack.rules) >= 60


def test_every_control_that_a_rule_maps_to_is_in_the_table(pack: Pack) -> None:
    controls = read_clauses(POLICIES / "data" / "level-controls.csv")
    wrong = {
        f"{r} {control}": control not in controls
        for r, loaded in pack.rules.items()
        for control in loaded.rule.maps["tcvn14423"]
    }
    assert offenders(pack, wrong) == []
    assert all(loaded.rule.maps["tcvn14423"] for loaded in pack.rules.values())


@pytest.mark.parametrize(("catalogue", "form"), [("nist80053", NIST), ("cis", CIS)])
def test_numbers_of_other_catalogues_have_their_form(
    pack: Pack, catalogue: str, form: re.Pattern[str]
) -> None:
    ids = [i for loaded in pack.rules.values() for i in loaded.rule.maps.get(catalogue, [])]
    assert ids
    assert [i for i in ids if not form.fullmatch(i)] == []


def test_every_rule_shows_in_one_case_what_its_evidence_holds(pack: Pack) -> None:
    assert [r for r, cases in pack.cases.items() if not any(c.evidence for c in cases)] == []


def test_every_rule_has_a_case_for_what_could_not_be_looked_at(pack: Pack) -> None:
    assert [r for r, cases in pack.cases.items() if not any(c.outcome == "unknown" for c in cases)] == []


def test_a_rule_that_applies_under_a_condition_has_a_case_outside_it(pack: Pack) -> None:
    conditional = {r for r, loaded in pack.rules.items() if loaded.rule.when is not None}
    assert conditional
    assert [r for r in conditional if not any(c.outcome == "not-applicable" for c in pack.cases[r])] == []
