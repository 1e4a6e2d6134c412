"""What people type finds in a real Elasticsearch what it finds in the twin: rows, counts, facets, pages and files."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from elastic_transport import Transport
from tests.unit.collector.index.machines import a_random_state, a_state, a_tree, fails
from tests.unit.collector.search.test_search import seen_from

from vonggac_collector.index.asked import TooMany
from vonggac_collector.index.elastic import dsl
from vonggac_collector.index.elastic import index as index_module
from vonggac_collector.index.elastic.index import ElasticIndex
from vonggac_collector.index.interface import Index
from vonggac_collector.index.memory import MemoryIndex
from vonggac_collector.reads.search import Sought, export, search
from vonggac_collector.search.query import KINDS, Having, Is, Kind, Query, Scope
from vonggac_collector.search.results import Asking, FoundRow, SearchPage

TEXTS = (
    "",
    "đường",
    "Duong truyen",
    '"sở y tế" -web',
    "outcome:fail,unknown severity:high",
    "-severity:high since:>30d",
    "since:2026-01..2026-08",
    "rule:linux.ssh.*",
    "unit:u1 level:>2",
    "package:openssl version:<1.1-z",
    "version:1.1-openssl..2.1-openssl",
    "-version:>=1",
    "port:22,443 reach:any",
    "port:1..1023",
    "expires:<100d self-signed:true",
    "subject:cong*",
    "user:root -login:true",
    "os:debian sample:false",
    "outcome:fail severity:high unit:vn port:3389",
    "package:openssl version:<1.1-z -port:22 duong",
    "port:443 port:22 -user:root",
    "-rule:linux.tls.expired failing:>1",
    "id:00000000*",
    "silent:true silent-since:>20d",
    "-silent:true outcome:fail",
    "score:<50",
    "\u202e \u0000 * ( [ {{ ${jndi}",
)

OPEN = {"sockets": {"sockets": [{"protocol": "tcp", "address": "0.0.0.0", "port": 22, "scope": "any"}]}}


def walked(index: Index, about: Sought, asking: Asking) -> tuple[SearchPage, list[FoundRow]]:
    """The first page, and the rows of all."""
    first = page = search(index, about, asking)
    rows = list(page.rows)
    while page.after:
        page = search(index, about, msgspec.structs.replace(asking, after=page.after))
        rows += page.rows
    return first, rows


def test_every_text_finds_the_same_in_the_server_and_in_the_twin(index: Index) -> None:
    rng = random.Random(12)
    tree = a_tree(12)
    states = [a_random_state(rng, n, 1, tree) for n in range(40)]
    twin = MemoryIndex()
    for each in (index, twin):
        each.put(states)
        each.refresh()
    found = 0
    kinds: tuple[Kind, ...] = KINDS
    for text in TEXTS:
        for kind in kinds:
            about = seen_from(tree, rng.choice(tree).code if rng.random() < 0.5 else "vn", [states[3].agent])
            asking = Asking(text, kind, rng.choice(("", "host", "-host", "level")), limit=20)
            expected = walked(twin, about, asking)
            assert walked(index, about, asking) == expected, (text, kind)
            with export(index, about, asking) as whole:
                assert (whole.total, list(whole.rows)) == (expected[0].total, expected[1])
            assert states[3].agent not in {r.host for r in expected[1]}
            found += bool(expected[1])
    assert found > 60


def test_hosts_that_have_something_else_are_read_to_the_last_one_and_not_more_than_can_be_asked_for(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dsl, "HOSTS_PAGE", 3)
    monkeypatch.setattr(index_module, "MAX_HOSTS", 10)
    index.put([a_state(n, failing=fails("linux.a"), sections=OPEN) for n in range(10)])
    index.refresh()
    query = Query("findings", (Having("ports", (Is("port", (22,)),)),))
    assert index.count(query, Scope("vn")) == index.search(query, Scope("vn")).total == 10
    # Counted while they are read, or estimated before anything is read.
    for more in (11, 30):
        index.put([a_state(n, failing=fails("linux.a"), sections=OPEN) for n in range(10, more)])
        index.refresh()
        with pytest.raises(TooMany, match="narrow that down"):
            index.count(query, Scope("vn"))
    with pytest.raises(TooMany), index.export(query, Scope("vn")):
        pass
    assert index.counts([query, Query("ports", query.terms[0].terms), query], Scope("vn")) == [None, 30, None]  # type: ignore[union-attr]
    assert index.count(Query("ports", (Is("port", (22,)),)), Scope("vn")) == 30


def test_a_page_asks_the_cluster_few_times_however_many_kinds_are_counted(
    index: ElasticIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng, tree = random.Random(8), a_tree(8)
    index.put([a_random_state(rng, n, 1, tree) for n in range(9)])
    index.refresh()
    asked: list[str] = []
    real = Transport.perform_request

    def perform_request(self: Transport, method: str, target: str, **more: Any) -> Any:
        asked.append(target)
        return real(self, method, target, **more)

    monkeypatch.setattr(Transport, "perform_request", perform_request)
    # Rows, counts, aliases and notes; and once for those counts, once for the rows, who has such a finding.
    for text, kind, most in (("may", "", 4), ("outcome:fail", "", 5), ("outcome:fail", "packages", 6)):
        asked.clear()
        search(index, seen_from(tree, "vn"), Asking(text, kind))  # type: ignore[arg-type]
        assert len(asked) <= most, asked
