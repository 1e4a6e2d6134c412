"""A spool that is damaged while the service runs: its epoch ends, the next begins by itself, no number comes twice."""

from __future__ import annotations

import errno
import os
import random
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import apsw
import pytest
from tests.unit.agent.real import RealCollector, Station, reported
from tests.unit.agent.test_lockouts import Line
from tests.unit.agent.test_salvage import DAMAGES
from tests.unit.agent.twin import Clock
from tests.unit.collector.conftest import NOW

from vonggac_agent import carry, head, rounds
from vonggac_agent.cli import main
from vonggac_agent.errors import SpoolFailing, SpoolFull, StateDamaged
from vonggac_agent.rounds import has_to_send, look_round, ship_round
from vonggac_agent.seal import Chain
from vonggac_agent.settings import Settings, load_settings
from vonggac_agent.skipped import count
from vonggac_agent.spool import FILE, Spool
from vonggac_agent.status import status
from vonggac_collector.ingest.projection import statement_of
from vonggac_contract.facts import TOPICS

pytestmark = pytest.mark.disk
UNSENT = 6


@pytest.fixture
def collector() -> RealCollector:
    return RealCollector(Clock(NOW))


@pytest.fixture
def station(tmp_path: Path, collector: RealCollector) -> Station:
    """Its reports 1 and 2 were received; of those after them the collector has none."""
    made = reported(tmp_path, collector)
    made.look("b")
    made.ship()
    for n in range(UNSENT):
        made.look(str(n))
    return made


