"""A backup is whole or none, holds what the ledger held, and comes back only after everything in it was checked."""

from __future__ import annotations

import gzip
import os
import shutil
import stat
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest
from tests.unit.collector.conftest import NOW, Desk, plant
from tests.unit.collector.machines import Machine

from vonggac_collector import cli
from vonggac_collector.backup import sqlite
from vonggac_collector.backup.making import make_backup
from vonggac_collector.backup.manifest import Manifest
from vonggac_collector.backup.restoring import FaultsFound, Restored, check_backup, restore
from vonggac_collector.errors import BackupDamaged, Busy, LedgerDamaged, SettingsError, StoreFailed
from vonggac_collector.index.opening import EMBEDDED, make_consumer
from vonggac_collector.index.sql.index import open_index
from vonggac_collector.ledger.rows import Session
from vonggac_collector.ledger.sql.ledger import SqlLedger, open_ledger
from vonggac_collector.people import add_user
from vonggac_collector.rulebooks import Shelf
from vonggac_collector.settings import Settings
from vonggac_collector.state import KEY_FILE, make_state
from vonggac_collector.verification import verify_ledger

FIXTURES = Path(__file__).parents[2] / "fixtures" / "ledger"
LATER = NOW + timedelta(hours=1)


def at(folder: Path, **more: Any) -> Settings:
    return Settings(state_dir=folder, **more)


def quiet(_text: str) -> None:
    """Nobody sits at a terminal."""


