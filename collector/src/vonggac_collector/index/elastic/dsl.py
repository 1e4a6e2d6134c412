"""What is asked, in Elasticsearch's query language, and its answer as a page. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from vonggac_collector.index import schema
from vonggac_collector.index.asked import (
    FACET_SIZE,
    Asked,
    Begins,
    Between,
    Condition,
    OneOf,
    OnHosts,
    Phrases,
    Under,
    place,
)
from vonggac_collector.index.document import plain
from vonggac_collector.index.interface import Count, Page, Row
from vonggac_collector.search.query import Scope

HOSTS_PAGE: Final = 10_000
_TYPES: Final = {
    "keyword": {"type": "keyword"},
    "long": {"type": "long"},
    "float": {"type": "float"},
    "boolean": {"type": "boolean"},
    "date": {"type": "date"},
    "shown": {"type": "keyword", "index": False},
    # Words are folded and taken apart before they come here.
    "text": {"type": "text", "analyzer": "whitespace", "norms": False},
}


def mappings(fields: Mapping[str, schema.ColumnType]) -> dict[str, Any]:
    """The mapping: nothing but these fields is taken. The text can't be read back; nobody needs it."""
    properties: dict[str, Any] = {}
    for path, kind in fields.items():
        *above, name = path.split(".")
        inside = properties
        for part in above:
            inside = inside.setdefault(part, {"properties": {}})["properties"]
        inside[name] = _TYPES[kind]
    return {
        "dynamic": "strict",
        "_meta": {"schema": schema.DIGEST},
        "_source": {"excludes": [schema.TEXT]},
        "properties": properties,
    }


def search_body(asked: Asked, scope: Scope, *, size: int) -> dict[str, Any]:
    """The request for one page of `size` rows."""
    order = "desc" if asked.descending else "asc"
    body: dict[str, Any] = {
        "query": query_of(asked, scope),
        "size": size,
        "sort": [
            {asked.sort.sort_path: {"order": order, "missing": asked.missing}},
            {schema.ID: {"order": "asc"}},
        ],
        "track_total_hits": True,
    }
    if asked.after is not None:
        body["search_after"] = list(asked.after)
    if asked.facets:
        # There is one shard (`layout`), so what it leaves out makes no count wrong: it keeps no more than is shown.
        terms = {"size": FACET_SIZE, "shard_size": FACET_SIZE}
        body["aggs"] = {f.name: {"terms": {"field": f.path, **terms}} for f in asked.facets}
    return body


def count_body(asked: Asked, scope: Scope, most: int) -> dict[str, Any]:
    """The request for how many fit, exact up to `most`; 0: all."""
    return {"query": query_of(asked, scope), "size": 0, "track_total_hits": most or True}


def hosts_body(asked: Asked, scope: Scope, after: Mapping[str, Any] | None) -> dict[str, Any]:
    """The request for the hosts that have something that fits, a page at a time; with the first, about how many."""
    pages = {"size": HOSTS_PAGE, "sources": [{"host": {"terms": {"field": schema.AGENT}}}]}
    aggregations: dict[str, Any] = {"hosts": {"composite": pages | ({"after": after} if after else {})}}
    if after is None:
        aggregations["about"] = {"cardinality": {"field": schema.AGENT, "precision_threshold": 10_000}}
    return {"query": query_of(asked, scope), "size": 0, "track_total_hits": False, "aggs": aggregations}


def query_of(asked: Asked, scope: Scope) -> dict[str, Any]:
    """The scope first, whatever is asked: nothing outside of it can fit."""
    within: list[dict[str, Any]] = [
        {"term": {schema.PATH: scope.unit}},
        {"term": {schema.KIND: asked.kind}},
    ]
    within += [_condition(c) for c in asked.conditions if not c.negated]
    without = [_condition(c) for c in asked.conditions if c.negated]
    return {"bool": {"filter": within, "must_not": without}}


def _condition(condition: Condition) -> dict[str, Any]:
    match condition:
        case Phrases(phrases, prefix):
            return {"bool": {"should": [_phrase(p, prefix) for p in phrases], "minimum_should_match": 1}}
        case OnHosts():
            raise AssertionError("these hosts are found before")
        case OneOf(path, values):
            return {"terms": {path: list(values)}}
        case Under(units):
            return {"terms": {schema.PATH: list(units)}}
        case Begins(path, text):
            return {"prefix": {path: text}}
        case Between(path, low, high):
            ends = {k: v for k, v in (("gte", low), ("lte", high)) if v is not None}
            if not ends:
                return {"exists": {"field": path}}
            return {"range": {path: ends | ({"format": "epoch_millis"} if path in _DATES else {})}}


_DATES: Final = {p for fields in schema.OF_ROOM.values() for p, kind in fields.items() if kind == "date"}


def _phrase(phrase: tuple[str, ...], prefix: bool) -> dict[str, Any]:
    if not phrase:
        return {"match_all": {}}
    if prefix:
        last = {"prefix": {schema.TEXT: phrase[-1]}}
        return {"bool": {"filter": [_phrase(phrase[:-1], False), last]}}
    if len(phrase) == 1:
        return {"term": {schema.TEXT: phrase[0]}}
    return {"match_phrase": {schema.TEXT: {"query": " ".join(phrase), "analyzer": "whitespace"}}}


def page_of(asked: Asked, answer: Mapping[str, Any]) -> Page:
    """The answer to a request for one row more than the page has."""
    hits = answer["hits"]["hits"]
    rows = hits[: asked.limit]
    more = len(hits) > len(rows) and rows
    found = answer.get("aggregations") or {}
    return Page(
        answer["hits"]["total"]["value"],
        [row_of(h) for h in rows],
        place(asked, rows[-1]["sort"][0], rows[-1]["sort"][1]) if more else "",
        {
            # The key of a flag is 0 or 1.
            f.name: [
                Count(bool(b["key"]) if f.type == "flag" else b["key"], b["doc_count"])
                for b in found[f.name]["buckets"]
            ]
            for f in asked.facets
        },
    )


def row_of(hit: Mapping[str, Any]) -> Row:
    """One document."""
    source = hit["_source"]
    return Row(hit["_id"], source[schema.AGENT], plain(source))