@pytest.fixture
def settings(collector: RealCollector, station: Station, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Of rounds whose line is the collector itself."""
    monkeypatch.setattr("vonggac_agent.relay.open_link", lambda *_: Line(collector))
    monkeypatch.setattr(rounds, "utc_now", collector.clock)
    monkeypatch.setenv("VONGGAC_STATE_DIR", str(station.folder))
    monkeypatch.setenv("VONGGAC_DISABLED_FACTS", ",".join(sorted(TOPICS.keys() - {"os.release"})))
    return load_settings(None)[0]


def damage(station: Station, name: str, seed: int = 0) -> None:
    path = station.folder / FILE
    path.write_bytes(DAMAGES[name](bytearray(path.read_bytes()), random.Random(seed)))


def told(collector: RealCollector, station: Station) -> list[tuple[int, int]]:
    """Every report that the collector has; none is a fork, and whoever verifies the ledger finds no fault."""
    assert collector.faults() == []
    with collector.ledger.read() as tx:
        agent = tx.agents.get(station.chain.agent_id)
        assert agent is not None
        assert agent.status == "active"
    return collector.committed(station.chain.agent_id)


@pytest.mark.parametrize("name", DAMAGES)
@pytest.mark.parametrize("seed", range(4))
def test_whatever_happened_to_the_spool_the_service_goes_on_in_the_next_epoch_by_itself(
    collector: RealCollector, station: Station, settings: Settings, name: str, seed: int
) -> None:
    damage(station, name, seed)
    for _ in range(3):
        with suppress(SpoolFailing):
            look_round(settings)
        if has_to_send(settings):
            with suppress(SpoolFailing):
                ship_round(settings)
    assert not status(settings, NOW)["problems"]
    reports = told(collector, station)
    epoch = station.who.enrolled.epoch
    assert reports == sorted(reports)
    assert epoch in (1, 2), "some damage is to nothing that is read"
    assert (epoch, 1) in reports
    assert count(station.folder) == 0


def test_numbers_that_may_have_been_given_are_not_given_again(
    collector: RealCollector, station: Station, settings: Settings
) -> None:
    """The lost ones were received, and only their answers lost: in the epoch before they would be forks."""
    damage(station, "nothing left")
    with pytest.raises(SpoolFailing, match="asks for its next epoch"):
        look_round(settings)
    assert head.read(station.folder, station.chain).over
    said = status(settings, NOW)
    assert said["health"] == "red"
    assert any("next epoch" in problem for problem in said["problems"])
    with pytest.raises(SpoolFailing, match="has not given this machine its next epoch"):
        look_round(settings)
    assert count(station.folder) == 2
    assert ship_round(settings).trouble == ""
    assert look_round(settings)["number"] == 1
    assert ship_round(settings).received == 1
    assert told(collector, station) == [(1, 1), (1, 2), (2, 1)]


def test_what_follows_the_acknowledged_end_without_a_gap_is_sent_first_and_the_rest_sealed_again(
    collector: RealCollector, station: Station, settings: Settings
) -> None:
    with closing(apsw.Connection(str(station.folder / FILE))) as spool:
        spool.execute("UPDATE link SET sections = X'ff' WHERE sequence = 5")
    with suppress(SpoolFailing):
        look_round(settings)
    ship_round(settings)
    ship_round(settings)
    assert told(collector, station) == [
        *((1, n) for n in range(1, 5)),
        *((2, n) for n in range(1, UNSENT - 2)),
    ]


def test_a_collector_that_has_more_than_was_acknowledged_gives_no_epoch_and_the_machine_says_what_to_do(
    collector: RealCollector, station: Station, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever restores an old copy of the folder and damages its spool must not take over the machine's place."""
    kept = (station.folder / head.FILE).read_bytes()
    station.ship()
    (station.folder / head.FILE).write_bytes(kept)
    damage(station, "nothing left")
    with suppress(SpoolFailing):
        look_round(settings)
    assert ship_round(settings).code == "head-mismatch"
    assert station.who.enrolled.epoch == 1
    assert main(["run", "--once", "--lang", "vi"]) == 75
    assert "nếu bị từ chối: vonggac-agent enrol … --again" in capsys.readouterr().err
    assert main(["status", "--lang", "vi"]) == 1
    assert "hàng chờ đã hỏng" in capsys.readouterr().out
    station.enrol(collector.desk.token(), again=True)
    assert look_round(settings)["number"] == 1
    ship_round(settings)
    assert told(collector, station)[-1] == (station.who.enrolled.epoch, 1)
    assert not status(settings, NOW)["problems"]


def test_a_spool_that_was_removed_or_set_back_to_an_earlier_one_is_found_behind(
    collector: RealCollector, station: Station, settings: Settings
) -> None:
    path = station.folder / FILE
    earlier = path.read_bytes()
    station.look("after it")
    station.ship()
    for raw in (earlier, None):
        path.unlink()
        if raw is not None:
            path.write_bytes(raw)
        with pytest.raises(SpoolFailing, match="lacks reports that were received"):
            look_round(settings)
        ship_round(settings)
        look_round(settings)
        ship_round(settings)
    assert told(collector, station)[-2:] == [(2, UNSENT + 1), (3, 1)], (
        "what the copy had unsent was sealed again"
    )


def crack(station: Station) -> None:
    """One row that cannot be read; those behind it can."""
    with closing(apsw.Connection(str(station.folder / FILE))) as spool:
        spool.execute("UPDATE link SET sections = X'ff' WHERE sequence = 3")


def finish(settings: Settings) -> None:
    """Until all is sent."""
    for _ in range(3):
        with suppress(SpoolFailing):
            look_round(settings)
        ship_round(settings)


@pytest.mark.parametrize("how", ["no room", "killed"])
def test_what_was_set_aside_is_taken_over_once_there_is_room_for_it(
    collector: RealCollector, station: Station, settings: Settings, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    def fails(spool: Spool, rows: object) -> int:
        if how == "killed":
            raise SystemExit(9)
        raise SpoolFull("no space for spool.db: database or disk is full")

    crack(station)
    with monkeypatch.context() as now:
        now.setattr(Spool, "take_over", fails)
        with pytest.raises((SpoolFailing, SpoolFull, SystemExit)):
            look_round(settings)
        if how == "no room":
            finish(settings)
            assert told(collector, station)[-1] == (2, 1)
    finish(settings)
    with collector.ledger.read() as tx:
        said = [
            statement_of(row)
            for e in tx.chain.walk(station.chain.agent_id, (0, 0), 100)
            if (row := tx.chain.envelope(e.digest))
        ]
    again = [notice for s in said for notice in s.report.notices if "sealed again" in notice]
    assert [notice.partition(":")[2].split()[3] for notice in again] == [f"{n}" for n in range(4, UNSENT + 3)]
    assert any(
        "5 unsent reports of it could still be read" in notice for s in said for notice in s.report.notices
    )
    assert told(collector, station)
    assert not [*station.folder.glob("*.unread")]


def test_what_is_set_aside_takes_no_earlier_ones_place(
    collector: RealCollector, station: Station, settings: Settings
) -> None:
    for kept in (["1"], ["1", "2"], ["2", "3"], ["2", "3", "4"], ["3", "4", "5"]):
        damage(station, "something else")
        finish(settings)
        assert sorted(p.name.rpartition("-")[2] for p in station.folder.glob(f"{FILE}.damaged-*")) == kept
        if kept == ["1", "2"]:
            (station.folder / f"{FILE}.damaged-1").unlink()


def test_a_folder_of_an_earlier_release_learns_the_end_of_its_chain_from_its_spool(
    collector: RealCollector, station: Station, settings: Settings
) -> None:
    (station.folder / head.FILE).unlink()
    assert has_to_send(settings)
    damage(station, "nothing left")
    finish(settings)
    assert told(collector, station)[-1] == (2, 1)


def test_a_receipt_for_an_epoch_that_is_over_changes_nothing(station: Station) -> None:
    with station.opened() as spool:
        (first,) = spool.between(station.chain, 1, 1)
    later = Chain(station.chain.agent_id, 2)
    head.end_epoch(station.folder, later)
    head.note(station.folder, first._replace(sequence=900))
    assert head.read(station.folder, later).over


def test_a_medium_takes_nothing_along_that_would_keep_the_epoch_from_ending(
    station: Station, settings: Settings
) -> None:
    crack(station)
    with suppress(SpoolFailing):
        look_round(settings)
    with closing(Spool(station.folder, max_bytes=1 << 24)) as spool:
        assert len(spool.unsent()) == UNSENT - 1
        for again in (False, True):
            assert carry.chosen(station.folder, spool, station.chain, again=again) == []


def test_a_copy_on_another_machine_ends_nobodys_epoch(
    collector: RealCollector,
    station: Station,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Else a copy that left the spool out would take the true machine's place without an officer."""
    station.ship()
    there = tmp_path / "machine-id"
    there.write_text("0123456789abcdef0123456789abcdef\n")
    monkeypatch.setattr(head, "MACHINE_ID", there)
    for name in ("something else", "nothing left"):
        damage(station, name)
        with pytest.raises(StateDamaged):
            look_round(settings)
    assert station.who.enrolled.epoch == 1
    assert told(collector, station)[-1] == (1, UNSENT + 2)


def test_who_was_asked_to_wait_asks_for_no_epoch_meanwhile(
    collector: RealCollector, station: Station, settings: Settings
) -> None:
    crack(station)
    with suppress(SpoolFailing):
        look_round(settings)
    with station.opened() as spool:
        spool.write_notes(not_before=(NOW + timedelta(minutes=50)).isoformat())
    collector.asked.clear()
    assert ship_round(settings).again
    assert collector.asked == []


def test_where_the_end_of_the_chain_cannot_be_kept_sending_goes_on(
    collector: RealCollector, station: Station, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked for only if the spool is lost as well; then somebody has to come."""

    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(head, "write_whole", full)
    assert ship_round(settings).received == UNSENT
    assert told(collector, station)[-1] == (1, UNSENT + 2)


def test_one_command_asks_for_the_epoch_and_looks(
    collector: RealCollector, station: Station, settings: Settings
) -> None:
    damage(station, "something else")
    assert main(["run", "--once"]) == 75
    assert main(["run", "--once"]) == 0
    assert told(collector, station)[-1] == (2, 1)


def test_a_damaged_note_is_no_loop_of_crashes(
    collector: RealCollector, station: Station, settings: Settings
) -> None:
    station.ship()
    with closing(apsw.Connection(str(station.folder / FILE))) as spool:
        spool.execute("UPDATE note SET value = 'no JSON' WHERE name = 'last_round'")
    with pytest.raises(SpoolFailing):
        has_to_send(settings)
    ship_round(settings)
    assert look_round(settings)["number"] == 1
    ship_round(settings)
    assert told(collector, station)[-1] == (2, 1)
