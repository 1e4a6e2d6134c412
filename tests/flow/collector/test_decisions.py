"""What an officer decides about machines' keys, through the pages of the real application."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.unit.collector.conftest import ADMIN, KEY, Desk, plant
from tests.unit.collector.machines import Machine

from vonggac_collector.app import create_app
from vonggac_collector.enrolment import create_token
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.sql.ledger import open_ledger
from vonggac_collector.people import add_user
from vonggac_collector.settings import Settings
from vonggac_contract.enrolment import fingerprint
from vonggac_contract.envelope import ENVELOPE_MEDIA, keyid_of

PASSWORD = "rat-dai-va-kho-doan"
MEDIA = {"Content-Type": ENVELOPE_MEDIA}


class Office:
    """The application, with an officer and a system administrator who are signed in."""

    def __init__(self, ledger: Ledger, client: TestClient) -> None:
        self.ledger, self.client, self.desk = ledger, client, Desk(ledger)
        self.cookies: dict[str, str] = {}
        self.csrf: dict[str, str] = {}
        for name in ("officer", "sysadmin"):
            add_user(ledger, name, name, "vn", PASSWORD, now=datetime.now(UTC), actor="test")
            answer = client.post("/api/v1/session", json={"name": name, "password": PASSWORD})
            self.cookies[name], self.csrf[name] = answer.cookies["vonggac"], answer.json()["csrf"]
            client.cookies.clear()

    def page(self, path: str, name: str = "officer") -> str:
        headers = {"Cookie": f"vonggac={self.cookies[name]}", "Accept": "text/html"}
        answer = self.client.get(path, headers=headers, params={"lang": "en"})
        assert answer.status_code == 200, answer.text
        return answer.text

    def send(self, path: str, name: str = "officer", **form: str) -> tuple[int, str]:
        headers = {"Cookie": f"vonggac={self.cookies[name]}", "Accept": "text/html"}
        form["csrf"] = self.csrf[name]
        answer = self.client.post(path, headers=headers, data=form, follow_redirects=False)
        return answer.status_code, answer.text

    def enrol(self, machine: Machine, token: str) -> tuple[int, bytes]:
        raw = machine.request(token, datetime.now(UTC))
        answer = self.client.post("/agent/v1/enrol", content=raw, headers=MEDIA)
        return answer.status_code, answer.content


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db", upgrade=True)
    plant(ledger, datetime.now(UTC) - timedelta(days=2))
    given: dict[str, Any] = {"state_dir": tmp_path, "insecure_cookies": True}
    with TestClient(create_app(Settings(**given), ledger, KEY), raise_server_exceptions=False) as client:
        yield Office(ledger, client)
    ledger.close()


def a_token(office: Office) -> str:
    now = datetime.now(UTC)
    until = now + timedelta(days=1)
    return create_token(office.ledger, ADMIN, "ha-noi/so-y-te", "hsyt", 5, until, now, approval=True)[0]


def test_machines_that_wait_are_let_in_and_turned_away_on_the_page(office: Office) -> None:
    token, one, two = a_token(office), Machine("may-1", seed=2), Machine("may-2", seed=3)
    assert office.enrol(one, token)[0] == office.enrol(two, token)[0] == 202
    shown = office.page("/enrol")
    for machine in (one, two):
        for line in fingerprint(keyid_of(machine.public_key)):
            assert line in shown
    first, second = (f"/enrol/machines/{keyid_of(m.public_key)}" for m in (one, two))
    assert f"{first}/approve" in shown
    assert "/approve" not in office.page("/enrol", "sysadmin")
    assert office.send(f"{first}/approve", "sysadmin")[0] == 403
    assert office.send(f"{second}/refuse", reason="")[0] == 422
    assert office.send(f"{first}/approve")[0] == 303
    assert office.send(f"{first}/approve")[0] == 422, "once"
    assert office.send(f"{second}/refuse", reason="not <b>ours</b>")[0] == 303
    assert office.enrol(one, token)[0] == 200
    status, said = office.enrol(two, token)
    assert (status, b"not <b>ours</b>" in said) == (403, True)
    shown = office.page("/enrol")
    assert "not &lt;b&gt;ours&lt;/b&gt;" in shown
    assert 'id="waiting"' not in shown


def test_a_key_is_revoked_on_the_machines_page_and_a_token_made_for_it_lets_it_in_again(
    office: Office,
) -> None:
    now = datetime.now(UTC)
    machine = office.desk.enrol(Machine(seed=2), now=now)
    path = f"/hosts/{machine.agent_id}"
    assert "/revoke" in office.page(path)
    assert "/revoke" not in office.page(path, "sysadmin")
    assert office.send(f"{path}/revoke", "sysadmin", reason="stolen")[0] == 403
    assert office.send(f"{path}/revoke", reason="")[0] == 422
    assert office.send(f"{path}/revoke", reason="stolen")[0] == 303
    report = machine.report(datetime.now(UTC))
    assert office.client.post("/agent/v1/envelopes", content=report, headers=MEDIA).status_code == 403
    shown = office.page(path)
    assert "no longer accepted" in shown
    assert "/revoke" not in shown
    status, made = office.send(f"{path}/token")
    assert status == 200
    assert "--again" in made
    assert machine.hostname in made
    found = re.search(r"vg1-[\w-]+", made)
    assert found is not None
    again = Machine(machine.hostname, seed=3)
    status, answer = office.enrol(again, found[0])
    assert status == 200
    again.enrolled(answer)
    assert (again.agent_id, again.epoch) == (machine.agent_id, 2)
    assert office.enrol(Machine(seed=4), found[0])[0] == 401
    assert "no longer accepted" not in office.page(path)
