"""What people find: within their units only, counted exactly, to the last row, and exported as shown."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient
from tests.unit.collector.conftest import ADMIN, KEY, NOW, Desk, plant
from tests.unit.collector.index.machines import NOW as INDEXED
from tests.unit.collector.index.machines import a_random_state, a_tree
from tests.unit.collector.machines import Machine

from vonggac_collector.api.search import _MAKING, MAX_EXPORTS
from vonggac_collector.app import create_app
from vonggac_collector.auth import Caller, web
from vonggac_collector.auth.scope import subtree
from vonggac_collector.auth.sessions import sign_in
from vonggac_collector.auth.throttle import Throttle
from vonggac_collector.errors import IndexFailed, Invalid, NotFound
from vonggac_collector.index.consumer import Consumer
from vonggac_collector.index.interface import HostState, Page
from vonggac_collector.index.memory import MemoryIndex
from vonggac_collector.index.opening import make_consumer, make_index
from vonggac_collector.index.schema import PATH
from vonggac_collector.ledger.memory import MemoryLedger
from vonggac_collector.ledger.rows import Lag, Placement, Unit
from vonggac_collector.people import add_user
from vonggac_collector.queries import Queries
from vonggac_collector.reads.search import Sought, export, search
from vonggac_collector.rulebooks import Shelf
from vonggac_collector.score.parameters import load_parameters
from vonggac_collector.search.export import columns, csv_pieces
from vonggac_collector.search.query import KINDS
from vonggac_collector.search.results import Asking, FoundRow, SearchPage
from vonggac_collector.search.syntax import Unfit
from vonggac_collector.settings import Settings
from vonggac_collector.views import UnitLink
from vonggac_contract.report import Section, section_digest

HOUR = timedelta(hours=1)
PASSWORD = "mat-khau-dai-that-dai"


def filled(states: list[HostState]) -> MemoryIndex:
    index = MemoryIndex()
    index.put(states)
    return index


def seen_from(tree: list[Unit], unit: str, left: list[str] | None = None) -> Sought:
    caller = Caller("u-1", "somebody", "officer", unit)
    return Sought(INDEXED, caller, {u.code: u for u in subtree(tree, unit)}, left or [], Lag(0, None, 0))


TERMS = st.sampled_from(
    ["", "web", "sở y tế", "duong", "ssh", "openssl", "-x", "level:>2", "unit:u1", "unit:u3", "-unit:u2", "host:may",
     "id:0000*", "outcome:fail,unknown", "severity:high", "port:22", "package:openssl", "version:>1", "sample:false",
     "rule:linux.*", "since:>30d", "user:root", "system:hsyt", "os:debian", "expires:<100d"]
)  # fmt: skip


@pytest.mark.worlds
@given(st.integers(0, 10_000), st.lists(TERMS, max_size=3), st.sampled_from(["", *KINDS]))
def test_what_others_have_changes_nothing_of_what_a_caller_finds(
    seed: int, terms: list[str], kind: str
) -> None:
    rng = random.Random(seed)
    tree = a_tree(seed, 7)
    states = [a_random_state(rng, n, 1, tree) for n in range(8)]
    for caller in rng.sample(tree, 3):
        inside = [s for s in states if caller.code in s.common[PATH]]  # type: ignore[operator]
        about, asking = seen_from(tree, caller.code), Asking(" ".join(terms), kind)  # type: ignore[arg-type]
        try:
            found = search(filled(states), about, asking)
        except Unfit:
            continue
        assert found == search(filled(inside), about, asking)
        hosts = {s.agent for s in inside}
        assert {r.host for r in found.rows} <= hosts
        units = {v.value for f in found.facets if f.field == "unit" for v in f.values}
        assert units | {r.unit.code for r in found.rows} <= about.units.keys()
        with export(filled(states), about, asking) as whole:
            rows = list(whole.rows)
        assert (whole.total, rows[: len(found.rows)]) == (len(rows), found.rows)
        assert "organization.path" not in msgspec.json.encode(found).decode()


@pytest.mark.worlds
@given(st.integers(0, 10_000), st.sampled_from(KINDS))
def test_every_facet_leads_to_as_many_rows_as_it_says_and_back(seed: int, kind: str) -> None:
    rng = random.Random(seed)
    tree = a_tree(seed, 5)
    index = filled([a_random_state(rng, n, 1, tree) for n in range(8)])
    about = seen_from(tree, "vn")
    found = search(index, about, Asking(kind=kind))  # type: ignore[arg-type]
    for facet in found.facets:
        for value in facet.values:
            narrowed = search(index, about, Asking(value.text, kind))  # type: ignore[arg-type]
            # A unit stands for all under it, a name for all that hold it.
            assert narrowed.total >= value.count > 0
            if facet.field not in ("unit", "os", "issuer"):
                assert narrowed.total == value.count
            chosen = [v for f in narrowed.facets if f.field == facet.field for v in f.values if v.chosen]
            assert [v.text for v in chosen] == [""]


def test_pages_lead_to_the_last_row_and_the_counts_of_kinds_stay() -> None:
    rng = random.Random(3)
    tree = a_tree(3)
    index = filled([a_random_state(rng, n, 1, tree) for n in range(30)])
    about = seen_from(tree, "vn")
    for kind in KINDS:
        for sort in ("", "host", "-host"):
            asking = Asking(kind=kind, sort=sort, limit=7)
            pages = [search(index, about, asking)]
            while pages[-1].after:
                pages.append(search(index, about, msgspec.structs.replace(asking, after=pages[-1].after)))
            rows = [r for p in pages for r in p.rows]
            assert len({r.id for r in rows}) == len(rows) == pages[0].total
            assert {tuple(p.kinds) for p in pages} == {tuple(pages[0].kinds)}
            with export(index, about, asking) as whole:
                assert (whole.total, list(whole.rows)) == (len(rows), rows)


def test_without_a_kind_the_first_that_has_anything_is_shown() -> None:
    rng = random.Random(4)
    tree = a_tree(4)
    index = filled([a_random_state(rng, n, 1, tree) for n in range(20)])
    about = seen_from(tree, "vn")
    assert search(index, about, Asking()).kind == "findings"
    assert search(index, about, Asking("port:22")).kind == "ports"
    assert search(index, about, Asking("package:openssl")).kind == "packages"
    assert search(index, about, Asking("port:4")).kind == "ports"
    assert search(index, about, Asking("outcome:fail port:22 process:nginx")).kind == "findings"
    assert search(index, about, Asking("unit:vn port:22")).kind == "ports"
    assert search(index, about, Asking("package:openssl version:<9")).kind == "packages"
    counts = {k.kind: k.count for k in search(index, about, Asking("port:443")).kinds}
    assert all(counts.values())
    with pytest.raises(Unfit, match="never"):
        search(index, about, Asking("outcome:pass"))


def test_where_nothing_is_found_each_term_can_be_left_out() -> None:
    tree = a_tree(4)
    index = filled([a_random_state(random.Random(4), 1, 1, tree)])
    found = search(index, seen_from(tree, "vn"), Asking('level:9 "không có"', "hosts"))
    assert [(n.term, n.text) for n in found.without] == [("level:9", '"không có"'), ('"không có"', "level:9")]


def test_a_host_that_left_is_not_found_though_the_index_still_has_it() -> None:
    rng = random.Random(5)
    tree = a_tree(5)
    states = [a_random_state(rng, n, 1, tree) for n in range(10)]
    stay = states[:7]
    about = seen_from(tree, "vn", [s.agent for s in states[7:]])
    for kind in KINDS:
        assert search(filled(states), about, Asking(kind=kind)) == search(
            filled(stay), about, Asking(kind=kind)
        )


class LyingIndex(MemoryIndex):
    """Answers with whatever it has, wherever it belongs."""

    def search(self, query, scope, *, after="", limit=50) -> Page:  # type: ignore[no-untyped-def]
        return super().search(query, msgspec.structs.replace(scope, unit="vn"), after=after, limit=limit)


def test_an_index_that_answers_with_others_is_taken_for_broken() -> None:
    tree = [*a_tree(1, 0), Unit("u0", "vn", "agency", "Sở", "Office", False, NOW)]
    index = LyingIndex()
    index.put([a_random_state(random.Random(1), 1, 1, tree[:1])])
    with pytest.raises(IndexFailed, match="may not see"):
        search(index, seen_from(tree, "u0"), Asking(kind="hosts"))


def sections(hostname: str) -> dict[str, Section]:
    content: dict[str, object] = {
        "host": {"hostname": hostname, "addresses": ["10.0.0.1"]},
        "os": {"id": "debian", "version": "12", "name": "Debian GNU/Linux 12"},
        "packages": {"manager": "dpkg", "packages": [["openssl", "3.0.9-1", "amd64", ""], ["=cmd()", "1", "amd64"]]},
        "sockets": {"sockets": [{"protocol": "tcp", "address": "0.0.0.0", "port": 3389, "scope": "any"}]},
    }  # fmt: skip
    return {name: Section(section_digest(c), c) for name, c in content.items()}


class House:
    """The application on a ledger with a host in each of three agencies, told to its index when somebody says so."""

    def __init__(self, folder: Path) -> None:
        self.ledger = MemoryLedger()
        plant(self.ledger)
        self.now = NOW + HOUR
        settings = Settings.model_validate({"state_dir": folder, "insecure_cookies": True, "role": "web"})
        shelf = Shelf(self.ledger)
        self.index = make_index(settings)
        self.app: FastAPI = create_app(
            settings, self.ledger, KEY, now=lambda: self.now, pages=False, index=self.index
        )
        self.consumer: Consumer = make_consumer(self.ledger, self.index, shelf, lambda: self.now)
        self.desk = Desk(self.ledger)
        self.machines: dict[str, Machine] = {}
        for n, unit in enumerate(("ha-noi/so-y-te", "ha-noi/so-noi-vu", "hue/so-y-te"), 1):
            name = "may-" + unit.replace("/", "-")
            machine = self.desk.enrol(Machine(name, seed=n), self.desk.token(unit, None))
            self.desk.accept(machine.report(NOW, {1, 2}, sections=sections(name)))
            self.machines[unit] = machine
        self.tell()

    def tell(self) -> None:
        while self.consumer.turn():
            pass

    def client(self, unit: str) -> TestClient:
        name = "user-" + unit
        add_user(self.ledger, name, "officer", unit, PASSWORD, now=NOW, actor="test")
        client = TestClient(self.app)
        secret = sign_in(self.ledger, Throttle(self.ledger), name, PASSWORD, now=self.now, peer="test")
        client.cookies.set(web.PLAIN_COOKIE, secret)
        return client


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.index.close()


def test_the_api_answers_within_the_callers_units(house: House) -> None:
    for unit, hosts in (("vn", 3), ("ha-noi", 2), ("hue/so-y-te", 1)):
        client = house.client(unit)
        found = client.get("/api/v1/search", params={"q": "outcome:fail"}).json()
        assert (found["kind"], found["total"]) == ("findings", 2 * hosts)
        packages = client.get("/api/v1/search", params={"q": "package:openssl version:<3.0.10"}).json()
        assert (packages["kind"], packages["total"]) == ("packages", hosts)
        for outside in {"ha-noi/so-y-te", "hue/so-y-te"} - {unit if hosts == 1 else ""}:
            answer = client.get("/api/v1/search", params={"q": f"unit:{outside}"})
            assert answer.json()["total"] == (2 if hosts == 3 or outside.startswith(unit) else 0)


def test_an_export_has_the_rows_of_the_pages_in_their_order(house: House) -> None:
    client = house.client("ha-noi")
    asked = {"q": "architecture:amd64", "kind": "packages", "sort": "-package"}
    page = client.get("/api/v1/search", params=asked).json()
    answer = client.get("/api/v1/search/export", params=asked | {"format": "json"})
    exported = answer.json()
    assert [(r["id"], r["package"]) for r in exported["rows"]] == [
        (r["host"], r["fields"]["package"]) for r in page["rows"]
    ]
    assert exported["total"] == page["total"] == len(exported["rows"]) == 4
    assert (
        answer.headers["content-disposition"] == 'attachment; filename="vonggac-packages-20261123T0400Z.json"'
    )
    sheet = client.get("/api/v1/search/export", params=asked)
    assert sheet.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(sheet.content.decode("utf-8-sig"), newline="")))
    assert [r["package"] for r in rows] == [r["fields"]["package"] for r in page["rows"]][:2] + [
        "'=cmd()"
    ] * 2
    assert {r["unit"] for r in rows} == {"ha-noi/so-y-te", "ha-noi/so-noi-vu"}


def test_what_cannot_be_read_is_told_by_place(house: House) -> None:
    client = house.client("vn")
    for path in ("/api/v1/search", "/api/v1/search/export"):
        answer = client.get(path, params={"q": "outcom:fail"})
        assert answer.status_code == 422
        assert answer.json()["detail"].startswith("character 1: There is no field “outcom”.")
        assert "outcome" in answer.json()["detail"]
        assert client.get(path, params={"q": "a" * 10_001}).status_code == 422
        assert client.get(path, params={"kind": "secrets"}).status_code == 422
        assert client.get(path, params={"kind": "hosts", "sort": "os"}).status_code == 422
    assert client.get("/api/v1/search", params={"after": "x"}).status_code == 422
    assert TestClient(house.app).get("/api/v1/search").status_code == 401


def test_how_far_search_is_behind_is_told(house: House) -> None:
    client = house.client("vn")
    assert client.get("/api/v1/search").json()["behind"] == {
        "waiting": 0,
        "oldest": None,
        "dead": 0,
        "state": "ready",
    }
    machine = house.machines["hue/so-y-te"]
    house.desk.accept(machine.report(NOW + HOUR, {3}, sections=sections("may")), NOW + HOUR)
    behind = client.get("/api/v1/search").json()["behind"]
    assert behind["waiting"] > 0
    assert behind["oldest"] == "2026-11-23T04:00:00Z"
    house.tell()
    assert client.get("/api/v1/search").json()["behind"]["waiting"] == 0


def test_an_index_that_was_never_built_does_not_look_like_nothing_was_found(tmp_path: Path) -> None:
    ledger = MemoryLedger()
    plant(ledger)
    settings = Settings.model_validate({"state_dir": tmp_path, "role": "web"})
    app = create_app(settings, ledger, KEY, now=lambda: NOW, pages=False)
    with TestClient(app):
        assert app.state.queries.search(ADMIN, Asking()).behind.state == "missing"


def test_a_host_that_moved_is_not_seen_from_its_old_place_before_the_index_was_told(house: House) -> None:
    old, new = house.client("ha-noi"), house.client("hue")
    before = old.get("/api/v1/search", params={"kind": "hosts"}).json()
    assert before["total"] == 2
    machine = house.machines["ha-noi/so-y-te"]
    house.now += HOUR
    with house.ledger.write() as tx:
        tx.tree.place(Placement(machine.agent_id, "hue/so-y-te", None, 1, None, house.now))
        tx.outbox.add("host", [machine.agent_id], house.now)
    for kind in KINDS:
        found = old.get("/api/v1/search", params={"kind": kind}).json()
        sheet = old.get("/api/v1/search/export", params={"kind": kind, "format": "json"}).json()
        assert machine.agent_id not in json.dumps([found["rows"], found["facets"], sheet])
        assert "ha-noi/so-y-te" not in json.dumps([found["rows"], found["facets"], sheet])
        assert found["total"] == len(found["rows"]) == sheet["total"]
    house.tell()
    assert old.get("/api/v1/search", params={"kind": "hosts"}).json()["total"] == 1
    assert new.get("/api/v1/search", params={"kind": "hosts"}).json()["total"] == 2


def test_only_so_many_files_are_made_at_once(house: House) -> None:
    client = house.client("vn")
    for _ in range(MAX_EXPORTS):
        _MAKING.acquire()
    try:
        assert client.get("/api/v1/search/export").status_code == 503
        assert client.get("/api/v1/search").status_code == 200
    finally:
        for _ in range(MAX_EXPORTS):
            _MAKING.release()
    for _ in range(MAX_EXPORTS + 1):
        assert client.get("/api/v1/search/export").status_code == 200
        assert client.get("/api/v1/search/export?sort=x").status_code == 422


def test_who_has_no_unit_and_where_there_is_no_index_nothing_is_found() -> None:
    ledger = MemoryLedger()
    plant(ledger)
    asked = Queries(ledger, Shelf(ledger), load_parameters(), lambda: NOW)
    with pytest.raises(IndexFailed):
        asked.search(ADMIN, Asking())
    asked = Queries(ledger, Shelf(ledger), load_parameters(), lambda: NOW, index=MemoryIndex)
    with pytest.raises(NotFound):
        asked.search(Caller("u", "u", "officer", "nowhere"), Asking())
    with pytest.raises(Invalid):
        asked.search(ADMIN, Asking(after="x"))
    assert isinstance(asked.search(ADMIN, Asking()), SearchPage)


LINK = UnitLink("01", "=1+1", "x", False)


@pytest.mark.hostile
@given(st.text(max_size=30))
def test_no_value_of_a_sheet_is_a_formula_and_none_breaks_it(text: str) -> None:
    rows = [FoundRow("1", "2", text, LINK, False, {"host": text, "outcome": "fail"}, title_vi=text)]
    sheet = b"".join(csv_pieces(iter(rows), "findings")).decode("utf-8-sig")
    head, row = csv.reader(io.StringIO(sheet, newline=""))
    assert head == columns("findings")
    assert [
        v for v in row if v.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))
    ] == []
    assert row[head.index("host")].removeprefix("'") == text.removeprefix("'")
    assert row[head.index("unit_name")] == "'=1+1"
