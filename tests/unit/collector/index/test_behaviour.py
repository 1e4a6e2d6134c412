"""Every index answers alike: these run on the twin, on SQLite, and in tests/flow/elasticsearch on a real server."""

from __future__ import annotations

import random
from datetime import timedelta

import msgspec
import pytest
from tests.unit.collector.index.machines import (
    NOW,
    ROOT,
    a_random_query,
    a_random_state,
    a_standing,
    a_state,
    a_tree,
    agent_id,
    fails,
    path_of,
)

from vonggac_collector.errors import Invalid
from vonggac_collector.index.interface import Count, HostState, Index, Page, Row
from vonggac_collector.index.memory import MemoryIndex
from vonggac_collector.search.query import KINDS, Having, Is, Query, Range, Scope, Sort, Starts, Term, Word

ALL = Scope("vn")
PACKAGE = {"packages": {"packages": [["openssl", "3.0.1", "amd64"], ["bash", "5.2", "amd64"]]}}


def put(index: Index, *states: HostState) -> None:
    taken = index.put(states)
    assert (dict(taken.refused), taken.overtaken) == ({}, frozenset())
    index.refresh()


def found(index: Index, *terms: Term, kind: str = "findings", unit: str = "vn") -> list[str]:
    """What tells the rows apart, in order."""
    query = Query(kind, terms)  # type: ignore[arg-type]
    told = {"findings": "rule.id", "hosts": "host.name", "packages": "package.name", "ports": "server.port"}
    page = index.search(query, Scope(unit))
    assert page.total == len(page.rows) == index.count(query, Scope(unit))
    assert index.count(query, Scope(unit), most=1) == min(page.total, 1)
    return [str(r.fields[told[kind]]) for r in page.rows]


def test_what_a_host_fails_is_found_and_what_ended_is_gone(index: Index) -> None:
    put(index, a_state(failing=fails("linux.a", "linux.b"), sections=PACKAGE))
    assert sorted(found(index)) == ["linux.a", "linux.b"]
    assert found(index, kind="packages") == ["bash", "openssl"]
    put(index, a_state(ticket=2, failing=fails("linux.b", "linux.c")))
    assert sorted(found(index)) == ["linux.b", "linux.c"]
    assert found(index, kind="packages") == []
    assert found(index, kind="hosts") == ["may-1"]


def test_putting_a_host_twice_changes_nothing(index: Index) -> None:
    state = a_state(failing=fails("linux.a"), sections=PACKAGE)
    put(index, state)
    before = [index.search(Query(k), ALL) for k in KINDS]
    put(index, state)
    put(index, msgspec.structs.replace(state, ticket=7))
    index.put([state], thorough=True)
    index.refresh()
    assert [index.search(Query(k), ALL) for k in KINDS] == before


def test_what_was_read_before_never_replaces_what_was_read_later(index: Index) -> None:
    put(index, a_state(ticket=5, failing=fails("linux.new")))
    index.put([a_state(ticket=4, failing=fails("linux.old"), hostname="old", sections=PACKAGE)])
    index.refresh()
    assert found(index) == ["linux.new"]
    assert found(index, kind="hosts") == ["may-1"]
    assert found(index, kind="packages") == []


def test_a_host_that_is_gone_takes_its_documents_with_it(index: Index) -> None:
    put(index, a_state(1, failing=fails("linux.a"), sections=PACKAGE), a_state(2, failing=fails("linux.b")))
    put(index, HostState(agent_id(1), 3, gone=True))
    assert found(index) == ["linux.b"]
    assert len(found(index, kind="hosts")) == 1


def test_an_inventory_that_is_left_out_stays_as_it_is_or_is_asked_for(index: Index) -> None:
    whole = a_state(failing=fails("linux.a"), sections=PACKAGE)
    put(index, msgspec.structs.replace(whole, inventory="x"))
    findings = a_state(failing=fails("linux.b")).items
    part = msgspec.structs.replace(whole, ticket=2, items=findings, inventory="x", same=True)
    put(index, part)
    assert found(index) == ["linux.b"]
    assert found(index, kind="packages") == ["bash", "openssl"]
    assert index.put([msgspec.structs.replace(part, ticket=3, inventory="y")]).overtaken == {part.agent}
    index.refresh()
    assert found(index, kind="packages") == ["bash", "openssl"]
    put(index, msgspec.structs.replace(part, ticket=4, inventory="", same=False))
    assert found(index, kind="packages") == []


