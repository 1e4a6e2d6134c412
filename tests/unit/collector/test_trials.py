"""A rulebook that some machines try before all others: who is told it, how they are judged, the way on and back."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from tests.unit.collector.conftest import ADMIN, KEY, NOW, Desk
from tests.unit.collector.machines import Machine, a_rulebook
from tests.unit.collector.test_verification import edit

from vonggac_collector import policy, rulebooks
from vonggac_collector.board import BoardMaker
from vonggac_collector.errors import Invalid, NotFound
from vonggac_collector.instants import FAR
from vonggac_collector.ledger.memory import MemoryLedger
from vonggac_collector.ledger.policy import Trial
from vonggac_collector.queries import Queries
from vonggac_collector.rulebooks import Shelf
from vonggac_collector.score.parameters import load_parameters
from vonggac_collector.state import make_key
from vonggac_collector.verification import verify_ledger
from vonggac_contract.envelope import envelope_from_bytes
from vonggac_contract.receipt import open_receipt

pytestmark = pytest.mark.policy
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
OLD, NEW = a_rulebook(), a_rulebook(rules=16, version="2")
OLD_DIGEST, NEW_DIGEST = (hashlib.sha256(raw).hexdigest() for raw in (OLD, NEW))


def told(desk: Desk, machine: Machine, now: datetime) -> str:
    """The rulebook that the machine's next receipt names."""
    answer = desk.accept(machine.report(now, {machine.sequence % 14}), now)
    assert answer.status == 200, answer.body()
    receipt = open_receipt(envelope_from_bytes(answer.body()), KEY.public_key().public_bytes_raw())
    return receipt.rulebook


def fleet(desk: Desk, number: int) -> list[Machine]:
    return [desk.enrol(Machine(f"may-{n}", seed=n + 10)) for n in range(number)]


def try_out(desk: Desk, share: int | None = None, *units: str, now: datetime = NOW) -> None:
    rulebooks.try_out(desk.ledger, NEW, share, units, now=now, actor="test")


def test_a_share_of_machines_is_told_and_a_larger_share_has_them_still(desk: Desk) -> None:
    machines, before = fleet(desk, 30), set[str]()
    assert {told(desk, m, NOW) for m in machines} == {OLD_DIGEST}
    for step, share in enumerate((10, 50, 99), 1):
        now = NOW + step * MINUTE
        try_out(desk, share, now=now)
        trying = {m.agent_id for m in machines if told(desk, m, now) == NEW_DIGEST}
        expected = {
            m.agent_id for m in machines if Trial(1, now, NEW_DIGEST, share, b"[]").takes(m.agent_id, "")
        }
        assert trying == expected
        assert before <= trying
        before = trying
    assert len(before) > 20
    assert verify_ledger(desk.ledger).faults == []


def test_machines_of_a_unit_and_beneath_it_are_told_and_no_others(desk: Desk) -> None:
    inside = desk.enrol(Machine("a", seed=20))
    outside = desk.enrol(Machine("b", seed=21), desk.token("hue/so-y-te", "hue-portal"))
    try_out(desk, 0, "ha-noi")
    assert told(desk, inside, NOW) == NEW_DIGEST
    assert told(desk, outside, NOW) == OLD_DIGEST


def test_a_trial_that_is_widened_keeps_what_is_not_said_anew_and_its_share_does_not_shrink(
    desk: Desk,
) -> None:
    def taken() -> tuple[int, list[str]]:
        with desk.ledger.read() as tx:
            trial = rulebooks.trial_of(tx, NOW + DAY)
        assert trial is not None
        return trial.share, trial.codes

    try_out(desk, 10, "ha-noi")
    units = taken()[1]
    assert set(units) >= {"ha-noi"}
    try_out(desk, 50, now=NOW + MINUTE)
    assert taken() == (50, units)
    for fewer in (0, 49):
        with pytest.raises(Invalid, match=r"50 of a hundred machines try it, .* end-trial"):
            try_out(desk, fewer, now=NOW + 2 * MINUTE)
    assert taken() == (50, units)
    try_out(desk, None, "hue", now=NOW + 3 * MINUTE)
    assert taken()[0] == 50
    assert "hue" in taken()[1]
    assert "ha-noi" not in taken()[1]
    rulebooks.end_trial(desk.ledger, now=NOW + 4 * MINUTE, actor="test")
    try_out(desk, 5, now=NOW + 5 * MINUTE)
    assert taken() == (5, [])
    third = a_rulebook(rules=16, version="3")
    rulebooks.try_out(desk.ledger, third, 1, (), now=NOW + 6 * MINUTE, actor="test")
    assert taken() == (1, []), "the trial of another rulebook begins anew"
    assert verify_ledger(desk.ledger).faults == []


