"""What a machine's day costs on the wire: the real agent looks 96 times and sends to the real collector over TLS,
through a proxy that counts every byte of both directions at its sockets: TLS records and HTTP heads, not what TCP and
IP add.

Rounds follow each other without the quarter of an hour between them. Each has a connection of its own, as in the
service, where every shipment is a process of its own.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple
from unittest import mock

import msgspec
from tests.flow.test_agent_link import Authority
from tests.flow.test_road import Road

from vonggac_agent import look, rounds
from vonggac_agent.report import build_report
from vonggac_agent.scan import Scan
from vonggac_agent.settings import Settings, load_settings
from vonggac_contract.facts import FactKey, Known
from vonggac_contract.facts.packages import PackageInventory
from vonggac_contract.report import Report

from .figures import Figure
from .resident import end, start

LOOKS: Final = 96
"""Every 15 minutes."""
AIM_BYTES: Final = 100_000
_TRIES: Final = 3 * LOOKS
"""Looks until there were enough that found nothing new: others may change this machine meanwhile."""


class Passed(NamedTuple):
    """Bytes from the agent, and to it."""

    sent: int
    received: int

    @property
    def both(self) -> int:
        """Of both directions."""
        return self.sent + self.received


class Counting:
    """A TCP proxy before a port of this machine. Has to be closed."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._lock = threading.Lock()
        self._passed = [0, 0]
        self._pumps: list[threading.Thread] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()

    def taken(self) -> Passed:
        """What passed since this was asked last, once every connection has ended."""
        for pump in self._pumps:
            pump.join()
        with self._lock:
            found, self._passed, self._pumps = Passed(*self._passed), [0, 0], []
        return found

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                self._pumps.append(threading.Thread(target=self._carry, args=(near, far)))
                self._pumps[-1].start()

    def _carry(self, near: socket.socket, far: socket.socket) -> None:
        with near, far:
            back = threading.Thread(target=self._pump, args=(far, near, 1))
            back.start()
            self._pump(near, far, 0)
            back.join()

    def _pump(self, source: socket.socket, target: socket.socket, way: int) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(65_536):
                with self._lock:
                    self._passed[way] += len(chunk)
                target.sendall(chunk)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)


class Day:
    """An enrolled machine, its collector, and what is between them."""

    def __init__(self, settings: Settings, counting: Counting) -> None:
        self._settings = settings
        self._counting = counting

    def round(self) -> tuple[str, Passed]:
        """Look and send, if the service would: `heartbeat` or `report`, and what passed."""
        kind = str(rounds.look_round(self._settings)["kind"])
        if not rounds.has_to_send(self._settings):
            return kind, Passed(0, 0)
        outcome = rounds.ship_round(self._settings)
        if outcome.again or outcome.refused:
            raise RuntimeError(f"not everything was received: {outcome.trouble}")
        return kind, self._counting.taken()

    def changed(self) -> Passed:
        """A round that finds something new."""
        kind, passed = self.round()
        if kind != "report":
            raise RuntimeError("what was changed was not seen")
        return passed


def figures() -> Iterator[Figure]:
    """Bytes of a day, and of what it is made of."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as last:
        road = Road(Path(name))
        authority = Authority("vonggac bench")
        authority.context(road.folder)
        ca = road.folder / "ca.pem"
        ca.write_text(authority.pem)
        counting = Counting(road.port)
        last.callback(counting.close)
        road.collector("init", "--password-file", str(road.folder / "password"))
        road.collector("unit", "add", "--code", "so-y-te", "--name-vi", "Sở Y tế")
        road.collector("token", "create", "--agency", "so-y-te", "--out", str(road.token))
        pem = str(road.folder / "server.pem")
        secure = {"VONGGAC_TLS_CERTIFICATE": pem, "VONGGAC_TLS_KEY": pem}
        serving = start(
            "vonggac-collector", "serve", "--no-pages", env=road.environment("collector") | secure
        )
        last.callback(end, serving)
        _wait(road.port)
        url = f"https://localhost:{counting.port}"
        road.agent("enrol", "--collector", url, "--token-file", str(road.token), "--ca", str(ca))
        settings, _ = load_settings(environment=road.environment("agent"))
        yield Figure("enrolment", counting.taken().both / 1_000, "kB")
        day = Day(settings, counting)
        yield Figure("first report, with all its sections", day.changed().both / 1_000, "kB")
        yield from _a_day(day, counting, authority.pem)


def _a_day(day: Day, counting: Counting, ca: str) -> Iterator[Figure]:
    with contextlib.ExitStack() as after:
        with socket.create_server(("0.0.0.0", 0)):
            opened = day.changed()
            after.enter_context(_updated_package())
            updated = day.changed()
            quiet = _quiet(day)
        closed = day.changed()
    changes = (opened, updated, closed)
    total = sum(p.both for p in (*quiet, *changes))
    yield Figure(
        f"a day of {LOOKS} looks, {len(changes)} of them changed", total / 1_000, "kB", AIM_BYTES / 1_000
    )
    yield Figure("  a change: a port opened", opened.both / 1_000, "kB")
    yield Figure("  a change: a package updated", updated.both / 1_000, "kB")
    yield Figure("  a change: a port closed", closed.both / 1_000, "kB")
    hello = _hello(counting, ca)
    told = [p for p in quiet if p.both]
    yield Figure(f"  heartbeats for {len(quiet)} looks without a change", len(told), "")
    for way, passed, bare in (
        ("sent", [p.sent for p in told], hello.sent),
        ("received", [p.received for p in told], hello.received),
    ):
        yield Figure(f"  a heartbeat and its receipt, {way}", statistics.median(passed), "bytes")
        yield Figure(f"    of that TLS before the first byte of HTTP, {way}", bare, "bytes")


def _quiet(day: Day) -> list[Passed]:
    """The rounds of a day that found nothing new; those that others' doings made a change of are left out."""
    found: list[Passed] = []
    for _ in range(_TRIES):
        kind, passed = day.round()
        if kind == "heartbeat":
            found.append(passed)
        if len(found) == LOOKS - 3:
            return found
    raise RuntimeError("this machine changes too often for a day of it to be measured")


@contextlib.contextmanager
def _updated_package() -> Iterator[None]:
    """Looks find another version of one installed package."""

    def updated(scan: Scan, *, packed: int, withhold: tuple[str, ...], notices: tuple[str, ...]) -> Report:
        key = FactKey("package.inventory")
        fact = scan.snapshot.facts[key]
        if not isinstance(fact, Known) or not isinstance(fact.value, PackageInventory):
            raise RuntimeError("this machine's packages are not known")
        first, *rest = fact.value.packages
        newer = msgspec.structs.replace(first, version=f"{first.version}+deb12u1")
        value = msgspec.structs.replace(fact.value, packages=[newer, *rest])
        facts = {**scan.snapshot.facts, key: msgspec.structs.replace(fact, value=value)}
        snapshot = msgspec.structs.replace(scan.snapshot, facts=facts)
        scan = msgspec.structs.replace(scan, snapshot=snapshot)
        return build_report(scan, withhold=withhold, notices=notices, packed=packed)

    with mock.patch.object(look, "build_report", updated):
        yield


def _hello(counting: Counting, ca: str) -> Passed:
    """A connection that says nothing."""
    context = ssl.create_default_context(cadata=ca)
    with (
        socket.create_connection(("127.0.0.1", counting.port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost"),
    ):
        pass
    return counting.taken()


def _wait(port: int) -> None:
    for _ in range(300):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.2)
    raise RuntimeError("the collector did not start")
