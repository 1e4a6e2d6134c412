"""A relay between a machine and the collector's application: passes on, reads and keeps nothing, believes nobody."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.testclient import TestClient
from tests.unit.collector.conftest import KEY, Desk, plant, sqlite_ledger
from tests.unit.collector.machines import Machine

from vonggac_collector.app import create_app
from vonggac_collector.errors import Busy, SettingsError
from vonggac_collector.relay import AT_ONCE, MAX_ANSWER_BYTES, create_relay, forward_to
from vonggac_collector.settings import Settings
from vonggac_contract.box import close_box
from vonggac_contract.envelope import BYTES_MEDIA, envelope_from_bytes
from vonggac_contract.errors import ContractError
from vonggac_contract.limits import MAX_WIRE_BYTES
from vonggac_contract.media import open_box_key
from vonggac_contract.sealed import Answered, Asked, answer_from_bytes, request_to_content

pytestmark = pytest.mark.usb
PUBLIC = KEY.public_key().public_bytes_raw()
WORD = "tu-khoa-cua-co-quan"
SHOWN = {"Authorization": f"Bearer {WORD}", "Content-Type": BYTES_MEDIA}


class Way:
    """The collector's application, a relay before it, and a machine that was enrolled. `passed`: what the relay saw."""

    def __init__(self, collector: TestClient, desk: Desk, settings: Settings) -> None:
        self.collector, self.desk = collector, desk
        self.passed: list[bytes] = []
        self.relay = TestClient(create_relay(settings, WORD, self._forward), raise_server_exceptions=False)
        self.machine = desk.enrol(Machine(), now=datetime.now(UTC))
        notice = self.relay.get("/agent/v1/boxkey", headers=SHOWN)
        self.public = open_box_key(envelope_from_bytes(notice.content), PUBLIC).public_key

    def _forward(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        answer = self.collector.request(method, path, content=body, headers={"Content-Type": BYTES_MEDIA})
        self.passed += [body, answer.content]
        return answer.status_code, dict(answer.headers), answer.content

    def box(self, method: Any, path: str, body: bytes = b"") -> bytes:
        return close_box(request_to_content(Asked(method, path), body), self.public)

    def ask(self, method: str, path: str, body: bytes = b"") -> tuple[Answered, bytes]:
        box = self.box(method, path, body)
        answer = self.relay.post("/agent/v1/sealed", content=box, headers=SHOWN)
        assert answer.status_code == 200, answer.text
        return answer_from_bytes(answer.content, box, PUBLIC)


@pytest.fixture
def way(tmp_path: Path) -> Iterator[Way]:
    ledger = sqlite_ledger(tmp_path)
    plant(ledger, datetime.now(UTC) - timedelta(days=2))
    given: dict[str, Any] = {"state_dir": tmp_path, "insecure_cookies": True}
    settings = Settings(**given)
    with TestClient(create_app(settings, ledger, KEY, pages=False)) as client:
        yield Way(client, Desk(ledger), settings)
    ledger.close()


def test_a_report_goes_through_and_its_receipt_comes_back(way: Way) -> None:
    raw = way.machine.report(datetime.now(UTC))
    said, body = way.ask("POST", "/agent/v1/envelopes", raw)
    assert said.status == 200
    assert way.machine.receipt(body).sequence == 1
    assert way.ask("POST", "/agent/v1/envelopes", raw)[1] == body, "the same receipt again"
    assert not any(raw[20:80] in passed for passed in way.passed)
    said, rulebook = way.ask("GET", f"/agent/v1/rulebooks/{way.machine.rulebook}")
    assert (said.status, len(rulebook) > 1_000) == (200, True)


def test_what_the_collector_refuses_is_refused_under_its_signature(way: Way) -> None:
    stranger = Machine(seed=9)
    stranger.agent_id = way.machine.agent_id
    said, body = way.ask("POST", "/agent/v1/envelopes", stranger.report(datetime.now(UTC)))
    assert said.status == 401
    assert msgspec.json.decode(body)["type"].endswith(":unknown-key")
    assert way.ask("GET", "/agent/v1/nowhere")[0].status == 404
    said, _ = way.ask(
        "POST", "/agent/v1/enrol", Machine(seed=5).request("no-such-token-at-all", datetime.now(UTC))
    )
    assert said.status == 401


def test_a_report_and_a_later_one_are_told_apart_as_on_a_line(way: Way) -> None:
    now = datetime.now(UTC)
    first, second = way.machine.report(now), way.machine.report(now, {1})
    said, body = way.ask("POST", "/agent/v1/envelopes", second)
    assert (said.status, msgspec.json.decode(body)["missing"]) == (202, [1, 1])
    assert way.ask("POST", "/agent/v1/envelopes", first)[0].status == 200
    assert way.ask("POST", "/agent/v1/envelopes", second)[0].status == 200


@pytest.mark.hostile
@pytest.mark.parametrize("box", [b"", b"rubbish", b"vonggac-box-v1\n" + b"\0" * 2_000])
def test_what_is_no_box_for_this_collector_is_refused_by_name(way: Way, box: bytes) -> None:
    answer = way.relay.post("/agent/v1/sealed", content=box, headers=SHOWN)
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2] in ("malformed", "bad-box")) == (
        422,
        True,
    )
    with pytest.raises(ContractError, match=r"."):
        answer_from_bytes(answer.content, box, PUBLIC)