def test_it_is_published_to_all_or_nobody_tries_it_any_more(desk: Desk) -> None:
    machine, other = fleet(desk, 2)
    try_out(desk, 0, "vn")
    assert told(desk, machine, NOW) == NEW_DIGEST
    rulebooks.end_trial(desk.ledger, now=NOW + MINUTE, actor="test")
    assert told(desk, machine, NOW + MINUTE) == OLD_DIGEST
    with pytest.raises(NotFound):
        rulebooks.end_trial(desk.ledger, now=NOW + MINUTE, actor="test")
    try_out(desk, 1, now=NOW + 2 * MINUTE)
    rulebooks.publish(desk.ledger, NEW, now=NOW + 3 * MINUTE, actor="test")
    assert {told(desk, m, NOW + 3 * MINUTE) for m in (machine, other)} == {NEW_DIGEST}
    with desk.ledger.read() as tx:
        assert tx.rulebooks.published(NOW + DAY) == [(OLD_DIGEST, NOW), (NEW_DIGEST, NOW + 3 * MINUTE)]
        assert rulebooks.trial_of(tx, NOW + DAY) is None
    assert verify_ledger(desk.ledger).faults == []
    with pytest.raises(Invalid, match="published to all already"):
        try_out(desk, 10, now=NOW + 4 * MINUTE)


def test_who_tries_it_is_judged_by_it_and_for_a_day_after_it_is_over(desk: Desk) -> None:
    trying, others = fleet(desk, 2)
    maker = BoardMaker(desk.ledger, Shelf(desk.ledger), load_parameters())

    def judges(now: datetime) -> list[str]:
        hosts = maker.at(now).hosts
        found = [hosts[m.agent_id].judged for m in (trying, others)]
        return [h.judge.rulebook for h in found if h is not None]

    try_out(desk, 0, "ha-noi")
    for machine in (trying, others):
        told(desk, machine, NOW)
    trying.rulebook = NEW_DIGEST
    told(desk, trying, NOW + MINUTE)
    assert judges(NOW + MINUTE) == [NEW_DIGEST, OLD_DIGEST]
    rulebooks.end_trial(desk.ledger, now=NOW + 2 * MINUTE, actor="test")
    assert judges(NOW + 3 * MINUTE) == [NEW_DIGEST, OLD_DIGEST]
    assert judges(NOW + DAY + 3 * MINUTE) == [OLD_DIGEST, OLD_DIGEST]
    assert judges(NOW + MINUTE) == [NEW_DIGEST, OLD_DIGEST], "the past is what it was"


@pytest.mark.parametrize(
    ("share", "units", "error"),
    [
        (100, (), Invalid),
        (-1, (), Invalid),
        (0, ("nowhere",), NotFound),
        (0, (), Invalid),
        (None, (), Invalid),
    ],
)
def test_what_is_no_trial_changes_nothing(
    share: int | None, units: tuple[str, ...], error: type[Exception], desk: Desk, machine: Machine
) -> None:
    with pytest.raises(error):
        try_out(desk, share, *units)
    with desk.ledger.read() as tx:
        assert tx.rulebooks.trials(FAR) == []
        assert tx.rulebooks.get(NEW_DIGEST) is None
    assert told(desk, machine, NOW) == OLD_DIGEST


def test_a_rulebook_that_is_in_force_is_tried_by_nobody(desk: Desk) -> None:
    with pytest.raises(Invalid, match="published to all already"):
        rulebooks.try_out(desk.ledger, OLD, 10, (), now=NOW, actor="test")


