"""What is sent to Elasticsearch, without one: bounded bulks, and a scope in every question."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.collector.index.machines import a_random_query, a_tree

from vonggac_collector.index import schema
from vonggac_collector.index.asked import OnHosts, ask, found_on
from vonggac_collector.index.elastic.client import MAX_BULK_BYTES, MAX_BULK_DOCUMENTS, Operation, chunks
from vonggac_collector.index.elastic.dsl import hosts_body, mappings, search_body
from vonggac_collector.search.query import Scope


@given(st.lists(st.integers(0, 3 * MAX_BULK_BYTES // 2), max_size=12), st.integers(0, 3 * MAX_BULK_DOCUMENTS))
def test_bulks_are_bounded_in_documents_and_bytes_and_leave_nothing_out(sizes: list[int], small: int) -> None:
    body = bytes(max(sizes, default=0))
    made = [Operation("index", "i", str(n), "o", 1, body[:size]) for n, size in enumerate(sizes)]
    made += [Operation("delete", "i", f"s{n}", "o", 1) for n in range(small)]
    parts = list(chunks(made))
    assert [o for part in parts for o in part] == made
    for part in parts:
        assert 0 < len(part) <= MAX_BULK_DOCUMENTS
        assert len(part) == 1 or sum(len(o.source) for o in part) <= MAX_BULK_BYTES


def test_every_question_is_held_against_its_scope_before_all_else() -> None:
    for seed in range(200):
        rng = random.Random(seed)
        tree = a_tree(seed)
        asked = ask(a_random_query(rng, tree))
        for other in (c.asked for c in asked.conditions if isinstance(c, OnHosts)):
            hosts = hosts_body(other, Scope("u3"), None)
            assert hosts["query"]["bool"]["filter"][0] == {"term": {schema.PATH: "u3"}}
        asked = found_on(asked, lambda _: ["a host"])
        body = search_body(asked, Scope("u3"), size=10)
        assert body["query"]["bool"]["filter"][0] == {"term": {schema.PATH: "u3"}}
        assert set(body["query"]["bool"]) == {"filter", "must_not"}
        assert body["track_total_hits"] is True
        assert body["sort"][-1] == {schema.ID: {"order": "asc"}}


def test_no_document_may_bring_a_field_of_its_own() -> None:
    def strict(properties: dict[str, Any]) -> None:
        for value in properties.values():
            assert ("type" in value) != ("properties" in value)
            assert "dynamic" not in value
            strict(value.get("properties", {}))

    for fields in (*schema.OF_ROOM.values(), schema.EVENTS, schema.SCORES):
        made = mappings(fields)
        assert made["dynamic"] == "strict"
        strict(made["properties"])
