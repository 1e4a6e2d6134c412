"""The collector over HTTP, as agents, people and programs meet it."""

from __future__ import annotations

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from tests.flow.collector.serving import PASSWORD, Running, refusals, settled
from tests.unit.collector.conftest import ADMIN
from tests.unit.collector.machines import Machine, a_rulebook

from vonggac_collector.enrolment import create_token
from vonggac_collector.errors import PROBLEM_TYPE, PROBLEMS
from vonggac_collector.rollup import day_of, publish_day
from vonggac_rules.rulebook import load_rulebook

PREFIX = PROBLEM_TYPE


def sign_in(collector: Running, name: str = "admin") -> str:
    answer = collector.client.post("/api/v1/session", json={"name": name, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    csrf: str = answer.json()["csrf"]
    return csrf


@pytest.fixture(autouse=True)
def nobody(collector: Running) -> None:
    collector.client.cookies.clear()


def test_a_machine_enrols_reports_and_gets_receipts(collector: Running) -> None:
    machine = collector.enrol(Machine("http-1", seed=11))
    now = datetime.now(UTC)
    answer = collector.post("/agent/v1/envelopes", machine.report(now, {1}))
    assert machine.receipt(answer.content).sequence == 1
    beat = collector.post("/agent/v1/envelopes", machine.heartbeat(now))
    assert machine.receipt(beat.content).counter == 1
    sign_in(collector)
    page = collector.client.get(f"/api/v1/hosts/{machine.agent_id}").json()
    assert (page["hostname"], page["reports_total"]) == ("http-1", 1)


def test_many_machines_at_once_all_get_their_own_receipt(collector: Running) -> None:
    machines = [collector.enrol(Machine(f"many-{n}", seed=20 + n)) for n in range(8)]
    got: list[tuple[int, int]] = []

    def report(machine: Machine) -> None:
        for n in range(5):
            raw = machine.report(datetime.now(UTC), {n})
            answer = collector.post("/agent/v1/envelopes", raw)
            got.append((machine.receipt(answer.content).sequence, n + 1))

    threads = [threading.Thread(target=report, args=(m,)) for m in machines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 40
    assert all(sequence == wanted for sequence, wanted in got)


@pytest.mark.parametrize("kind", ["report", "heartbeat"])
def test_the_same_envelope_a_thousand_times_at_once_is_one_row_and_999_duplicates_that_change_no_score(
    collector: Running, kind: str
) -> None:
    machine, now = collector.enrol(Machine(f"replay-{kind}", seed=40 + len(kind))), datetime.now(UTC)
    first = machine.report(now, {1})
    if kind == "heartbeat":
        assert collector.post("/agent/v1/envelopes", first).status_code == 200
    raw = first if kind == "report" else machine.heartbeat(now)
    before = outcomes(collector)
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda _: collector.post("/agent/v1/envelopes", raw), range(1_000)))
    assert {a.status_code for a in answers} == {200}
    gained = {k: n - before.get(k, 0) for k, n in outcomes(collector).items() if n != before.get(k)}
    assert gained == {"accepted": 1, "duplicate": 999}
    with collector.ledger.read() as tx:
        (only,) = tx.chain.of_agent(machine.agent_id, 10)
        beat = tx.heartbeats.day(machine.agent_id, now.date())
    assert (kind == "heartbeat") == (beat is not None)
    if kind == "report":
        assert len({a.content for a in answers}) == 1
        assert machine.receipt(answers[0].content).digest == only.digest
    scores = []
    for _ in range(2):
        publish_day(collector.ledger, day_of(now), now + timedelta(minutes=1))
        with collector.ledger.read() as tx:
            scores.append(tx.scores.day(day_of(now)))
        assert collector.post("/agent/v1/envelopes", raw).status_code == 200
    assert scores[0] == scores[1]


def outcomes(collector: Running) -> dict[str, int]:
    """How many envelopes came to what, as the collector counts."""
    lines = collector.client.get("/metrics").text.splitlines()
    counted = re.findall(
        r'^vonggac_envelopes_total\{outcome="(\w+)"\} (\S+)$', "\n".join(lines), re.MULTILINE
    )
    return {outcome: int(float(number)) for outcome, number in counted}


def test_of_twenty_machines_with_one_token_exactly_one_wins(collector: Running) -> None:
    now = datetime.now(UTC)
    token, _ = create_token(collector.ledger, ADMIN, "ha-noi/so-y-te", None, 1, now + timedelta(hours=1), now)
    statuses: list[int] = []
    threads = [
        threading.Thread(
            target=lambda raw: statuses.append(collector.post("/agent/v1/enrol", raw).status_code),
            args=(Machine(seed=seed).request(token, now),),
        )
        for seed in range(60, 80)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [401] * 19


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (b"{}", {}, "malformed"),
        (b"[" * 100_000 + b"]" * 100_000, {}, "too-large"),
        (b'{"payload":NaN}', {}, "malformed"),
        (b'{"payload":"","payload":""}', {}, "malformed"),
        (b'{"a":1267650600228229401496703205376}', {}, "malformed"),
        (b'{"a":"\\u0000"}', {}, "malformed"),
        (b'{"a":"\\ud800"}', {}, "malformed"),
        (b"\xef\xbb\xbf{}", {}, "malformed"),
        (b'{"payload":"' + b"A" * 2_000_000 + b'"}', {}, "malformed"),
        (b"x" * (4 * 1024 * 1024 + 1), {}, "too-large"),
        (b"{}", {"Content-Type": "text/html"}, "media-type"),
        (b"{}", {"Content-Encoding": "gzip"}, "content-encoding"),
    ],
)
def test_a_hostile_body_gets_one_clear_refusal_that_is_counted_once(
    collector: Running, body: bytes, headers: dict[str, str], code: str
) -> None:
    before = settled(collector.ledger).get(code, 0)
    answer = collector.client.post(
        "/agent/v1/envelopes",
        content=body,
        headers={"Content-Type": "application/vnd.dsse.envelope+json", **headers},
    )
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == PREFIX + code
    assert answer.status_code == PROBLEMS[code].status
    assert counted(collector, code, before + 1) == before + 1