@pytest.mark.hostile
def test_a_box_opens_no_door_but_those_for_machines_and_no_other_box(way: Way) -> None:
    inner = way.box("GET", "/agent/v1/boxkey")
    outer = way.box("POST", "/agent/v1/sealed", inner)
    assert way.relay.post("/agent/v1/sealed", content=outer, headers=SHOWN).status_code == 422
    line = b'{"method":"POST","path":"/api/v1/session"}\n{}'
    box = close_box(line, way.public)
    assert way.relay.post("/agent/v1/sealed", content=box, headers=SHOWN).status_code == 422


@pytest.mark.hostile
def test_nobody_without_the_sites_word_is_passed_on(way: Way) -> None:
    before = len(way.passed)
    for shown in (
        {},
        {"Authorization": WORD},
        {"Authorization": f"Bearer {WORD}x"},
        {"Authorization": "Bearer "},
    ):
        for method, path in (("POST", "/agent/v1/sealed"), ("GET", "/agent/v1/boxkey")):
            assert way.relay.request(method, path, headers=shown).status_code == 401
    assert way.relay.get("/api/v1/overview", headers=SHOWN).status_code == 404
    assert way.relay.post("/agent/v1/envelopes", content=b"{}", headers=SHOWN).status_code == 404
    assert len(way.passed) == before


@pytest.mark.hostile
def test_more_than_a_request_may_have_is_refused_before_it_is_passed_on(way: Way) -> None:
    before = len(way.passed)
    answer = way.relay.post("/agent/v1/sealed", content=b"x" * (MAX_WIRE_BYTES + 1), headers=SHOWN)
    assert answer.status_code == 413
    assert len(way.passed) == before


def test_while_the_collector_is_away_machines_are_told_to_come_later(tmp_path: Path) -> None:
    given: dict[str, Any] = {"state_dir": tmp_path}
    forward = forward_to("http://127.0.0.1:9", None)
    relay = TestClient(create_relay(Settings(**given), WORD, forward))
    answer = relay.post("/agent/v1/sealed", content=b"x", headers=SHOWN)
    assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (503, True)
    assert [*tmp_path.iterdir()] == [], "a relay keeps nothing"


def test_more_than_the_collector_would_take_at_once_waits_and_the_rest_is_told_to_come_later(
    tmp_path: Path,
) -> None:
    given: dict[str, Any] = {"state_dir": tmp_path}
    held, inside, most = threading.Event(), 0, 0
    lock = threading.Lock()

    def forward(method: str, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        held.wait(30)
        with lock:
            inside -= 1
        return 200, {}, b"answer"

    statuses: list[int] = []
    with TestClient(create_relay(Settings(**given), WORD, forward)) as relay:

        def one() -> None:
            answer = relay.post("/agent/v1/sealed", content=b"x", headers=SHOWN)
            statuses.append(answer.status_code)
            if answer.status_code == 503:
                assert int(answer.headers["retry-after"]) > 0

        threads = [threading.Thread(target=one) for _ in range(5 * AT_ONCE)]
        for thread in threads:
            thread.start()
        while statuses.count(503) < AT_ONCE:
            held.wait(0.01)
        held.set()
        for thread in threads:
            thread.join()
    assert most == AT_ONCE
    assert (statuses.count(200), statuses.count(503)) == (4 * AT_ONCE, AT_ONCE)


@pytest.mark.parametrize("url", ["", "vonggac.vn", "http://vonggac.vn", "ftp://127.0.0.1", "https://"])
def test_a_relay_speaks_tls_to_its_collector(url: str) -> None:
    with pytest.raises(SettingsError, match="no https address"):
        forward_to(url, None)


@pytest.mark.hostile
@pytest.mark.parametrize("slow", [False, True])
def test_an_answer_without_end_is_not_passed_on(monkeypatch: pytest.MonkeyPatch, slow: bool) -> None:
    clock = itertools.count(0, 5 if slow else 0)

    class Endless:
        status, headers = 200, dict[str, str]()
        given = 0

        def read1(self, size: int, *, decode_content: bool) -> bytes:
            assert not decode_content
            self.given += 1 if slow else size
            assert self.given < MAX_ANSWER_BYTES + 2 * size
            return b"x" * (1 if slow else size)

        def close(self) -> None:
            """Nothing is open."""

    monkeypatch.setattr("urllib3.HTTPConnectionPool.urlopen", lambda *a, **k: Endless())
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    with pytest.raises(Busy, match="more slowly"):
        forward_to("http://127.0.0.1:9", None)("GET", "/agent/v1/boxkey", b"")
    assert next(clock) < 100
