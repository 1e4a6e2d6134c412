"""Whoever edits what was made from envelopes, in any column, is named: current state at once, all else by `whole`."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import pytest
import sqlalchemy as sa
from tests.unit.collector.conftest import NOW, Desk
from tests.unit.collector.machines import Machine, a_rulebook, findings
from tests.unit.collector.test_retention import MONTHS, at
from tests.unit.collector.test_verification import again, edit

from vonggac_collector import checking, rulebooks, verification
from vonggac_collector.ingest.vector import Said, pack_vector, unpack_rules, unpack_vector
from vonggac_collector.ledger import tables
from vonggac_collector.ledger.memory import MemoryLedger
from vonggac_collector.remaking import wrong_look
from vonggac_collector.retention import retain
from vonggac_collector.verification import Fault, verify_ledger
from vonggac_contract.finding import DOMAINS, SEVERITIES, Finding, Outcome
from vonggac_contract.report import Section, section_digest

MINUTE = timedelta(minutes=1)
KEYS = {
    "envelopes": ("digest",),
    "looks": ("digest",),
    "agents": ("id",),
    "failings": ("agent", "rule"),
    "changes": ("agent", "epoch", "sequence", "rule"),
    "sections": ("agent", "name"),
}
ELSEWHERE = {
    "agents": {"id", "status", "enrolled_at", "aside"},
    "envelopes": set[str](),
}
"""What is not made from reports: what officers decide, and what a machine is."""


class Record(NamedTuple):
    """A machine with five reports, the second of which came after the third, and another machine with one."""

    desk: Desk
    one: str
    other: str

    def rows(self, table: str) -> list[Any]:
        """Of the first machine, oldest first."""
        with self.desk.ledger.read() as tx:
            found: dict[str, list[Any]] = {
                "envelopes": tx.chain.walk(self.one, (0, 0), 100),
                "looks": [x for x in tx.chain.walk_looks(("", 0, 0, ""), None) if x.agent == self.one],
                "agents": [tx.agents.get(self.one)],
                "failings": tx.findings.current([self.one])[self.one],
                "changes": tx.findings.history(self.one),
                "sections": tx.chain.sections(self.one),
            }
        return found[table]

    def edit(self, table: str, row: Any, change: dict[str, Any] | None) -> None:
        edit(self.desk.ledger, table, {k: getattr(row, k) for k in KEYS[table]}, change)
        if isinstance(self.desk.ledger, MemoryLedger):
            store = vars(self.desk.ledger._store)
            keyed = {tuple(getattr(r, k) for k in KEYS[table]): r for r in store[table].values()}
            store[table] = {k if len(k) > 1 else k[0]: r for k, r in keyed.items()}

    def faults(self, *, whole: bool = True) -> list[Fault]:
        return verify_ledger(self.desk.ledger, whole=whole).faults


def answers(failing: set[int], passed: int) -> list[Finding]:
    partial = Finding("linux.test.rule-00", Outcome.PARTIAL, SEVERITIES[0], DOMAINS[0], passed=passed, of=9)
    return [partial, *findings(failing)[1:]]


@pytest.fixture
def record(desk: Desk, machine: Machine) -> Record:
    ports = {"tcp": [22, 80]}
    more = machine.statement(NOW).report.sections | {"sockets": Section(section_digest(ports), ports)}
    same = {name: Section(s.digest) for name, s in more.items()}
    raws = [
        machine.report(NOW, findings=answers({3, 4}, 1)),
        machine.report(NOW + MINUTE, findings=answers({4, 5}, 1)),
        machine.report(NOW + 2 * MINUTE, findings=answers({4, 5}, 2)),
        machine.report(NOW + 3 * MINUTE, findings=answers({3, 4}, 2), sections=more),
        machine.report(NOW + 4 * MINUTE, findings=answers({3, 4, 7}, 2), sections=same),
    ]
    for step, number in enumerate((0, 2, 1, 3, 4)):
        assert desk.accept(raws[number], NOW + (5 + step) * MINUTE).status in (200, 202)
    other = desk.enrol(Machine("may-2", seed=2))
    desk.accept(other.report(NOW, {9}))
    made = Record(desk, machine.agent_id, other.agent_id)
    assert made.faults() == made.faults(whole=False) == []
    return made


def another(value: Any) -> Any:
    """Another value of the same kind."""
    if isinstance(value, datetime):
        return value + timedelta(microseconds=1)
    if isinstance(value, int):
        return value + 50
    if isinstance(value, bytes):
        return value[:-6] + bytes([value[-6] ^ 1]) + value[-5:]
    if isinstance(value, str) and len(value) == 64:
        return "".join("1" if c == "0" else "0" for c in value)
    return {"fail": "partial", "pass": "fail", "partial": "unknown"}.get(value, "another")


COLUMNS = [
    (table, column.name)
    for table in KEYS
    for column in getattr(tables, table).c
    if column.name not in ELSEWHERE.get(table, ())
]


def changed(record: Record, table: str, column: str, row: Any) -> dict[str, Any]:
    value = record.other if column == "agent" else another(getattr(row, column))
    if column == "shelf":
        value = "2026-10-L3"
    return {column: value}


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_a_value_of_current_state_that_was_edited_is_named(table: str, column: str, record: Record) -> None:
    row = record.rows(table)[-1]
    record.edit(table, row, changed(record, table, column, row))
    for whole in (True, False):
        if (table, column, whole) == ("sections", "since", False):
            continue
        assert any(record.one in f.where for f in record.faults(whole=whole)), whole


@pytest.mark.parametrize("table", ["envelopes", "looks", "changes"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_every_value_of_the_past_that_was_edited_is_named_when_all_is_made_again(
    number: int, table: str, record: Record
) -> None:
    row = record.rows(table)[number]
    for column in (c.name for c in getattr(tables, table).c):
        change = changed(record, table, column, row)
        record.edit(table, row, change)
        assert any(record.one in f.where for f in record.faults()), column
        record.edit(table, msgspec.structs.replace(row, **change), {column: getattr(row, column)})
    assert record.faults() == []


@pytest.mark.parametrize("table", ["looks", "failings", "changes", "sections"])
def test_a_row_that_was_deleted_is_named(table: str, record: Record) -> None:
    for row in record.rows(table):
        record.edit(table, row, None)
        found = record.faults()
        assert len(found) == 1
        assert record.one in found[0].where
        put_back(record, table, row)
    assert record.faults() == []


def put_back(record: Record, table: str, row: Any) -> None:
    ledger: Any = record.desk.ledger
    if isinstance(ledger, MemoryLedger):
        key = tuple(getattr(row, k) for k in KEYS[table])
        vars(ledger._store)[table][key if len(key) > 1 else key[0]] = row
        return
    with ledger._writer.begin() as connection:
        connection.execute(sa.insert(getattr(tables, table)), msgspec.structs.asdict(row))


def test_what_was_changed_is_said_with_the_report_it_is_of(record: Record) -> None:
    row = record.rows("looks")[1]
    record.edit("looks", row, {"rulebook": "0" * 64, "profile": "level-1"})
    assert record.faults(whole=False) == []
    assert record.faults() == [
        Fault(
            f"agent {record.one} epoch 1 report 2",
            "its look was changed after it was made from the envelope: rulebook, profile",
        )
    ]


def test_rows_of_two_machines_that_were_swapped_are_named(record: Record) -> None:
    mine = record.rows("looks")[-1]
    with record.desk.ledger.read() as tx:
        theirs = tx.chain.look_before(record.other, 9, 9)
    assert theirs is not None
    for look, of in ((mine, theirs), (theirs, mine)):
        record.edit("looks", look, {"vector": of.vector, "outcomes_digest": of.outcomes_digest})
        edit(record.desk.ledger, "agents", {"id": look.agent}, {"vector": of.vector})
    for whole in (True, False):
        named = {f.where for f in record.faults(whole=whole)}
        assert named == {f"agent {record.one} epoch 1 report 5", f"agent {record.other} epoch 1 report 1"}


def test_a_machine_that_was_made_good_in_every_table_is_named(record: Record) -> None:
    look = record.rows("looks")[-1]
    with record.desk.ledger.read() as tx:
        lists = tx.findings.lists()
    vector = unpack_vector(look.vector, lambda digest: unpack_rules(lists[digest]))
    good = msgspec.structs.replace(vector, said=[Said("pass", 0, 0, "")] * len(vector.said))
    digest, packed = pack_vector(good)
    record.edit("looks", look, {"vector": packed, "outcomes_digest": digest})
    record.edit("agents", record.rows("agents")[0], {"vector": packed})
    for row in record.rows("failings"):
        record.edit("failings", row, None)
    for whole in (True, False):
        (fault,) = record.faults(whole=whole)
        assert fault.where == f"agent {record.one} epoch 1 report 5"
        assert "vector" in fault.what


@pytest.mark.parametrize("change", [lambda p: p + b"\x00", None], ids=["changed", "deleted"])
def test_a_list_of_rules_that_was_changed_or_deleted_is_named(
    change: Callable[[bytes], bytes] | None, record: Record
) -> None:
    ledger: Any = record.desk.ledger
    with ledger.read() as tx:
        lists = tx.findings.lists()
    for digest, packed in lists.items():
        if isinstance(ledger, MemoryLedger):
            del ledger._store.rules[digest]
            if change is not None:
                ledger._store.rules[digest] = change(packed)
            continue
        edit(ledger, "rule_lists", {"digest": digest}, None if change is None else {"rules": change(packed)})
    faults = record.faults(whole=False)
    assert sum("list of rules" in f.what for f in faults) == 2
    assert sum("list of rules" in f.where for f in faults) == (0 if change is None else len(lists))


def test_rows_of_a_machine_that_never_reported_are_named(record: Record) -> None:
    silent = record.desk.enrol(Machine("may-3", seed=3)).agent_id
    assert record.faults(whole=False) == []
    put_back(record, "failings", msgspec.structs.replace(record.rows("failings")[0], agent=silent))
    for whole in (True, False):
        assert record.faults(whole=whole) == [
            Fault(f"agent {silent}", "it has rows of reports that are not here")
        ]


def test_what_was_wrong_when_its_beginning_was_dropped_is_checked_as_far_as_it_is_kept(
    desk: Desk, machine: Machine
) -> None:
    for month in range(1, 7):
        failing = {3, 4} if month < 6 else {3, 5}
        desk.accept(machine.report(at(month), failing | {6 + month}), at(month))
    record = Record(desk, machine.agent_id, "")
    retain(desk.ledger, MONTHS, now=at(7), actor="test")
    assert record.faults() == record.faults(whole=False) == []
    since = {row.rule[-2:]: row.since for row in record.rows("failings")}
    assert since == {"03": at(1), "05": at(6), "12": at(6)}
    for number, (rule, moment, named) in enumerate(
        [("03", at(2), False), ("03", at(5), True), ("05", at(5), True), ("05", at(1), True)]
    ):
        row = next(r for r in record.rows("failings") if r.rule.endswith(rule))
        record.edit("failings", row, {"since": moment})
        for whole in (True, False):
            assert bool(record.faults(whole=whole)) == named, number
        record.edit("failings", row, {"since": row.since})
    assert record.faults() == []


def test_several_processes_find_the_same_of_what_was_made(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "_WORTH", 1)
    monkeypatch.setattr(verification, "_TOGETHER", 2)
    record.edit("looks", record.rows("looks")[2], {"platform": "windows"})
    ledger = record.desk.ledger
    found = verify_ledger(ledger, processes=2, again=again(ledger), whole=True)
    assert [f.where for f in found.faults] == [f"agent {record.one} epoch 1 report 3"]
    assert found == verify_ledger(record.desk.ledger, whole=True)
    record.edit("agents", record.rows("agents")[0], {"vector": zlib.compress(b"")})
    found = verify_ledger(ledger, processes=2, again=again(ledger))
    assert [f.where for f in found.faults] == [f"agent {record.one}"]


def test_a_new_epoch_and_a_new_rulebook_are_no_fault(record: Record, machine: Machine) -> None:
    desk = record.desk
    rulebooks.publish(desk.ledger, a_rulebook(rules=16, version="2"), now=NOW + 9 * MINUTE, actor="test")
    machine.key = Machine(seed=40).key
    desk.enrol(machine, desk.token(host=machine.agent_id), NOW + 10 * MINUTE)
    assert record.faults() == record.faults(whole=False) == []
    for step, found in enumerate((findings({3, 15}, rules=16), findings({3}, rules=16)[2:])):
        at = NOW + (11 + step) * MINUTE
        desk.accept(machine.report(at, findings=found, sections={}), at)
        assert record.faults() == record.faults(whole=False) == []
    record.edit("changes", record.rows("changes")[-1], None)
    assert len(record.faults()) == len(record.faults(whole=False)) == 1


def test_no_processor_time_is_spent_on_looks_that_nobody_asks_about(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []

    def counted(*given: Any) -> str:
        made.append(given)
        return wrong_look(*given)

    monkeypatch.setattr(checking, "wrong_look", counted)
    assert record.faults(whole=False) == []
    assert made == []
    assert record.faults() == []
    assert len(made) == 6