def counted(collector: Running, code: str, wanted: int) -> int:
    """The count of that refusal; waits for the writing thread to have written it down."""
    for _ in range(500):
        if refusals(collector.ledger).get(code, 0) >= wanted:
            break
        time.sleep(0.01)
    return refusals(collector.ledger).get(code, 0)


def test_a_body_of_exactly_the_limit_is_read(collector: Running) -> None:
    answer = collector.post("/agent/v1/envelopes", b" " * (4 * 1024 * 1024))
    assert answer.json()["type"] == PREFIX + "malformed"


def test_a_chunked_body_over_the_limit_is_refused_though_it_names_no_length(collector: Running) -> None:
    pieces = (b"x" * 65536 for _ in range(70))
    answer = collector.client.post(
        "/agent/v1/envelopes", content=pieces, headers={"Content-Type": "application/json"}
    )
    assert answer.json()["type"] == PREFIX + "too-large"


def test_codes_of_the_list_the_counters_and_the_audit_log_are_the_same(collector: Running) -> None:
    listed = {p["code"]: p["status"] for p in collector.client.get("/api/v1/problems").json()}
    assert listed == {code: p.status for code, p in PROBLEMS.items()}
    before = settled(collector.ledger)
    collector.client.get("/nowhere")
    collector.client.put("/healthz")
    for code in ("not-found", "wrong-method"):
        counted(collector, code, before.get(code, 0) + 1)
    metrics = {
        line.split('reason="')[1].split('"')[0]: float(line.rsplit(" ", 1)[1])
        for line in collector.client.get("/metrics").text.splitlines()
        if line.startswith("vonggac_refused_total{")
    }
    with collector.ledger.read() as tx:
        counts = tx.trail.counts()
        audited: dict[str, int] = {}
        for row in tx.trail.walk(0, 100_000):
            if row.action == "refused":
                code = row.detail.split(":")[0]
                audited[code] = audited.get(code, 0) + 1
    assert {"not-found", "wrong-method"} <= set(metrics)
    assert {code: number for code, number in metrics.items() if number} == counts == audited
    assert set(metrics) <= set(listed)


def test_a_published_rulebook_is_served_and_may_be_kept_for_ever(collector: Running) -> None:
    raw = a_rulebook()
    answer = collector.client.get(f"/agent/v1/rulebooks/{load_rulebook(raw).digest}")
    assert answer.content == raw
    assert "immutable" in answer.headers["cache-control"]
    assert collector.client.get("/agent/v1/rulebooks/" + "0" * 64).json()["type"] == PREFIX + "not-found"
    assert collector.client.get("/agent/v1/rulebooks/..%2f").status_code in (404, 422)


def test_every_answer_carries_the_headers_that_protect(collector: Running) -> None:
    for path in ("/healthz", "/nowhere", "/api/v1/overview", "/agent/v1/envelopes", "/metrics"):
        headers = collector.client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "server" not in headers


