"""Bounds a request's body while it is read: bytes, time in all, a least rate, one encoding. Trusts no length."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from vonggac_collector.errors import Refused
from vonggac_contract.limits import KIB, MAX_WIRE_BYTES

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

MAX_HEAD_BYTES: Final = 16 * KIB
MAX_HEADER_FIELDS: Final = 64
_VERSIONS: Final = frozenset({"1.0", "1.1"})
TOTAL_S: Final = 60.0
FREE_S: Final = 10.0
"""So long the least rate does not hold."""
LEAST_RATE: Final = KIB
"""Bytes a second."""


class BodyLimits:
    """ASGI middleware: `receive` raises Refused (too-large, too-slow) once a limit is passed.

    What can be told from the head is refused by `refuse`, which answers in the collector's one form.
    """

    def __init__(
        self,
        app: Application,
        *,
        maximum: int = MAX_WIRE_BYTES,
        total_s: float = TOTAL_S,
        free_s: float = FREE_S,
        least_rate: float = LEAST_RATE,
    ) -> None:
        self._app = app
        self._maximum = maximum
        self._total_s = total_s
        self._free_s = free_s
        self._least_rate = least_rate

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._check_head(scope)
        meter = _Meter(receive, self._maximum, self._total_s, self._free_s, self._least_rate)
        await self._app(scope, meter.receive, send)

    def _check_head(self, scope: MutableMapping[str, Any]) -> None:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        # h11 bounds only a head that comes in pieces; one that comes at once may be as large as a read.
        size = (
            len(scope["raw_path"]) + len(scope["query_string"]) + sum(len(n) + len(v) + 4 for n, v in headers)
        )
        if size > MAX_HEAD_BYTES:
            raise Refused("headers-too-large", f"a head of {size} bytes; at most {MAX_HEAD_BYTES} are taken")
        if len(headers) > MAX_HEADER_FIELDS:
            raise Refused("headers-too-large", f"{len(headers)} header fields; at most {MAX_HEADER_FIELDS}")
        if scope["http_version"] not in _VERSIONS:
            raise Refused("malformed", "only HTTP/1.0 and HTTP/1.1 are spoken here")
        names = {name for name, _ in headers}
        if {b"content-length", b"transfer-encoding"} <= names:
            # Two framings of one message: whoever stands between may have read the other (RFC 9112 section 6.1).
            raise Refused("malformed", "a length and a transfer coding, of which only one can be meant")
        for name, value in headers:
            if name == b"content-encoding" and value.strip().lower() != b"identity":
                raise Refused("content-encoding", "only the identity encoding is taken")
            if name == b"content-length" and int(value) > self._maximum:
                raise Refused("too-large", f"a body of {int(value)} bytes; at most {self._maximum} are taken")


class _Meter:
    def __init__(
        self, receive: Receive, maximum: int, total_s: float, free_s: float, least_rate: float
    ) -> None:
        self._receive = receive
        self._maximum = maximum
        self._total_s = total_s
        self._free_s = free_s
        self._least_rate = least_rate
        self._read = 0
        self._done = False
        self._began = asyncio.get_running_loop().time()

    async def receive(self) -> Message:
        if self._done:
            # Whoever reads on waits for the end of the connection, which takes as long as the answer.
            return await self._receive()
        deadline = self._began + self._deadline()
        try:
            if asyncio.get_running_loop().time() >= deadline:
                raise TimeoutError
            async with asyncio.timeout_at(deadline):
                message = await self._receive()
        except TimeoutError:
            raise Refused("too-slow", f"the body did not arrive in time: {self._read} bytes so far") from None
        if message["type"] == "http.request":
            self._read += len(message.get("body", b""))
            self._done = not message.get("more_body", False)
            if self._read > self._maximum:
                raise Refused("too-large", f"a body of more than {self._maximum} bytes")
        return message

    def _deadline(self) -> float:
        """Seconds from the beginning by which the next bytes must have come."""
        return min(self._total_s, self._free_s + self._read / self._least_rate)
