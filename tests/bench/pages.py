"""How long pages take with the sample country in the ledger, in process, pages rendered whole."""

from __future__ import annotations

import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from fastapi.testclient import TestClient

from vonggac_collector import rulebooks
from vonggac_collector.app import create_app
from vonggac_collector.ledger.sql.ledger import open_ledger
from vonggac_collector.people import add_user
from vonggac_collector.settings import load_settings
from vonggac_collector.state import load_key, make_state
from vonggac_rules.builtin import default_rulebook_bytes

from .figures import Figure

CLONE = Path(__file__).resolve().parents[2]
PASSWORD = "a password of the bench"
RUNS = 15


def figures() -> Iterator[Figure]:
    """Making the country, then the median time of each page."""
    sys.path.insert(0, str(CLONE / "packaging" / "demo"))
    from vonggac_demo.country import ROOT, country
    from vonggac_demo.sample import Memory, carry_on, enrol_all, first_day, provinces, settle

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        make_state(state)
        key = load_key(state)
        ledger = open_ledger(f"sqlite:///{state}/ledger.db", upgrade=True)
        now = datetime.now(UTC)
        began = first_day(now)
        clock = time.perf_counter()
        book = rulebooks.publish(ledger, default_rulebook_bytes(), now=began, actor="bench")
        settle(ledger, began)
        members = enrol_all(ledger, country(r["code"] for r in provinces()), began, key)
        memory = Memory(began, began - timedelta(seconds=1), 0, members)
        carry_on(ledger, memory, book, CLONE / "policies", key, now, lambda *_: None)
        yield Figure(f"{len(members)} sample hosts, 60 days, made", time.perf_counter() - clock, "s", 30)
        add_user(ledger, "bench", "administrator", ROOT, PASSWORD, now=now, actor="bench")
        config = state / "collector.yaml"
        config.write_text(f"state_dir: {state}\ninsecure_cookies: true\n")
        settings = load_settings(config)
        with TestClient(create_app(settings, ledger, key), base_url="http://127.0.0.1:8440") as client:
            sign_in(client)
            for name, path in pages_of(members[0].agent_id):
                took, size = timed(client, path)
                yield Figure(f"page {name}, {size / 1000:.0f} kB", took * 1000, "ms", 300)
        ledger.close()


def pages_of(host: str) -> list[tuple[str, str]]:
    """The five pages."""
    return [
        ("overview", "/"),
        ("unit", "/units/01"),
        ("host", f"/hosts/{host}"),
        ("rule", "/rules/linux.ssh.root-login"),
        ("enrol", "/enrol"),
    ]


def sign_in(client: TestClient) -> None:
    """As a person would, by the form."""
    client.get("/login")
    answer = client.post(
        "/login",
        data={"name": "bench", "password": PASSWORD, "next": "/"},
        headers={"Origin": "http://127.0.0.1:8440"},
        follow_redirects=True,
    )
    if answer.status_code != 200 or "/login" in str(answer.url):
        raise RuntimeError(f"signing in failed: {answer.status_code} {answer.url}")


def timed(client: TestClient, path: str) -> tuple[float, int]:
    """Median seconds over RUNS after one that warms up, and the bytes of the page."""
    answer = client.get(path)
    if answer.status_code != 200:
        raise RuntimeError(f"{path}: {answer.status_code}")
    took = []
    for _ in range(RUNS):
        began = time.perf_counter()
        client.get(path)
        took.append(time.perf_counter() - began)
    return statistics.median(took), len(answer.content)
