"""An administrator's own profile at the collector: whom it judges, and what pages are told of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.unit.collector.conftest import ADMIN, NOW, Desk
from tests.unit.collector.machines import WORDS, Machine, a_rulebook
from tests.unit.collector.test_queries import HOUR, queries_of

from vonggac_collector import rulebooks
from vonggac_collector.rulebooks import Shelf
from vonggac_contract.errors import Malformed
from vonggac_contract.facts import FactKey
from vonggac_contract.rule import (
    Compare,
    Parameter,
    ParameterDefinition,
    Profile,
    ProfileChange,
    RulebookFile,
    Text,
)
from vonggac_rules.rulebook import load_rulebook

RULE = "linux.test.rule-00"
LATER = NOW + timedelta(days=1)
REASON = Text("Không dùng.", "Not in use.")


def with_local(replaces: bool, **changed: Any) -> bytes:
    """The rulebook of the other tests, one rule with a parameter, and a local profile for level 3."""
    file = msgspec.json.decode(a_rulebook(version="2"), type=RulebookFile)
    check = Compare(FactKey("account.policy"), "maximum_age", "at_most", Parameter("days"))
    asked = ParameterDefinition(60, Text("Số ngày", "Days"))
    first = msgspec.structs.replace(file.rules[0], check=check, parameters={"days": asked})
    rules = dict(file.profiles[1].rules) | {RULE: {"days": 45}}
    del rules["linux.test.rule-13"]
    changes = [
        ProfileChange("set", RULE, "days", 60, 45, direction="tighter"),
        ProfileChange("dropped", "linux.test.rule-13", reason=REASON),
    ]
    values: dict[str, Any] = {"extends": "level-3", "replaces": replaces, "changes": changes}
    local = Profile("own-level3", 3, Text("Hồ sơ của sở", "Our profile"), WORDS, rules, **(values | changed))
    # Before the one that it extends: order decides nothing.
    return msgspec.json.encode(
        msgspec.structs.replace(file, rules=[first, *file.rules[1:]], profiles=[local, *file.profiles])
    )


@pytest.mark.parametrize(("replaces", "expected"), [(True, "own-level3"), (False, "level-3")])
def test_a_level_is_judged_by_a_local_profile_only_if_that_says_so(
    desk: Desk, machine: Machine, replaces: bool, expected: str
) -> None:
    book = rulebooks.publish(desk.ledger, with_local(replaces), now=LATER, actor="admin")
    shelf = Shelf(desk.ledger)
    assert shelf.profile_for_level(book.digest, 3) == expected
    assert shelf.profile_for_level(book.digest, 1) == "level-1"
    # Whoever enrols or reports from now on is told so.
    assert desk.enrol(Machine("may-2", seed=2), now=LATER).profile == expected
    desk.accept(machine.report(LATER, rulebook=book.digest, profile=expected), LATER)
    page = queries_of(desk.ledger, LATER + HOUR).host(ADMIN, machine.agent_id)
    assert page.profile == expected
    assert (page.local is None) is not replaces


def test_the_pages_are_told_what_it_extends_and_each_change_in_words(desk: Desk, machine: Machine) -> None:
    book = rulebooks.publish(desk.ledger, with_local(True), now=LATER, actor="admin")
    desk.accept(machine.report(LATER, rulebook=book.digest, profile="own-level3"), LATER)
    queries = queries_of(desk.ledger, LATER + HOUR)
    local = queries.host(ADMIN, machine.agent_id).local
    assert local is not None
    assert (local.title["vi"], local.extends, local.replaces) == ("Hồ sơ của sở", "level-3", True)
    dropped, changed = local.changes
    assert (dropped.kind, dropped.rule, dropped.reason) == (
        "dropped",
        "linux.test.rule-13",
        {"vi": "Không dùng.", "en": "Not in use."},
    )
    assert (changed.kind, changed.about["en"]) == ("set", "Days")
    assert (changed.before["vi"], changed.after["en"]) == ("60 ngày", "45 days")
    assert (changed.direction, dropped.direction) == ("tighter", "")
    assert queries.unit(ADMIN, "ha-noi/so-y-te").local == [local]
    assert queries.unit(ADMIN, "hue/so-y-te").local == []
    [of_rule] = queries.rule(ADMIN, RULE).local
    assert [c.rule for c in of_rule.changes] == [RULE]
    assert queries.rule(ADMIN, RULE).parameters["days"] == {"own-level3": 45, "level-1": 60, "level-3": 60}


@pytest.mark.hostile
@pytest.mark.policy
@pytest.mark.parametrize(
    "changed",
    [
        {"extends": "level-9"},
        {"extends": "own-level3"},
        {"changes": [ProfileChange("dropped", "linux.test.absent", reason=REASON)]},
        {"changes": [ProfileChange("set", RULE, "weeks", 1, 2)]},
    ],
)
def test_a_rulebook_whose_local_profile_speaks_of_what_is_not_there_is_refused(
    changed: dict[str, Any],
) -> None:
    with pytest.raises(Malformed, match="own-level3"):
        load_rulebook(with_local(True, **changed))