def test_what_was_read_before_a_host_went_does_not_bring_it_back(index: Index) -> None:
    put(index, a_state(ticket=1, failing=fails("linux.a")))
    put(index, HostState(agent_id(1), 5, gone=True))
    index.put([a_state(ticket=4, failing=fails("linux.a"))])
    index.refresh()
    assert found(index) == found(index, kind="hosts") == []
    put(index, a_state(ticket=6, failing=fails("linux.b")))
    assert found(index) == ["linux.b"]


def test_a_host_that_moved_is_seen_from_its_new_place_only(index: Index) -> None:
    tree = a_tree(1, 0)
    units = [msgspec.structs.replace(ROOT, code=c, parent="vn") for c in ("a", "b")]
    tree += units
    put(index, a_state(path=path_of(tree, "a"), failing=fails("linux.a"), sections=PACKAGE))
    put(index, a_state(ticket=2, path=path_of(tree, "b"), failing=fails("linux.a"), sections=PACKAGE))
    for kind in ("findings", "packages", "hosts"):
        assert found(index, kind=kind, unit="a") == []
        assert found(index, kind=kind, unit="b") == found(index, kind=kind) != []


TERMS: list[tuple[Term, list[str]]] = [
    (Word("đường"), ["đường-1", "Duong-2"]),
    (Word("DUONG"), ["đường-1", "Duong-2"]),
    (Word("Ð"), ["đường-1", "Duong-2", "web-đo"]),
    (Word("duo"), ["đường-1", "Duong-2"]),
    (Word("duo", whole=True), []),
    (Word("duong 2"), ["Duong-2"]),
    (Word("2 duong"), []),
    (Word("web-do"), ["web-đo"]),
    (Word("1 debian"), []),
    (Word("do", negated=True), ["đường-1", "Duong-2"]),
    (Word("... "), ["đường-1", "Duong-2", "web-đo"]),
    (Is("host", ("WEB ĐO",)), ["web-đo"]),
    (Is("host", ("we",)), []),
    (Starts("host", "we"), ["web-đo"]),
    (Starts("host", "web d"), ["web-đo"]),
    (Is("host", ("web", "2")), ["Duong-2", "web-đo"]),
    (Word("host"), []),
    (Is("level", (3,)), ["đường-1"]),
    (Range("level", 3, 4), ["đường-1", "Duong-2"]),
    (Range("level", 3, None, above=True), ["Duong-2", "web-đo"]),
    (Range("level", None, 5, below=True, negated=True), ["web-đo"]),
    (Range("looked", NOW - timedelta(days=2), None), ["đường-1", "Duong-2"]),
    (Range("looked", NOW - timedelta(days=2), None, above=True), ["đường-1"]),
    (Is("agent", ("active", "revoked")), ["đường-1", "Duong-2", "web-đo"]),
    (Is("sample", (True,)), []),
    (Is("sample", (False,), negated=True), []),
    (Starts("id", agent_id(2)), ["Duong-2"]),
    (Is("system", ("hsyt",), negated=True), []),
    (Word("suc khoe"), ["đường-1", "Duong-2", "web-đo"]),
    (Is("silent", (True,)), ["web-đo"]),
    (Is("silent", (False,)), ["Duong-2"]),
    (Is("silent", (True,), negated=True), ["đường-1", "Duong-2"]),
    (Range("silent-since", None, NOW - timedelta(days=30)), ["web-đo"]),
    (Range("silent-since", NOW - timedelta(days=30), None), []),
    (Range("score", None, 573), ["Duong-2"]),
    (Range("score", None, 573, below=True), []),
    (Is("score", (573,)), ["Duong-2"]),
]


def test_terms_find_what_they_say(index: Index) -> None:
    put(
        index,
        a_state(1, hostname="đường-1", level=3),
        a_state(2, hostname="Duong-2", level=4, kept=msgspec.structs.replace(a_standing(57), score=573_999)),
        a_state(3, hostname="web-đo", level=5, kept=a_standing(58, NOW - timedelta(days=31))),
    )
    for term, expected in TERMS:
        assert (term, sorted(found(index, term, kind="hosts"))) == (term, sorted(expected))


