"""The index inside the ledger's database: many workers, a role that may too little, the settings' choice."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.services.postgres import Server
from tests.unit.collector.index.machines import (
    a_random_query,
    a_random_state,
    a_state,
    a_tree,
    agent_id,
    fails,
)

from vonggac_collector.errors import IndexFailed, IndexMissing
from vonggac_collector.index.interface import HostState
from vonggac_collector.index.memory import MemoryIndex
from vonggac_collector.index.opening import make_index
from vonggac_collector.index.sql.index import SqlIndex, open_within
from vonggac_collector.search.query import KINDS, Query, Scope, Word
from vonggac_collector.settings import Settings

ALL = Scope("vn")
WORKERS = 4
TICKETS = 60


def histories(rng: random.Random) -> list[list[HostState]]:
    """What was put together, under rising tickets."""
    tree = a_tree(3)
    made = []
    for ticket in range(1, TICKETS + 1):
        numbers = rng.sample(range(12), rng.randrange(1, 5))
        made.append(
            [
                HostState(agent_id(n), ticket, gone=True)
                if rng.random() < 0.15
                else a_random_state(rng, n, ticket, tree)
                for n in numbers
            ]
        )
    return made


def test_whatever_workers_write_at_once_the_highest_ticket_of_each_host_is_what_is_found(
    postgres: Server, reused: str, index: SqlIndex
) -> None:
    rng = random.Random(9)
    told = histories(rng)
    twin = MemoryIndex()
    for states in told:
        twin.put(states)
    rng.shuffle(told)
    workers = [open_within(postgres.url(reused)) for _ in range(WORKERS)]
    together = threading.Barrier(WORKERS)

    def work(number: int) -> None:
        together.wait()
        for states in told[number::WORKERS]:
            workers[number].put(states, thorough=rng.random() < 0.5)

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(work, range(WORKERS)))
    for worker in workers:
        worker.close()
    for kind in KINDS:
        assert index.search(Query(kind), ALL, limit=500) == twin.search(Query(kind), ALL, limit=500)
    for _ in range(15):
        query = a_random_query(rng, a_tree(3))
        assert index.search(query, ALL) == twin.search(query, ALL), query


def test_a_role_that_may_not_make_the_schema_is_told_which_grant_is_missing(postgres: Server) -> None:
    with postgres.database(empty=True) as url:
        database = sa.make_url(url).database
        postgres.run("CREATE ROLE narrow LOGIN")
        index = open_within(sa.make_url(url).set(username="narrow").render_as_string())
        assert index.health().state == "missing"
        with pytest.raises(IndexMissing):
            index.search(Query("hosts"), ALL)
        with pytest.raises(IndexMissing):
            index.put([a_state()])
        with (
            pytest.raises(IndexFailed, match=f'GRANT CREATE ON DATABASE "{database}" TO "narrow"'),
            index.building(),
        ):
            pass
        postgres.run(f'GRANT CREATE ON DATABASE "{database}" TO "narrow"')
        with index.building() as build:
            build.put([a_state(failing=fails("linux.a"))])
            build.finish(1)
        assert index.search(Query("findings"), ALL).total == 1
        index.close()


def test_an_index_of_another_release_answers_nobody_and_is_made_anew(
    postgres: Server, reused: str, index: SqlIndex
) -> None:
    index.put([a_state()])
    postgres.run("UPDATE search.notes SET value = 'other' WHERE name = 'schema'", reused)
    postgres.run("ALTER TABLE search.hosts DROP COLUMN words", reused)
    assert (index.health().state, index.health().detail) == ("missing", "it was made by another release")
    with pytest.raises(IndexMissing):
        index.put([a_state(2)])
    with pytest.raises(IndexMissing):
        index.search(Query("packages", (Word("a"),)), ALL)
    with index.building() as build:
        build.put([a_state(3)])
        build.finish(1)
    assert index.search(Query("hosts"), ALL).total == 1
    assert index.health().state == "ready"


def test_a_collector_on_postgresql_searches_there(postgres: Server, reused: str, tmp_path: Path) -> None:
    given = {"state_dir": tmp_path, "database_url": postgres.url(reused)}
    index = make_index(Settings.model_validate(given))
    assert isinstance(index, SqlIndex)
    assert index._reader.dialect.name == "postgresql"
    assert list(tmp_path.iterdir()) == []
    index.close()


def test_texts_that_postgresql_has_no_sign_for_are_found_all_the_same(index: SqlIndex) -> None:
    sections = {"packages": {"packages": [["a\0b", "1.0\0", "amd64", ""], ["bash", "5", "amd64", ""]]}}
    index.put([a_state(sections=sections, hostname="a\0b")])
    assert index.search(Query("hosts"), ALL).total == 1
    page = index.search(Query("packages"), ALL)
    assert [r.fields["package.name"] for r in page.rows] == ["a\0b", "bash"]