def test_health_readiness_and_description_answer_without_a_sign_in(collector: Running) -> None:
    assert collector.client.get("/healthz").json() == {"status": "alive"}
    assert collector.client.get("/readyz").json()["status"] == "ready"
    described = collector.client.get("/api/openapi.json").json()
    assert "/agent/v1/envelopes" in described["paths"]
    assert "HostPage" in described["components"]["schemas"]


def test_without_a_sign_in_nothing_is_shown(collector: Running) -> None:
    described = collector.client.get("/api/openapi.json").json()
    open_paths = {"/api/v1/problems", "/api/v1/session", "/healthz", "/readyz", "/metrics"}
    for path, methods in described["paths"].items():
        for method in methods:
            if (path in open_paths and method != "delete") or path.startswith("/agent/"):
                continue
            answer = collector.client.request(
                method.upper(),
                path.replace("{code}", "vn").replace("{host_id}", "x"),
                json={"unit": "vn", "expires_at": "2030-01-01T00:00:00Z"} if method == "post" else None,
            )
            assert answer.status_code == 401, (method, path)


def test_what_is_outside_and_what_is_nowhere_answer_byte_for_byte_alike(collector: Running) -> None:
    machine = collector.enrol(Machine("hidden", seed=90))
    sign_in(collector, "hue")
    answers = [
        collector.client.get(path).content
        for path in (
            f"/api/v1/hosts/{machine.agent_id}",
            "/api/v1/hosts/00000000-0000-0000-0000-000000000000",
            "/api/v1/units/ha-noi",
            "/api/v1/units/nowhere",
            "/api/v1/nowhere",
        )
    ]
    assert len(set(answers)) == 1
    assert machine.agent_id not in collector.client.get("/api/v1/hosts").text


def test_tokens_need_the_role_and_the_forms_own_token(collector: Running) -> None:
    wanted = {"unit": "hue", "expires_at": (datetime.now(UTC) + timedelta(days=1)).isoformat()}
    csrf = sign_in(collector, "hue")
    assert collector.client.post("/api/v1/tokens", json=wanted).json()["type"] == PREFIX + "csrf"
    headers = {"X-CSRF-Token": csrf}
    made = collector.client.post("/api/v1/tokens", json=wanted, headers=headers)
    assert made.status_code == 201
    foreign = {**headers, "Origin": "https://elsewhere.example"}
    assert collector.client.post("/api/v1/tokens", json=wanted, headers=foreign).status_code == 403
    outside = collector.client.post("/api/v1/tokens", json=wanted | {"unit": "ha-noi"}, headers=headers)
    assert outside.status_code == 404
    gone = collector.client.delete(f"/api/v1/tokens/{made.json()['row']['id']}", headers=headers)
    assert gone.status_code == 204
    csrf = sign_in(collector, "kiem")
    refused = collector.client.post("/api/v1/tokens", json=wanted, headers={"X-CSRF-Token": csrf})
    assert refused.json()["type"] == PREFIX + "forbidden"


def test_an_unknown_user_and_a_wrong_password_get_the_same_answer(collector: Running) -> None:
    bodies = [
        collector.client.post("/api/v1/session", json={"name": name, "password": "wrong-but-long"}).content
        for name in ("kiem", "nobody-of-that-name")
    ]
    assert bodies[0] == bodies[1]


def test_guessing_is_slowed_down_and_a_forged_address_does_not_help(collector: Running) -> None:
    statuses = [
        collector.client.post(
            "/api/v1/session",
            json={"name": "victim", "password": "wrong-but-long"},
            headers={"X-Forwarded-For": f"10.0.0.{n}", "Forwarded": f"for=10.1.1.{n}"},
        ).status_code
        for n in range(7)
    ]
    assert statuses == [401] * 5 + [429] * 2


def test_a_sign_out_ends_the_session(collector: Running) -> None:
    csrf = sign_in(collector)
    cookies = dict(collector.client.cookies)
    assert collector.client.delete("/api/v1/session", headers={"X-CSRF-Token": csrf}).status_code == 204
    collector.client.cookies.update(cookies)
    assert collector.client.get("/api/v1/overview").status_code == 401


def test_a_value_that_does_not_fit_is_named(collector: Running) -> None:
    answer = collector.client.post("/api/v1/session", json={"name": "x", "password": 1, "more": True})
    body = msgspec.json.decode(answer.content)
    assert body["type"] == PREFIX + "invalid"
    assert {e["where"] for e in body["errors"]} == {"body.password", "body.more"}