class Place:
    """A collector's state folder and a folder for backups."""

    def __init__(self, folder: Path) -> None:
        self.state, self.backups = folder / "state", folder / "backups"
        self.settings = at(self.state)

    @property
    def file(self) -> Path:
        return self.state / "ledger.db"

    def open(self) -> SqlLedger:
        return open_ledger(f"sqlite:///{self.file}", upgrade=True)

    def save(self, **more: Any) -> tuple[Path, Manifest]:
        return make_backup(self.settings, self.backups, now=NOW, report=quiet, **more)

    def restore(self, backup: Path, **more: Any) -> Restored:
        given: dict[str, Any] = {"now": LATER, "actor": "test", "report": quiet, **more}
        return restore(self.settings, backup, **given)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With one machine that reported twice; made once, copied for each test."""
    folder = tmp_path_factory.mktemp("planted")
    made = Place(folder)
    make_state(made.state)
    made.backups.mkdir()
    with closing(made.open()) as ledger:
        plant(ledger)
        add_user(ledger, "lan", "auditor", "vn", "rat-dai-va-kho-doan", now=NOW, actor="test")
        report(ledger)
    return folder


@pytest.fixture
def place(planted: Path, tmp_path: Path) -> Place:
    shutil.copytree(planted, tmp_path, dirs_exist_ok=True)
    return Place(tmp_path)


def report(ledger: SqlLedger, machine: Machine | None = None) -> Machine:
    desk = Desk(ledger)
    machine = machine or desk.enrol(Machine())
    for n in range(2):
        assert desk.accept(machine.report(NOW, {machine.sequence + n})).status == 200
    return machine


def files(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def reports(place: Place) -> int:
    ledger = place.open()
    found = verify_ledger(ledger)
    ledger.close()
    assert found.faults == []
    return found.envelopes


def test_a_backup_is_its_owners_alone_and_says_what_is_in_it(place: Place) -> None:
    backup, manifest = place.save()
    assert stat.S_IMODE(backup.stat().st_mode) == 0o700
    assert {p.name: stat.S_IMODE(p.stat().st_mode) for p in backup.iterdir()} == dict.fromkeys(
        ("ledger.db", "manifest.json", "manifest.sig"), 0o600
    )
    assert (manifest.rows["envelopes"], manifest.rows["agents"], manifest.rows["users"]) == (2, 1, 1)
    assert manifest.settings["state_dir"] == str(place.state)
    ledger = place.open()
    with ledger.read() as tx:
        assert (manifest.audit_number, manifest.audit_hash) == tx.trail.head()
    assert manifest.schema == ledger.schema()[1]
    ledger.close()
    assert check_backup(place.settings, backup)[0] == manifest


def test_what_is_written_while_pages_are_copied_is_not_held_up_and_not_in_the_copy(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "PAGES", 1)
    ledger = place.open()
    machine = Desk(ledger).enrol(Machine("may-2", seed=2))
    steps: list[str] = []

    def meanwhile(text: str) -> None:
        steps.append(text)
        if len(steps) in (2, 5):
            report(ledger, machine)

    backup, manifest = make_backup(place.settings, place.backups, now=NOW, report=meanwhile)
    assert len(steps) > 5
    assert steps[0].startswith("1 of ")
    assert len({text.partition(" of ")[2] for text in steps if " of " in text}) == 1, "begun once, not anew"
    ledger.close()
    assert manifest.rows["envelopes"] == 2
    assert reports(place) == 6
    place.restore(backup, replace=True)
    assert reports(place) == 2


def test_a_ledger_comes_back_as_it_was_and_the_one_that_was_there_is_kept(place: Place) -> None:
    backup, manifest = place.save()
    ledger = place.open()
    with ledger.write() as tx:
        user = tx.people.by_name("lan")
        assert user is not None
        tx.people.open_session(Session("s" * 64, user.id, "c", NOW, NOW, NOW + timedelta(days=9)))
    report(ledger, Desk(ledger).enrol(Machine("may-2", seed=2)))
    again = make_backup(place.settings, place.backups, now=LATER, report=quiet)[0]
    ledger.close()
    done = place.restore(backup, replace=True)
    assert done.aside == f"{place.file}.aside-20261123T040000Z"
    assert reports(place) == manifest.rows["envelopes"] == 2
    ledger = place.open()
    with ledger.read() as tx:
        rows = tx.trail.walk(manifest.audit_number, 10)
        assert [(r.action, r.subject, r.actor) for r in rows] == [("restored", backup.name, "test")]
        assert NOW.isoformat() in rows[0].detail
    ledger.close()
    place.restore(again, replace=True, now=LATER + timedelta(hours=1))
    assert reports(place) == 4
    ledger = place.open()
    with ledger.read() as tx:
        assert tx.people.session("s" * 64) is None, "who was signed in then is not now"
    ledger.close()
    place.file.unlink()
    Path(done.aside).rename(place.file)
    assert reports(place) == 4, "undone by one rename"


def test_a_ledger_with_rows_is_not_written_over_and_a_running_collector_not_pulled_away_from(
    place: Place,
) -> None:
    backup, _ = place.save()
    before = files(place.state)
    with pytest.raises(LedgerDamaged, match="--replace"):
        place.restore(backup)
    ledger = place.open()
    report(ledger, Desk(ledger).enrol(Machine("may-2", seed=2)))
    with pytest.raises(Busy, match="stop the collector"):
        place.restore(backup, replace=True)
    report(ledger, Desk(ledger).enrol(Machine("may-3", seed=3)))
    ledger.close()
    assert reports(place) == 6
    assert set(files(place.state)) == set(before)


def test_on_a_new_machine_the_key_comes_back_with_its_passphrase(place: Place, tmp_path: Path) -> None:
    backup, manifest = place.save(passphrase="rất dài")
    assert manifest.has_key
    assert b"ENCRYPTED" in (backup / "collector.key").read_bytes()
    there = at(tmp_path / "new")
    with pytest.raises(SettingsError, match="does not open"):
        restore(there, backup, now=LATER, actor="test", passphrase="other", report=quiet)
    assert not (tmp_path / "new" / "ledger.db").exists()
    done = restore(there, backup, now=LATER, actor="test", passphrase="rất dài", report=quiet)
    assert (done.key, done.aside, done.reports) == ("restored", "", 2)
    assert (tmp_path / "new" / KEY_FILE).read_bytes() == (place.state / KEY_FILE).read_bytes()
    assert stat.S_IMODE((tmp_path / "new" / KEY_FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "new" / "ledger.db").stat().st_mode) == 0o600


def test_without_a_key_nobody_can_tell_who_made_a_backup_and_it_comes_back_only_if_asked_for(
    place: Place, tmp_path: Path
) -> None:
    backup, _ = place.save(passphrase="rất dài")
    other_rows(backup / "manifest.json")
    with pytest.raises(SettingsError, match="who made this backup"):
        restore(at(tmp_path / "new"), backup, now=LATER, actor="test", report=quiet)
    assert not (tmp_path / "new").exists()
    done = restore(at(tmp_path / "new"), backup, now=LATER, actor="test", unsigned=True, report=quiet)
    assert done.key == "missing"
    assert not (tmp_path / "new" / KEY_FILE).exists()


def test_another_key_in_place_is_refused_before_anything_is_touched(place: Place, tmp_path: Path) -> None:
    backup, _ = place.save()
    make_state(tmp_path / "other")
    with pytest.raises(BackupDamaged, match="not signed by the collector's key here"):
        restore(at(tmp_path / "other"), backup, now=LATER, actor="test", report=quiet)
    assert set(files(tmp_path / "other")) == {KEY_FILE}


def flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def other_rows(path: Path) -> None:
    made = msgspec.json.decode(path.read_bytes())
    made["rows"]["envelopes"] = 0
    path.write_bytes(msgspec.json.encode(made))


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def a_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


@pytest.mark.hostile
@pytest.mark.parametrize(
    ("name", "harm", "told"),
    [
        ("ledger.db", flip, "not what was saved"),
        ("ledger.db", Path.unlink, "missing"),
        ("ledger.db", a_link, "missing"),
        ("manifest.json", other_rows, "not signed"),
        ("manifest.json", a_pipe, "missing"),
        ("manifest.json", lambda p: p.write_bytes(b" " * 300_000), "larger"),
        ("manifest.sig", lambda p: p.write_bytes(b"00" * 64), "not signed"),
        ("manifest.sig", lambda p: p.write_bytes("ký".encode()), "not signed"),
    ],
)
def test_a_backup_that_was_changed_is_refused_before_anything_is_touched(
    place: Place, name: str, harm: Callable[[Path], object], told: str
) -> None:
    backup, _ = place.save()
    before = files(place.state)
    harm(backup / name)
    with pytest.raises(BackupDamaged, match=told):
        place.restore(backup, replace=True)
    assert files(place.state) == before


@pytest.mark.hostile
@pytest.mark.parametrize(
    "changes",
    [
        {"files": [{"name": "../../etc/shadow", "size": 1, "sha256": "0" * 64}]},
        {"files": []},
        {"format": 2},
        {"database": "mysql"},
        {"made_at": "2026-11-23T03:00:00"},
    ],
)
def test_a_manifest_names_only_what_a_backup_has(
    place: Place, tmp_path: Path, changes: dict[str, object]
) -> None:
    backup, _ = place.save()
    made = msgspec.json.decode((backup / "manifest.json").read_bytes()) | changes
    (backup / "manifest.json").write_bytes(msgspec.json.encode(made))
    with pytest.raises(BackupDamaged):
        restore(at(tmp_path / "new"), backup, now=LATER, actor="test", report=quiet)


def test_a_ledger_whose_chain_is_broken_comes_back_only_if_asked_for(place: Place) -> None:
    hand = apsw.Connection(str(place.file))
    hand.execute("UPDATE envelopes SET keyid = '0' WHERE sequence = 2")
    hand.close()
    backup, _ = place.save()
    before = files(place.state)
    with pytest.raises(FaultsFound, match="report 2"):
        place.restore(backup, replace=True)
    assert set(files(place.state)) == set(before)
    done = place.restore(backup, replace=True, despite_faults=True)
    assert [f.what for f in done.faults] == ["key 0… is not one of this agent's"]


def test_a_damaged_ledger_is_not_saved_but_set_aside_for_a_backup(place: Place) -> None:
    backup, _ = place.save()
    raw = bytearray(place.file.read_bytes())
    raw[4096 : len(raw) - 4096] = os.urandom(len(raw) - 8192)
    place.file.write_bytes(raw)
    with pytest.raises((BackupDamaged, StoreFailed)):
        make_backup(place.settings, place.backups, now=LATER, report=quiet)
    assert [p.name for p in place.backups.iterdir()] == [backup.name]
    with pytest.raises(LedgerDamaged, match="--replace"):
        place.restore(backup)
    place.restore(backup, replace=True)
    assert reports(place) == 2


def test_a_backup_that_fails_leaves_nothing_and_needs_its_folder(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(SettingsError, match="is its disk mounted"):
        make_backup(place.settings, place.backups / "not-mounted", now=NOW, report=quiet)
    monkeypatch.setattr("vonggac_collector.backup.making.write_secret", full)
    with pytest.raises(OSError, match="No space"):
        place.save()
    assert list(place.backups.iterdir()) == []


@pytest.mark.parametrize("name", sorted(p.name for p in FIXTURES.glob("*.db.gz")))
def test_a_backup_of_every_released_schema_comes_back_and_goes_forwards(place: Place, name: str) -> None:
    place.file.unlink()
    place.file.write_bytes(gzip.decompress((FIXTURES / name).read_bytes()))
    place.file.chmod(0o600)
    backup, manifest = place.save()
    assert manifest.schema == name.partition(".")[0]
    place.file.unlink()
    place.restore(backup)
    assert reports(place) == manifest.rows["envelopes"] - waiting(place)


def waiting(place: Place) -> int:
    ledger = place.open()
    with ledger.read() as tx:
        found = sum(a.aside for a in tx.agents.all())
    ledger.close()
    return found


def test_a_newer_releases_backup_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    backup, _ = place.save()
    monkeypatch.setattr("vonggac_collector.ledger.sql.migrate.head", lambda: "0001")
    with pytest.raises(LedgerDamaged, match="knows up to 0001"):
        place.restore(backup, replace=True)


Capture = pytest.CaptureFixture[str]


@pytest.fixture
def command(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.setenv("VONGGAC_STATE_DIR", str(place.state))

    def run(*words: str) -> tuple[int, str, str]:
        status = cli.main(list(words))
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_restore_counts_reports_as_backup_did(
    place: Place, command: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    backup, manifest = place.save()
    held = msgspec.structs.replace(manifest, rows={**manifest.rows, "envelopes": 5})
    restored = Restored(held, "", "in place", 2, [])
    monkeypatch.setattr("vonggac_collector.cli.backup.restore", lambda *_, **__: restored)
    _, out, _ = command("restore", str(backup))
    assert "Z, 5 reports of 1 agent, 3 of them beside the chains" in out


def test_the_commands_say_what_was_made_what_is_not_in_it_and_what_to_do_next(
    place: Place, command: Callable[..., tuple[int, str, str]]
) -> None:
    status, out, err = command("backup", str(place.backups))
    assert (status, "2 reports of 1 agent," in out) == (0, True)
    assert "the signing key is not in it" in err
    (backup,) = map(str, place.backups.iterdir())
    status, out, err = command("backup", "--verify", backup)
    assert (status, "is whole" in out, err) == (0, True, "")
    status, _, err = command("restore", backup)
    assert (status, "--replace" in err) == (2, True)
    status, out, err = command("restore", backup, "--replace")
    assert (status, err) == (0, "")
    assert "set aside as" in out
    assert "ledger missing" in out
    flip(Path(backup) / "ledger.db")
    status, _, err = command("backup", "--verify", backup)
    assert (status, "not what was saved" in err) == (2, True)


def test_a_passphrase_that_is_none_or_that_others_may_read_is_refused(
    place: Place, tmp_path: Path, command: Callable[..., tuple[int, str, str]]
) -> None:
    file = tmp_path / "passphrase"
    file.touch(0o600)
    words = ("backup", str(place.backups), "--key-passphrase", str(file))
    status, _, err = command(*words)
    assert (status, "is empty" in err) == (2, True)
    file.write_text("rất dài\n")
    file.chmod(0o644)
    status, _, err = command(*words)
    assert (status, "others may read it" in err, "rất dài" in err) == (2, True, False)
    assert list(place.backups.iterdir()) == []
    file.chmod(0o600)
    assert command(*words)[0] == 0


def test_faults_of_a_backup_are_named_on_standard_error(
    place: Place, command: Callable[..., tuple[int, str, str]]
) -> None:
    hand = apsw.Connection(str(place.file))
    hand.execute("UPDATE audit SET detail = 'x' WHERE number = 2")
    hand.close()
    command("backup", str(place.backups))
    (backup,) = map(str, place.backups.iterdir())
    status, out, err = command("restore", backup, "--replace")
    assert (status, out) == (1, "")
    assert "audit row 2" in err
    assert "nothing was changed" in err


def told(place: Place, ledger: SqlLedger) -> int:
    """The generation of the index once it was told everything."""
    with closing(open_index(place.state / EMBEDDED)) as index:
        consumer = make_consumer(ledger, index, Shelf(ledger), lambda: NOW)
        while consumer.turn():
            continue
        return index.health().generation


def test_the_index_is_rebuilt_even_if_the_restored_ledger_has_given_more_tickets_meanwhile(
    place: Place,
) -> None:
    with closing(place.open()) as ledger:
        desk = Desk(ledger)
        first = told(place, ledger)
        backup, _ = place.save()
        desk.accept(desk.enrol(Machine("may-2", seed=2)).report(NOW))
        assert told(place, ledger) == first
    place.restore(backup, replace=True)
    with closing(place.open()) as ledger:
        machine = Desk(ledger).enrol(Machine("may-3", seed=3))
        for _ in range(5):
            report(ledger, machine)
        assert told(place, ledger) == first + 1
