"""Whoever puts a token into the database, or fills one up, lets a machine in past the audit log, and is named."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.unit.collector.conftest import NOW, Desk
from tests.unit.collector.machines import Machine
from tests.unit.collector.test_placed import rewrite
from tests.unit.collector.test_verification import edit

from vonggac_collector.enrolment import CREATED, token_hash
from vonggac_collector.ledger.memory import MemoryLedger
from vonggac_collector.ledger.rows import Token
from vonggac_collector.verification import Fault, verify_ledger

HOUR = timedelta(hours=1)
TEXT = "vg1-" + "x" * 32


def faults(desk: Desk) -> list[Fault]:
    return verify_ledger(desk.ledger).faults


def put(desk: Desk, host: str | None) -> None:
    """A token that no command made."""
    with desk.ledger.write() as tx:
        tx.tokens.add(
            Token(
                id="feedfeedfeedfeed",
                hash=token_hash(TEXT),
                unit="ha-noi/so-y-te",
                system="hsyt",
                host=host,
                uses_left=1,
                expires_at=NOW + 9 * HOUR,
                created_by="admin",
                created_at=NOW,
                revoked=False,
                approval=False,
            )
        )


def turned(desk: Desk, text: str, change: dict[str, Any]) -> None:
    """The token's row, edited past the commands."""
    table = "tokens" if isinstance(desk.ledger, MemoryLedger) else "enrolment_tokens"
    edit(desk.ledger, table, {"hash": token_hash(text)}, change)


def token_rows(desk: Desk) -> list[tuple[int, str]]:
    with desk.ledger.read() as tx:
        return [(row.number, row.detail) for row in tx.trail.walk(0, 1_000) if row.action == CREATED]


def test_a_host_that_was_taken_over_with_a_token_from_the_database_is_named(
    desk: Desk, machine: Machine
) -> None:
    put(desk, machine.agent_id)
    thief = desk.enrol(Machine(seed=66), TEXT)
    assert thief.agent_id == machine.agent_id
    (fault,) = faults(desk)
    assert fault.where == f"agent {machine.agent_id}"
    assert "by a token that no row of the audit log made" in fault.what


def test_a_new_host_of_a_token_from_the_database_is_named(desk: Desk) -> None:
    put(desk, None)
    machine = desk.enrol(Machine(), TEXT)
    named = {fault.where for fault in faults(desk)}
    assert f"agent {machine.agent_id}" in named


def test_a_token_that_was_turned_against_another_host_is_named(desk: Desk, machine: Machine) -> None:
    other = desk.enrol(Machine(seed=2))
    text = desk.token(host=other.agent_id)
    turned(desk, text, {"host": machine.agent_id})
    assert desk.enrol(Machine(seed=66), text).agent_id == machine.agent_id
    (fault,) = faults(desk)
    assert fault.where == f"agent {machine.agent_id}"
    assert f"is by a token for host {other.agent_id}" in fault.what


def test_a_token_for_new_hosts_that_was_turned_against_one_that_is_there_is_named(
    desk: Desk, machine: Machine
) -> None:
    text = desk.token()
    turned(desk, text, {"host": machine.agent_id})
    desk.enrol(Machine(seed=66), text)
    (fault,) = faults(desk)
    assert "is by a token for new hosts" in fault.what


def test_a_token_that_was_filled_up_is_named(desk: Desk) -> None:
    text = desk.token(uses=1)
    desk.enrol(Machine(), text)
    turned(desk, text, {"uses_left": 1})
    assert faults(desk) == []
    second = desk.enrol(Machine(seed=2), text)
    (fault,) = faults(desk)
    assert fault.where == f"agent {second.agent_id}"
    assert "a token of 1 uses that was used up" in fault.what


def test_machines_that_come_again_with_a_token_for_them_are_no_fault(desk: Desk, machine: Machine) -> None:
    for seed in (2, 3):
        desk.enrol(Machine(seed=seed), desk.token(host=machine.agent_id))
    assert faults(desk) == []


@pytest.mark.parametrize("system", ["system hsyt, ", ""])
def test_tokens_of_an_earlier_release_say_not_whom_they_are_for(
    desk: Desk, machine: Machine, system: str
) -> None:
    desk.enrol(Machine(seed=2), desk.token(host=machine.agent_id))
    assert [detail.partition("uses")[2] for _, detail in token_rows(desk)] == [
        ", for new hosts",
        f", for host {machine.agent_id}",
    ]
    for number, detail in token_rows(desk):
        rewrite(desk.ledger, number, detail.partition(", for ")[0].replace("system hsyt, ", system))
    assert faults(desk) == []
