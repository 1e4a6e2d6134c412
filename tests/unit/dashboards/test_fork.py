"""A fork on the machine's page: both reports side by side, and the decision of who may make it."""

from __future__ import annotations

import re
from datetime import timedelta

import msgspec
import pytest
from httpx2 import Response
from starlette.testclient import TestClient
from tests.unit.collector.conftest import KEY, Desk, plant
from tests.unit.collector.machines import Machine
from tests.unit.collector.test_forks import LATER, Pair
from tests.unit.dashboards import sample
from tests.unit.dashboards.house import PASSWORD, SampleQueries, client_of, make_app, signed_in

from vonggac_collector.app import create_app
from vonggac_collector.index.memory import MemoryIndex
from vonggac_collector.ledger.memory import MemoryLedger
from vonggac_collector.people import add_user
from vonggac_collector.settings import Settings
from vonggac_collector.views import HostPage
from vonggac_dashboards.app import mount
from vonggac_dashboards.format import moment_text
from vonggac_dashboards.language import language

CHOICES = ("restored", "stray", "clone")


def page_of(page: HostPage, who: str = "admin", language: str = "vi") -> str:
    queries = SampleQueries()
    queries.host_page = page
    return signed_in(make_app(queries), who).get(f"/hosts/{page.id}?lang={language}").text


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "vi",
            (
                "Hai báo cáo bằng một khóa",
                "Chuyện gì đã xảy ra?",
                "khác nhau",
                "đang dùng",
                "Cách ly.",
            ),
        ),
        ("en", ("Two reports by one key", "What happened?", "differs", "in force", "Quarantined.")),
    ],
)
def test_both_sides_stand_beside_each_other_in_either_language(language: str, words: tuple[str, ...]) -> None:
    text = page_of(sample.forked(), language=language)
    for word in (*words, "a1" * 8, "d4" * 8, "web-01-copy", "10.9.0.7", "e5" * 8, "f6" * 8):
        assert word in text
    assert len(re.findall('name="decision"', text)) == len(CHOICES)


def test_which_report_is_newer_is_told_to_the_second_and_which_sections_differ() -> None:
    page = sample.forked()
    assert page.fork is not None
    older = page.fork.other.looked_at
    newer = msgspec.structs.replace(page.fork.other, looked_at=older + timedelta(seconds=7))
    differs = ["hostname", "sockets", "<b>new</b>"]
    fork = msgspec.structs.replace(page.fork, other=newer, differs=differs)
    text = page_of(msgspec.structs.replace(page, fork=fork))
    for at in (older, newer.looked_at):
        assert f">{moment_text(language('vi'), at, seconds=True)}<" in text
    assert re.search(r"Các phần khác nhau</th>.*>Cổng đang mở</bdi>, <bdi>&lt;b&gt;new", text)


def test_who_may_not_decide_sees_the_fork_and_no_way_to_decide() -> None:
    text = page_of(sample.forked(), "kiemtoan")
    assert "web-01-copy" in text
    assert 'name="decision"' not in text


def test_a_decision_that_was_made_is_shown_and_can_still_be_changed() -> None:
    text = page_of(msgspec.structs.replace(sample.forked(), agent_state="stray"))
    assert 'value="stray" required checked' in text
    assert "Đã quyết định: máy của chuỗi này được tiếp tục" in text


def test_a_report_that_has_no_other_beside_it_is_shown_alone() -> None:
    page = sample.forked()
    assert page.fork is not None
    alone = msgspec.structs.replace(page, fork=msgspec.structs.replace(page.fork, here=None, differs=[]))
    assert "web-01-copy" in page_of(alone)


def test_hostile_text_of_either_side_is_shown_inert() -> None:
    page, text = sample.forked(), "<script>alert(1)</script>\u202e\x1b[2J"
    assert page.fork is not None
    bad = msgspec.structs.replace(page.fork.other, hostname=text, machine_id=text, addresses=[text] * 9)
    shown = page_of(
        msgspec.structs.replace(page, fork=msgspec.structs.replace(page.fork, here=bad, other=bad))
    )
    assert "&lt;script&gt;alert" in shown
    assert not any(c in shown for c in ("<script>alert", "\u202e", "\x1b"))


class House:
    """The real application with a fork, and an officer's browser."""

    def __init__(self) -> None:
        ledger = MemoryLedger()
        plant(ledger)
        desk = Desk(ledger)
        self.pair = Pair(desk, desk.enrol(Machine()))
        self.pair.part()
        add_user(ledger, "lan", "officer", "ha-noi", PASSWORD, now=LATER, actor="test")
        settings = Settings.model_validate({"insecure_cookies": True, "role": "web"})
        app = create_app(settings, ledger, KEY, now=lambda: LATER, pages=False, index=MemoryIndex())
        mount(app)
        self.client: TestClient = client_of(app)
        self.client.post("/login", data={"name": "lan", "password": PASSWORD})
        self.path = f"/hosts/{self.pair.chain.agent_id}"

    def decide(self, decision: str, reason: str, **more: str) -> Response:
        token = re.search('name="csrf" value="([^"]+)"', self.client.get(self.path).text)
        assert token is not None
        given = {"csrf": token[1], "seen": self.seen(), "decision": decision, "reason": reason, **more}
        return self.client.post(f"{self.path}/fork", data=given, headers={"accept": "text/html"})

    def seen(self) -> str:
        found = re.search('name="seen" value="([^"]+)"', self.client.get(self.path).text)
        return "" if found is None else found[1]


def test_an_officer_decides_on_the_page_and_the_machine_goes_on() -> None:
    house = House()
    assert house.decide("restored", "khôi phục bản chụp đêm chủ nhật").status_code == 303
    assert house.pair.agent.status == "restored"
    assert house.pair.ask(house.pair.other, 9).status == 200
    assert "/fork" not in house.client.get(house.path).text


@pytest.mark.parametrize(
    ("decision", "reason"), [("restored", " "), ("", "x"), ("<script>", "x"), ("stray", "x" * 501)]
)
def test_a_decision_without_a_reason_or_of_another_kind_changes_nothing(decision: str, reason: str) -> None:
    house = House()
    assert house.decide(decision, reason).status_code == 422
    assert house.pair.agent.status == "quarantined"


@pytest.mark.parametrize("decision", CHOICES)
def test_a_decision_about_another_report_than_the_one_that_is_there_now_is_refused(decision: str) -> None:
    house = House()
    before = house.seen()
    assert house.decide("restored", "bản chụp").status_code == 303
    house.pair.other.rotated(house.pair.ask(house.pair.other, 9).body(), seed=9)
    again = Pair(house.pair.desk, house.pair.other)
    assert again.part() == "seq-fork"
    for seen in (before, "", house.seen()[:15]):
        answer = house.decide(decision, "tờ cũ", seen=seen)
        assert answer.status_code == 409
        assert "không còn là điều đang có" in answer.text
        assert house.pair.agent.status == "quarantined"
    assert house.decide(decision, "đã xem lại").status_code == 303
