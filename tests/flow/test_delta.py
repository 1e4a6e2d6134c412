"""The real programs: a second report of this machine is a few kilobytes on its way, and the ledger has it whole."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.bench.wire import Counting
from tests.flow.test_road import Road, begun

from vonggac_contract.envelope import REPORT, envelope_from_bytes

# Sockets that others open are news to the agent.
pytestmark = [pytest.mark.alone, pytest.mark.timeout(180)]


@pytest.fixture
def road(tmp_path: Path) -> Iterator[Road]:
    yield from begun(tmp_path)


def test_a_changed_report_is_a_few_kilobytes_on_its_way_and_is_kept_and_proven_whole(road: Road) -> None:
    with closing(Counting(road.port)) as counting:
        url = f"http://127.0.0.1:{counting.port}"
        road.agent("enrol", "--collector", url, "--token-file", str(road.token))
        road.agent("run", "--once")
        first = counting.taken().sent
        with socket.create_server(("0.0.0.0", 0)):
            road.agent("run", "--once")
        second = counting.taken().sent
    told = road.status()
    assert (told["last_report"]["sequence"], told["last_report"]["state"]) == (2, "received")
    assert first > 20_000
    assert second < 8_000
    road.collector("ledger", "verify")
    proof = road.folder / "proof.json"
    road.agent("receipt", "--out", str(proof))
    envelope = envelope_from_bytes(json.dumps(json.loads(proof.read_bytes())["envelope"]).encode())
    assert envelope.payload_type == REPORT
    assert envelope.digest == told["last_report"]["digest"]