def test_silent_machines_are_counted_and_scores_sorted(index: Index) -> None:
    put(
        index,
        a_state(1, hostname="a", kept=a_standing(9)),
        a_state(2, hostname="b", kept=a_standing(10)),
        a_state(3, hostname="c", kept=a_standing(100, NOW - timedelta(days=31))),
        a_state(4, hostname="d"),
    )
    page = index.search(Query("hosts", (), Sort("score", descending=True)), Scope("vn"))
    assert [r.fields["host.name"] for r in page.rows] == ["c", "b", "a", "d"]
    assert page.facets["silent"] == [Count(False, 2), Count(True, 1)]
    assert all(type(c.value) is bool for c in page.facets["silent"])


SOCKETS = {
    "sockets": {
        "sockets": [{"protocol": "tcp", "address": "0.0.0.0", "port": p, "scope": "any"} for p in (22, 3389)]
    }
}
OTHERS: list[tuple[Term, str, list[str]]] = [
    (Having("ports", (Is("port", (3389,)),)), "findings", ["linux.a"]),
    (Having("ports", (Is("port", (3389,)),), negated=True), "findings", ["linux.b", "linux.c"]),
    (Having("ports", (Is("port", (3389,)),)), "packages", []),
    (Having("ports", (Is("port", (1,)),)), "findings", []),
    (Having("ports", (Is("port", (1,)),), negated=True), "hosts", ["a", "b", "c"]),
    (Having("packages", (Is("package", ("openssl",)), Range("version", None, "4"))), "hosts", ["b"]),
    # Its bash is newer and its openssl is not: no package is both.
    (Having("packages", (Is("package", ("openssl",)), Range("version", "4"))), "hosts", []),
    (Having("packages", (Is("package", ("bash",)),)), "packages", ["bash", "openssl"]),
    (Having("findings", (Is("rule", ("linux.c",)),)), "hosts", ["c"]),
    (Having("findings", (Is("severity", ("low",)),)), "hosts", ["c"]),
    (Having("hosts", (Is("host", ("c",)),)), "findings", ["linux.c"]),
    (Having("hosts", (Word("a"),), negated=True), "hosts", ["b", "c"]),
    (Having("hosts", ()), "hosts", ["a", "b", "c"]),
]


def test_what_else_a_host_has_narrows_what_is_found_on_it(index: Index) -> None:
    put(
        index,
        a_state(1, hostname="a", failing=fails("linux.a"), sections=SOCKETS),
        a_state(2, hostname="b", failing=fails("linux.b"), sections=PACKAGE),
        a_state(3, hostname="c", failing=fails("linux.c", severity="low")),
    )
    for term, kind, expected in OTHERS:
        assert (term, sorted(found(index, term, kind=kind))) == (term, expected)
    both = [Having("ports", (Is("port", (p,)),)) for p in (22, 3389)]
    assert found(index, *both, kind="hosts") == ["a"]


def test_what_hosts_outside_have_says_nothing(index: Index) -> None:
    tree = [ROOT, *(msgspec.structs.replace(ROOT, code=c, parent="vn") for c in ("a", "b"))]
    put(index, a_state(1, path=path_of(tree, "a"), failing=fails("linux.a"), sections=SOCKETS))
    put(index, a_state(2, path=path_of(tree, "b"), failing=fails("linux.b")))
    open_port = Having("ports", (Is("port", (22,)),))
    assert [found(index, open_port, unit=u) for u in ("vn", "a", "b")] == [["linux.a"], ["linux.a"], []]


def test_rules_are_found_by_their_titles_in_both_languages(index: Index) -> None:
    put(index, a_state(failing=fails("linux.ssh.root-login", "linux.tls.expired")))
    for words in ("dang nhap ssh", "Đăng nhập", "root login", "linux.ssh"):
        assert found(index, Word(words)) == ["linux.ssh.root-login"]
    assert found(index, Starts("rule", "linux.t")) == ["linux.tls.expired"]


