"""A bad line between agents and their collector: a TCP proxy that does to each request what its weather says.

It reads HTTP/1.1 requests with a length, as agents send them, so that it knows what was lost: before the collector had
all of it, or after it had answered.
"""

from __future__ import annotations

import asyncio
import random
import re
import socket
import struct
import threading
from collections import Counter
from enum import StrEnum
from ipaddress import ip_address
from types import TracebackType
from typing import Final

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER with no time to linger: close(2) sends RST (socket(7))."""
_SOURCES: Final = int(ip_address("127.1.0.1"))


class Fault(StrEnum):
    """What may happen to a request, by what toxiproxy calls its toxics."""

    REFUSED = "refused"
    """The connection is reset as soon as it is there."""
    LOSS = "loss"
    """Nothing arrives, and nothing is answered."""
    HALF_CLOSE = "half-close"
    """Half of the request arrives; then this side says that it is done, and goes on reading."""
    RESET = "reset"
    """Half of the request arrives, then the connection is reset."""
    TRICKLE = "trickle"
    """The request arrives; the answer comes byte by byte, more slowly than anybody waits."""
    LOST_REPLY = "lost reply"
    """The request arrives and is answered; the answer is lost with the connection."""
    CUT_REPLY = "cut reply"
    """Half of the answer comes through, then the connection is reset."""
    DELAY = "delay"
    """Everything arrives, later."""


class BadLine:
    """Listens on `port` of this machine for the collector at `server_port`, as long as the context lasts.

    `faults`: what may happen now, none: everything passes. `happened` counts them; `whole` the requests that the
    collector answered, `told` the answers that came through.
    """

    def __init__(self, server_port: int, seed: int) -> None:
        self.faults: tuple[Fault, ...] = ()
        self.happened: Counter[str] = Counter()
        self.whole = 0
        self.told = 0
        self.delay_s = 0.02
        self.port = 0
        self._server_port = server_port
        self._chance = random.Random(seed)
        self._connections = 0
        self._serving: set[asyncio.Task[None] | None] = set()
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="bad-line", daemon=True)

    def __enter__(self) -> BadLine:
        self._thread.start()
        self._ready.wait(30)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)

    def _run(self) -> None:
        loop = self._loop
        server = loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        loop.run_forever()
        server.close()
        if left := asyncio.all_tasks(loop):
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.wait(left))
        loop.close()

    def _next(self) -> Fault | None:
        if not self.faults:
            return None
        fault = self._chance.choice(self.faults)
        self.happened[fault] += 1
        return fault

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server: asyncio.StreamWriter | None = None
        task = asyncio.current_task()
        self._serving.add(task)  # nothing else refers to it once its connection is gone
        try:
            fault = self._next()
            if fault is Fault.REFUSED:
                _reset(writer)
                return
            self._connections += 1
            source = str(ip_address(_SOURCES + self._connections % 60_000))
            answers, server = await asyncio.open_connection(
                "127.0.0.1", self._server_port, local_addr=(source, 0)
            )
            while await self._pass(fault, reader, writer, answers, server):
                fault = self._next()
        except (OSError, EOFError):
            return
        finally:
            self._serving.discard(task)
            for end in (writer, server):
                if end is not None:
                    end.close()

    async def _pass(
        self, fault: Fault | None, reader: asyncio.StreamReader, writer: asyncio.StreamWriter,
        answers: asyncio.StreamReader, server: asyncio.StreamWriter,
    ) -> bool:  # fmt: skip
        """One request and its answer; whether the connection goes on."""
        request = await _message(reader)
        if fault is Fault.LOSS:
            await reader.read()
            return False
        if fault in (Fault.HALF_CLOSE, Fault.RESET):
            server.write(request[: len(request) // 2])
            await server.drain()
            return await self._part(fault, reader, writer)
        if fault is Fault.DELAY:
            await asyncio.sleep(self.delay_s)
        server.write(request)
        await server.drain()
        answer = await _message(answers)
        self.whole += 1
        if fault is Fault.LOST_REPLY:
            return False
        if fault is Fault.CUT_REPLY:
            writer.write(answer[: len(answer) // 2])
            await writer.drain()
            _reset(writer)
            return False
        if fault is Fault.TRICKLE:
            for byte in answer:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.05)
            return False
        writer.write(answer)
        await writer.drain()
        self.told += 1
        return True

    async def _part(self, fault: Fault, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if fault is Fault.RESET:
            _reset(writer)
            return False
        writer.write_eof()
        await reader.read()
        return False


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    return head + (await reader.readexactly(int(length[1])) if length is not None else b"")


def _reset(writer: asyncio.StreamWriter) -> None:
    given: socket.socket = writer.get_extra_info("socket")
    given.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
