"""Every route of the real application, pages included: who is let in, whose things they reach, what a change needs.

The routes come from the application itself. One that nobody wrote into ANYBODY is for signed-in people, and one that
changes something needs the session's token: a new route is held against both without a word here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.testclient import TestClient
from tests.unit.collector.conftest import ADMIN, KEY, Desk, plant
from tests.unit.collector.machines import Machine

from vonggac_collector.app import create_app
from vonggac_collector.auth.caller import ROLES
from vonggac_collector.enrolment import create_token, enrol
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.sql.ledger import open_ledger
from vonggac_collector.people import add_user
from vonggac_collector.settings import Settings
from vonggac_contract.envelope import keyid_of

ANYBODY = {
    "GET /agent/v1/boxkey",
    "GET /agent/v1/policy/metadata/{name}",
    "GET /agent/v1/policy/targets/{name}",
    "GET /agent/v1/rulebooks/{digest}",
    "POST /agent/v1/enrol",
    "POST /agent/v1/envelopes",
    "POST /agent/v1/rotate",
    "POST /agent/v1/sealed",
    "GET /api/openapi.json",
    "GET /api/v1/problems",
    "POST /api/v1/session",
    "GET /healthz",
    "GET /login",
    "POST /login",
    "GET /metrics",
    "GET /readyz",
    "GET /static/{name:path}",
}
"""What answers without a session; what agents send is sealed, signing in has a name and a password."""
PASSWORD = "rat-dai-va-kho-doan"
HOME, ELSEWHERE = "hue", "ha-noi/so-y-te"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class House:
    """The application, what lies in a unit that nobody but the root sees, and one session for each role."""

    def __init__(self, app: FastAPI, ledger: Ledger, client: TestClient) -> None:
        self.app, self.ledger, self.client = app, ledger, client
        now = datetime.now(UTC)
        self.machine = Desk(ledger).enrol(Machine(), now=now)
        self.token = create_token(ledger, ADMIN, ELSEWHERE, "hsyt", 5, now + timedelta(days=1), now)[1].id
        text, _ = create_token(
            ledger, ADMIN, ELSEWHERE, "hsyt", 5, now + timedelta(days=1), now, approval=True
        )
        waits = Machine(seed=5)
        enrol(ledger, waits.request(text, now), now=now, collector_key=KEY)
        self.waits = keyid_of(waits.public_key)
        self.sessions: dict[str, tuple[str, str]] = {}
        for role in ROLES:
            add_user(ledger, role, role, HOME, PASSWORD, now=now, actor="test")
            answer = client.post("/api/v1/session", json={"name": role, "password": PASSWORD})
            assert answer.status_code == 200, answer.text
            self.sessions[role] = (answer.cookies["vonggac"], answer.json()["csrf"])
            client.cookies.clear()

    def ask(
        self, method: str, path: str, role: str = "", csrf: str | None = None, **more: object
    ) -> tuple[int, str]:
        """Status and body. `csrf`: another token than the session's own."""
        headers = dict(FORM) if method == "POST" and not path.startswith("/api/") else {}
        if role:
            secret, own = self.sessions[role]
            headers |= {"Cookie": f"vonggac={secret}", "X-CSRF-Token": own if csrf is None else csrf}
        headers |= {str(k): str(v) for k, v in more.items()}
        body: dict[str, object] = {}
        if method == "POST" and path == "/api/v1/tokens":
            until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
            body = {"json": {"unit": ELSEWHERE, "expires_at": until}}
        elif method == "POST":
            body = {"content": f"unit={ELSEWHERE}&uses=1&days=1"}
        answer = self.client.request(method, path, headers=headers, follow_redirects=False, **body)  # type: ignore[arg-type]
        return answer.status_code, answer.text

    def tokens(self) -> list[tuple[str, int, bool]]:
        with self.ledger.read() as tx:
            return sorted((t.id, t.uses_left, t.revoked) for t in tx.tokens.all())


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder: Path = tmp_path_factory.mktemp("routes")
    ledger = open_ledger(f"sqlite:///{folder}/ledger.db", upgrade=True)
    plant(ledger, datetime.now(UTC) - timedelta(days=2))
    given: dict[str, Any] = {"state_dir": folder, "insecure_cookies": True}
    app = create_app(Settings(**given), ledger, KEY)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield House(app, ledger, client)
    ledger.close()


def routes(app: FastAPI) -> list[tuple[str, str]]:
    """Method and path pattern of every route."""
    return sorted(
        (method, str(route.path))
        for route in iter_route_contexts(app.routes)
        for method in route.methods or ()
        if method != "HEAD"
    )


def filled(pattern: str, value: str) -> str:
    return re.sub(r"\{[^}]*\}", value, pattern)


def test_nothing_answers_besides_the_two_interfaces_and_the_pages(house: House) -> None:
    known = {f"{method} {pattern}" for method, pattern in routes(house.app)}
    assert known > ANYBODY
    assert len(known) >= 25
    assert not [r for r in known if re.search(r"debug|docs|redoc|pprof", r)]


@pytest.mark.hostile
def test_without_a_session_every_other_route_leads_to_the_door(house: House) -> None:
    asked = 0
    for method, pattern in routes(house.app):
        if f"{method} {pattern}" in ANYBODY:
            continue
        for cookie in ("", "vonggac=", "vonggac=" + "a" * 43, "__Host-vonggac=" + "a" * 43):
            more = {"Cookie": cookie} if cookie else {}
            status, _ = house.ask(method, filled(pattern, house.machine.agent_id), **more)
            assert status == 401, (method, pattern, cookie)
            asked += 1
    assert asked >= 60