@pytest.mark.worlds
def test_an_index_answers_every_question_as_the_twin_does(index: Index) -> None:
    rng = random.Random(6)
    tree = a_tree(6)
    twin = MemoryIndex()
    states = [a_random_state(rng, n, 1, tree) for n in range(25)]
    # Some of them are put twice, with other content.
    states += [a_random_state(rng, n, 2, tree) for n in range(0, 25, 3)]
    for start in (0, 25):
        for each in (index, twin):
            put(each, *states[start : start + 25])
    fitting = 0
    for _ in range(50):
        scope, queries = Scope(rng.choice(tree).code), [a_random_query(rng, tree) for _ in range(3)]
        for query in queries:
            expected = twin.search(query, scope, limit=20)
            assert index.search(query, scope, limit=20) == expected, (query, scope)
            fitting += bool(expected.rows)
        assert index.counts(queries, scope, most=9) == twin.counts(queries, scope, most=9), (queries, scope)
    assert fitting > 40


def pages(index: Index, query: Query, scope: Scope, limit: int) -> list[Page]:
    made = [index.search(query, scope, limit=limit)]
    while made[-1].after:
        made.append(index.search(query, scope, limit=limit, after=made[-1].after))
    return made


def test_pages_lead_to_the_last_row_and_an_export_has_exactly_the_rows_counted(index: Index) -> None:
    rng = random.Random(7)
    tree = a_tree(7)
    put(index, *(a_random_state(rng, n, 1, tree) for n in range(30)))
    for kind in KINDS:
        for _ in range(4):
            query, scope = a_random_query(rng, tree, kind), Scope(rng.choice(tree[:3]).code)
            made = pages(index, query, scope, 7)
            rows = [r for p in made for r in p.rows]
            assert len({r.id for r in rows}) == len(rows) == made[0].total == index.count(query, scope)
            with index.export(query, scope) as export:
                assert export.total == len(rows)
                assert list(export) == rows


@pytest.mark.parametrize("descending", [True, False])
def test_rows_that_do_not_change_are_neither_lost_nor_doubled_while_others_do(
    index: Index, descending: bool
) -> None:
    rng = random.Random(8)
    put(index, *(a_state(n, hostname=rng.choice("abc")) for n in range(40)))
    query = Query("hosts", sort=Sort("host", descending))
    rows: list[Row] = []
    after, ticket = "", 2
    while True:
        page = index.search(query, ALL, limit=5, after=after)
        rows += page.rows
        if not page.after:
            break
        after, ticket = page.after, ticket + 1
        # The first ten move, on both sides of the place, and one after the other goes.
        put(index, *(a_state(n, ticket, hostname=rng.choice("abcd")) for n in range(10)))
        put(index, HostState(agent_id(rng.randrange(10)), ticket + 1, gone=True))
        ticket += 1
    stayed = [r.agent for r in rows if int(r.agent[-4:], 16) >= 10]
    assert sorted(stayed) == [agent_id(n) for n in range(10, 40)]


@pytest.mark.worlds
def test_nobody_finds_a_row_outside_their_subtree(index: Index) -> None:
    for seed in range(3):
        rng = random.Random(seed)
        tree = a_tree(seed, 12)
        put(index, *(a_random_state(rng, n, seed + 1, tree) for n in range(12)))
        for _ in range(20):
            scope, query = Scope(rng.choice(tree).code), a_random_query(rng, tree)
            page = index.search(query, scope, limit=1_000)
            with index.export(query, scope) as export:
                rows = [*page.rows, *export]
            for row in rows:
                assert scope.unit in row.fields["organization.path"]
                assert scope.unit in [u.code for u in path_of(tree, str(row.fields["organization.id"]))]
            for value in page.facets.get("unit", []):
                assert scope.unit in [u.code for u in path_of(tree, str(value.value))]
    assert index.search(Query("hosts"), Scope("nowhere")).total == 0
    assert index.search(Query("hosts"), Scope("")).total == 0


