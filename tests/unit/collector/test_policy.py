"""The policy repository: what people signed is checked before it is served, the rest is signed in time."""

from __future__ import annotations

import hashlib
import re
import urllib.parse
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from prometheus_client import generate_latest
from starlette.testclient import TestClient
from tests.unit.collector.conftest import Desk
from tests.unit.collector.machines import Machine, a_rulebook
from tests.unit.policy_twin import Repository
from tuf.api.exceptions import DownloadHTTPError
from tuf.api.metadata import Metadata, Root, Timestamp
from tuf.api.serialization.json import JSONSerializer
from tuf.ngclient import FetcherInterface, Updater

from vonggac_collector import policy, rulebooks
from vonggac_collector.app import create_app
from vonggac_collector.errors import Invalid
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.metrics import Metrics
from vonggac_collector.settings import Settings
from vonggac_collector.state import load_key, make_key, make_state
from vonggac_collector.verification import verify_ledger
from vonggac_rules import repository
from vonggac_rules.errors import BadRepository

pytestmark = pytest.mark.policy
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
REAL_NOW = datetime.now(UTC).replace(microsecond=0)
"""A plain client asks the real clock."""


def served(ledger: Ledger) -> dict[str, bytes]:
    with ledger.read() as tx:
        return tx.policy.all()


def in_force(ledger: Ledger) -> str:
    with ledger.read() as tx:
        return tx.rulebooks.published(REAL_NOW)[-1][0]


class Ceremony(Repository):
    """What people signed, for the online key of that state folder."""

    def __init__(self, folder: Path, now: datetime = REAL_NOW) -> None:
        super().__init__(now)
        online = repository.key_of(make_key(folder, policy.ONLINE_KEY).public_key())
        self.root.signed.revoke_key(self.root.signed.roles["timestamp"].keyids[0], "timestamp")
        self.root.signed.revoke_key(self.root.signed.roles["snapshot"].keyids[0], "snapshot")
        for role in repository.ONLINE:
            self.root.signed.add_key(online, role)
        self.sign_root("an", "binh")

    def brought(self, ledger: Ledger, folder: Path, now: datetime = REAL_NOW) -> None:
        policy.take(ledger, folder, self.files, now, "test")


def held(ledger: Ledger, folder: Path, now: datetime) -> Ceremony:
    """Served by the collector, and vouching for the rulebook in force."""
    made = Ceremony(folder, now)
    made.publish(a_rulebook())
    made.brought(ledger, folder, now)
    return made


@pytest.fixture
def ceremony(desk: Desk, folder: Path) -> Ceremony:
    return held(desk.ledger, folder, REAL_NOW)


def test_a_centre_without_a_ceremony_gets_a_repository_that_vouches_for_what_is_in_force(
    desk: Desk, folder: Path
) -> None:
    assert policy.begin(desk.ledger, folder, REAL_NOW, "test")
    assert not policy.begin(desk.ledger, folder, REAL_NOW, "test")
    offline = policy.offline_of(served(desk.ledger), REAL_NOW)
    assert repository.digests_of(offline.targets) == [in_force(desk.ledger)]
    for name in (policy.ROOT_KEY, policy.TARGETS_KEY, policy.ONLINE_KEY):
        assert (folder / name).stat().st_mode & 0o777 == 0o600
    book = a_rulebook(version="2")
    assert policy.vouch(desk.ledger, folder, book, REAL_NOW, "test")
    rulebooks.publish(desk.ledger, book, now=REAL_NOW, actor="test")
    assert in_force(desk.ledger) == hashlib.sha256(book).hexdigest()


def test_without_the_targets_key_a_rulebook_has_to_be_signed_elsewhere_first(
    desk: Desk, folder: Path, ceremony: Ceremony
) -> None:
    book = a_rulebook(version="2")
    assert not policy.vouch(desk.ledger, folder, book, REAL_NOW, "test")
    with pytest.raises(Invalid, match="does not vouch"):
        rulebooks.publish(desk.ledger, book, now=REAL_NOW, actor="test")
    ceremony.publish(book)
    ceremony.brought(desk.ledger, folder)
    rulebooks.publish(desk.ledger, book, now=REAL_NOW, actor="test")
    assert in_force(desk.ledger) == hashlib.sha256(book).hexdigest()


def test_enrolling_tells_the_newest_root(desk: Desk, folder: Path, ceremony: Ceremony) -> None:
    machine = Machine()
    desk.enrol(machine)
    with desk.ledger.read() as tx:
        assert policy.pin(tx, folder) == ceremony.pin


