"""Senders that mislead about where a request ends, leave before its end, or claim an address that is not theirs."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.flow.collector.serving import Running, refusals, serving, settled

from vonggac_collector.http.refusals import named_by_proxy

HEAD = b"POST /agent/v1/envelopes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
PATIENCE = 5.0


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder: Path = tmp_path_factory.mktemp("senders")
    with serving(folder) as running:
        yield running


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder: Path = tmp_path_factory.mktemp("proxied")
    with serving(folder, behind_proxy=True) as running:
        yield running


def said(collector: Running, request: bytes) -> bytes:
    """All that is answered until the other side closes."""
    got = b""
    with socket.create_connection(("127.0.0.1", collector.port), timeout=PATIENCE) as connection:
        connection.sendall(request)
        while piece := connection.recv(65536):
            got += piece
    return got


@pytest.mark.hostile
@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"Content-Length: 0\r\nTransfer-Encoding: xchunked\r\n\r\n",
        b"Content-Length: 0\r\nContent-Length: 44\r\n\r\n",
    ],
)
def test_what_follows_a_request_of_two_lengths_is_never_a_request(collector: Running, framing: bytes) -> None:
    answer = said(collector, HEAD + framing + b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert re.findall(rb"HTTP/1\.1 (\d+)", answer) == [b"422"]
    assert b"urn:vonggac:problem:malformed" in answer


@pytest.mark.hostile
def test_a_sender_that_leaves_half_way_is_no_failure_and_one_that_babbles_counts_once(
    collector: Running,
) -> None:
    before = settled(collector.ledger)
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", collector.port)) as connection:
            connection.sendall(HEAD + b"Content-Length: 300\r\n\r\n{")
    assert b"malformed" in said(collector, HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n")
    until = time.monotonic() + PATIENCE
    while refusals(collector.ledger) == before and time.monotonic() < until:
        time.sleep(0.02)
    after = settled(collector.ledger)
    assert {code: n - before.get(code, 0) for code, n in after.items() if n != before.get(code, 0)} == {
        "malformed": 1
    }


def sign_in_codes(collector: Running, forwarded: list[str]) -> list[int]:
    given = {"name": "nobody", "password": "a-wrong-password"}
    return [
        collector.client.post("/api/v1/session", json=given, headers={"X-Forwarded-For": f}).status_code
        for f in forwarded
    ]


@pytest.mark.hostile
def test_without_a_proxy_no_header_makes_another_peer(collector: Running) -> None:
    assert sign_in_codes(collector, [f"10.0.0.{n}" for n in range(6)]) == [401] * 5 + [429]


@pytest.mark.hostile
def test_behind_a_proxy_only_the_address_that_it_wrote_counts(proxied: Running) -> None:
    guesser = sign_in_codes(proxied, [f"10.0.0.{n}, 203.0.113.7" for n in range(6)])
    assert guesser == [401] * 5 + [429]
    assert sign_in_codes(proxied, ["203.0.113.7, 203.0.113.8"]) == [401]


@pytest.mark.hostile
@pytest.mark.parametrize(
    ("lines", "peer"),
    [
        ([], ""),
        ([b"203.0.113.7"], "203.0.113.7"),
        ([b"203.0.113.7", b"10.1.1.1, 203.0.113.9"], "203.0.113.9"),
        ([b"2001:DB8::1"], "2001:db8::1"),
        ([b"203.0.113.7, unknown"], ""),
        ([b"203.0.113.7, "], ""),
        ([b"\xff\xfe"], ""),
        ([b"<script>"], ""),
    ],
)
def test_the_last_address_of_the_last_line_is_the_proxys_word(lines: list[bytes], peer: str) -> None:
    assert named_by_proxy([(b"host", b"x"), *((b"x-forwarded-for", line) for line in lines)]) == peer