@pytest.mark.hostile
def test_a_rulebook_that_somebody_put_there_to_be_tried_is_named(desk: Desk) -> None:
    try_out(desk, 10)
    assert verify_ledger(desk.ledger).faults == []
    table = "books" if isinstance(desk.ledger, MemoryLedger) else "rulebooks"
    edit(desk.ledger, table, {"digest": NEW_DIGEST}, {"published_at": NOW})
    (fault,) = verify_ledger(desk.ledger).faults
    assert (fault.where, "its row says otherwise" in fault.what) == (f"rulebook {NEW_DIGEST}", True)


def test_a_machines_page_says_which_rulebook_it_runs_and_that_it_tries_it(desk: Desk) -> None:
    (machine,) = fleet(desk, 1)

    def said(now: datetime) -> tuple[str, str]:
        page = Queries(desk.ledger, Shelf(desk.ledger), load_parameters(), lambda: now).host(
            ADMIN, machine.agent_id
        )
        return page.rulebook, page.rulebook_state

    assert said(NOW) == ("", "")
    told(desk, machine, NOW)
    assert said(NOW) == ("1", "in-force")
    try_out(desk, 0, "vn")
    machine.rulebook = NEW_DIGEST
    told(desk, machine, NOW + MINUTE)
    assert said(NOW + MINUTE) == ("2", "tried")
    rulebooks.publish(desk.ledger, NEW, now=NOW + 2 * MINUTE, actor="test")
    assert said(NOW + 3 * MINUTE) == ("2", "in-force")
    machine.rulebook = OLD_DIGEST
    told(desk, machine, NOW + 4 * MINUTE)
    assert said(NOW + 5 * MINUTE) == ("1", "earlier")
    machine.rulebook = "f" * 64
    told(desk, machine, NOW + 6 * MINUTE)
    assert said(NOW + 7 * MINUTE) == ("f" * 12, "unknown")


def test_the_policy_s_page_tells_each_reader_of_their_own_units_who_tries_and_runs_what(
    desk: Desk, tmp_path: Path
) -> None:
    inside = desk.enrol(Machine("a", seed=20))
    outside = desk.enrol(Machine("b", seed=21), desk.token("hue/so-y-te", "hue-portal"))
    unheard = desk.enrol(Machine("c", seed=22))
    for machine in (inside, outside):
        told(desk, machine, NOW)
    make_key(tmp_path, policy.ROOT_KEY)
    queries = Queries(
        desk.ledger, Shelf(desk.ledger), load_parameters(), lambda: NOW + MINUTE, state=tmp_path
    )
    try_out(desk, 10, "ha-noi", "hue/so-y-te")
    inside.rulebook = NEW_DIGEST
    told(desk, inside, NOW)

    def said(unit: str) -> tuple[list[str], list[tuple[str, str, int]]]:
        page = queries.policy(msgspec.structs.replace(ADMIN, unit=unit))
        assert page.own_keys == [policy.ROOT_KEY]
        return [u.code for u in page.tops], [(r.version, r.state, r.machines) for r in page.running]

    tops, running = said("vn")
    assert (tops, sorted(running)) == (["ha-noi", "hue/so-y-te"], [("1", "in-force", 1), ("2", "tried", 1)])
    assert said("ha-noi") == (["ha-noi"], [("2", "tried", 1)])
    assert said("hue") == (["hue/so-y-te"], [("1", "in-force", 1)])
    with desk.ledger.read() as tx:
        assert tx.chain.running(NOW, [inside.agent_id, unheard.agent_id]) == {NEW_DIGEST: 1}
        assert tx.chain.running(NOW - MINUTE) == {}
        assert tx.chain.running(NOW, []) == {}


@pytest.mark.parametrize(
    ("notices", "flags"),
    [
        ((), []),
        (("the disk is full",), []),
        (("policy-expired: what vouches for the rules was good until …",), ["policy-expired"]),
        (("policy-not-vouched: nobody vouches for rulebook …",), ["policy-not-followed"]),
    ],
)
def test_what_a_machine_says_of_the_policy_is_a_remark_on_its_page(
    notices: tuple[str, ...], flags: list[str], desk: Desk, machine: Machine
) -> None:
    desk.accept(machine.report(NOW, {1}, notices=notices), NOW)
    page = Queries(desk.ledger, Shelf(desk.ledger), load_parameters(), lambda: NOW).host(
        ADMIN, machine.agent_id
    )
    assert page.flags == flags
    assert verify_ledger(desk.ledger).faults == []
