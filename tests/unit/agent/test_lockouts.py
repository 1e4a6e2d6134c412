"""What goes wrong beside a machine's key or spool never takes its ways back from it."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from tests.unit.agent.real import RealCollector, Station, reported
from tests.unit.agent.twin import Clock, report_of
from tests.unit.collector.conftest import ADMIN, NOW
from tests.unit.collector.test_forks import OFFICER

from vonggac_agent import identity, rounds, waiting
from vonggac_agent.enrol import enrol
from vonggac_agent.errors import AwaitsApproval
from vonggac_agent.link import Answer
from vonggac_agent.seal import seal_report
from vonggac_agent.settings import load_settings
from vonggac_agent.ship import Outcome
from vonggac_collector import approval
from vonggac_collector.enrolment import create_token
from vonggac_collector.forks import decide
from vonggac_collector.revocation import revoke

Round = Callable[..., Outcome]


class Line:
    """The collector as a link that is closed."""

    def __init__(self, collector: RealCollector) -> None:
        self._collector = collector

    def ask(self, method: str, path: str, body: bytes | None = None, *, limit: int = 1 << 22) -> Answer:
        return self._collector.ask(method, path, body, limit=limit)

    def close(self) -> None:
        pass


@pytest.fixture
def collector() -> RealCollector:
    return RealCollector(Clock(NOW))


@pytest.fixture
def station(tmp_path: Path, collector: RealCollector) -> Station:
    return reported(tmp_path, collector)


@pytest.fixture
def ship_round(collector: RealCollector, monkeypatch: pytest.MonkeyPatch) -> Round:
    """A round of sending as the service has it."""
    monkeypatch.setattr("vonggac_agent.relay.open_link", lambda *_: Line(collector))
    monkeypatch.setattr("vonggac_agent.link.HttpLink", lambda *_: Line(collector))
    monkeypatch.setattr(rounds, "utc_now", collector.clock)

    def one(folder: Path, **settings: str) -> Outcome:
        given = {"VONGGAC_STATE_DIR": str(folder), **settings}
        return rounds.ship_round(load_settings(None, given)[0])

    return one


def turned_away(collector: RealCollector, station: Station, ship_round: Round) -> None:
    """It asked for another key with a token that wants approval, and was refused."""
    until = NOW + timedelta(days=1)
    token, _ = create_token(collector.ledger, ADMIN, "ha-noi/so-y-te", "hsyt", 3, until, NOW, approval=True)
    with pytest.raises(AwaitsApproval):
        station.enrol(token, again=True)
    asked = waiting.read(station.folder)
    assert asked is not None
    approval.refuse(collector.ledger, OFFICER, asked.keyid, "the wrong unit", collector.clock())
    ship_round(station.folder)


def test_who_was_refused_a_second_key_still_goes_on_after_a_decision_about_a_fork(
    tmp_path: Path, collector: RealCollector, station: Station, ship_round: Round
) -> None:
    turned_away(collector, station, ship_round)
    restored = station.copied(tmp_path / "restored")
    station.look("b")
    station.ship()
    restored.look("c")
    ship_round(restored.folder)
    decide(
        collector.ledger, OFFICER, station.who.enrolled.agent_id, "restored", "set back", collector.clock()
    )
    for _ in range(3):
        collector.clock.forward(days=2)
        ship_round(restored.folder)
    assert restored.who.enrolled.epoch == 2


def test_who_was_refused_a_second_key_still_hears_that_the_first_was_revoked(
    collector: RealCollector, station: Station, ship_round: Round
) -> None:
    turned_away(collector, station, ship_round)
    revoke(collector.ledger, ADMIN, station.who.enrolled.agent_id, "stolen", collector.clock())
    station.look("d")
    ship_round(station.folder)
    before = len(collector.asked)
    assert not ship_round(station.folder).again
    assert len(collector.asked) == before


def test_reports_of_an_epoch_before_are_sent_however_small_the_spool_has_become(
    collector: RealCollector, station: Station, ship_round: Round
) -> None:
    chance, chain = random.Random(1), station.chain
    key = identity.read_key(station.folder, station.who.keyid)
    with station.opened() as spool:
        for number in range(50):
            large = {"p": base64.b64encode(chance.randbytes(30_000)).decode()}
            spool.add_report(
                chain,
                report_of(f"x{number}", packages=large),
                lambda r, n, p: seal_report(r, chain, n, p, collector.clock(), key),
            )
    token = collector.desk.token(host=station.who.enrolled.agent_id)
    enrol(
        station.folder, collector="http://127.0.0.1:1", ca="", token=token, transport=collector,
        now=collector.clock, again=True,
    )  # fmt: skip
    for _ in range(3):
        ship_round(station.folder, VONGGAC_SPOOL_BYTES="1048576")
    assert len(collector.committed(station.who.enrolled.agent_id)) == 51
