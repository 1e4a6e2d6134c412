"""What can be chosen of a run, by the environment."""

from __future__ import annotations

import os
from typing import Final, Literal, cast, get_args

import msgspec

Store = Literal["SQLite", "PostgreSQL", "PostgreSQL alone"]
"""SQLite with the index in a file beside it, PostgreSQL with Elasticsearch, or with the index inside it."""
Part = Literal["ingest", "round", "pages", "lag", "verify"]
PREFIX: Final = "VONGGAC_SCALE"


class Options(msgspec.Struct, frozen=True):
    """`packages`: of a host's inventory. `reports`: a second while the index's lag is measured, for `seconds`."""

    sizes: tuple[int, ...]
    stores: tuple[Store, ...]
    parts: tuple[Part, ...]
    sqlite_most: int
    packages: int
    reports: int
    seconds: int
    requests: int
    memory: int
    fresh: bool


def options() -> Options:
    """VONGGAC_SCALE: sizes; VONGGAC_SCALE_STORES, _PARTS, _PACKAGES, _REPORTS, _SECONDS, _REQUESTS of a page, _MEMORY
    (GB that a collector's process may take), _FRESH (1: kept ledgers are made anew). SystemExit for what does not fit.
    """
    return Options(
        sizes=tuple(sorted(int(n) for n in _given("", "1000").split(","))),
        stores=cast(tuple[Store, ...], _chosen("_STORES", "SQLite,PostgreSQL", get_args(Store))),
        parts=cast(tuple[Part, ...], _chosen("_PARTS", ",".join(get_args(Part)), get_args(Part))),
        sqlite_most=int(_given("_SQLITE_MOST", "10000")),
        packages=int(_given("_PACKAGES", "500")),
        reports=int(_given("_REPORTS", "20")),
        seconds=int(_given("_SECONDS", "60")),
        requests=int(_given("_REQUESTS", "30")),
        memory=int(_given("_MEMORY", "8")) << 30,
        fresh=_given("_FRESH", "") == "1",
    )


def _given(name: str, default: str) -> str:
    return os.environ.get(PREFIX + name, "") or default


def _chosen(name: str, default: str, there: tuple[str, ...]) -> tuple[str, ...]:
    wanted = _given(name, default).split(",")
    if unknown := set(wanted) - set(there):
        raise SystemExit(f"{PREFIX}{name}: {', '.join(sorted(unknown))} is none of {', '.join(there)}")
    return tuple(each for each in there if each in wanted)