@pytest.mark.hostile
@pytest.mark.parametrize("role", ROLES)
def test_nothing_of_another_unit_is_reached_and_its_refusal_is_that_of_what_is_nowhere(
    house: House, role: str
) -> None:
    before = house.tokens()
    hers = {
        "code": ELSEWHERE,
        "host_id": house.machine.agent_id,
        "token_id": house.token,
        "keyid": house.waits,
    }
    tried = 0
    for method, pattern in routes(house.app):
        name = re.search(r"\{(code|host_id|token_id|keyid)", pattern)
        if name is None:
            continue
        there, nowhere = hers[name.group(1)], "f" * 16
        first = house.ask(method, filled(pattern, there), role)
        second = house.ask(method, filled(pattern, nowhere), role)
        assert first == second, (method, pattern)
        assert first[0] in (403, 404), (method, pattern)
        tried += 1
    assert tried >= 6
    for path in ("/api/v1/tokens", "/enrol"):
        assert house.ask("POST", path, role)[0] in (403, 404)
    assert house.tokens() == before


@pytest.mark.hostile
@pytest.mark.parametrize("role", ROLES)
def test_no_list_and_no_page_names_what_is_in_another_unit(house: House, role: str) -> None:
    secrets = (house.machine.agent_id, house.token, house.waits, ELSEWHERE)
    for method, pattern in routes(house.app):
        if method != "GET" or "{" in pattern or pattern in ("/metrics", "/readyz"):
            continue
        for query in ("", f"?unit={ELSEWHERE}", f"?text={house.machine.hostname}"):
            status, text = house.ask("GET", pattern + query, role)
            assert status in (200, 403), (pattern, status)
            said = text.replace(query[1:], "") if query else text
            said = said.replace(ELSEWHERE.replace("/", "%2F"), "")
            assert not [s for s in secrets if s in said], pattern


@pytest.mark.hostile
def test_every_change_needs_the_sessions_own_token_and_our_own_origin(house: House) -> None:
    before, tried = house.tokens(), 0
    for method, pattern in routes(house.app):
        if method == "GET" or f"{method} {pattern}" in ANYBODY:
            continue
        path = filled(pattern, house.token)
        other = house.sessions["officer"][1]
        wrong: list[dict[str, str]] = [
            {"csrf": ""},
            {"csrf": "x"},
            {"csrf": other},
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ]
        for given in wrong:
            csrf = given.pop("csrf", None)
            status, text = house.ask(method, path, "administrator", csrf, **given)
            assert (status, "urn:vonggac:problem:csrf" in text) == (403, True), (method, path, given, csrf)
            tried += 1
    assert tried >= 28
    assert house.tokens() == before
    assert house.ask("GET", "/api/v1/overview", "administrator")[0] == 200


@pytest.mark.hostile
def test_signing_in_from_another_site_is_refused(house: House) -> None:
    given = {"name": "officer", "password": PASSWORD}
    for path, how in (("/login", "data"), ("/api/v1/session", "json")):
        for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            answer = house.client.post(path, headers=headers, **{how: given})  # type: ignore[arg-type]
            assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


@pytest.mark.hostile
def test_a_session_is_never_the_one_that_was_brought(house: House) -> None:
    brought = "b" * 43
    for name in ("vonggac", "__Host-vonggac"):
        answer = house.client.post(
            "/api/v1/session",
            json={"name": "officer", "password": PASSWORD},
            headers={"Cookie": f"{name}={brought}"},
        )
        assert answer.cookies["vonggac"] != brought
        assert re.search(r"HttpOnly.*SameSite=lax", answer.headers["set-cookie"], re.DOTALL)
        house.client.cookies.clear()


def test_over_tls_the_cookie_is_of_this_host_alone(tmp_path: Path) -> None:
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db", upgrade=True)
    plant(ledger, datetime.now(UTC) - timedelta(days=2))
    add_user(ledger, "lan", "officer", "vn", PASSWORD, now=datetime.now(UTC), actor="test")
    given: dict[str, Any] = {"state_dir": tmp_path, "behind_proxy": True}
    with TestClient(create_app(Settings(**given), ledger, KEY), base_url="https://testserver") as client:
        answer = client.post("/api/v1/session", json={"name": "lan", "password": PASSWORD})
        name, *flags = re.split(r";\s*|=", answer.headers["set-cookie"], maxsplit=1)
        said = {flag.strip() for flag in flags[0].split(";")[1:]}
        assert (name, said) == ("__Host-vonggac", {"HttpOnly", "Path=/", "SameSite=lax", "Secure"})
        assert "max-age=" in answer.headers["strict-transport-security"]
        secret = answer.cookies["__Host-vonggac"]
        client.cookies.clear()
        told = [
            client.get("/api/v1/overview", headers={"Cookie": f"{cookie}={secret}"}).status_code
            for cookie in ("__Host-vonggac", "vonggac")
        ]
        assert told == [200, 401], "a cookie that another host may have set is not read"
    ledger.close()


def test_a_new_password_ends_a_session_with_the_next_request(house: House) -> None:
    assert house.ask("GET", "/api/v1/enrolment", "sysadmin")[0] == 200
    with house.ledger.write() as tx:
        user = tx.people.by_name("sysadmin")
        assert user is not None
        tx.people.set_password(user.id, "no hash at all")
    assert house.ask("GET", "/api/v1/enrolment", "sysadmin")[0] == 401
