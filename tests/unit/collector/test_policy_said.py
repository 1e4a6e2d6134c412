"""What the audit log says of the policy repository and of trials is held against the ledger's."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from tests.unit.collector.conftest import NOW, Desk
from tests.unit.collector.machines import a_rulebook
from tests.unit.collector.test_policy import Ceremony, held, served
from tests.unit.collector.test_policy_roots import dropped, gone_on_alone, replaced

from vonggac_collector import audit, policy, policy_roots, rulebooks
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.policy import Trial
from vonggac_collector.verification import verify_ledger

pytestmark = pytest.mark.policy
HOUR = timedelta(hours=1)


@pytest.fixture
def ceremony(desk: Desk, folder: Path) -> Ceremony:
    return held(desk.ledger, folder, NOW)


def faults(ledger: Ledger) -> list[tuple[str, str]]:
    return [(fault.where, fault.what) for fault in verify_ledger(ledger).faults]


def targets_gone_back(ledger: Ledger) -> None:
    with ledger.write() as tx:
        tx.policy.drop("2.targets.json")


@pytest.mark.parametrize("attack", [dropped, replaced, gone_on_alone, targets_gone_back])
def test_a_policy_repository_that_somebody_put_into_the_database_is_named(
    desk: Desk, folder: Path, ceremony: Ceremony, attack: Callable[[Ledger], None]
) -> None:
    assert faults(desk.ledger) == []
    if attack is targets_gone_back:
        with desk.ledger.write() as tx:
            tx.policy.put("1.targets.json", served(desk.ledger)["2.targets.json"])
    attack(desk.ledger)
    ((where, what),) = faults(desk.ledger)
    assert where == "the policy repository"
    assert "says" in what
    if attack is not targets_gone_back:
        ceremony.brought(desk.ledger, folder, NOW)
        assert faults(desk.ledger) == []


def test_what_the_collector_signs_by_itself_is_no_fault(desk: Desk, folder: Path) -> None:
    policy.begin(desk.ledger, folder, NOW, "test")
    policy.vouch(desk.ledger, folder, a_rulebook(version="2"), NOW + HOUR, "test")
    for day in (10, 310, 620, 930, 1_060):
        policy.renew(desk.ledger, folder, NOW + 24 * day * HOUR)
        assert faults(desk.ledger) == []
    with desk.ledger.read() as tx:
        said = [row.detail for row in tx.trail.walk(0, 1_000) if row.action == policy.IMPORTED][-1]
    assert hashlib.sha256((folder / policy_roots.FILE).read_bytes()).hexdigest() in said


def test_an_earlier_release_said_versions_alone(desk: Desk, folder: Path, ceremony: Ceremony) -> None:
    with desk.ledger.write() as tx:
        books = f"root 1, rulebooks {'0' * 64}"
        audit.record(tx, NOW, "test", policy.IMPORTED, "targets 2", books)
    assert faults(desk.ledger) == []
    gone_on_alone(desk.ledger)
    assert [where for where, _ in faults(desk.ledger)] == ["the policy repository"]


def test_a_repository_of_which_the_audit_log_says_nothing_is_named(desk: Desk, folder: Path) -> None:
    with desk.ledger.write() as tx:
        tx.policy.put("1.root.json", b"{}")
    assert faults(desk.ledger) == [("the policy repository", "was put there by no row of the audit log")]


def tried(desk: Desk) -> str:
    book = a_rulebook(rules=16, version="2")
    rulebooks.try_out(desk.ledger, book, 1, ["ha-noi"], now=NOW, actor="test")
    rulebooks.try_out(desk.ledger, book, 5, [], now=NOW + HOUR, actor="test")
    return hashlib.sha256(book).hexdigest()


def test_trials_that_people_began_widened_and_ended_are_no_fault(desk: Desk) -> None:
    tried(desk)
    rulebooks.end_trial(desk.ledger, now=NOW + 2 * HOUR, actor="test")
    assert faults(desk.ledger) == []


@pytest.mark.parametrize(("share", "units"), [(99, b'["vn"]'), (0, b"[]"), (5, b"no JSON")])
def test_a_trial_that_somebody_put_into_the_database_is_named(desk: Desk, share: int, units: bytes) -> None:
    digest = tried(desk)
    with desk.ledger.write() as tx:
        tx.rulebooks.try_out(Trial(3, NOW + HOUR, digest, share, units))
    assert faults(desk.ledger) == [("trial 3", "is by no row of the audit log")]


def test_a_trial_that_an_earlier_release_noted_names_no_units(desk: Desk) -> None:
    digest = tried(desk)
    with desk.ledger.write() as tx:
        tx.rulebooks.try_out(Trial(3, NOW, digest, 7, b'["hue"]'))
        audit.record(tx, NOW, "test", rulebooks.TRIAL, digest, "7 of a hundred, 1 units")
        tx.rulebooks.try_out(Trial(4, NOW, digest, 8, b'["hue"]'))
        audit.record(tx, NOW, "test", rulebooks.TRIAL, digest, "7 of a hundred, 1 units")
    assert faults(desk.ledger) == [("trial 4", "is not what the audit log says of it")]
