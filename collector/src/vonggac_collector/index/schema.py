"""Which documents there are and what their fields are, for every index alike: `OF_ROOM`, versioned by `DIGEST`. Pure.

Another digest than an index was made with means that it is made anew from the ledger: so there are no migrations.
"""

from __future__ import annotations

import hashlib
from typing import Final, Literal

import msgspec

from vonggac_collector.search.fields import COMMON, OWN, Field
from vonggac_collector.search.query import KINDS, Kind

from .interface import Room

ColumnType = Literal["keyword", "long", "float", "date", "boolean", "shown", "text"]
"""As Elasticsearch calls them; `shown`: a keyword that nobody searches."""

ID: Final = "vonggac.id"
KIND: Final = "vonggac.kind"
TEXT: Final = "vonggac.text"
DIGEST_FIELD: Final = "vonggac.digest"
SETTLED: Final = "vonggac.settled"
EPOCH: Final = "vonggac.epoch"
SEQUENCE: Final = "vonggac.sequence"
"""Of the newest look that a host's own document is from."""
AGENT: Final = "host.id"
UNIT: Final = "organization.id"
PATH: Final = "organization.path"
"""The unit and every unit above it: what a scope is held against."""
HERE: Final = frozenset({"vonggac.since"})
"""What two hosts hardly ever share of documents that are alike otherwise."""

ROOM_OF: Final[dict[Kind, Room]] = {
    "findings": "findings",
    "hosts": "hosts",
    "packages": "inventory",
    "ports": "inventory",
    "certificates": "inventory",
    "accounts": "inventory",
}
ROOMS: Final[tuple[Room, ...]] = ("hosts", "findings", "inventory")
_TYPES: Final[dict[str, ColumnType]] = {
    "term": "keyword",
    "name": "keyword",
    "unit": "keyword",
    "number": "long",
    "time": "date",
    "flag": "boolean",
    "version": "keyword",
}
_EVERYWHERE: Final[dict[str, ColumnType]] = {
    ID: "keyword",
    KIND: "keyword",
    TEXT: "text",
    DIGEST_FIELD: "shown",
    PATH: "keyword",
    "organization.name": "shown",
    "vonggac.organization.name_en": "shown",
    "vonggac.system.name": "shown",
    "vonggac.system.name_en": "shown",
}
_SHOWN: Final[dict[Room, dict[str, ColumnType]]] = {
    "findings": {
        "event.kind": "keyword",
        "event.outcome": "keyword",
        "rule.name": "shown",
        "vonggac.rule.name_en": "shown",
        "vonggac.passed": "long",
        "vonggac.of": "long",
    },
    "hosts": {SETTLED: "shown", EPOCH: "long", SEQUENCE: "long"},
    "inventory": {"tls.server.not_before": "date"},
}


def _fields(room: Room) -> dict[str, ColumnType]:
    named = [f for kind in KINDS if ROOM_OF[kind] == room for f in OWN[kind]]
    orders: dict[str, ColumnType] = {f.order: "keyword" for f in named if f.order}
    return _EVERYWHERE | {f.path: _TYPES[f.type] for f in (*COMMON, *named)} | orders | _SHOWN[room]


OF_ROOM: Final[dict[Room, dict[str, ColumnType]]] = {room: _fields(room) for room in ROOMS}
"""The type of every field of a room's documents, by path. Nothing else is taken."""

EVENTS: Final[dict[str, ColumnType]] = {
    "@timestamp": "date",
    "event.kind": "keyword",
    "event.outcome": "keyword",
    "event.severity": "long",
    "rule.id": "keyword",
    "rule.category": "keyword",
    AGENT: "keyword",
    "host.name": "keyword",
    UNIT: "keyword",
    PATH: "keyword",
    "vonggac.system.id": "keyword",
    "vonggac.outcome": "keyword",
    "vonggac.before": "keyword",
    "vonggac.reason": "keyword",
}
SCORES: Final[dict[str, ColumnType]] = {
    "@timestamp": "date",
    UNIT: "keyword",
    PATH: "keyword",
    "vonggac.kind": "keyword",
    "vonggac.id": "keyword",
    "vonggac.day": "keyword",
    "vonggac.score": "long",
    "vonggac.coverage": "float",
    "vonggac.freshness": "long",
}
DIGEST: Final = hashlib.sha256(msgspec.json.encode([OF_ROOM, EVENTS, SCORES, 2])).hexdigest()[:16]
"""Names this schema; the number rises when what documents hold changes without a field."""


def named(kind: Kind) -> list[Field]:
    """Every field of the kind."""
    return [*COMMON, *OWN[kind]]
