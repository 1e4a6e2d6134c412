"""A machine that holds a good key and means harm: whatever it seals, the pages stand, and its words are only shown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.unit.collector.conftest import KEY, Desk, plant
from tests.unit.collector.machines import Machine

from vonggac_collector.app import create_app
from vonggac_collector.ledger.sql.ledger import open_ledger
from vonggac_collector.people import add_user
from vonggac_collector.score.values import FULL
from vonggac_collector.settings import Settings
from vonggac_contract.finding import DOMAINS, Evidence, Finding, Outcome
from vonggac_contract.report import SECTION_TOPICS, FactHealth, Section, section_digest

MEDIA = {"Content-Type": "application/vnd.dsse.envelope+json"}
PASSWORD = "rat-dai-va-kho-doan"
HARM = "<script>alert(1)</script>\x1b[31m\u202e{{7*7}}\u0085\u2028\u009b31m"
SHAPES: list[Any] = [[], [[1, 2]], "text", 7, True, 1.5, {}, {"a": {}}, [{"name": 5}], ["a"], -1e308, 2**53]
RULES = [f"linux.test.rule-{n:02}" for n in range(14)]


class House:
    """The application with its pages, one person signed in, and machines that enrol as they like."""

    def __init__(self, client: TestClient, desk: Desk) -> None:
        self.client, self.desk, self.seed = client, desk, 100

    def machine(self, **request: Any) -> Machine:
        self.seed += 1
        made, now = Machine(seed=self.seed), datetime.now(UTC)
        raw = made.request(self.desk.token(now=now), now, **request)
        answer = self.client.post("/agent/v1/enrol", content=raw, headers=MEDIA)
        assert answer.status_code == 200, answer.text
        made.enrolled(answer.content)
        return made

    def send(self, raw: bytes) -> int:
        return int(self.client.post("/agent/v1/envelopes", content=raw, headers=MEDIA).status_code)

    def look(self, machine: Machine) -> None:
        """Every page and answer that shows the machine stands, and nothing of it is alive there."""
        host = machine.agent_id
        for path in (f"/hosts/{host}", "/", "/units/ha-noi/so-y-te", "/enrol", "/rules"):
            answer = self.client.get(path, headers={"Accept": "text/html"})
            assert answer.status_code == 200, path
            assert not [
                c for c in ("<script>alert", "\x1b", "\u202e", "\u2028", "\u009b") if c in answer.text
            ], path
        for path in (f"hosts/{host}", "overview", "units/ha-noi/so-y-te", "hosts", "enrolment", "rules"):
            answer = self.client.get(f"/api/v1/{path}")
            assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json"), path


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder: Path = tmp_path_factory.mktemp("hostile")
    now = datetime.now(UTC)
    ledger = open_ledger(f"sqlite:///{folder}/ledger.db", upgrade=True)
    plant(ledger, now - timedelta(days=2))
    add_user(ledger, "lan", "officer", "vn", PASSWORD, now=now, actor="test")
    given: dict[str, Any] = {"state_dir": folder, "insecure_cookies": True}
    with TestClient(create_app(Settings(**given), ledger, KEY), raise_server_exceptions=False) as client:
        assert client.post("/api/v1/session", json={"name": "lan", "password": PASSWORD}).status_code == 200
        yield House(client, Desk(ledger))
    ledger.close()


@pytest.mark.hostile
@pytest.mark.parametrize("content", SHAPES, ids=lambda content: str(content)[:20])
def test_sections_of_any_shape_leave_every_page_standing(house: House, content: Any) -> None:
    machine = house.machine()
    sections = {name: Section(section_digest(content), content) for name in SECTION_TOPICS}
    assert house.send(machine.report(datetime.now(UTC), sections=sections)) == 200
    house.look(machine)


@pytest.mark.hostile
def test_a_machines_words_are_shown_inert_wherever_they_appear(house: House) -> None:
    machine = house.machine(hostname=HARM, machine_id=HARM, agent_version=HARM)
    host = {
        "hostname": HARM * 3,
        "machine_id": HARM,
        "architecture": HARM,
        "addresses": [HARM] * 50,
        "container": HARM,
    }
    release = {"id": HARM, "name": HARM, "version": HARM}
    found = [
        Finding(
            rule,
            Outcome.FAIL,
            "low",
            DOMAINS[0],
            reason=HARM,
            detail=HARM,
            evidence=[Evidence(HARM, {HARM: [[HARM]]}, [1, None, {HARM: HARM}], HARM, [HARM] * 20, -7)],
        )
        for rule in RULES
    ]
    raw = machine.report(
        datetime.now(UTC),
        findings=found,
        sections={
            "host": Section(section_digest(host), host),
            "os": Section(section_digest(release), release),
        },
        agent_version=HARM,
        notices=[HARM] * 100,
        facts_unavailable=[FactHealth(HARM, HARM, HARM)] * 100,
        facts_known=-5,
        duration=-1e300,
    )
    assert house.send(raw) == 200
    house.look(machine)


@pytest.mark.hostile
@pytest.mark.parametrize(
    "found",
    [
        [Finding(r, Outcome.PARTIAL, "high", DOMAINS[0], passed=-5, of=0) for r in RULES],
        [Finding(r, Outcome.PARTIAL, "high", DOMAINS[0], passed=2**53, of=1) for r in RULES],
        [
            Finding(r, Outcome.PARTIAL, "low", DOMAINS[1], passed=1, of=2**53 - 2 * n - 1)
            for n, r in enumerate(RULES)
        ],
        [Finding(RULES[0], Outcome.PASS, "low", DOMAINS[1])] * 3_000,
        [Finding("of.nobody", Outcome.UNKNOWN, "low", DOMAINS[1], reason="nope")] * 5,
    ],
    ids=["no-fraction", "over-one", "huge-fractions", "one-rule-often", "no-such-rule"],
)
def test_findings_that_cannot_be_gain_nothing_and_break_nothing(house: House, found: list[Finding]) -> None:
    machine = house.machine()
    assert house.send(machine.report(datetime.now(UTC), findings=found)) == 200
    house.look(machine)
    page = house.client.get(f"/api/v1/hosts/{machine.agent_id}").json()
    assert page["score"] < FULL, "impossible outcomes count as unknown"


@pytest.mark.hostile
@pytest.mark.parametrize("year", [1, 1970, 9999])
def test_times_at_the_ends_of_the_calendar_are_flagged_not_believed(house: House, year: int) -> None:
    machine, moment = house.machine(), datetime(year, 12, 31, tzinfo=UTC)
    assert house.send(machine.report(datetime.now(UTC), started_at=moment, finished_at=moment)) == 200
    assert house.send(machine.heartbeat(moment)) == 200
    house.look(machine)
    assert house.client.get(f"/api/v1/hosts/{machine.agent_id}").json()["flags"]
