"""Tokens that want approval: a machine waits, counts for nothing, and is let in or turned away by who may, once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import msgspec
import pytest
from tests.unit.collector.conftest import ADMIN, KEY, NOW, Desk
from tests.unit.collector.machines import Machine

from vonggac_collector.applying import PATIENCE
from vonggac_collector.approval import applicant_row, approve, refuse
from vonggac_collector.auth import Caller
from vonggac_collector.enrolment import add_machine, create_token, enrol, revoke_token
from vonggac_collector.enrolment_views import ApplicantRow
from vonggac_collector.errors import Busy, Forbidden, Invalid, NotFound
from vonggac_collector.ingest.answer import Answer
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.verification import verify_ledger
from vonggac_collector.views import UnitLink
from vonggac_contract.enrolment import EnrolmentRequest
from vonggac_contract.envelope import keyid_of

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
OFFICER = Caller("o", "lan", "officer", "ha-noi")


def a_token(desk: Desk, uses: int = 3, **more: str) -> str:
    text, _ = create_token(
        desk.ledger, ADMIN, "ha-noi/so-y-te", "hsyt", uses, NOW + DAY, NOW, approval=True, **more
    )
    return text


def ask(desk: Desk, machine: Machine, token: str, after: timedelta = timedelta(0), **said: str) -> Answer:
    now = NOW + after
    return enrol(
        desk.ledger, machine.request(token, now, **said), now=now, collector_key=KEY, peer="10.0.0.7"
    )


def waiting(desk: Desk, now: timedelta = timedelta(0)) -> list[ApplicantRow]:
    with desk.ledger.read() as tx:
        found, number = tx.applicants.first(None, NOW + now, 50)
        unit = UnitLink("ha-noi/so-y-te", "", "", False)
        rows = [applicant_row(a, tx.tokens.get(a.token), unit, NOW + now) for a in found]
    assert number == len([r for r in rows if r.state == "waiting"])
    return rows


def uses_left(ledger: Ledger) -> int:
    with ledger.read() as tx:
        return next(t.uses_left for t in tx.tokens.all() if t.approval)


def keyid(machine: Machine) -> str:
    return keyid_of(machine.public_key)


def counted(ledger: Ledger) -> tuple[int, int]:
    with ledger.read() as tx:
        return len(tx.tree.hosts(NOW + 99 * DAY)), len(tx.agents.all())


def test_a_machine_waits_and_counts_for_nothing_until_it_is_approved(desk: Desk) -> None:
    token, machine = a_token(desk), Machine(seed=2)
    answer = ask(desk, machine, token)
    assert answer.status == 202
    told = msgspec.json.decode(answer.body())
    assert (told["status"], told["keyid"]) == ("waiting", keyid(machine))
    assert counted(desk.ledger) == (0, 0)
    assert desk.accept(machine.report(NOW)).code == "unknown-key"
    (row,) = waiting(desk)
    assert (row.hostname, row.machine_id, row.address) == (machine.hostname, "m" * 64, "10.0.0.7")
    host = approve(desk.ledger, OFFICER, keyid(machine), "", NOW + HOUR)
    let_in = ask(desk, machine, token, 2 * HOUR)
    assert let_in.status == 200
    machine = Machine(seed=2)
    machine.enrolled(let_in.body())
    assert machine.agent_id == host
    assert desk.accept(machine.report(NOW + 2 * HOUR), NOW + 2 * HOUR).status == 200
    with desk.ledger.read() as tx:
        place = tx.tree.placements(NOW + DAY)[0]
    assert (place.host, place.unit, place.system) == (host, "ha-noi/so-y-te", "hsyt")
    assert verify_ledger(desk.ledger).faults == []


def test_asking_again_costs_no_further_use_and_changes_nothing_of_what_was_said_first(desk: Desk) -> None:
    token, machine = a_token(desk, uses=1), Machine(seed=2)
    for n in range(3):
        hostname = f"may-{n}"
        assert ask(desk, machine, token, n * HOUR, hostname=hostname).status == 202
    (row,) = waiting(desk)
    assert (row.hostname, row.requested_at, row.asked_at) == ("may-0", NOW, NOW + 2 * HOUR)
    assert uses_left(desk.ledger) == 0
    assert ask(desk, Machine(seed=3), token).code == "token-refused"
    assert ask(desk, machine, token, 2 * DAY).status == 202, (
        "the token's end is not the end of who asked in time"
    )


def test_a_refusal_is_final_is_told_with_its_reason_and_gives_no_use_back(desk: Desk) -> None:
    token, machine = a_token(desk), Machine(seed=2)
    ask(desk, machine, token)
    refuse(desk.ledger, OFFICER, keyid(machine), "  not one \n of ours ", NOW)
    for _ in range(2):
        answer = ask(desk, machine, token, HOUR)
        assert (answer.status, answer.code) == (403, "enrolment-refused")
        assert b"not one of ours" in answer.body()
    with pytest.raises(Invalid, match="decided already"):
        approve(desk.ledger, OFFICER, keyid(machine), "", NOW + HOUR)
    assert uses_left(desk.ledger) == 2
    assert counted(desk.ledger) == (0, 0)
    assert ask(desk, Machine(seed=3), token, HOUR).status == 202, "others may still ask with it"


def test_who_waited_too_long_is_no_longer_approved(desk: Desk) -> None:
    token, machine = a_token(desk), Machine(seed=2)
    ask(desk, machine, token)
    assert [r.state for r in waiting(desk, PATIENCE)] == ["expired"]
    with pytest.raises(Invalid, match="waited too long"):
        approve(desk.ledger, OFFICER, keyid(machine), "", NOW + PATIENCE)
    assert ask(desk, machine, token, PATIENCE).code == "enrolment-refused"


def test_a_token_that_was_revoked_lets_nobody_in_who_waits_with_it(desk: Desk) -> None:
    token, machine = a_token(desk), Machine(seed=2)
    ask(desk, machine, token)
    with desk.ledger.read() as tx:
        identifier = tx.tokens.all()[0].id
    revoke_token(desk.ledger, ADMIN, identifier, NOW)
    with pytest.raises(Invalid, match="token was revoked"):
        approve(desk.ledger, OFFICER, keyid(machine), "", NOW)
    assert ask(desk, machine, token, HOUR).code == "token-refused"


@pytest.mark.parametrize(
    ("caller", "error"),
    [
        (Caller("s", "a", "sysadmin", "ha-noi"), Forbidden),
        (Caller("a", "b", "auditor", "vn"), Forbidden),
        (Caller("o", "c", "officer", "hue"), NotFound),
    ],
)
def test_only_who_may_decides_and_only_about_machines_within_sight(
    desk: Desk, caller: Caller, error: type[Exception]
) -> None:
    machine = Machine(seed=2)
    ask(desk, machine, a_token(desk))
    for name in (keyid(machine), "f" * 64):
        with pytest.raises(error, match=r"not found|may not"):
            approve(desk.ledger, caller, name, "", NOW)
        with pytest.raises(error, match=r"not found|may not"):
            refuse(desk.ledger, caller, name, "no", NOW)
    assert [r.state for r in waiting(desk)] == ["waiting"]
    with desk.ledger.read() as tx:
        assert tx.applicants.first(["hue"], NOW, 9) == ([], 0)
        assert tx.applicants.first(["ha-noi/so-y-te"], NOW, 9)[1] == 1


def test_a_refusal_without_a_reason_is_none(desk: Desk) -> None:
    machine = Machine(seed=2)
    ask(desk, machine, a_token(desk))
    for reason in ("", "  \n", "x" * 501, "a\x1b[31m"):
        with pytest.raises(Invalid, match="reason"):
            refuse(desk.ledger, OFFICER, keyid(machine), reason, NOW)
    assert [r.state for r in waiting(desk)] == ["waiting"]


def test_a_token_for_a_host_that_wants_approval_ends_the_old_key_only_when_it_is_approved(
    desk: Desk, machine: Machine
) -> None:
    token, again = a_token(desk, host=machine.agent_id), Machine(machine.hostname, seed=9)
    assert ask(desk, again, token).status == 202
    assert desk.accept(machine.report(NOW)).status == 200
    assert approve(desk.ledger, OFFICER, keyid(again), "", NOW + HOUR) == machine.agent_id
    assert desk.accept(machine.report(NOW + HOUR), NOW + HOUR).code == "key-revoked"
    again.enrolled(ask(desk, again, token, HOUR).body())
    assert (again.agent_id, again.epoch) == (machine.agent_id, 2)
    assert desk.accept(again.report(NOW + HOUR), NOW + HOUR).status == 200
    assert verify_ledger(desk.ledger).faults == []


def test_a_key_that_was_let_in_by_another_token_is_not_let_in_once_more(desk: Desk) -> None:
    machine = Machine(seed=2)
    ask(desk, machine, a_token(desk))
    desk.enrol(machine)
    with pytest.raises(Invalid, match="enrolled already"):
        approve(desk.ledger, OFFICER, keyid(machine), "", NOW)
    assert counted(desk.ledger) == (1, 1)


def test_a_key_that_waits_with_one_token_does_not_go_on_with_another(desk: Desk) -> None:
    machine = Machine(seed=2)
    ask(desk, machine, a_token(desk))
    other = a_token(desk)
    assert ask(desk, machine, other).code == "key-in-use"
    with desk.ledger.read() as tx:
        assert sorted(t.uses_left for t in tx.tokens.all()) == [2, 3]


def test_an_enrolment_that_its_token_wanted_approved_and_nobody_did_is_named(desk: Desk) -> None:
    token, machine = a_token(desk), Machine(seed=4)
    ask(desk, Machine(seed=2), token)
    assert verify_ledger(desk.ledger).faults == []
    # Somebody with the database lets it in past the queue, with a row of the log that looks like any enrolment's.
    request = EnrolmentRequest(1, token, machine.public_key, "x", "", "linux", "1", NOW)
    with desk.ledger.write() as tx:
        add_machine(tx, request, keyid(machine), tx.tokens.all()[0], NOW)
    faults = verify_ledger(desk.ledger).faults
    assert ["was approved by nobody" in str(f) for f in faults] == [True]


def test_who_waits_longest_comes_first_and_who_was_decided_last(desk: Desk) -> None:
    token = a_token(desk, uses=9)
    machines = [Machine(f"may-{n}", seed=n + 2) for n in range(4)]
    for n, machine in enumerate(machines):
        ask(desk, machine, token, n * HOUR)
    refuse(desk.ledger, OFFICER, keyid(machines[0]), "no", NOW + 5 * HOUR)
    approve(desk.ledger, OFFICER, keyid(machines[2]), "yes", NOW + 5 * HOUR)
    said = [(r.hostname, r.state) for r in waiting(desk, 6 * HOUR)]
    assert said == [("may-1", "waiting"), ("may-3", "waiting"), ("may-2", "approved"), ("may-0", "refused")]
    with desk.ledger.read() as tx:
        found, number = tx.applicants.first(None, NOW + 6 * HOUR, 1)
    assert ([a.hostname for a in found], number) == (["may-1"], 2)


def test_of_many_who_decide_at_once_exactly_one_does(desk: Desk) -> None:
    machine = Machine(seed=2)
    ask(desk, machine, a_token(desk))
    together = threading.Barrier(6)

    def decide(n: int) -> str:
        together.wait()
        try:
            if n % 2:
                return approve(desk.ledger, OFFICER, keyid(machine), "", NOW)
            refuse(desk.ledger, OFFICER, keyid(machine), "no", NOW)
        except (Invalid, Busy):
            return ""
        return "refused"

    with ThreadPoolExecutor(6) as pool:
        done = [found for found in pool.map(decide, range(6)) if found]
    assert len(done) == 1
    assert counted(desk.ledger) == ((0, 0) if done == ["refused"] else (1, 1))
    assert [r.state for r in waiting(desk)] == ["refused" if done == ["refused"] else "approved"]
    assert verify_ledger(desk.ledger).faults == []