def test_snapshot_and_timestamp_are_signed_again_before_they_expire(
    desk: Desk, folder: Path, ceremony: Ceremony
) -> None:
    def versions() -> tuple[int, int]:
        files = served(desk.ledger)
        timestamp = repository.read(files["timestamp.json"], Timestamp).signed
        return timestamp.version, timestamp.snapshot_meta.version

    first, snapshot = versions()
    assert first == snapshot == int((REAL_NOW - datetime(2026, 1, 1, tzinfo=UTC)).total_seconds() // 60)
    policy.renew(desk.ledger, folder, REAL_NOW + 0.9 * DAY)
    assert versions() == (first, snapshot)
    policy.renew(desk.ledger, folder, REAL_NOW + 1.1 * DAY)
    assert versions() == (first + 1.1 * 24 * 60, snapshot)
    for day in range(4, 60, 5):
        policy.renew(desk.ledger, folder, REAL_NOW + day * DAY)
    assert versions()[1] > snapshot
    assert sum(".snapshot." in name for name in served(desk.ledger)) == 4
    assert policy.expiries(served(desk.ledger))["timestamp"] >= REAL_NOW + 60 * DAY


def test_where_its_keys_are_here_root_and_targets_are_signed_again_too(desk: Desk, folder: Path) -> None:
    policy.begin(desk.ledger, folder, REAL_NOW, "test")
    for day in range(300, 3000, 50):
        policy.renew(desk.ledger, folder, REAL_NOW + day * DAY)
    files = served(desk.ledger)
    assert min(policy.expiries(files).values()) > REAL_NOW + 2950 * DAY
    assert len(repository.roots_of(files)) > 2


def test_a_ledger_set_back_to_a_backup_signs_no_version_that_machines_have_with_other_content(
    desk: Desk, folder: Path
) -> None:
    policy.begin(desk.ledger, folder, REAL_NOW, "test")
    backup = served(desk.ledger)
    for hour in range(1, 4):
        book = a_rulebook(version=f"{hour}")
        assert policy.vouch(desk.ledger, folder, book, REAL_NOW + hour * HOUR, "test")
    known = served(desk.ledger)
    with desk.ledger.write() as tx:
        for name in known:
            tx.policy.drop(name)
        for name, raw in backup.items():
            tx.policy.put(name, raw)
    policy.renew(desk.ledger, folder, REAL_NOW + 4 * HOUR, again=True)
    after = served(desk.ledger)
    for name in known.keys() & after.keys() - backup.keys():
        assert known[name] == after[name], name
    old, new = (repository.read(f["timestamp.json"], Timestamp).signed for f in (known, after))
    assert new.version > old.version
    assert new.snapshot_meta.version > old.snapshot_meta.version
    assert repository.newest_targets(after)[0] > repository.newest_targets(known)[0]


def test_a_key_of_this_machine_that_the_root_no_longer_names_signs_nothing(desk: Desk, folder: Path) -> None:
    policy.begin(desk.ledger, folder, REAL_NOW, "test")
    (folder / policy.TARGETS_KEY).unlink()
    make_key(folder, policy.TARGETS_KEY)
    assert not policy.vouch(desk.ledger, folder, a_rulebook(version="2"), REAL_NOW, "test")
    policy.renew(desk.ledger, folder, REAL_NOW + 320 * DAY)
    assert policy.expiries(served(desk.ledger))["timestamp"] > REAL_NOW + 320 * DAY


@pytest.mark.parametrize("days", [366, 1_200])
def test_a_collector_with_its_own_keys_that_was_off_for_long_signs_all_again_by_itself(
    desk: Desk, folder: Path, days: int
) -> None:
    policy.begin(desk.ledger, folder, REAL_NOW, "test")
    policy.renew(desk.ledger, folder, REAL_NOW + days * DAY)
    assert min(policy.expiries(served(desk.ledger)).values()) > REAL_NOW + days * DAY
    assert verify_ledger(desk.ledger).faults == []


def test_what_people_let_expire_is_said_and_nothing_is_signed(
    desk: Desk, folder: Path, ceremony: Ceremony
) -> None:
    before = served(desk.ledger)
    with pytest.raises(BadRepository, match="the root expired"):
        policy.renew(desk.ledger, folder, REAL_NOW + 366 * DAY)
    assert served(desk.ledger) == before


def _without_a_signature(ceremony: Ceremony) -> None:
    ceremony.next_root()
    ceremony.sign_root("an")


def _twice(ceremony: Ceremony) -> None:
    repository.vouch_for(ceremony.targets.signed, a_rulebook(version="9"))
    ceremony.sign_targets()


def _another_first_root(ceremony: Ceremony) -> None:
    ceremony.root.signed.expires += DAY
    ceremony.sign_root("an", "binh")


def _gone_back(ceremony: Ceremony) -> None:
    del ceremony.files["2.targets.json"]


def _delegating(ceremony: Ceremony) -> None:
    from tuf.api.metadata import Delegations

    ceremony.targets = repository.following(ceremony.targets, REAL_NOW + DAY)
    ceremony.targets.signed.delegations = Delegations({}, {})
    ceremony.sign_targets()


def _misnamed(ceremony: Ceremony) -> None:
    ceremony.targets = repository.following(ceremony.targets, REAL_NOW + DAY)
    (target,) = ceremony.targets.signed.targets.values()
    ceremony.targets.signed.targets = {"../../etc/passwd": target}
    ceremony.sign_targets()


def _one_key_under_two_ids(ceremony: Ceremony) -> None:
    from tests.unit.policy_twin import public
    from tuf.api.metadata import Key

    root = ceremony.next_root()
    root.add_key(Key.from_dict("f" * 64, public("an").to_dict()), "root")
    ceremony.sign_root("an", "binh")


def _by_the_online_key(ceremony: Ceremony) -> None:
    root = ceremony.next_root()
    root.add_key(root.keys[root.roles["timestamp"].keyids[0]], "targets")
    ceremony.sign_root("an", "binh")


def _over(ceremony: Ceremony) -> None:
    ceremony.targets = repository.following(ceremony.targets, REAL_NOW - DAY)
    ceremony.sign_targets()


def _with_a_fraction(ceremony: Ceremony) -> None:
    """The canonical form that TUF signs knows none."""
    raw = ceremony.files["1.root.json"]
    ceremony.files["1.root.json"] = raw.replace(b'"signed":{', b'"signed":{"x":1.5,')


@pytest.mark.hostile
@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_without_a_signature, "root 2 is not signed by enough"),
        (_twice, "it was signed twice"),
        (_another_first_root, "it was signed twice"),
        (_gone_back, "version 2 of the targets is served already"),
        (_delegating, "delegate to others"),
        (_misnamed, "not called by its SHA-256"),
        (_one_key_under_two_ids, "under an id that is not its own"),
        (_by_the_online_key, "also one of root or targets"),
        (_over, "the targets expired"),
        (lambda c: c.files.clear(), "there are no targets"),
        (lambda c: c.files.update({"1.root.json": b"[" * 1000}), "brackets"),
        (_with_a_fraction, "no metadata"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_folder_that_does_not_verify_or_goes_back_is_not_served(
    change: Any, why: str, desk: Desk, folder: Path, ceremony: Ceremony
) -> None:
    before = served(desk.ledger)
    change(ceremony)
    with pytest.raises(Exception, match=why):
        ceremony.brought(desk.ledger, folder)
    assert served(desk.ledger) == before


def test_targets_that_drop_the_rulebook_in_force_are_not_served(
    desk: Desk, folder: Path, ceremony: Ceremony
) -> None:
    ceremony.publish(a_rulebook(version="2"))
    ceremony.withdraw(in_force(desk.ledger))
    with pytest.raises(Invalid, match="the rulebook in force"):
        ceremony.brought(desk.ledger, folder)


def test_targets_that_drop_a_rulebook_that_is_tried_are_not_served_before_the_trial_is_over(
    desk: Desk, folder: Path, ceremony: Ceremony
) -> None:
    book = a_rulebook(version="2")
    digest = ceremony.publish(book)
    ceremony.brought(desk.ledger, folder)
    rulebooks.try_out(desk.ledger, book, 10, (), now=REAL_NOW, actor="test")
    before = served(desk.ledger)
    ceremony.withdraw(digest)
    with pytest.raises(Invalid, match=f"is tried, {digest}; end the trial first: .* rulebook end-trial"):
        ceremony.brought(desk.ledger, folder)
    assert served(desk.ledger) == before
    rulebooks.end_trial(desk.ledger, now=REAL_NOW, actor="test")
    ceremony.brought(desk.ledger, folder)
    assert repository.digests_of(policy.offline_of(served(desk.ledger), REAL_NOW).targets) == [
        in_force(desk.ledger)
    ]


def test_a_repository_that_names_another_collectors_online_key_is_not_served(
    desk: Desk, folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    make_state(other)
    made = Ceremony(other)
    made.publish(a_rulebook())
    with pytest.raises(BadRepository, match="another online key"):
        made.brought(desk.ledger, folder)


def test_a_stolen_online_key_is_followed_by_another_that_a_root_names(
    desk: Desk, folder: Path, ceremony: Ceremony
) -> None:
    stolen = make_key(folder, policy.ONLINE_KEY)
    after = make_key(folder, policy.NEXT_KEY)
    root = ceremony.next_root()
    for role in repository.ONLINE:
        root.revoke_key(root.roles[role].keyids[0], role)
        root.add_key(repository.key_of(after.public_key()), role)
    ceremony.sign_root("an", "binh")
    before = repository.read(served(desk.ledger)["timestamp.json"], Timestamp).signed.version
    ceremony.brought(desk.ledger, folder)
    assert load_key(folder, policy.ONLINE_KEY).private_bytes_raw() == after.private_bytes_raw()
    assert not (folder / policy.NEXT_KEY).exists()
    timestamp = repository.read(served(desk.ledger)["timestamp.json"], Timestamp)
    assert timestamp.signed.version == before + 1
    assert [*timestamp.signatures] == root.roles["timestamp"].keyids
    assert repository.key_of(stolen.public_key()).keyid not in timestamp.signatures


class _Client(FetcherInterface):
    def __init__(self, client: TestClient) -> None:
        self._client = client

    def _fetch(self, url: str) -> Iterator[bytes]:
        answer = self._client.get(urllib.parse.urlsplit(url).path)
        if answer.status_code != 200:
            raise DownloadHTTPError(url, answer.status_code)
        return iter([answer.content])


def test_a_plain_tuf_client_reads_what_is_served(
    desk: Desk, folder: Path, ceremony: Ceremony, tmp_path: Path
) -> None:
    settings = Settings.model_validate({"state_dir": folder})
    place = tmp_path / "client"
    place.mkdir()
    with TestClient(
        create_app(settings, desk.ledger, Ed25519PrivateKey.generate(), pages=False),
        base_url="http://127.0.0.1",
    ) as client:
        base = "http://127.0.0.1/agent/v1/policy"

        def updater() -> Updater:
            return Updater(
                str(place), f"{base}/metadata", str(place), f"{base}/targets", _Client(client),
                bootstrap=served(desk.ledger)["1.root.json"],
            )  # fmt: skip

        def fetched(digest: str) -> bytes:
            reading = updater()
            info = reading.get_targetinfo(f"{digest}.json")
            assert info is not None
            return Path(reading.download_target(info)).read_bytes()

        assert fetched(in_force(desk.ledger)) == a_rulebook()
        book = a_rulebook(version="2")
        ceremony.next_root().roles["root"].threshold = 3
        ceremony.sign_root("an", "binh", "chi")
        ceremony.publish(book)
        ceremony.brought(desk.ledger, folder)
        rulebooks.publish(desk.ledger, book, now=REAL_NOW, actor="test")
        assert fetched(hashlib.sha256(book).hexdigest()) == book
        assert client.get(f"{base}/metadata/9.root.json").status_code == 404
        for name in ("../ledger.db", "1.root.json.new", "root.json", "0.root.json", "01.root.json"):
            assert client.get(f"{base}/metadata/{urllib.parse.quote(name, '')}").status_code in (404, 422)
        for name in (f"{'0' * 64}.{'0' * 64}.json", f"{in_force(desk.ledger)}.{'0' * 64}.json"):
            assert client.get(f"{base}/targets/{name}").status_code == 404


def test_everything_that_is_served_is_metadata_that_its_delegator_verifies(
    desk: Desk, folder: Path, ceremony: Ceremony
) -> None:
    files = served(desk.ledger)
    root = Metadata[Root].from_bytes(files["1.root.json"])
    root.verify_delegate("root", root)
    for name, raw in files.items():
        metadata: Metadata[Any] = Metadata.from_bytes(raw)
        role = name.removesuffix(".json").rpartition(".")[2]
        assert metadata.signed.type == role
        root.signed.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
        assert metadata.signed.spec_version.startswith("1.")
        assert metadata.to_bytes(JSONSerializer(compact=True)) == raw


def test_when_it_expires_is_a_gauge_with_an_alert_in_time(desk: Desk, folder: Path) -> None:
    metrics = Metrics(desk.ledger, lambda: REAL_NOW, folder)
    assert "vonggac_policy_root_seconds " not in generate_latest(metrics.registry).decode()
    policy.begin(desk.ledger, folder, REAL_NOW, "test")
    said = generate_latest(metrics.registry).decode()
    for role, lasts in (("root", 1095), ("targets", 365), ("timestamp", 2)):
        (value,) = re.findall(rf"^vonggac_policy_{role}_seconds (\S+)$", said, re.MULTILINE)
        assert float(value) == (lasts * DAY).total_seconds()
    alerts = (Path(__file__).parents[3] / "packaging" / "prometheus" / "vonggac.rules.yaml").read_text()
    for role in ("root", "targets", "timestamp"):
        assert f"min(vonggac_policy_{role}_seconds) <" in alerts
