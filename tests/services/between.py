"""Stands between a client and an HTTP server, and does to what passes what a test says."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import msgspec

Answer = tuple[int, bytes]
_HEADERS: Final = ("content-type", "accept", "authorization")


class Between:
    """Passes everything on, unless `before` answers instead (given method, path, body) or `after` changes the answer.

    `after` may return None: the connection is cut without an answer, after the server has done what was asked.
    """

    def __init__(self, port: int) -> None:
        self.before: Callable[[str, str, bytes], Answer | None] = lambda method, path, body: None
        self.after: Callable[[str, str, Answer], Answer | None] = lambda method, path, answer: answer
        self.requests: list[tuple[str, str]] = []
        self.headers: dict[str, str] = {}
        self._port = port

    def pass_on(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer | None:
        """What the client gets."""
        self.requests.append((method, path))
        self.headers = headers
        instead = self.before(method, path, body)
        if instead is not None:
            return instead
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request(method, path, body, {k: v for k, v in headers.items() if k in _HEADERS})
            answer = connection.getresponse()
            return self.after(method, path, (answer.status, answer.read()))
        finally:
            connection.close()

    def asked(self, part: str) -> int:
        """How many requests had that in their path."""
        return sum(part in path for _, path in self.requests)


@contextmanager
def between(port: int) -> Iterator[tuple[Between, str]]:
    """One of them, before the server at that port of this machine, and its own address."""
    made = Between(port)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {k.lower(): v for k, v in self.headers.items()}
            answer = made.pass_on(self.command, self.path, headers, body)
            if answer is None:
                self.close_connection = True
                return
            status, told = answer
            self.send_response(status)
            self.send_header("x-elastic-product", "Elasticsearch")
            self.send_header("content-type", headers.get("accept", "application/json"))
            self.send_header("content-length", str(len(told)))
            self.end_headers()
            if self.command != "HEAD":
                # Who asked may have stopped waiting.
                with suppress(BrokenPipeError, ConnectionResetError):
                    self.wfile.write(told)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _pass

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield made, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def times(number: int, answer: Callable[[], Answer]) -> Callable[[str, str, bytes], Answer | None]:
    """Answers that many bulk requests instead of the server."""
    left = [number]

    def instead(method: str, path: str, body: bytes) -> Answer | None:
        if "_bulk" not in path or not left[0]:
            return None
        left[0] -= 1
        return answer()

    return instead


def busy(status: int) -> Answer:
    """As Elasticsearch says that it has too much to do."""
    error = {"type": "es_rejected_execution_exception", "reason": "queue capacity reached"}
    return status, msgspec.json.encode({"error": error, "status": status})


def slowly(seconds: float) -> Callable[[str, str, bytes], Answer | None]:
    """Waits before it passes a bulk request on."""

    def wait(method: str, path: str, body: bytes) -> Answer | None:
        if "_bulk" in path:
            time.sleep(seconds)
        return None

    return wait
