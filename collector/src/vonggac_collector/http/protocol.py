"""uvicorn's HTTP/1.1 with the limits it has none of: time for a head, connections at once, readers that do not read.

A request's body is bounded in `body`. uvicorn parses with h11, which stops at 16 KiB of head.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from vonggac_collector.errors import PROBLEMS
from vonggac_collector.ingest.answer import problem_body
from vonggac_contract.envelope import PROBLEM_MEDIA

HEAD_S: Final = 10.0
LINGER_S: Final = 5.0
"""After an answer that came before the body was read: so long may the sender go on before the connection is cut."""
UNREAD_S: Final = 30.0
"""So long may an answer wait in the socket's buffer for its reader."""

Refuse = Callable[[str, str, str], None]
"""Count a refusal: code, peer, detail."""


class Gate:
    """Connections at once, in all and by source address. Used in the event loop's thread only."""

    def __init__(self, most: int, most_per_source: int) -> None:
        self._most = most
        self._most_per_source = most_per_source
        self._open: Counter[str] = Counter()

    def enter(self, peer: str) -> bool:
        """Whether one more from there is taken."""
        if self._open.total() >= self._most or self._open[peer] >= self._most_per_source:
            return False
        self._open[peer] += 1
        return True

    def leave(self, peer: str) -> None:
        """One less."""
        self._open[peer] -= 1
        if self._open[peer] <= 0:
            del self._open[peer]


class Limits(NamedTuple):
    """What one server's connections share. Times in seconds."""

    gate: Gate
    refuse: Refuse
    head_s: float = HEAD_S
    linger_s: float = LINGER_S
    unread_s: float = UNREAD_S


class BoundedProtocol(H11Protocol):
    """One connection. uvicorn makes it through `protocol_within`."""

    def __init__(self, limits: Limits, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._limits = limits
        self._entered = False
        self._heard = False
        self._timers: dict[str, asyncio.TimerHandle] = {}

    @property
    def _peer(self) -> str:
        return self.client[0] if self.client else ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take it, or refuse it if there are too many."""
        super().connection_made(transport)
        self._entered = self._limits.gate.enter(self._peer)
        if not self._entered:
            self._refuse("too-many-connections", "")
            return
        self._start("head", self._limits.head_s, self._head_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        for name in list(self._timers):
            self._cancel(name)
        if self._entered:
            self._entered = False
            self._limits.gate.leave(self._peer)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse; a head that is not complete has its time from the first byte on, however often more comes."""
        if not self._entered:
            return
        self._heard = True
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._cancel("head")
            self._heard = False
        elif "head" not in self._timers and not self.transport.is_closing():
            self._start("head", self._limits.head_s, self._head_is_late)

    def on_response_complete(self) -> None:
        """Keep the connection, unless its request goes on though it was answered."""
        if self.conn.their_state is h11.SEND_BODY:
            self._start("linger", self._limits.linger_s, self.transport.abort)
        super().on_response_complete()
        if self.conn.their_state is h11.IDLE:
            self._cancel("linger")
            if self.conn.trailing_data[0] and not self.transport.is_closing():
                # The beginning of the next request came with this one.
                self._start("head", self._limits.head_s, self._head_is_late)

    def pause_writing(self) -> None:
        """The reader is slower than the writer."""
        super().pause_writing()
        self._start("unread", self._limits.unread_s, self.transport.abort)

    def resume_writing(self) -> None:
        """The reader has caught up."""
        self._cancel("unread")
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """What uvicorn calls for a request that h11 cannot read."""
        error = sys.exc_info()[1]
        too_large = isinstance(error, h11.RemoteProtocolError) and error.error_status_hint == 431
        self._refuse("headers-too-large" if too_large else "malformed", "the request is no HTTP/1.1")

    def _head_is_late(self) -> None:
        self._timers.pop("head", None)
        if self.transport.is_closing():
            return
        if self._heard:
            self._refuse("too-slow", "the head did not arrive in time")
        else:
            self.transport.close()

    def _refuse(self, code: str, detail: str) -> None:
        if self.transport.is_closing():
            # Refused or left already: what is read of it after that is no second refusal.
            return
        self._limits.refuse(code, self._peer, detail)
        body = problem_body(code, detail)
        head = (
            f"HTTP/1.1 {PROBLEMS[code].status} Refused\r\ncontent-type: {PROBLEM_MEDIA}\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _start(self, name: str, after_s: float, then: Callable[[], object]) -> None:
        self._cancel(name)
        self._timers[name] = self.loop.call_later(after_s, then)

    def _cancel(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()


def protocol_within(limits: Limits) -> type[asyncio.Protocol]:
    """What uvicorn's setting `http` takes: a protocol class, or as here anything that makes one."""
    made: Any = partial(BoundedProtocol, limits)
    return made  # type: ignore[no-any-return]  # uvicorn only ever calls it
