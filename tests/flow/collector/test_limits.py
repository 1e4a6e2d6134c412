"""Slow, silent, oversized and too many: what a connection may not do, tried with raw sockets.

Times are shortened by a factor of 50 and more, so that the lane stays quick; the real numbers are in docs/wire.md.
"""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.flow.collector.serving import Running, serving

from vonggac_collector.errors import Refused
from vonggac_collector.http import body, protocol
from vonggac_contract.limits import MAX_WIRE_BYTES

SHORT = {"head_s": 0.2, "linger_s": 0.2, "unread_s": 0.3}
PATIENCE = 5.0


@pytest.fixture(scope="module")
def brisk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder: Path = tmp_path_factory.mktemp("brisk")
    with serving(folder, SHORT, connections_per_source=6) as running:
        yield running


def dial(collector: Running) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", collector.port), timeout=PATIENCE)
    made.settimeout(PATIENCE)
    return made


def rest(connection: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    got = b""
    try:
        while piece := connection.recv(65536):
            got += piece
    except ConnectionResetError:
        return got
    return got


def code_of(answer: bytes) -> str:
    found = re.search(rb"urn:vonggac:problem:([a-z-]+)", answer)
    return found.group(1).decode() if found else ""


def test_the_limits_are_those_of_the_documents() -> None:
    assert (body.MAX_HEAD_BYTES, protocol.HEAD_S, body.MAX_HEADER_FIELDS) == (16 * 1024, 10.0, 64)
    assert (body.TOTAL_S, body.FREE_S, body.LEAST_RATE, MAX_WIRE_BYTES) == (60.0, 10.0, 1024, 4 * 1024 * 1024)


def test_a_connection_that_says_nothing_is_closed(brisk: Running) -> None:
    with dial(brisk) as connection:
        assert rest(connection) == b""


def test_half_a_head_is_refused_in_time_however_steadily_it_drips(brisk: Running) -> None:
    began = time.monotonic()
    with dial(brisk) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
        try:
            while time.monotonic() - began < PATIENCE:
                connection.sendall(b"X-A: 1\r\n")
                time.sleep(0.02)
        except OSError:
            pass
        answer = rest(connection)
    assert time.monotonic() - began < 2
    assert code_of(answer) in ("too-slow", "")


def test_half_a_head_that_stops_is_told_so(brisk: Running) -> None:
    with dial(brisk) as connection:
        connection.sendall(b"POST /agent/v1/envelopes HTTP/1.1\r\nHost: x\r\n")
        answer = rest(connection)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert code_of(answer) == "too-slow"


def test_a_second_request_that_stops_half_way_is_closed_too(brisk: Running) -> None:
    with dial(brisk) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /heal")
        answer = rest(connection)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert code_of(answer) in ("too-slow", "")


@pytest.mark.parametrize(("fields", "refused"), [(61, False), (62, False), (63, True)])
def test_more_than_64_header_fields_are_refused(brisk: Running, fields: int, refused: bool) -> None:
    with dial(brisk) as connection:
        lines = b"".join(b"X-%d: 1\r\n" % n for n in range(fields))
        connection.sendall(b"GET /healthz HTTP/1.1\r\nConnection: close\r\nHost: x\r\n" + lines + b"\r\n")
        answer = rest(connection)
    assert (code_of(answer) == "headers-too-large") is refused


@pytest.mark.parametrize(("size", "refused"), [(14 * 1024, False), (17 * 1024, True), (1024 * 1024, True)])
def test_a_head_over_16_kib_is_refused(brisk: Running, size: int, refused: bool) -> None:
    with dial(brisk) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: ")
        try:
            connection.sendall(b"a" * size + b"\r\nConnection: close\r\n\r\n")
        except OSError:
            assert refused
        answer = rest(connection)
    if refused:
        assert code_of(answer) in ("headers-too-large", "")
        assert not answer.startswith(b"HTTP/1.1 200")
    else:
        assert answer.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /healthz HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64,
        b"GET /healthz HTTP/9.9\r\nConnection: close\r\n\r\n",
    ],
)
def test_what_is_no_clean_http_is_refused_and_closed(brisk: Running, request_bytes: bytes) -> None:
    with dial(brisk) as connection:
        connection.sendall(request_bytes)
        answer = rest(connection)
    assert not re.match(rb"HTTP/1.1 2", answer)


def test_a_body_nobody_asked_for_does_not_hold_the_connection(brisk: Running) -> None:
    began = time.monotonic()
    with dial(brisk) as connection:
        connection.sendall(b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 404")
        try:
            while time.monotonic() - began < PATIENCE:
                connection.sendall(b"x")
                time.sleep(0.02)
        except OSError:
            pass
        rest(connection)
    assert time.monotonic() - began < 2


def test_more_connections_from_one_source_than_allowed_are_refused(brisk: Running) -> None:
    time.sleep(0.3)
    brisk.client.close()
    brisk.client.__init__(base_url=brisk.url, trust_env=False)  # type: ignore[misc]
    open_ones = [dial(brisk) for _ in range(6)]
    try:
        with dial(brisk) as one_more:
            assert code_of(rest(one_more)) == "too-many-connections"
    finally:
        for connection in open_ones:
            connection.close()
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with dial(brisk) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            if rest(connection).startswith(b"HTTP/1.1 200"):
                return
    pytest.fail("the gate did not open again")


def metered(pieces: list[tuple[float, bytes]], **limits: float) -> str:
    """Feed a body piece by piece, each after its pause in seconds; returns the refusal's code, or ok."""

    async def run() -> str:
        left = list(pieces)

        async def receive() -> body.Message:
            pause, piece = left.pop(0) if left else (30.0, b"")
            await asyncio.sleep(pause)
            return {"type": "http.request", "body": piece, "more_body": bool(left)}

        async def app(_scope: object, receive: body.Receive, _send: object) -> None:
            while (await receive()).get("more_body"):
                pass

        async def send(_message: body.Message) -> None:
            return

        values = {"maximum": 100, "total_s": 0.4, "free_s": 0.1, "least_rate": 100.0} | limits
        layer = body.BodyLimits(app, **values)  # type: ignore[arg-type]
        try:
            scope = {
                "type": "http",
                "headers": [],
                "raw_path": b"/",
                "query_string": b"",
                "http_version": "1.1",
            }
            await layer(scope, receive, send)
        except Refused as e:
            return e.code
        return "ok"

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("pieces", "code"),
    [
        ([(0, b"x" * 99)], "ok"),
        ([(0, b"x" * 50), (0, b"x" * 50)], "ok"),
        ([(0, b"x" * 50), (0, b"x" * 51)], "too-large"),
        ([(0.02, b"x" * 10)] * 8, "ok"),
        ([(0, b"x"), (0.3, b"x")], "too-slow"),
        ([(0.05, b"x")] * 7, "too-slow"),
        ([(0.09, b"x" * 12)] * 7, "too-slow"),
    ],
)
def test_bytes_rate_and_time_of_a_body_are_bounded(pieces: list[tuple[float, bytes]], code: str) -> None:
    assert metered(pieces) == code
