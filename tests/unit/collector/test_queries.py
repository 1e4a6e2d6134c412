"""What people get to read: scores from the ledger, and nothing from outside their subtree."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.collector.conftest import ADMIN, NOW, Desk, plant
from tests.unit.collector.machines import Machine

from vonggac_collector.auth import Caller
from vonggac_collector.errors import NotFound
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.memory import MemoryLedger
from vonggac_collector.ledger.rows import System, Unit
from vonggac_collector.queries import Queries
from vonggac_collector.rollup import day_of, publish_day
from vonggac_collector.rulebooks import Shelf
from vonggac_collector.score.parameters import load_parameters

HOUR = timedelta(hours=1)
FULL = 1_000_000


def queries_of(ledger: Ledger, now: Any = NOW + HOUR) -> Queries:
    return Queries(ledger, Shelf(ledger), load_parameters(), lambda: now)


def test_a_host_page_has_the_full_list_of_its_profile_and_deductions_that_add_up(
    desk: Desk, machine: Machine
) -> None:
    desk.accept(machine.report(NOW, {0, 3}))
    page = queries_of(desk.ledger).host(ADMIN, machine.agent_id)
    assert len(page.findings) == 14
    assert [f.rule[-2:] for f in page.findings[:2]] == ["00", "03"]
    assert page.score is not None
    assert sum(d.points for d in page.deductions) == FULL - page.score
    assert page.findings[0].since == NOW
    assert page.sections["host"]["hostname"] == "may-1"
    assert (page.profile, page.level, page.agent_state, page.reports_total) == ("level-3", 3, "active", 1)


def test_since_when_a_rule_fails_is_carried_from_report_to_report(desk: Desk, machine: Machine) -> None:
    desk.accept(machine.report(NOW, {1}))
    desk.accept(machine.report(NOW + HOUR, {1, 2}), NOW + HOUR)
    page = queries_of(desk.ledger, NOW + 2 * HOUR).host(ADMIN, machine.agent_id)
    assert {f.rule[-2:]: f.since for f in page.findings if f.outcome == "fail"} == {
        "01": NOW,
        "02": NOW + HOUR,
    }


def test_a_page_says_what_fails_again_after_it_was_mended(desk: Desk, machine: Machine) -> None:
    for n, failing in enumerate(({1, 2}, {2}, {1, 2}, {1, 2, 3})):
        desk.accept(machine.report(NOW + n * HOUR, failing), NOW + n * HOUR)
    page = queries_of(desk.ledger, NOW + 4 * HOUR).host(ADMIN, machine.agent_id)
    failing_now = {f.rule[-2:]: (f.since, f.mended) for f in page.findings if f.outcome == "fail"}
    assert failing_now == {
        "01": (NOW + 2 * HOUR, NOW + HOUR),
        "02": (NOW, None),
        "03": (NOW + 3 * HOUR, None),
    }
    looks = {f.rule[-2:]: [(x.at, x.outcome) for x in f.looks] for f in page.findings}
    assert looks["01"] == [(NOW, "fail"), (NOW + HOUR, "pass"), (NOW + 2 * HOUR, "fail")]
    assert looks["04"] == []


def test_a_report_cut_short_scores_no_better_than_the_whole_one(desk: Desk, machine: Machine) -> None:
    whole = machine.statement(NOW, {0}).report.findings
    desk.accept(machine.report(NOW, findings=whole[1:]))
    page = queries_of(desk.ledger).host(ADMIN, machine.agent_id)
    gone = next(f for f in page.findings if f.rule.endswith("00"))
    assert (gone.outcome, gone.reason) == ("unknown", "not-reported")
    other = desk.enrol(Machine("may-2", seed=2))
    desk.accept(other.report(NOW, {0}))
    assert page.score == queries_of(desk.ledger).host(ADMIN, other.agent_id).score


def test_a_look_by_a_rulebook_that_was_never_published_counts_for_nothing(
    desk: Desk, machine: Machine
) -> None:
    desk.accept(machine.report(NOW, rulebook="5" * 64))
    page = queries_of(desk.ledger).host(ADMIN, machine.agent_id)
    assert page.score == 0
    assert {f.outcome for f in page.findings} == {"unknown"}


def test_a_look_by_a_weaker_profile_counts_only_where_both_ask_the_same(desk: Desk, machine: Machine) -> None:
    desk.accept(machine.report(NOW, profile="level-1"))
    page = queries_of(desk.ledger).host(ADMIN, machine.agent_id)
    outcomes = [f.outcome for f in page.findings]
    assert (outcomes.count("pass"), outcomes.count("unknown")) == (7, 7)


def test_a_silent_host_counts_nothing_and_the_unit_says_so(desk: Desk, machine: Machine) -> None:
    desk.accept(machine.report(NOW))
    page = queries_of(desk.ledger, NOW + timedelta(days=15)).unit(ADMIN, "ha-noi/so-y-te")
    assert (page.standing.score, page.hosts[0].silent, page.standing.sufficient) == (0, True, False)
    assert [d.kind for d in page.deductions] == ["silence"]


def test_a_heartbeat_keeps_a_host_fresh(desk: Desk, machine: Machine) -> None:
    desk.accept(machine.report(NOW))
    later = NOW + timedelta(days=15)
    assert desk.accept(machine.heartbeat(later), later).status == 200
    page = queries_of(desk.ledger, later + HOUR).unit(ADMIN, "ha-noi/so-y-te")
    assert page.standing.score == FULL


def test_a_units_deductions_add_up_and_its_fixes_are_what_they_promise(desk: Desk) -> None:
    for n in range(4):
        machine = desk.enrol(Machine(f"may-{n}", seed=n + 1))
        desk.accept(machine.report(NOW, {n, 5}))
    page = queries_of(desk.ledger).unit(ADMIN, "ha-noi/so-y-te")
    assert page.standing.score is not None
    assert sum(d.points for d in page.deductions) == FULL - page.standing.score
    assert page.fixes[0].gain > 0
    assert page.hosts_total == 4
    country = queries_of(desk.ledger).unit(ADMIN, "vn")
    assert country.standing.score == page.standing.score
    assert [c.unit.code for c in country.children if c.rank is not None] == ["ha-noi"]


def test_the_overview_ranks_what_is_heard_and_shows_what_is_not(desk: Desk, machine: Machine) -> None:
    desk.accept(machine.report(NOW, {2}))
    publish_day(desk.ledger, day_of(NOW), NOW)
    view = queries_of(desk.ledger).overview(ADMIN)
    assert [r.unit.code for r in view.ranked] == ["ha-noi"]
    assert [r.unit.code for r in view.insufficient] == ["hue"]
    assert len(view.trend) == 60
    assert view.trend[-1].score is not None


def test_a_rule_page_counts_the_hosts_in_sight(desk: Desk, machine: Machine) -> None:
    desk.accept(machine.report(NOW, {2}))
    page = queries_of(desk.ledger).rule(ADMIN, "linux.test.rule-02")
    assert (page.counts, page.failures[0].unit.code) == ({"fail": 1}, "ha-noi/so-y-te")
    assert page.failures[0].hosts[0].id == machine.agent_id
    rows = queries_of(desk.ledger).rules(ADMIN)
    assert (rows[0].id, rows[0].failing, rows[0].of) == ("linux.test.rule-02", 1, 1)


def test_what_is_not_known_is_told_by_reason_with_the_hosts_on_the_rules_page(
    desk: Desk, machine: Machine
) -> None:
    whole = machine.statement(NOW, {0}).report.findings
    desk.accept(machine.report(NOW, {0}, findings=whole[:10]))
    page = queries_of(desk.ledger).unit(ADMIN, "ha-noi/so-y-te")
    assert [(r.reason, r.hosts, r.rules) for r in page.unknown] == [("not-reported", 1, 4)]
    first = page.unknown[0].first[0]
    assert (len(page.unknown[0].first), first.failing, first.unknown) == (3, 0, 1)
    there = queries_of(desk.ledger).rule(ADMIN, first.id).failures[0]
    assert (there.failing, there.unknown, there.hosts[0].id) == (0, 1, machine.agent_id)


def test_what_is_outside_and_what_is_nowhere_are_the_same(desk: Desk, machine: Machine) -> None:
    stranger = Caller("u-2", "hue", "officer", "hue")
    asked = queries_of(desk.ledger)
    said = []
    for ask in (
        lambda: asked.host(stranger, machine.agent_id),
        lambda: asked.host(stranger, "00000000-0000-0000-0000-000000000000"),
        lambda: asked.unit(stranger, "ha-noi"),
        lambda: asked.unit(stranger, "nowhere"),
        lambda: asked.unit(stranger, "vn"),
    ):
        with pytest.raises(NotFound, match="not found") as caught:
            ask()
        said.append((str(caught.value), caught.value.args))
    assert len(set(said)) == 1


PARENTS = st.lists(st.integers(0, 6), min_size=1, max_size=7)


def tree(parents: list[int]) -> list[Unit]:
    """A random tree: unit n+1 hangs under the unit that `parents[n]` names among those before it."""
    made = [Unit("u0", "vn", "province", "Đơn vị u0", "unit u0", False, NOW)]
    for n, parent in enumerate(parents, 1):
        above = made[parent % n].code
        made.append(Unit(f"u{n}", above, "agency", f"Đơn vị u{n}", f"unit u{n}", False, NOW))
    return made


@pytest.mark.worlds
@given(PARENTS, st.integers(0, 6))
def test_nothing_from_outside_the_subtree_appears_in_any_view(parents: list[int], seat: int) -> None:
    ledger = MemoryLedger()
    plant(ledger)
    units = tree(parents)
    desk = Desk(ledger)
    machines = {}
    with ledger.write() as tx:
        for unit in units:
            tx.tree.add_unit(unit)
            tx.tree.add_system(System(f"s-{unit.code}-s", unit.code, "Hệ", "Sys", 2, False, NOW))
    for n, unit in enumerate(units):
        token = desk.token(unit.code, f"s-{unit.code}-s")
        machines[unit.code] = desk.enrol(Machine(f"host-{unit.code}-h", seed=n + 50), token)
        desk.accept(machines[unit.code].report(NOW, {1, n}))
    publish_day(ledger, day_of(NOW), NOW)
    caller = Caller("u-9", "somebody", "officer", units[seat % len(units)].code)
    inside = {caller.unit}
    for unit in units:
        if unit.parent in inside:
            inside.add(unit.code)
    outside = [
        word
        for unit in units
        if unit.code not in inside
        for word in (
            f'"{unit.code}"',
            f"s-{unit.code}-s",
            f"host-{unit.code}-h",
            machines[unit.code].agent_id,
        )
    ] + ["ha-noi", "hue", '"vn"']
    asked = queries_of(ledger)
    views: list[Callable[[], object]] = [
        lambda: asked.overview(caller),
        lambda: asked.rules(caller),
        lambda: asked.rule(caller, "linux.test.rule-01"),
        lambda: asked.enrol(caller),
        lambda: asked.search_hosts(caller, "", 1000),
    ]
    views += [partial(asked.unit, caller, code) for code in sorted(inside)]
    views += [partial(asked.host, caller, machines[code].agent_id) for code in sorted(inside)]
    for view in views:
        text = msgspec.json.encode(view()).decode()
        assert [word for word in outside if word in text] == []
    for unit in units:
        if unit.code not in inside:
            with pytest.raises(NotFound, match="not found"):
                asked.unit(caller, unit.code)
            with pytest.raises(NotFound, match="not found"):
                asked.host(caller, machines[unit.code].agent_id)
