"""Who may enrol, and how little a refusal tells."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.unit.collector.conftest import ADMIN, KEY, NOW, Desk
from tests.unit.collector.machines import Machine

from vonggac_collector.auth import Caller
from vonggac_collector.enrolment import create_token, enrol, revoke_token
from vonggac_collector.errors import Forbidden, Invalid, NotFound
from vonggac_collector.ingest.answer import Answer
from vonggac_collector.ledger.interface import Ledger
from vonggac_contract.envelope import ENROLMENT, envelope_from_bytes, envelope_to_bytes, seal

DAY = timedelta(days=1)


def ask(desk: Desk, raw: bytes, after: timedelta = timedelta(0)) -> Answer:
    return enrol(desk.ledger, raw, now=NOW + after, collector_key=KEY, peer="test")


def hosts(ledger: Ledger) -> int:
    with ledger.read() as tx:
        return len(tx.tree.hosts(NOW + 9 * DAY))


def test_an_enrolled_machine_is_a_host_of_the_tokens_unit_and_system(desk: Desk, machine: Machine) -> None:
    with desk.ledger.read() as tx:
        place = tx.tree.placements(NOW)[0]
        assert (place.host, place.unit, place.system) == (machine.agent_id, "ha-noi/so-y-te", "hsyt")
    assert machine.profile == "level-3"


def test_unknown_used_expired_and_revoked_tokens_get_the_very_same_answer(desk: Desk) -> None:
    once = desk.token(uses=1)
    desk.enrol(Machine(seed=2), once)
    text, row = create_token(desk.ledger, ADMIN, "hue", None, 5, NOW + DAY, NOW)
    revoke_token(desk.ledger, ADMIN, row.id, NOW)
    short, _ = create_token(desk.ledger, ADMIN, "hue", None, 5, NOW + DAY, NOW)
    machine = Machine(seed=3)
    answers = [
        ask(desk, machine.request("vg1-there-is-no-such-token", NOW)),
        ask(desk, machine.request(once, NOW)),
        ask(desk, machine.request(text, NOW)),
        ask(desk, machine.request(short, NOW), DAY),
    ]
    assert {(a.status, a.code, a.body()) for a in answers} == {(401, "token-refused", answers[0].body())}
    assert hosts(desk.ledger) == 1


def test_a_lost_answer_can_be_asked_for_again_without_another_use(desk: Desk) -> None:
    once = desk.token(uses=1)
    machine = Machine(seed=2)
    raw = machine.request(once, NOW)
    first, again = ask(desk, raw), ask(desk, raw, DAY)
    assert first.body() == again.body()
    assert hosts(desk.ledger) == 1


def test_the_request_must_be_sealed_by_the_very_key_it_names(desk: Desk) -> None:
    machine, thief = Machine(seed=2), Machine(seed=3)
    payload = envelope_from_bytes(machine.request(desk.token(), NOW)).payload
    stolen = envelope_to_bytes(seal(ENROLMENT, payload, thief.key))
    assert ask(desk, stolen).code == "bad-signature"
    assert hosts(desk.ledger) == 0


def test_a_host_name_is_no_credential(desk: Desk) -> None:
    first = desk.enrol(Machine("same-name", seed=2))
    second = desk.enrol(Machine("same-name", seed=3))
    assert first.agent_id != second.agent_id


def test_a_key_that_was_replaced_never_comes_back(desk: Desk, machine: Machine) -> None:
    desk.enrol(Machine(seed=5), desk.token(host=machine.agent_id))
    assert ask(desk, machine.request(desk.token(), NOW)).code == "key-in-use"


def test_a_platform_that_is_not_known_is_refused(desk: Desk) -> None:
    assert ask(desk, Machine().request(desk.token(), NOW, platform="<script>")).code == "malformed"


def test_a_report_is_no_enrolment_and_an_enrolment_no_report(desk: Desk, machine: Machine) -> None:
    assert ask(desk, machine.report(NOW)).code == "malformed"
    assert desk.accept(machine.request(desk.token(), NOW)).code == "unknown-schema"


@pytest.mark.parametrize(
    ("role", "unit", "asked", "error"),
    [
        ("auditor", "vn", "hue", Forbidden),
        ("officer", "hue", "ha-noi/so-y-te", NotFound),
        ("officer", "hue", "nowhere", NotFound),
        ("sysadmin", "hue/so-y-te", "hue", NotFound),
    ],
)
def test_tokens_are_made_only_by_roles_that_may_and_only_within_sight(
    desk: Desk, role: str, unit: str, asked: str, error: type[Exception]
) -> None:
    caller = Caller("u", "somebody", role, unit)  # type: ignore[arg-type]
    with pytest.raises(error, match=r"not found|may not"):
        create_token(desk.ledger, caller, asked, None, 1, NOW + DAY, NOW)


@pytest.mark.parametrize(("uses", "days"), [(0, 1), (-1, 1), (10_001, 1), (1, 0), (1, -1)])
def test_a_token_without_uses_or_time_is_refused(desk: Desk, uses: int, days: int) -> None:
    with pytest.raises(Invalid, match=r"uses|expires"):
        create_token(desk.ledger, ADMIN, "hue", None, uses, NOW + days * DAY, NOW)


def test_a_system_or_host_of_another_unit_is_not_found(desk: Desk, machine: Machine) -> None:
    for more in ({"system": "hsyt"}, {"host": machine.agent_id}):
        with pytest.raises(NotFound, match="not found"):
            create_token(
                desk.ledger, ADMIN, "hue", more.get("system"), 1, NOW + DAY, NOW, host=more.get("host")
            )


def test_a_token_of_somebody_elses_unit_cannot_be_revoked(desk: Desk) -> None:
    _, row = create_token(desk.ledger, ADMIN, "ha-noi", None, 1, NOW + DAY, NOW)
    with pytest.raises(NotFound, match="not found"):
        revoke_token(desk.ledger, Caller("u", "hue", "officer", "hue"), row.id, NOW)


def test_tokens_that_still_enrol_are_listed_first_then_the_newest_and_all_are_counted(desk: Desk) -> None:
    made = [
        create_token(desk.ledger, ADMIN, unit, None, 5, NOW + end, NOW + at)[1].id
        for unit, at, end in [
            ("hue", 0 * DAY, 30 * DAY),
            ("hue", 1 * DAY, 2 * DAY),
            ("ha-noi", 2 * DAY, 30 * DAY),
            ("hue", 3 * DAY, 4 * DAY),
        ]
    ]
    with desk.ledger.read() as tx:
        found, total = tx.tokens.first(None, NOW + 9 * DAY, 3)
        assert ([t.id for t in found], total) == ([made[2], made[0], made[3]], 4)
        found, total = tx.tokens.first(["hue"], NOW + 9 * DAY, 9)
        assert ([t.id for t in found], total) == ([made[0], made[3], made[1]], 3)
