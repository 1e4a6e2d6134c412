"""A daily fact is taken over until its next look is due, and looked at again for every reason to doubt it."""

from __future__ import annotations

import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.agent.twin import Machine

from vonggac_agent import daily, facts
from vonggac_agent.daily import DAY, FILE, Circumstances, Kept, Moment, is_due
from vonggac_agent.host import Host
from vonggac_agent.look import look
from vonggac_agent.settings import load_settings
from vonggac_contract.facts import TOPICS, CouldNotLook, FactKey, Known, Reason, Unavailable
from vonggac_contract.facts.network import Listener, ListeningSockets, TlsEndpoint, TlsListeners

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
UP = 100_000.0
TLS = FactKey("tls.listener")
SOCKETS = FactKey("socket.listening")
AROUND = Circumstances("1", "boot", (("0.0.0.0", 443, "nginx", 7),))
KEPT = Kept("tls.listener", (), {}, "somewhere", NOW, UP, AROUND)


def due(
    *, clock: timedelta = timedelta(0), up: timedelta | None = None, around: Circumstances = AROUND
) -> bool:
    """Whether it is due when both clocks, or only the one that can be set, have moved so far."""
    passed = clock if up is None else up
    return is_due(KEPT, Moment(NOW + clock, UP + passed.total_seconds()), around)


@pytest.mark.clock
@pytest.mark.parametrize(
    ("clock", "up", "wanted"),
    [
        (timedelta(0), None, False),
        (DAY - timedelta(seconds=1), None, False),
        (DAY, None, True),
        (timedelta(days=400), timedelta(minutes=15), True),
        (timedelta(seconds=-1), timedelta(minutes=15), True),
        (timedelta(minutes=15), DAY, True),
        (timedelta(minutes=15), timedelta(seconds=-1), True),
    ],
    ids=[
        "now", "almost a day", "a day", "clock far ahead", "clock set back", "set back again and again", "no such time",
    ],
)  # fmt: skip
def test_a_day_by_either_clock_or_a_clock_set_back_makes_a_fact_due(
    clock: timedelta, up: timedelta | None, wanted: bool
) -> None:
    assert due(clock=clock, up=up) is wanted


@pytest.mark.clock
@given(st.lists(st.floats(-200_000, 200_000), max_size=8), st.floats(0, 200_000))
def test_however_the_clock_is_set_no_fact_is_older_than_a_day(jumps: list[float], passed: float) -> None:
    moved = timedelta(seconds=sum(jumps))
    if passed >= DAY.total_seconds():
        assert due(clock=moved, up=timedelta(seconds=passed))


@pytest.mark.parametrize(
    "change",
    [
        {"agent_version": "2"}, {"boot": "another"}, {"listeners": ()},
        {"listeners": (*AROUND.listeners, ("::", 8443, "java", 9))},
        {"listeners": (("0.0.0.0", 443, "nginx", 8),)},
    ],
    ids=["agent", "boot", "listener gone", "listener came", "server started again"],
)  # fmt: skip
def test_other_circumstances_make_a_fact_due_at_once(change: dict[str, object]) -> None:
    assert due(around=msgspec.structs.replace(AROUND, **change))