NONSENSE = [
    Query("hosts", (Is("port", (1,)),)),
    Query("hosts", (Is("level", ("3",)),)),
    Query("hosts", (Is("level", (True,)),)),
    Query("hosts", (Is("sample", (1,)),)),
    Query("hosts", (Is("host", (1,)),)),
    Query("hosts", (Is("host", ()),)),
    Query("hosts", (Is("looked", ("today",)),)),
    Query("hosts", (Range("host", 1),)),
    Query("hosts", (Range("level", NOW),)),
    Query("hosts", (Range("looked", 1),)),
    Query("hosts", (Range("looked", NOW.replace(tzinfo=None)),)),
    Query("hosts", (Range("level", 2**60),)),
    Query("hosts", (Is("level", (2**60,)),)),
    Query("hosts", (Starts("level", "1"),)),
    Query("hosts", (), Sort("os")),
    Query("hosts", (), Sort("nothing")),
    Query("hosts", (Word("a"),) * 51),
    Query("hosts", (Having("ports", (Is("outcome", ("fail",)),)),)),
]


def test_a_question_that_makes_no_sense_is_refused_by_name(index: Index) -> None:
    for query in NONSENSE:
        with pytest.raises(Invalid, match=r"[a-z]+"):
            index.search(query, ALL)


def test_a_place_that_nobody_gave_out_is_refused(index: Index) -> None:
    for after in ("x", "!", "kQ", "gA", "lKRob3N0wgGhYg", "é", "\0"):
        with pytest.raises(Invalid):
            index.search(Query("hosts"), ALL, after=after)


def test_a_place_counts_in_its_own_order_only(index: Index) -> None:
    put(index, *(a_state(n) for n in range(3)))
    after = index.search(Query("hosts"), ALL, limit=1).after
    with pytest.raises(Invalid):
        index.search(Query("hosts", sort=Sort("host", descending=True)), ALL, after=after)


def test_while_a_generation_is_made_the_old_one_answers_and_what_changes_is_in_both(index: Index) -> None:
    put(index, a_state(1, 1, failing=fails("linux.a")), a_state(2, 2, failing=fails("linux.b")))
    before = index.health()
    assert index.state() == before.state == "ready"
    with index.building() as build:
        assert index.health().state == index.state() == "rebuilding"
        assert sorted(found(index)) == ["linux.a", "linux.b"]
        # The second changes after the rebuild has read it and before it is written there.
        read = a_state(2, 4, failing=fails("linux.b"))
        index.put([a_state(2, 5, failing=fails("linux.c"))])
        build.put([a_state(1, 3, failing=fails("linux.a"))])
        build.put([read])
        index.put([a_state(3, 6, failing=fails("linux.d"))])
        index.refresh()
        assert sorted(found(index)) == ["linux.a", "linux.c", "linux.d"]
        build.put([a_state(3, 6, failing=fails("linux.d"))])
        build.finish(9)
    index.refresh()
    assert sorted(found(index)) == ["linux.a", "linux.c", "linux.d"]
    after = index.health()
    assert (after.state, after.ticket, after.generation) == ("ready", 9, before.generation + 1)


def test_a_rebuild_drops_what_the_ledger_no_longer_has_even_under_higher_tickets(index: Index) -> None:
    put(index, a_state(1, 100, failing=fails("linux.a")), a_state(2, 100, failing=fails("linux.b")))
    with index.building() as build:
        build.put([a_state(2, 3, failing=fails("linux.c"))])
        build.finish(3)
    index.refresh()
    assert found(index) == ["linux.c"]
    assert index.health().ticket == 3
    put(index, a_state(2, 4, failing=fails("linux.d")))
    assert found(index) == ["linux.d"]


def test_a_rebuild_that_fails_leaves_what_serves_and_the_next_one_succeeds(index: Index) -> None:
    put(index, a_state(1, 1, failing=fails("linux.a")))
    with pytest.raises(KeyError), index.building() as build:  # noqa: PT012  the block is what fails
        build.put([a_state(1, 2, failing=fails("linux.a"))])
        raise KeyError
    assert found(index) == ["linux.a"]
    with index.building() as build:
        build.put([a_state(1, 3, failing=fails("linux.z"))])
        build.finish(3)
    index.refresh()
    assert found(index) == ["linux.z"]
    assert index.health().state == "ready"


def test_the_highest_ticket_is_remembered(index: Index) -> None:
    index.mark(3)
    index.mark(8)
    index.mark(5)
    assert index.health().ticket == 8
