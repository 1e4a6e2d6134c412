"""What the index is to be told is in the outbox with what it announces, and leaves it only when it was told."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.collector.conftest import NOW, Desk
from tests.unit.collector.machines import Machine

from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.memory import MemoryLedger
from vonggac_collector.ledger.rows import DeadLetter, OutboxRow, Placement
from vonggac_collector.rollup import day_of, publish_day

MINUTE = timedelta(minutes=1)


def claim(ledger: Ledger, limit: int = 100, minutes: int = 0) -> list[OutboxRow]:
    now = NOW + minutes * MINUTE
    with ledger.write() as tx:
        return tx.outbox.claim(limit, now, now + 5 * MINUTE)


def drain(ledger: Ledger) -> list[tuple[str, str]]:
    found = claim(ledger)
    with ledger.write() as tx:
        tx.outbox.done([r.number for r in found])
    return [(r.kind, r.subject) for r in found]


def test_what_is_committed_is_announced_in_the_same_transaction(desk: Desk) -> None:
    book = drain(desk.ledger)
    assert [kind for kind, _ in book] == ["rulebook"]
    machine = desk.enrol(Machine())
    assert drain(desk.ledger) == [("host", machine.agent_id)]
    desk.accept(machine.report(NOW))
    later = [machine.report(NOW + n * MINUTE) for n in range(2)]
    desk.accept(later[1])
    assert drain(desk.ledger) == [("look", machine.agent_id), ("host", machine.agent_id)], "it waits"
    desk.accept(later[0])
    assert drain(desk.ledger) == [("look", machine.agent_id)] * 2
    desk.accept(machine.heartbeat(NOW))
    desk.accept(later[0])
    assert drain(desk.ledger) == []
    machine.previous = "f" * 64
    desk.accept(machine.report(NOW))
    assert drain(desk.ledger) == [("host", machine.agent_id)]
    publish_day(desk.ledger, day_of(NOW), NOW)
    assert drain(desk.ledger) == [("scores", f"2026-11-23/{NOW.isoformat()}")]


def test_who_is_at_it_for_longer_keeps_what_it_claimed(ledger: Ledger) -> None:
    with ledger.write() as tx:
        tx.outbox.add("look", ["a", "b"], NOW)
    first, second = claim(ledger)
    with ledger.write() as tx:
        tx.outbox.done([first.number])
        tx.outbox.keep([first.number, second.number], NOW + 20 * MINUTE)
    assert claim(ledger, minutes=19) == []
    assert [r.number for r in claim(ledger, minutes=21)] == [second.number]


def test_what_is_refused_or_undone_announces_nothing(desk: Desk, machine: Machine) -> None:
    drain(desk.ledger)
    desk.accept(machine.report(NOW, content="0" * 64))
    try:
        with desk.ledger.batch():
            desk.accept(machine.report(NOW))
            raise KeyError
    except KeyError:
        pass
    assert drain(desk.ledger) == []


def test_rows_that_were_claimed_are_nobody_elses_until_their_time_is_up(ledger: Ledger) -> None:
    with ledger.write() as tx:
        tx.outbox.add("look", [f"a{n}" for n in range(5)], NOW)
    assert [r.subject for r in claim(ledger, 2)] == ["a0", "a1"]
    assert [r.subject for r in claim(ledger, 9)] == ["a2", "a3", "a4"]
    assert claim(ledger, 9, minutes=4) == []
    assert [r.subject for r in claim(ledger, 9, minutes=5)] == [f"a{n}" for n in range(5)]


def test_what_failed_comes_again_when_it_is_due_and_says_why(ledger: Ledger) -> None:
    with ledger.write() as tx:
        tx.outbox.add("look", ["a", "b"], NOW)
    first, second = claim(ledger)
    with ledger.write() as tx:
        tx.outbox.fail([first.number], "x" * 9_000, NOW + MINUTE)
        tx.outbox.done([second.number])
    (again,) = claim(ledger, minutes=1)
    assert (again.subject, again.attempts, again.error) == ("a", 1, "x" * 500)


def test_a_letter_that_cannot_be_delivered_is_kept_and_counted(ledger: Ledger) -> None:
    with ledger.write() as tx:
        tx.outbox.add("look", ["a", "b"], NOW)
        tx.outbox.add("scores", ["2026-11-23"], NOW + MINUTE)
    row = claim(ledger)[0]
    with ledger.write() as tx:
        for error in ("first", "too large"):
            tx.outbox.bury(DeadLetter(row.number, row.kind, row.subject, error, NOW + MINUTE))
    with ledger.read() as tx:
        assert [(d.subject, d.error) for d in tx.outbox.buried(10)] == [("a", "too large")]
        lag = tx.outbox.lag()
    assert (lag.waiting, lag.oldest, lag.dead) == (2, NOW, 1)


def test_a_number_is_never_given_twice(ledger: Ledger) -> None:
    seen: list[int] = []
    for n in range(3):
        with ledger.write() as tx:
            tx.outbox.add("look", [str(n)], NOW)
        seen += [r.number for r in claim(ledger)]
        with ledger.write() as tx:
            tx.outbox.done(seen)
    assert seen == sorted(set(seen))


@given(st.lists(st.tuples(st.sampled_from(["add", "claim", "done", "fail"]), st.integers(1, 4))))
def test_nothing_leaves_the_outbox_but_by_being_done(steps: list[tuple[str, int]]) -> None:
    ledger = MemoryLedger()
    added, finished, held = 0, 0, list[OutboxRow]()
    for minute, (step, number) in enumerate(steps):
        now = NOW + minute * MINUTE
        with ledger.write() as tx:
            if step == "add":
                tx.outbox.add("look", [str(n) for n in range(number)], now)
                added += number
            elif step == "claim":
                held = tx.outbox.claim(number, now, now + 2 * MINUTE)
                assert [r.number for r in held] == sorted(r.number for r in held)
            elif step == "done":
                tx.outbox.done([r.number for r in held])
                finished, held = finished + len(held), []
            else:
                tx.outbox.fail([r.number for r in held], "no", now + MINUTE)
            assert tx.outbox.lag().waiting == added - finished


def test_a_ticket_is_above_every_number_given_and_a_mark_only_rises(ledger: Ledger) -> None:
    with ledger.write() as tx:
        tx.outbox.add("look", ["a", "b"], NOW)
        assert tx.outbox.marked() == 0
        first = tx.outbox.ticket()
        tx.outbox.add("look", ["c"], NOW)
        second = tx.outbox.ticket()
    rows = claim(ledger)
    assert [r.subject for r in rows] == ["a", "b", "c"]
    assert rows[1].number < first < rows[2].number < second
    with ledger.write() as tx:
        tx.outbox.done([r.number for r in rows])
        for ticket in (first, second, first):
            tx.outbox.mark(ticket)
        assert tx.outbox.marked() == second < tx.outbox.ticket()


def test_when_the_next_row_is_due_is_known_without_claiming_it(ledger: Ledger) -> None:
    with ledger.write() as tx:
        assert tx.outbox.due_at() is None
        tx.outbox.add("look", ["a"], NOW)
        assert tx.outbox.due_at() == NOW
    claim(ledger)
    with ledger.read() as tx:
        assert tx.outbox.due_at() == NOW + 5 * MINUTE


def test_hosts_are_located_where_they_are_at_that_moment(desk: Desk) -> None:
    machines = [desk.enrol(Machine(f"may-{n}", seed=n)) for n in (1, 2)]
    ids = [m.agent_id for m in machines]
    with desk.ledger.read() as tx:
        found = tx.tree.located([*ids, "nobody"], NOW)
        assert tx.tree.located(ids, NOW - MINUTE) == {}
    assert {h: (row.hostname, place.unit) for h, (row, place) in found.items()} == {
        ids[0]: ("may-1", "ha-noi/so-y-te"),
        ids[1]: ("may-2", "ha-noi/so-y-te"),
    }


def test_who_moved_lately_is_told_with_the_new_place(desk: Desk) -> None:
    first, second, third = (desk.enrol(Machine(f"may-{n}", seed=n)).agent_id for n in (1, 2, 3))
    with desk.ledger.write() as tx:
        for n, host in enumerate((first, second), 1):
            tx.tree.place(Placement(host, "hue/so-y-te", None, 1, None, NOW + n * MINUTE))
    with desk.ledger.read() as tx:
        later = NOW + 5 * MINUTE
        assert {p.host: p.unit for p in tx.tree.moved(NOW, later)} == dict.fromkeys(
            (first, second), "hue/so-y-te"
        )
        assert [p.host for p in tx.tree.moved(NOW + 2 * MINUTE, later)] == [second]
        assert [p.host for p in tx.tree.moved(NOW, NOW + MINUTE)] == [first]
        assert third in tx.tree.located([third], later)


def test_a_leap_leaves_numbers_out_and_marks_the_last(ledger: Ledger) -> None:
    with ledger.write() as tx:
        first = tx.outbox.ticket()
        tx.outbox.leap(1 << 32)
    with ledger.write() as tx:
        marked, later = tx.outbox.marked(), tx.outbox.ticket()
        assert tx.outbox.lag().waiting == 0
    assert marked > first + (1 << 32)
    assert later > marked
