"""The index in SQL beside what it shares with every other: what it stores once, and how it counts and begins."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.unit.collector.conftest import Desk
from tests.unit.collector.index import test_behaviour as behaviour
from tests.unit.collector.index.machines import ROOT, a_state, agent_id, fails
from tests.unit.collector.index.test_consumer import Clock, drain, everything, make, packages, rebuilt
from tests.unit.collector.machines import Machine

from vonggac_collector.errors import IndexMissing
from vonggac_collector.index.interface import HostState
from vonggac_collector.index.sql import asking, parts, tables
from vonggac_collector.index.sql.index import SqlIndex, open_index
from vonggac_collector.index.sql.parts import Part, Size
from vonggac_collector.index.sql.tables import METADATA
from vonggac_collector.search.query import Query, Scope, Word


@pytest.fixture
def index(tmp_path: Path) -> Iterator[SqlIndex]:
    made = open_index(tmp_path / "index.db")
    with made.building() as build:
        build.finish(0)
    yield made
    made.close()


def rows(index: SqlIndex, table: str) -> int:
    with index._reader.connect() as connection:
        return int(
            connection.execute(sa.select(sa.func.count()).select_from(METADATA.tables[table])).scalar_one()
        )


def test_what_many_hosts_have_alike_is_stored_once_and_gone_with_the_last_of_them(index: SqlIndex) -> None:
    some = [a_state(n, failing=fails("linux.a"), sections=behaviour.PACKAGE) for n in range(9)]
    index.put(some)
    assert (rows(index, "packages"), rows(index, "held_packages"), rows(index, "findings")) == (2, 18, 1)
    index.put([HostState(s.agent, 2, gone=True) for s in some[1:]])
    assert (rows(index, "packages"), rows(index, "held_packages")) == (2, 2)
    index.put([HostState(some[0].agent, 2, gone=True)])
    assert [rows(index, t) for t in ("hosts", "packages", "held_packages", "findings")] == [0, 0, 0, 0]


@pytest.mark.worlds
def test_rows_that_are_looked_for_piece_by_piece_are_those_that_are_sorted_at_once(
    index: SqlIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "DIRECT", 2)
    monkeypatch.setattr(asking, "_RUNS", 3)
    behaviour.test_an_index_answers_every_question_as_the_twin_does(index)
    behaviour.test_pages_lead_to_the_last_row_and_an_export_has_exactly_the_rows_counted(index)


def test_more_parts_than_are_counted_one_by_one_are_counted_together(
    index: SqlIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "MAX_PARTS", 1)
    index.put([a_state(n, hostname=f"linux-{n}", failing=fails("linux.a", "linux.b")) for n in range(3)])
    index.put([a_state(n, hostname=f"x-{n}", failing=fails("linux.a", "a.linux")) for n in range(3, 6)])
    # The host's name has it, or the rule.
    words = (Word("linux-1"), Word("linux"))
    assert index.search(Query("findings", words), Scope("vn")).total == 2
    assert index.search(Query("findings", (Word("linux"), Word("a"))), Scope("vn")).total == 12 - 3
    behaviour.test_an_index_answers_every_question_as_the_twin_does(index)


def test_hosts_and_things_go_together_by_the_words_that_they_have() -> None:
    sizes = [
        Size("hosts", 0b00, 50),
        Size("hosts", 0b01, 20),
        Size("hosts", 0b11, 10),
        Size("things", 0b00, 40),
        Size("things", 0b10, 40),
        Size("all", 0, 90),
    ]
    assert parts.parts(sizes, 0b11) == [
        Part((0b01,), (0b10,), 20, 40, 70, 50),
        Part((0b11,), (0b00, 0b10), 10, 80, 80, 10),
    ]
    assert parts.parts([s for s in sizes if s.side != "hosts"], 0b11) == []


def test_a_host_that_was_put_again_keeps_its_place_in_what_is_counted(index: SqlIndex) -> None:
    for ticket in range(1, 5):
        failing = fails(*("linux.a", "linux.b", "linux.c")[: ticket % 3 + 1])
        index.put([a_state(n, ticket, path=(ROOT,), failing=failing) for n in range(3)])
        page = index.search(Query("findings"), Scope("vn"))
        assert page.total == len(page.rows) == sum(c.count for c in page.facets["rule"]) == 3 * len(failing)
    assert agent_id(2) in {r.agent for r in page.rows}


def test_after_any_history_it_is_what_a_rebuild_makes_it(desk: Desk, index: SqlIndex) -> None:
    rng = random.Random(12)
    clock = Clock()
    consumer = make(desk.ledger, index, clock)
    machines = [desk.enrol(Machine(f"may-{n}", seed=n)) for n in range(1, 4)]
    for _ in range(25):
        clock.moment += timedelta(seconds=rng.randrange(1, 200))
        failing = set(rng.sample(range(14), rng.randrange(5)))
        # Now and then the packages are those of the report before.
        some = packages(*rng.sample("abc", rng.randrange(2, 4)))
        assert (
            desk.accept(
                rng.choice(machines).report(clock.moment, failing, sections=some), clock.moment
            ).status
            == 200
        )
        if rng.random() < 0.6:
            consumer.turn()
    drain(consumer)
    assert everything(index) == everything(rebuilt(desk.ledger, clock.now))
    assert index.looks([m.agent_id for m in machines]).keys() == {m.agent_id for m in machines}


def test_a_file_that_went_while_it_was_open_is_missed_and_made_again(index: SqlIndex, tmp_path: Path) -> None:
    some = [a_state(n, failing=fails("linux.a")) for n in range(3)]
    index.put(some)
    for file in tmp_path.glob("index.db*"):
        file.unlink()
    query, scope = Query("findings"), Scope(ROOT.code)
    with index._reader.connect(), pytest.raises(IndexMissing):
        index.search(query, scope)
    assert index.health().state == "missing"
    with index.building() as build:
        build.put(some)
        build.finish(1)
    assert index.health().state == "ready"
    assert index.search(query, scope).total == 3
    assert {oct(f.stat().st_mode)[-3:] for f in tmp_path.glob("index.db*")} == {"600"}


def test_tables_that_another_release_made_otherwise_are_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = sa.MetaData()
    sa.Table("hosts", other, sa.Column("agent", sa.Text), sa.Column("left_over", sa.Text))
    with monkeypatch.context() as patched:
        patched.setattr(tables, "METADATA", other)
        layout = tables._layout()
    assert layout != tables.LAYOUT == tables._layout()
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'index.db'}")
    with engine.begin() as connection:
        other.create_all(connection)
        tables.notes.create(connection)
        connection.execute(tables.notes.insert(), {"name": "schema", "value": layout})
    engine.dispose()
    made = open_index(tmp_path / "index.db")
    assert made.health().state == "missing"
    assert rows(made, "hosts") == 0
    made.close()