class Station:
    """A machine whose sockets and TLS are as told; counts how often its listeners are greeted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = NOW
        self.up_s = UP
        self.asked = 0
        self.pid: int | None = 7
        self.extra: list[Listener] = []
        self.fails: CouldNotLook | None = None
        self.hidden = False

    def sockets(self, host: Host, selector: tuple[str, ...]) -> tuple[ListeningSockets, str]:
        if self.hidden:
            raise CouldNotLook(Reason.PERMISSION_DENIED, "hidden")
        web = Listener("tcp", "0.0.0.0", 443, "any", "nginx", pid=self.pid)
        return ListeningSockets([web, *self.extra], 0), "test"

    def tls(self, host: Host, selector: tuple[str, ...]) -> tuple[TlsListeners, str]:
        self.asked += 1
        if self.fails is not None:
            raise self.fails
        return TlsListeners(
            [TlsEndpoint("127.0.0.1", 443, "any", "nginx", "TLSv1.3", "x", "TLSv1.2")], 1, []
        ), "greeted"

    def look(self, **later: float) -> Known | Unavailable:
        passed = timedelta(**later)
        self.now += passed
        self.up_s += passed.total_seconds()
        return daily.gather(self.folder, Host(now=self.now), [SOCKETS, TLS], up_s=self.up_s)[TLS]


@pytest.fixture
def station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Station:
    made = Station(tmp_path)
    monkeypatch.setitem(facts.GATHERERS, "socket.listening", made.sockets)
    monkeypatch.setitem(facts.GATHERERS, "tls.listener", made.tls)
    return made


def test_tls_and_the_walk_over_the_disk_are_daily_facts() -> None:
    assert {name for name, topic in TOPICS.items() if topic.cadence == "daily"} >= {
        "tls.listener",
        "file.walk",
    }


def test_listeners_matter_only_to_what_declares_it() -> None:
    walked = msgspec.structs.replace(KEPT, topic="file.walk")
    others = msgspec.structs.replace(AROUND, listeners=())
    assert not is_due(walked, Moment(NOW, UP), others)
    assert is_due(walked, Moment(NOW, UP), msgspec.structs.replace(others, boot="another"))


def test_a_look_in_turns_is_bridged_by_the_one_before_it_for_one_day_more(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = msgspec.structs.replace(TOPICS["tls.listener"], in_turns=True)
    monkeypatch.setitem(TOPICS, "tls.listener", turns)
    station.look()
    station.fails = CouldNotLook(Reason.TIMED_OUT, "goes on")
    assert isinstance(station.look(hours=25), Known)
    assert isinstance(station.look(hours=22), Known)
    assert isinstance(station.look(hours=2), Unavailable)
    station.fails = None
    station.look()
    station.fails = CouldNotLook(Reason.PERMISSION_DENIED, "no turn, a refusal")
    assert isinstance(station.look(hours=25), Unavailable)


def test_a_daily_fact_is_looked_at_once_a_day_and_says_when(station: Station) -> None:
    first = station.look()
    assert isinstance(first, Known)
    for _ in range(4):
        again = station.look(hours=5)
        assert isinstance(again, Known)
        assert again.value == first.value
        assert again.source == "greeted; looked at 2026-03-01T08:00:00Z"
    assert station.asked == 1
    fresh = station.look(hours=4)
    assert isinstance(fresh, Known)
    assert (station.asked, fresh.source) == (2, "greeted")


def test_the_file_is_this_users_alone(station: Station) -> None:
    station.look()
    (path,) = station.folder.iterdir()
    assert path.name == FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_another_listener_or_a_server_started_again_is_asked_at_once(station: Station) -> None:
    station.look()
    station.extra = [Listener("tcp", "127.0.0.1", 5432, "loopback", "postgres", pid=9)]
    station.look(minutes=15)
    station.pid = 8
    station.look(minutes=15)
    assert station.asked == 3
    station.extra.append(Listener("udp", "0.0.0.0", 40123, "any", "resolver", pid=10))
    station.look(minutes=15)
    assert station.asked == 3


def test_what_could_not_be_looked_at_is_looked_at_again_each_time(station: Station) -> None:
    station.fails = CouldNotLook(Reason.TIMED_OUT, "slow")
    assert [type(station.look(minutes=15)) for _ in range(3)] == [Unavailable] * 3
    assert station.asked == 3
    station.fails = None
    station.look(minutes=15)
    assert isinstance(station.look(minutes=15), Known)
    assert station.asked == 4


def test_a_fact_that_became_unavailable_does_not_come_back_from_the_file(station: Station) -> None:
    station.look()
    station.fails = CouldNotLook(Reason.TIMED_OUT, "slow")
    assert isinstance(station.look(hours=24), Unavailable)
    assert isinstance(station.look(), Unavailable)
    assert station.asked == 3


def test_nothing_is_taken_over_while_the_sockets_are_not_known(station: Station) -> None:
    station.look()
    station.hidden = True
    station.look(minutes=15)
    assert station.asked == 2


@pytest.mark.hostile
@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: b"",
        lambda raw: raw[: len(raw) // 2],
        lambda raw: b"\0" * len(raw),
        lambda raw: raw + b" " * daily.MAX_BYTES,
        lambda raw: raw.replace(b'"schema":1', b'"schema":2'),
        lambda raw: raw.replace(b'"topic":"tls.listener"', b'"topic":"no.such.topic"'),
        lambda raw: raw.replace(b'"asked":1', b'"asked":"one"'),
        lambda raw: raw.replace(b"08:00:00Z", b"08:00:00"),
        lambda raw: b"[" * 100_000,
    ],
    ids=["empty", "cut", "zeros", "too large", "newer", "other topic", "other type", "no zone", "deep"],
)
def test_a_damaged_file_is_looked_past_and_written_anew(
    station: Station, damage: Callable[[bytes], bytes]
) -> None:
    station.look()
    whole = (station.folder / FILE).read_bytes()
    damaged = damage(whole)
    assert damaged != whole
    (station.folder / FILE).write_bytes(damaged)
    assert isinstance(station.look(), Known)
    assert station.asked == 2
    assert (station.folder / FILE).read_bytes() == whole


@pytest.mark.disk
def test_a_look_goes_on_when_the_fact_cannot_be_kept(
    station: Station, capfd: pytest.CaptureFixture[str]
) -> None:
    station.folder = station.folder / "gone"
    assert isinstance(station.look(), Known)
    assert "daily-facts-not-kept" in capfd.readouterr().err


def test_what_is_too_large_to_keep_is_looked_at_again(
    station: Station, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    station.look()
    monkeypatch.setattr(daily, "MAX_BYTES", 100)
    station.look(minutes=15)
    assert "daily-facts-not-kept" in capfd.readouterr().err
    assert not (station.folder / FILE).exists()


def test_the_service_takes_a_daily_fact_over_and_its_report_is_unchanged(
    machine: Machine, station: Station
) -> None:
    settings, _ = load_settings(None, {})
    folder, spool, who, key = machine.folder, machine.spool, machine.identity, machine.key
    for _ in range(2):
        look(folder, spool, who, key, settings, lambda: datetime.now(UTC))
    assert station.asked == 1
    assert (folder / FILE).exists()
