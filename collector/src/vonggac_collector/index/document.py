"""A host's state as the documents that an index stores, each whole. Pure."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any, Final

import msgspec

from vonggac_collector.search.query import Kind

from . import schema
from .fold import BOUNDARY
from .interface import Fields, HostState, Room

_INNER: Final = frozenset({schema.ID, schema.KIND, schema.TEXT, schema.DIGEST_FIELD, schema.SETTLED})


class Document(msgspec.Struct, frozen=True):
    """`digest` names the fields."""

    room: Room
    id: str
    agent: str
    kind: Kind
    fields: Fields
    digest: str


def documents(state: HostState) -> list[Document]:
    """The host's own document first; none of a host that is gone."""
    if state.gone:
        return []
    own = _document(state, state.agent, "hosts", state.own, state.text)
    return [
        own,
        *(
            _document(
                state, host_key(state.agent) + i.key, i.kind, i.fields, f"{state.text} {BOUNDARY} {i.text}"
            )
            for i in state.items
        ),
    ]


def _document(state: HostState, identifier: str, kind: Kind, fields: Fields, text: str) -> Document:
    made: Fields = {
        **state.common,
        **fields,
        schema.ID: identifier,
        schema.KIND: kind,
        schema.TEXT: text,
    }
    digest = digest_of(made)
    return Document(
        schema.ROOM_OF[kind], identifier, state.agent, kind, {**made, schema.DIGEST_FIELD: digest}, digest
    )


@lru_cache(maxsize=1_000)
def host_key(agent: str) -> str:
    """What the ids of all of a host's items begin with: 16 hexadecimal digits; `Item.key` follows."""
    return hashlib.sha256(agent.encode()).hexdigest()[:16]


def digest_of(value: Any) -> str:
    """32 hexadecimal digits that name builtins."""
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()[:32]


def plain(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields that a reader gets."""
    return {k: v for k, v in fields.items() if k not in _INNER}
