"""Who has only the database says nothing about whom new machines trust: the state folder knows the roots accepted."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.testclient import TestClient
from tests.unit.collector.conftest import ADMIN, KEY, NOW, Desk
from tests.unit.collector.machines import Machine, a_rulebook
from tests.unit.collector.test_policy import Ceremony, held, served
from tuf.api.metadata import Metadata, Root, Targets

from vonggac_collector import policy, policy_roots
from vonggac_collector.app import create_app
from vonggac_collector.enrolment import enrol
from vonggac_collector.errors import SettingsError
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.policy_roots import ForeignPolicy
from vonggac_collector.rotation import rotate
from vonggac_collector.settings import Settings
from vonggac_collector.state import make_state
from vonggac_contract.enrolment import PolicyRoot, open_enrolled
from vonggac_contract.envelope import envelope_from_bytes
from vonggac_rules import repository

pytestmark = pytest.mark.policy
DAY = timedelta(days=1)


@pytest.fixture
def ceremony(desk: Desk, folder: Path) -> Ceremony:
    return held(desk.ledger, folder, NOW)


def pinned(desk: Desk, folder: Path | None, seed: int) -> PolicyRoot | int | None:
    """What a new machine is told; the status if it is told nothing."""
    machine = Machine(seed=seed)
    raw = machine.request(desk.token(now=NOW), NOW)
    answer = enrol(desk.ledger, raw, now=NOW, collector_key=KEY, peer="test", state=folder)
    if answer.status != 200:
        return answer.status
    return open_enrolled(envelope_from_bytes(answer.body()), machine.public_key).policy


def dropped(ledger: Ledger) -> None:
    with ledger.write() as tx:
        for name in tx.policy.all():
            tx.policy.drop(name)


def replaced(ledger: Ledger) -> None:
    """By a repository of one's own, which the collector's online key may sign: its public part is in the metadata."""
    held = served(ledger)
    root = repository.read(held["1.root.json"], Root).signed
    online = root.keys[root.roles["timestamp"].keyids[0]]
    own, targets = (
        Ed25519PrivateKey.generate(),
        Metadata(Targets(expires=NOW.replace(microsecond=0) + 99 * DAY)),
    )
    keys = [repository.key_of(own.public_key())], 1, [repository.key_of(KEY.public_key())], 1
    mine = repository.first_root(*keys, online, NOW.replace(microsecond=0) + 99 * DAY)
    repository.sign(mine, own)
    repository.vouch_for(targets.signed, a_rulebook(version="evil"))
    repository.sign(targets, KEY)
    dropped(ledger)
    with ledger.write() as tx:
        tx.policy.put("1.root.json", repository.to_bytes(mine))
        tx.policy.put("1.targets.json", repository.to_bytes(targets))


def gone_on_alone(ledger: Ledger) -> None:
    """The true root, then one that none of its keys signed."""
    held = served(ledger)
    root = repository.following(repository.read(held["1.root.json"], Root), NOW + 99 * DAY)
    repository.sign(root, Ed25519PrivateKey.generate())
    with ledger.write() as tx:
        tx.policy.put("2.root.json", repository.to_bytes(root))


@pytest.mark.parametrize("attack", [dropped, replaced, gone_on_alone])
def test_who_has_only_the_database_is_whom_no_new_machine_trusts(
    desk: Desk, folder: Path, ceremony: Ceremony, attack: Callable[[Ledger], None]
) -> None:
    assert pinned(desk, folder, 5) == ceremony.pin
    attack(desk.ledger)
    put = served(desk.ledger)
    assert pinned(desk, folder, 6) == 503
    for signs in (
        lambda: policy.renew(desk.ledger, folder, NOW + DAY, again=True),
        lambda: policy.vouch(desk.ledger, folder, a_rulebook(version="2"), NOW, "test"),
        lambda: policy.begin(desk.ledger, folder, NOW, "test"),
    ):
        with pytest.raises(ForeignPolicy):
            signs()
    assert served(desk.ledger) == put
    with desk.ledger.read() as tx:
        assert tx.trail.counts()["policy-foreign"] == 1
    given: dict[str, Any] = {"state_dir": folder, "role": "web"}
    app = create_app(Settings(**given), desk.ledger, KEY, now=lambda: NOW, pages=False)
    assert TestClient(app).get("/agent/v1/policy/metadata/1.root.json").status_code == 503
    page = app.state.queries.policy(ADMIN)
    assert (page.foreign, page.signed) == (True, [])
    ceremony.brought(desk.ledger, folder, NOW)
    assert pinned(desk, folder, 7) == ceremony.pin
    page = app.state.queries.policy(ADMIN)
    assert (page.foreign, [row.role for row in page.signed]) == (False, ["root", "targets", "timestamp"])


def test_a_token_is_not_used_up_and_a_key_not_turned_while_the_repository_is_foreign(
    desk: Desk, folder: Path, ceremony: Ceremony
) -> None:
    machine = desk.enrol(Machine())
    dropped(desk.ledger)
    text = desk.token(uses=1)
    raw = Machine(seed=2).request(text, NOW)
    turn = machine.rotation(NOW, seed=8)
    for _ in range(2):
        assert enrol(desk.ledger, raw, now=NOW, collector_key=KEY, state=folder).status == 503
        assert rotate(desk.ledger, turn, now=NOW, collector_key=KEY, state=folder).status == 503
    ceremony.brought(desk.ledger, folder, NOW)
    assert enrol(desk.ledger, raw, now=NOW, collector_key=KEY, state=folder).status == 200
    assert rotate(desk.ledger, turn, now=NOW, collector_key=KEY, state=folder).status == 200


def test_a_root_that_goes_on_from_those_accepted_needs_no_word_in_another_collectors_folder(
    desk: Desk, folder: Path, ceremony: Ceremony, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    make_state(other)
    for name in (policy.ONLINE_KEY, policy_roots.FILE):
        (other / name).write_bytes((folder / name).read_bytes())
        (other / name).chmod(0o600)
    ceremony.next_root()
    ceremony.sign_root("an", "binh")
    ceremony.brought(desk.ledger, folder, NOW)
    assert pinned(desk, other, 5) == pinned(desk, folder, 6) == ceremony.pin
    policy.renew(desk.ledger, other, NOW)
    assert policy_roots.accepted(other) == policy_roots.accepted(folder)
    assert len(policy_roots.accepted(other)) == 2


def test_a_backup_older_than_the_newest_root_is_followed_after_an_import_alone(
    desk: Desk, folder: Path, ceremony: Ceremony
) -> None:
    backup = served(desk.ledger)
    ceremony.next_root()
    ceremony.sign_root("an", "binh")
    ceremony.brought(desk.ledger, folder, NOW)
    dropped(desk.ledger)
    with desk.ledger.write() as tx:
        for name, raw in backup.items():
            tx.policy.put(name, raw)
    with pytest.raises(ForeignPolicy, match="1 of the 2 roots"):
        policy.renew(desk.ledger, folder, NOW, again=True)
    ceremony.brought(desk.ledger, folder, NOW)
    policy.renew(desk.ledger, folder, NOW, again=True)
    assert pinned(desk, folder, 5) == ceremony.pin


def test_other_roots_than_those_accepted_are_imported_by_an_explicit_word_alone(
    desk: Desk, folder: Path, ceremony: Ceremony
) -> None:
    other = Ceremony(folder, NOW + DAY)
    other.publish(a_rulebook())
    dropped(desk.ledger)
    with pytest.raises(ForeignPolicy):
        other.brought(desk.ledger, folder, NOW + DAY)
    policy.take(desk.ledger, folder, other.files, NOW + DAY, "test", anew=True)
    assert pinned(desk, folder, 5) == other.pin


def test_a_release_that_kept_no_roots_believes_its_ledger_once(
    desk: Desk, folder: Path, ceremony: Ceremony
) -> None:
    (folder / policy_roots.FILE).unlink()
    assert pinned(desk, folder, 5) == ceremony.pin
    policy.renew(desk.ledger, folder, NOW)
    assert policy_roots.accepted(folder) == [ceremony.pin.digest]
    assert hashlib.sha256(served(desk.ledger)["1.root.json"]).hexdigest() == ceremony.pin.digest
    dropped(desk.ledger)
    assert pinned(desk, folder, 6) == 503


@pytest.mark.parametrize("content", [b"", b"0" * 63 + b"\n", b"x" * 70_000, b"\xff\n", b"0" * 64])
def test_a_damaged_file_of_roots_stops_rather_than_lets_pass(folder: Path, content: bytes) -> None:
    (folder / policy_roots.FILE).write_bytes(content)
    (folder / policy_roots.FILE).chmod(0o600)
    with pytest.raises(SettingsError, match="SHA-256"):
        policy_roots.accepted(folder)


def test_a_file_of_roots_that_others_may_write_is_not_believed(folder: Path) -> None:
    policy_roots.note(folder, [b"a"])
    (folder / policy_roots.FILE).chmod(0o622)
    with pytest.raises(SettingsError, match="others may write"):
        policy_roots.accepted(folder)


def test_who_signs_in_time_counts_a_foreign_repository_so_that_it_is_noticed(
    desk: Desk, folder: Path, ceremony: Ceremony
) -> None:
    replaced(desk.ledger)
    clerk = policy.clerks(desk.ledger, folder, lambda: NOW)[0]
    with closing(desk.ledger.duty("policy")) as duty:
        clerk.turn(duty)
    with desk.ledger.read() as tx:
        assert tx.trail.counts()["policy-foreign"] == 1
