"""Pages over HTTP by a person who is signed in and sees the whole country, while the fleet reports at its real rate."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Final, NamedTuple
from urllib.parse import quote

import httpx
from tests.bench.figures import Figure
from tests.load.summary import percentile

from vonggac_agent.link import Address

from .making import PASSWORD, PERSON
from .options import Options
from .world import World, processor

AIM_MS: Final = {"PostgreSQL": 150.0, "PostgreSQL alone": 150.0, "SQLite": 300.0}
"""p95 of a page: the project's own aims, at 100,000 hosts and at SMALL."""
SMALL: Final = 5_000
"""Hosts for which SQLite is meant."""
MAX_PAGE: Final = 100_000
"""Bytes of a page; the project's own aim."""
BUDGET_S: Final = 60.0
"""For all requests of one page; a page so slow is asked for less often."""
FEWEST: Final = 3
DEADLINE_S: Final = 120.0
PATIENCE_S: Final = 1_800.0


class Taken(NamedTuple):
    """Milliseconds; infinite if it was not answered with the page. `cpu`: of the web process, with what came in."""

    median: float
    p95: float
    cpu: float
    size: int
    asked: int


def pages_of(world: World) -> list[tuple[str, str]]:
    """What a person looks at, and by which address."""
    agency = world.largest_agency
    host = world.one_of(agency).id
    export = f"outcome:fail severity:critical,high unit:{agency}"
    return [
        ("overview", "/"),
        ("province", "/units/01"),
        ("agency", f"/units/{agency}"),
        ("host", f"/hosts/{host}"),
        ("rules", "/rules"),
        ("rule", "/rules/linux.ssh.root-login"),
        ("search by fields", f"/findings?q={quote('outcome:fail severity:critical,high unit:01')}"),
        ("search by words", f"/findings?q={quote('máy chủ ssh')}"),
        ("search of ports", f"/findings?q={quote('port:22 level:3')}"),
        ("enrolment", "/enrol"),
        (
            "export of an agency, first byte",
            f"/api/v1/search/export?kind=findings&format=csv&q={quote(export)}",
        ),
    ]


def figures(world: World, address: Address, pid: int, chosen: Options) -> Iterator[Figure]:
    """Median and p95 of each page, its size, and what it costs the web process `pid`."""
    store = world.place.store
    aim = AIM_MS[store] if store != "SQLite" or world.place.hosts <= SMALL else None
    with closing(signed_in(address)) as client:
        yield Figure("pages answer after the start", until_ready(client), "s")
        for name, path in pages_of(world):
            taken = timed(client, path, pid, chosen.requests)
            few = "" if taken.asked >= chosen.requests else f" (asked {taken.asked} times)"
            if few:
                print(f"  {name}{few}", flush=True)
            yield Figure(f"page {name}, median", taken.median, "ms")
            yield Figure(f"page {name}, p95", taken.p95, "ms", aim)
            yield Figure(f"page {name}, processor", taken.cpu, "ms each")
            if not path.startswith("/api/"):
                yield Figure(f"page {name}, size", taken.size / 1000, "kB", MAX_PAGE / 1000)


def signed_in(address: Address) -> httpx.Client:
    """As a person would, by the form. RuntimeError if that does not succeed."""
    url = f"http://{address.host}:{address.port}"
    client = httpx.Client(base_url=url, trust_env=False, timeout=DEADLINE_S)
    client.get("/login")
    given = {"name": PERSON, "password": PASSWORD, "next": "/login"}
    answer = client.post("/login", data=given, headers={"Origin": url})
    if answer.status_code != 303:
        raise RuntimeError(f"signing in failed: {answer.status_code} {answer.text[:200]}")
    return client


def until_ready(client: httpx.Client) -> float:
    """Seconds until the overview is there: figures may have to be added up first. At most PATIENCE_S."""
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE_S:
        with suppress(httpx.TransportError):
            if client.get("/").status_code == 200:
                break
        time.sleep(1)
    return time.monotonic() - began


def timed(client: httpx.Client, path: str, pid: int, requests: int) -> Taken:
    """Times of so many requests after one that warms up, fewer if they take too long."""
    took: list[float] = []
    size, first = 0, first_byte(client, path)
    began, cpu = time.monotonic(), processor(pid)
    while math.isfinite(first[0]) and len(took) < requests:
        if len(took) >= FEWEST and time.monotonic() - began > BUDGET_S:
            break
        seconds, size = first_byte(client, path)
        took.append(seconds * 1000)
    if not took:
        return Taken(math.inf, math.inf, math.inf, first[1], 1)
    each = (processor(pid) - cpu) / len(took) * 1000
    return Taken(statistics.median(took), percentile(sorted(took), 0.95), each, size, len(took))


def first_byte(client: httpx.Client, path: str) -> tuple[float, int]:
    """Seconds to the whole page, of a file to its first byte; and bytes of the page."""
    began = time.perf_counter()
    try:
        with client.stream("GET", path) as answer:
            seconds = time.perf_counter() - began
            if answer.status_code != 200:
                print(f"  {path}: {answer.status_code}", flush=True)
                return math.inf, 0
            if path.startswith("/api/"):
                return seconds, 0
            size = len(answer.read())
            return time.perf_counter() - began, size
    except httpx.TransportError as error:
        print(f"  {path}: {type(error).__name__}", flush=True)
        return math.inf, 0
