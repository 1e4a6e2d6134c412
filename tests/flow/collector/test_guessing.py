"""Somebody who guesses enrolment tokens by the hundred a second: nobody else waits for that, and none is spared."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import httpx
import pytest
from tests.flow.test_road import Road
from tests.load.wire import Connection
from tests.unit.collector.machines import Machine

from vonggac_agent.link import Address
from vonggac_collector.audit import MAX_REFUSALS_AUDITED_PER_HOUR

pytestmark = [pytest.mark.alone, pytest.mark.hostile, pytest.mark.authz, pytest.mark.timeout(300)]
GUESSERS: Final = 20
RATE: Final = 500
"""Wrong tokens a second, of all guessers together."""
SECONDS: Final = 6.0
QUIET_S: Final = 0.1
"""What `/healthz` may take under it, the 99th of a hundred; three times that fails the test."""


class Attack(NamedTuple):
    """`statuses` of all guesses, and how long each `/healthz` beside them took."""

    statuses: list[int]
    health_s: list[float]
    seconds: float


@pytest.fixture
def road(tmp_path: Path) -> Iterator[Road]:
    made = Road(tmp_path)
    made.collector("init", "--password-file", str(made.folder / "password"))
    made.collector("unit", "add", "--code", "so-y-te", "--name-vi", "Sở Y tế")
    made.collector("token", "create", "--agency", "so-y-te", "--out", str(made.token))
    with made.serving():
        yield made


async def attacked(address: Address, guesses: list[bytes]) -> Attack:
    statuses: list[int] = []
    health: list[float] = []
    began = time.monotonic()

    async def guess(number: int) -> None:
        line = Connection(address, None, number)
        for n in range(int(SECONDS * RATE / GUESSERS)):
            due = began + n * GUESSERS / RATE
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            answer = await line.ask("POST", "/agent/v1/enrol", guesses[(number + n) % len(guesses)])
            statuses.append(answer.status)
        line.close()

    async def look() -> None:
        line = Connection(address, None, GUESSERS)
        while time.monotonic() < began + SECONDS:
            asked = time.monotonic()
            assert (await line.ask("GET", "/healthz")).status == 200
            health.append(time.monotonic() - asked)
            await asyncio.sleep(0.02)
        line.close()

    await asyncio.gather(look(), *(guess(number) for number in range(GUESSERS)))
    return Attack(statuses, health, time.monotonic() - began)


def test_hundreds_of_wrong_tokens_a_second_are_refused_counted_and_hold_up_nobody(road: Road) -> None:
    now = datetime.now(UTC)
    guesses = [Machine(seed=n + 1).request(f"vg1-{n:032}", now) for n in range(50)]
    done = asyncio.run(attacked(Address(False, "127.0.0.1", road.port, ""), guesses))
    p99 = sorted(done.health_s)[int(len(done.health_s) * 0.99)]
    said = f"{len(done.statuses) / done.seconds:.0f} guesses/s; /healthz p99 {p99 * 1000:.0f} ms"
    assert set(done.statuses) == {401}, said
    assert len(done.statuses) == SECONDS * RATE
    assert p99 < 3 * QUIET_S, said
    counted = httpx.get(f"{road.url}/metrics", trust_env=False).text
    assert f'vonggac_refused_total{{reason="token-refused"}} {len(done.statuses)}' in counted
    road.agent("enrol", "--collector", road.url, "--token-file", str(road.token))
    verified = json.loads(road.collector("ledger", "verify", "--json"))
    assert verified["faults"] == []
    assert MAX_REFUSALS_AUDITED_PER_HOUR < verified["audit_rows"] < MAX_REFUSALS_AUDITED_PER_HOUR + 50
