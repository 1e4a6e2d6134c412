"""Fields of another kind: what is found is on hosts that have such a thing, whatever is shown."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.collector.index.machines import a_random_state, a_tree
from tests.unit.collector.search.test_search import filled, seen_from

from vonggac_collector.index.asked import TooMany
from vonggac_collector.index.interface import Page
from vonggac_collector.index.memory import MemoryIndex
from vonggac_collector.reads.search import export, search
from vonggac_collector.search.query import KINDS, Having, Query
from vonggac_collector.search.results import Asking, FoundRow
from vonggac_collector.search.syntax import Unfit


@given(st.integers(0, 10_000), st.sampled_from(KINDS))
def test_a_field_of_another_kind_leaves_what_is_on_hosts_that_have_such_a_thing(seed: int, kind: str) -> None:
    rng = random.Random(seed)
    tree = a_tree(seed, 5)
    index = filled([a_random_state(rng, n, 1, tree) for n in range(8)])
    about = seen_from(tree, rng.choice(tree).code)

    def rows(text: str, kind: str) -> list[FoundRow]:
        with export(index, about, Asking(text, kind)) as whole:  # type: ignore[arg-type]
            return list(whole.rows)

    for text, other in (("port:22", "ports"), ("package:openssl version:<1.5", "packages"), ("user:An", "accounts"),
                        ("severity:high outcome:fail", "findings"), ("failing:>1", "hosts")):  # fmt: skip
        if (
            other == kind
            or (kind == "certificates" and "port:" in text)
            or (kind == "ports" and other != "findings")
        ):
            continue
        hosts = {r.host for r in rows(text, other)}
        assert rows(text, kind) == [r for r in rows("", kind) if r.host in hosts]
        beside = search(index, about, Asking(text, kind)).beside  # type: ignore[arg-type]
        assert [(b.kind, b.text, b.negated) for b in beside] == [(other, text, False)]
        if " " not in text:
            assert rows("-" + text, kind) == [r for r in rows("", kind) if r.host not in hosts]


@given(st.integers(0, 10_000), st.sampled_from(["unit:u1", "-unit:u1", "os:debian", "-host:may", "-level:3"]))
def test_what_is_said_of_the_host_changes_nothing_of_what_else_is_said(seed: int, about_hosts: str) -> None:
    rng = random.Random(seed)
    tree = a_tree(seed, 5)
    index = filled([a_random_state(rng, n, 1, tree) for n in range(8)])
    about = seen_from(tree, "vn")

    def found(text: str) -> list[str]:
        with export(index, about, Asking(text, "findings")) as whole:
            return [r.id for r in whole.rows]

    for beside in ("port:22", "-port:22", "-package:bash user:An"):
        within = set(found(about_hosts))
        assert found(f"{about_hosts} {beside}") == [i for i in found(beside) if i in within]


class NarrowIndex(MemoryIndex):
    """Finds no more than two hosts that have something else."""

    def search(self, query, scope, *, after="", limit=50) -> Page:  # type: ignore[no-untyped-def]
        self._look(query, scope)
        return super().search(query, scope, after=after, limit=limit)

    def count(self, query, scope, *, most=0) -> int:  # type: ignore[no-untyped-def]
        self._look(query, scope)
        return super().count(query, scope, most=most)

    def _look(self, query, scope) -> None:  # type: ignore[no-untyped-def]
        for term in query.terms:
            if (
                isinstance(term, Having)
                and len({r.agent for r in super().search(Query(term.kind, term.terms), scope).rows}) > 2
            ):
                raise TooMany(term.kind)


def test_what_more_hosts_have_than_can_be_looked_through_is_refused_at_its_place_and_not_counted() -> None:
    index = NarrowIndex()
    tree = a_tree(4)
    index.put([a_random_state(random.Random(n), n, 1, tree) for n in range(20)])
    about = seen_from(tree, "vn")
    with pytest.raises(Unfit, match=r"character 7: More than 65536 machines have that") as caught:
        search(index, about, Asking("duong package:bash", "findings"))
    assert caught.value.why == "too-wide"
    found = search(index, about, Asking("package:bash"))
    assert (found.kind, found.total > 2) == ("packages", True)
    assert {k.kind for k in found.kinds if k.count is None} == {
        "findings",
        "hosts",
        "certificates",
        "accounts",
    }
