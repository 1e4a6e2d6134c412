"""What is kept for pages says what the whole country's board says, whatever happened, in however many rounds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.collector.conftest import ADMIN, NOW, Desk, plant
from tests.unit.collector.machines import Machine, a_rulebook

from vonggac_collector import rulebooks
from vonggac_collector.auth import Caller
from vonggac_collector.board import Board, BoardMaker
from vonggac_collector.errors import Busy, NotFound
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.memory import MemoryLedger
from vonggac_collector.ledger.rows import Placement, Unit
from vonggac_collector.ledger.standings import Head
from vonggac_collector.queries import Queries
from vonggac_collector.reads.rules import EACH_UNIT
from vonggac_collector.rollup import daily_scores, day_of, rows_of
from vonggac_collector.rounds import Keeper
from vonggac_collector.rulebooks import Shelf
from vonggac_collector.score.gain import agency_gains, parent_gains
from vonggac_collector.score.parameters import load_parameters
from vonggac_collector.score.system import by_cause
from vonggac_collector.score.values import AgencyScore
from vonggac_collector.standings import GAINS, host_standing, in_order
from vonggac_collector.tallies import Tally, unpack

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
UNITS: Final = ("ha-noi/so-y-te", "ha-noi/so-noi-vu", "hue/so-y-te", "ha-noi")
SYSTEMS: Final = {"ha-noi/so-y-te": "hsyt", "hue/so-y-te": "hue-portal"}


def maker_of(ledger: Ledger) -> BoardMaker:
    return BoardMaker(ledger, Shelf(ledger), load_parameters())


def deduced(score: object, board: Board, code: str) -> list[tuple[object, ...]]:
    """What a whole board says of a unit: deductions by cause, then gains."""
    whole = board.scores[code]
    inputs = [h.judged.input for h in board.hosts_under(code) if h.judged is not None]
    if isinstance(whole, AgencyScore):
        gains = agency_gains(board.agency_inputs[code], inputs, board.now, board.parameters)
    else:
        given = [board.agency_inputs[c] for c in board.subtree(code) if c in board.agency_inputs]
        gains = parent_gains(given, inputs, board.now, board.parameters)
    causes = [(d.kind, d.what, d.points, d.hosts) for d in by_cause(whole)]
    return [*causes, *[(g.rule, len(g.hosts), g.points) for g in gains if g.points > 0][:GAINS]]


def assert_same(ledger: Ledger, heads: list[Head], as_of: datetime) -> None:
    """What was kept against a board of everything, by a maker that remembers nothing."""
    board = maker_of(ledger).at(as_of)
    figures = {h.id: h for h in heads if h.kind == "unit"}
    with ledger.read() as tx:
        assert {(h.kind, h.id): h for h in tx.standings.heads()} == {(h.kind, h.id): h for h in heads}
        bodies = tx.standings.bodies("unit", list(board.units))
        hosts = tx.standings.find_hosts(None, "", 1000)
        beneath = {code: tx.standings.find_hosts(board.subtree(code), "", 1000) for code in board.units}
    assert figures.keys() == board.units.keys() == bodies.keys()
    for code, score in board.scores.items():
        head, tally = figures[code], unpack(bodies[code])
        under = board.hosts_under(code)
        assert (head.score, head.weight) == (score.score, score.weight)
        assert (head.expected, head.heard, head.freshness(as_of)) == (
            score.coverage.expected,
            score.coverage.heard,
            score.coverage.freshness_s,
        )
        assert (head.expected, head.silent) == (len(under), sum(map(board.is_silent, under)))
        shown = [(d.kind, d.what, d.points, d.hosts) for d in tally.deductions]
        assert [*shown, *tally.gains] == deduced(score, board, code)
        assert counted(tally) == verdicts(board, code)
        assert [h.host for h in beneath[code]] == [
            h.host for h in hosts if h.host in {u.host.id for u in under}
        ]
    assert hosts == in_order(host_standing(board, h) for h in board.hosts.values())
    day = day_of(as_of)
    assert sorted(
        rows_of(heads, as_of, day, load_parameters().version), key=lambda r: (r.kind, r.id)
    ) == sorted(daily_scores(ledger, maker_of(ledger), as_of, day), key=lambda r: (r.kind, r.id))


def counted(tally: Tally) -> dict[tuple[str, str], int]:
    found = {(rule, o): n for rule, counts in tally.counts.items() for o, n in counts.by_outcome().items()}
    for reason, unknown in tally.unknown.items():
        found |= {(rule, "unknown: " + reason): n for rule, n in unknown.rules.items()}
        found["", reason] = unknown.hosts
    return found


def verdicts(board: Board, code: str) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for host in board.hosts_under(code):
        said = host.judged.input.rules if host.judged is not None else ()
        keys = [(r.rule, r.outcome.value) for r in said]
        keys += [(r.rule, "unknown: " + r.reason) for r in said if r.outcome == "unknown"]
        keys += [("", reason) for reason in {r.reason for r in said if r.outcome == "unknown"}]
        for key in keys:
            found[key] = found.get(key, 0) + 1
    return found


def assert_same_pages(ledger: Ledger, life: Life) -> None:
    """Every page from a board made now and from what was kept."""
    life.keeper.round(life.now)
    live, kept = (
        Queries(ledger, Shelf(ledger), load_parameters(), lambda: life.now, live_hosts=most)
        for most in (500, -1)
    )
    for unit in ("vn", "ha-noi", "ha-noi/so-y-te", "hue"):
        caller = Caller("u-1", "somebody", "administrator", unit)
        assert kept.overview(caller) == live.overview(caller)
        assert kept.rules(caller) == live.rules(caller)
        assert kept.enrol(caller) == live.enrol(caller)
        assert kept.enrol(caller, find="Y-TE") == live.enrol(caller, find="Y-TE")
        assert kept.search_hosts(caller, "MÁY", 3) == live.search_hosts(caller, "MÁY", 3)
        for rule in ("linux.test.rule-01", "linux.test.rule-11"):
            assert kept.rule(caller, rule) == live.rule(caller, rule)
        for host in live.search_hosts(caller, "", 100):
            assert kept.host(caller, host.id) == live.host(caller, host.id)
        for code in ("vn", "ha-noi", "ha-noi/so-y-te", "ha-noi/so-noi-vu", "hue", "hue/so-y-te"):
            if code.startswith(unit) or unit == "vn":
                assert kept.unit(caller, code) == live.unit(caller, code)


STEPS: Final = st.lists(
    st.tuples(
        st.sampled_from(
            ["report", "report", "short", "beat", "move", "level", "book", "enrol", "round", "wait"]
        ),
        st.integers(0, 3),
        st.sets(st.integers(0, 13), max_size=5),
        st.sampled_from([timedelta(minutes=7), 5 * HOUR, 26 * HOUR, 6 * DAY]),
    ),
    min_size=2,
    max_size=10,
)


class Life:
    """What happens to a few machines."""

    def __init__(self, ledger: Ledger) -> None:
        plant(ledger)
        self.desk = Desk(ledger)
        self.keeper = Keeper(ledger, maker_of(ledger))
        self.machines = [self.desk.enrol(Machine(f"Máy-{n}", seed=n + 1)) for n in range(2)]
        self.now = NOW
        self.books = 1

    def step(self, what: str, which: int, failing: set[int], later: timedelta) -> None:
        machine = self.machines[which % len(self.machines)]
        unit = UNITS[which]
        if what in ("report", "short"):
            cut = (
                {"findings": machine.statement(self.now, failing).report.findings[:9]}
                if what == "short"
                else {}
            )
            self.desk.accept(machine.report(self.now, failing, **cut), self.now)
        elif what == "beat" and machine.sequence:
            self.desk.accept(machine.heartbeat(self.now), self.now)
        elif what == "enrol":
            token = self.desk.token(unit, SYSTEMS.get(unit), self.now)
            machine = Machine(f"máy-{len(self.machines)}", seed=len(self.machines) + 1)
            self.machines.append(self.desk.enrol(machine, token, self.now))
        elif what == "book":
            self.books += 1
            raw = a_rulebook(rules=14 - self.books % 3, version=str(self.books))
            rulebooks.publish(self.desk.ledger, raw, now=self.now, actor="test")
        elif what == "round":
            self.keeper.round(self.now)
        else:
            self._structure(what, machine, unit, len(failing))
        self.now += later

    def _structure(self, what: str, machine: Machine, unit: str, number: int) -> None:
        with self.desk.ledger.write() as tx:
            if what == "move":
                system = SYSTEMS.get(unit) if number % 2 else None
                tx.tree.place(Placement(machine.agent_id, unit, system, number % 3 + 1, None, self.now))
            elif what == "level":
                tx.tree.set_level(["hsyt", "hue-portal"][number % 2], number % 5 + 1, self.now)


@pytest.mark.worlds
@settings(max_examples=40)
@given(STEPS)
def test_what_is_kept_is_what_the_whole_board_says_after_any_history(
    steps: list[tuple[str, int, set[int], timedelta]],
) -> None:
    ledger = MemoryLedger()
    life = Life(ledger)
    for step in steps:
        life.step(*step)
    heads = life.keeper.round(life.now)
    again = Keeper(ledger, maker_of(ledger))
    assert sorted(map(repr, again.round(life.now))) == sorted(map(repr, heads))
    assert_same(ledger, again.round(life.now), life.now)
    assert_same_pages(ledger, life)


def test_what_is_kept_on_a_real_ledger_is_what_the_board_says(ledger: Ledger) -> None:
    life = Life(ledger)
    for which, what in enumerate(("report", "enrol", "report", "move", "round", "level", "short", "beat")):
        life.step(what, which % 4, {which, 3}, 5 * HOUR)
    assert_same(ledger, life.keeper.round(life.now), life.now)
    assert_same_pages(ledger, life)


def test_a_round_judges_only_what_changed_and_a_round_without_a_change_judges_nothing(desk: Desk) -> None:
    machines = [
        desk.enrol(Machine(f"may-{n}", seed=n + 1), desk.token(UNITS[n], SYSTEMS.get(UNITS[n])))
        for n in range(4)
    ]
    for machine in machines:
        desk.accept(machine.report(NOW, {1}))
    maker = maker_of(desk.ledger)
    asked: list[list[str]] = []
    real = maker.at

    def at(as_of: datetime, units: Sequence[Unit] | None = None) -> Board:
        asked.append([u.code for u in units or []])
        return real(as_of, units)

    maker.at = at  # type: ignore[method-assign]
    keeper = Keeper(desk.ledger, maker)
    keeper.round(NOW + HOUR)
    assert sorted(asked.pop()) == sorted([*UNITS])
    keeper.round(NOW + 2 * HOUR)
    desk.accept(machines[1].heartbeat(NOW + 2 * HOUR), NOW + 2 * HOUR)
    keeper.round(NOW + 3 * HOUR)
    assert asked == []
    desk.accept(machines[2].report(NOW + 3 * HOUR, {2}), NOW + 3 * HOUR)
    keeper.round(NOW + 4 * HOUR)
    assert asked.pop() == ["hue/so-y-te"]
    keeper.round(NOW + 25 * HOUR)
    assert sorted(asked.pop()) == sorted(set(UNITS) - {"hue/so-y-te", UNITS[1]})
    keeper.round(NOW + 25 * HOUR + timedelta(seconds=1))
    assert asked == []


def test_pages_of_a_large_ledger_wait_for_the_first_round(desk: Desk, machine: Machine) -> None:
    asked = Queries(desk.ledger, Shelf(desk.ledger), load_parameters(), lambda: NOW, live_hosts=0)
    with pytest.raises(Busy):
        asked.overview(ADMIN)
    Keeper(desk.ledger, maker_of(desk.ledger)).round(NOW)
    assert asked.overview(ADMIN).as_of == NOW


def test_a_machine_enrolled_since_the_last_round_is_on_the_page_that_waits_for_it(desk: Desk) -> None:
    Keeper(desk.ledger, maker_of(desk.ledger)).round(NOW)
    machine = desk.enrol(Machine(), now=NOW)
    asked = Queries(desk.ledger, Shelf(desk.ledger), load_parameters(), lambda: NOW, live_hosts=-1)
    assert [h.id for h in asked.enrol(ADMIN).recent] == [machine.agent_id]
    assert asked.host(ADMIN, machine.agent_id).agent_state == "active"


def test_a_machine_that_moved_is_at_once_where_it_is_and_nowhere_else(desk: Desk) -> None:
    moved, stays = (
        desk.enrol(Machine(f"may-{n}", seed=n), desk.token("ha-noi/so-y-te", "hsyt")) for n in (1, 2)
    )
    for machine in (moved, stays):
        desk.accept(machine.report(NOW, {1}))
    Keeper(desk.ledger, maker_of(desk.ledger)).round(NOW)
    later = NOW + HOUR
    with desk.ledger.write() as tx:
        tx.tree.place(Placement(moved.agent_id, "hue/so-y-te", "hue-portal", 2, None, later))
    asked = Queries(desk.ledger, Shelf(desk.ledger), load_parameters(), lambda: later, live_hosts=-1)
    hanoi, hue = (Caller(f"u-{unit}", unit, "officer", unit) for unit in ("ha-noi", "hue"))
    assert [h.hostname for h in asked.unit(ADMIN, "ha-noi/so-y-te").hosts] == ["may-2"]
    found = asked.unit(hue, "hue/so-y-te").hosts
    assert [(h.hostname, h.system, h.unit.code if h.unit else "") for h in found] == [
        ("may-1", "hue-portal", "hue/so-y-te")
    ]
    for caller, names in ((ADMIN, ["may-1", "may-2"]), (hanoi, ["may-2"]), (hue, ["may-1"])):
        assert sorted(h.hostname for h in asked.search_hosts(caller, "MAY", 9)) == names
        assert [h.hostname for h in asked.search_hosts(caller, names[-1], 1)] == names[-1:]
        named = [h.hostname for f in asked.rule(caller, "linux.test.rule-01").failures for h in f.hosts]
        assert set(named) <= set(names)


def test_what_a_unit_has_itself_stands_beside_the_units_beneath_it(desk: Desk) -> None:
    desk.accept(desk.enrol(Machine("may-1", seed=1)).report(NOW, {1}))
    above = desk.enrol(Machine("may-2", seed=2), desk.token("ha-noi", None))
    for live_hosts in (-1, 500):
        Keeper(desk.ledger, maker_of(desk.ledger)).round(NOW)
        asked = Queries(
            desk.ledger, Shelf(desk.ledger), load_parameters(), lambda: NOW, live_hosts=live_hosts
        )
        page = asked.unit(ADMIN, "ha-noi")
        seen = asked.overview(Caller("u-2", "hanoi", "officer", "ha-noi"))
        assert page.own == seen.own
        assert page.own is not None
        assert (page.own.hosts, page.own.silent, page.own.standing.score, page.own.own) == (1, 1, 0, True)
        assert page.hosts_total == page.own.hosts + sum(c.hosts for c in page.children)
        assert asked.overview(ADMIN).own is asked.unit(ADMIN, "ha-noi/so-y-te").own is None
        assert above.agent_id in {h.id for h in page.hosts}


def test_beneath_a_unit_with_many_a_rule_fails_in_the_units_below_it_which_lead_on(
    desk: Desk, machine: Machine
) -> None:
    with desk.ledger.write() as tx:
        for n in range(EACH_UNIT):
            tx.tree.add_unit(Unit(f"hue/{n:02}", "hue", "agency", f"Đơn vị {n}", f"Unit {n}", False, NOW))
    other = desk.enrol(Machine("may-2", seed=2), desk.token("hue/so-y-te", None))
    for one in (machine, other):
        desk.accept(one.report(NOW, {1}))
    Keeper(desk.ledger, maker_of(desk.ledger)).round(NOW)
    for live_hosts in (0, 500):
        asked = Queries(
            desk.ledger, Shelf(desk.ledger), load_parameters(), lambda: NOW, live_hosts=live_hosts
        )
        top = asked.rule(ADMIN, "linux.test.rule-01")
        assert [(f.unit.code, f.failing, f.beneath, f.hosts) for f in top.failures] == [
            ("ha-noi", 1, 2, []),
            ("hue", 1, EACH_UNIT + 1, []),
        ]
        below = asked.rule(ADMIN, "linux.test.rule-01", within="hue")
        assert [(f.unit.code, f.beneath, [h.hostname for h in f.hosts]) for f in below.failures] == [
            ("hue/so-y-te", 0, ["may-2"])
        ]
        assert (below.counts, top.counts) == ({"fail": 1}, {"fail": 2})
        with pytest.raises(NotFound):
            asked.rule(Caller("u-2", "hue", "officer", "hue"), "linux.test.rule-01", within="ha-noi")
