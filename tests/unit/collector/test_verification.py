"""Whoever edits, deletes or swaps a row of the record is named by `ledger verify`, with the first row that is wrong."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import msgspec
import pytest
from tests.unit.collector.conftest import NOW, Desk, plant
from tests.unit.collector.machines import Machine
from tests.unit.collector.test_retention import MONTHS, at, monthly

from vonggac_collector import verification
from vonggac_collector.checking import Again, said_by
from vonggac_collector.holds import add_hold, release_hold
from vonggac_collector.ingest.projection import unpack_raw
from vonggac_collector.ledger import tables
from vonggac_collector.ledger.interface import Ledger, Transaction
from vonggac_collector.ledger.memory import MemoryLedger
from vonggac_collector.ledger.rows import Envelope
from vonggac_collector.ledger.sql.ledger import open_ledger
from vonggac_collector.retention import retain
from vonggac_collector.verification import Fault, verify_ledger
from vonggac_contract.envelope import REPORT, keyid_of, seal
from vonggac_contract.report import statement_to_payload

AGENT = "00000000-0000-4000-8000-000000000001"


def edit(ledger: Any, table: str, key: dict[str, Any], change: dict[str, Any] | None) -> None:
    """What somebody with rights on the database does: change the rows that have `key`, or delete them."""
    if isinstance(ledger, MemoryLedger):
        kept: Any = getattr(ledger._store, table)
        found = [(k, r) for k, r in (enumerate(kept) if isinstance(kept, list) else kept.items())]
        for k, row in reversed(found):
            if all(getattr(row, name) == value for name, value in key.items()):
                if change is None:
                    del kept[k]
                else:
                    changed = kept[k] = msgspec.structs.replace(row, **change)
                    if table == "cuts":
                        del kept[k]
                        kept[changed.agent, changed.epoch, changed.sequence] = changed
        return
    of: Any = getattr(tables, table)
    where = [of.c[name] == value for name, value in key.items()]
    with ledger._writer.begin() as connection:
        connection.execute(
            of.delete().where(*where) if change is None else of.update().where(*where).values(change)
        )


def chain(ledger: Ledger, agent: str) -> list[Envelope]:
    with ledger.read() as tx:
        return tx.chain.walk(agent, (0, 0), 1_000)


@pytest.fixture
def reports(desk: Desk, machine: Machine) -> list[Envelope]:
    """Eight of one machine; another has four."""
    monthly(desk, machine, range(1, 5))
    monthly(desk, desk.enrol(Machine(seed=2)), range(1, 3))
    assert verify_ledger(desk.ledger).faults == []
    return chain(desk.ledger, machine.agent_id)


def flipped(raw: bytes) -> bytes:
    """One sign of the payload differs."""
    text = bytearray(unpack_raw(raw))
    text[200] ^= 1
    return zlib.compress(bytes(text))


EDITS: list[tuple[str, Callable[[list[Envelope]], dict[str, Any] | None], int, str]] = [
    ("payload", lambda e: {"raw": flipped(e[3].raw)}, 4, "damaged"),
    ("rubbish", lambda _: {"raw": b"rubbish"}, 4, "damaged"),
    ("unpacked too little", lambda e: {"raw": e[3].raw[:-20]}, 4, "damaged"),
    ("another report", lambda e: {"raw": e[4].raw}, 4, "another digest than its row"),
    ("another report, whole", lambda e: {"raw": e[4].raw, "previous": e[4].previous}, 4, "another digest"),
    ("previous", lambda _: {"previous": "0" * 64}, 4, "another place"),
    ("no previous", lambda _: {"previous": None}, 4, "another place"),
    ("key", lambda _: {"keyid": "0" * 64}, 4, "not one of this agent's"),
    ("sequence", lambda _: {"sequence": 40}, 5, "report 4 is missing before it"),
    ("epoch", lambda _: {"epoch": 7}, 5, "report 4 is missing before it"),
    ("state", lambda _: {"state": "pending"}, 5, "report 4 is missing before it"),
    ("deleted", lambda _: None, 5, "report 4 is missing before it"),
]


@pytest.mark.parametrize(("change", "named", "what"), [e[1:] for e in EDITS], ids=[e[0] for e in EDITS])
def test_the_first_row_that_is_wrong_is_named_and_no_other_chain(
    change: Callable[[list[Envelope]], dict[str, Any] | None],
    named: int,
    what: str,
    desk: Desk,
    machine: Machine,
    reports: list[Envelope],
) -> None:
    edit(desk.ledger, "envelopes", {"digest": reports[3].digest}, change(reports))
    (fault,) = verify_ledger(desk.ledger).faults
    assert fault.where == f"agent {machine.agent_id} epoch 1 report {named}"
    assert what in fault.what


def test_two_rows_that_were_swapped_are_named(desk: Desk, machine: Machine, reports: list[Envelope]) -> None:
    for number, to in ((2, 100), (3, 2), (100, 3)):
        edit(desk.ledger, "envelopes", {"agent": machine.agent_id, "sequence": number}, {"sequence": to})
    (fault,) = verify_ledger(desk.ledger).faults
    assert fault == Fault(
        f"agent {machine.agent_id} epoch 1 report 2",
        "the envelope speaks of another place in the chain than its row",
    )


def test_a_row_of_another_machine_is_named(desk: Desk, machine: Machine, reports: list[Envelope]) -> None:
    with desk.ledger.read() as tx:
        (other,) = (a.id for a in tx.agents.all() if a.id != machine.agent_id)
    edit(desk.ledger, "envelopes", {"digest": reports[7].digest}, {"agent": other, "sequence": 5})
    faults = {f.where: f.what for f in verify_ledger(desk.ledger).faults}
    assert faults == {
        f"agent {machine.agent_id}": "report 8, its head, is missing",
        f"agent {other} epoch 1 report 5": f"key {reports[7].keyid[:16]}… is not one of this agent's",
    }


@pytest.mark.parametrize("gone", [{8}, {7, 8}, set(range(1, 9))], ids=["head", "two", "all"])
def test_a_chain_without_its_end_is_named(
    gone: set[int], desk: Desk, machine: Machine, reports: list[Envelope]
) -> None:
    for number in gone:
        edit(desk.ledger, "envelopes", {"digest": reports[number - 1].digest}, None)
    assert verify_ledger(desk.ledger).faults == [
        Fault(f"agent {machine.agent_id}", "report 8, its head, is missing")
    ]


@pytest.mark.parametrize("change", [{"detail": "nothing"}, {"at": at(1)}, {"previous": "0" * 64}, None])
def test_an_audit_row_that_was_edited_or_deleted_is_named(
    change: dict[str, Any] | None, desk: Desk, machine: Machine
) -> None:
    with desk.ledger.read() as tx:
        assert tx.trail.head()[0] >= 3
    edit(desk.ledger, "audit", {"number": 2}, change)
    (fault,) = verify_ledger(desk.ledger).faults
    assert fault == Fault("audit row 2", "was changed, or rows before it are missing")


@pytest.mark.parametrize(
    "change", [None, {"until": at(1)}, {"since": at(9)}, {"subject": "vn"}, {"released_at": at(1)}]
)
def test_a_legal_hold_that_somebody_deleted_or_edited_is_named(
    change: dict[str, Any] | None, desk: Desk, machine: Machine
) -> None:
    made = add_hold(desk.ledger, "host", machine.agent_id, "vụ việc", now=NOW, actor="test")
    over = add_hold(desk.ledger, "host", machine.agent_id, "vụ khác", until=at(2), now=NOW, actor="test")
    release_hold(desk.ledger, over.id, "đã xong", now=NOW, actor="test")
    assert verify_ledger(desk.ledger).faults == []
    table = "holds" if isinstance(desk.ledger, MemoryLedger) else "legal_holds"
    edit(desk.ledger, table, {"id": made.id}, change)
    (fault,) = verify_ledger(desk.ledger).faults
    assert fault.where == f"legal hold {made.id}"


def forget(ledger: Any, agent: str) -> None:
    """Delete all that there is of an agent: no chain is broken by that."""
    if isinstance(ledger, MemoryLedger):
        store = ledger._store
        for keyid in [k for k, held in store.keys.items() if held[0] == agent]:
            del store.keys[keyid]
    else:
        with ledger._writer.begin() as connection:
            for table in (tables.looks, tables.failings, tables.changes, tables.sections, tables.heartbeats):
                connection.execute(table.delete().where(table.c.agent == agent))
            connection.execute(tables.agent_keys.delete().where(tables.agent_keys.c.agent == agent))
    edit(ledger, "envelopes", {"agent": agent}, None)
    edit(ledger, "agents", {"id": agent}, None)


def test_an_agent_that_was_deleted_with_all_it_had_is_named(
    desk: Desk, machine: Machine, reports: list[Envelope]
) -> None:
    forget(desk.ledger, machine.agent_id)
    (fault,) = verify_ledger(desk.ledger).faults
    assert fault.where == f"agent {machine.agent_id}"
    assert fault.what.startswith(f"its key {reports[0].keyid[:16]}… was enrolled, says the audit log")


def test_a_key_that_nobody_enrolled_is_named_for_reports_may_be_signed_anew_with_it(
    desk: Desk, machine: Machine, reports: list[Envelope]
) -> None:
    forged = Machine(seed=99).public_key
    with desk.ledger.write() as tx:
        tx.agents.add_key(keyid_of(forged), machine.agent_id, forged, 1, NOW)
    (fault,) = verify_ledger(desk.ledger).faults
    assert fault == Fault(
        f"agent {machine.agent_id}",
        f"its key {keyid_of(forged)[:16]}… is not enrolled by any row of the audit log",
    )


def test_an_audit_log_that_lost_its_end_with_enrolments_in_it_is_named(desk: Desk, machine: Machine) -> None:
    desk.enrol(Machine(seed=2))
    with desk.ledger.read() as tx:
        end = tx.trail.head()[0]
    for number in range(1, end + 1):
        edit(desk.ledger, "audit", {"number": number}, None)
    faults = verify_ledger(desk.ledger).faults
    assert [f.where.split()[0] for f in faults] == ["agent", "rulebook", "system", "host"]
    assert faults[0].what.endswith("… is not enrolled by any row of the audit log; so are 1 more")


def dropped(desk: Desk) -> None:
    retain(desk.ledger, MONTHS, now=at(7), actor="test")
    found = verify_ledger(desk.ledger)
    assert (found.faults, found.begin_later) == ([], 2)


def test_the_first_report_after_those_that_were_dropped_is_missed_too(
    desk: Desk, machine: Machine, reports: list[Envelope]
) -> None:
    dropped(desk)
    kept = chain(desk.ledger, machine.agent_id)
    edit(desk.ledger, "envelopes", {"digest": kept[0].digest}, None)
    (fault,) = verify_ledger(desk.ledger).faults
    assert fault.what == "report 1 is missing before it"
    assert fault.where == f"agent {machine.agent_id} epoch 1 report {kept[1].sequence}"


def test_reports_that_somebody_deleted_are_not_taken_for_dropped_ones(
    desk: Desk, machine: Machine, reports: list[Envelope]
) -> None:
    dropped(desk)
    kept = chain(desk.ledger, machine.agent_id)
    edit(desk.ledger, "envelopes", {"digest": kept[0].digest}, None)
    moved = {"sequence": kept[0].sequence, "digest": kept[0].digest}
    edit(desk.ledger, "cuts", {"agent": machine.agent_id}, moved)
    assert verify_ledger(desk.ledger).faults == [
        Fault("the record of cuts", "is not what the audit log says that retention left")
    ]


@pytest.mark.parametrize("change", [{"digest": "0" * 64}, {"sequence": 1}, None])
def test_a_record_of_cuts_that_was_edited_is_named_with_the_chain(
    change: dict[str, Any] | None, desk: Desk, machine: Machine, reports: list[Envelope]
) -> None:
    dropped(desk)
    edit(desk.ledger, "cuts", {"agent": machine.agent_id}, change)
    faults = verify_ledger(desk.ledger).faults
    first = chain(desk.ledger, machine.agent_id)[0].sequence
    assert [f.where for f in faults] == [
        f"agent {machine.agent_id} epoch 1 report {first}",
        "the record of cuts",
    ]


def again(ledger: Any) -> Again | None:
    """Opens it in another process; None for one that is in memory."""
    if isinstance(ledger, MemoryLedger):
        return None
    return partial(open_ledger, ledger._reader.url.render_as_string(hide_password=False))


def test_several_processes_find_the_same(
    desk: Desk, machine: Machine, reports: list[Envelope], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "_WORTH", 1)
    monkeypatch.setattr(verification, "_TOGETHER", 1)
    edit(desk.ledger, "envelopes", {"digest": reports[3].digest}, {"raw": flipped(reports[3].raw)})
    told: list[tuple[int, int]] = []
    found = verify_ledger(
        desk.ledger,
        processes=2,
        again=again(desk.ledger),
        progress=lambda done, total: told.append((done, total)),
    )
    assert [f.where for f in found.faults] == [f"agent {machine.agent_id} epoch 1 report 4"]
    assert told == [(n, 12) for n in range(1, 13)]
    assert found == verify_ledger(desk.ledger)


class Busy:
    """A ledger where something happens between the reads."""

    def __init__(self, ledger: Ledger, happens: Callable[[], None]) -> None:
        self._ledger = ledger
        self._happens = happens

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        with self._ledger.read() as tx:
            yield tx
        self._happens()


@pytest.mark.parametrize("whole", [False, True])
def test_what_comes_and_goes_meanwhile_is_no_fault(
    whole: bool, desk: Desk, machine: Machine, reports: list[Envelope], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "_TOGETHER", 2)
    months = iter(range(5, 15))

    def happens() -> None:
        month = next(months, None)
        if month is not None:
            moment = at(1 + (month - 1) % 12, year=2027 + (month - 1) // 12)
            desk.accept(machine.report(moment, {month % 14}), moment)
            desk.enrol(Machine(seed=100 + month), desk.token(now=moment), moment)
            retain(desk.ledger, MONTHS, now=moment, actor="test")

    busy: Any = Busy(desk.ledger, happens)
    assert verify_ledger(busy, whole=whole).faults == []
    assert verify_ledger(desk.ledger, whole=whole).faults == []


def test_a_statement_in_another_order_is_read_as_well() -> None:
    machine = Machine()
    machine.agent_id, machine.rulebook, machine.profile = AGENT, "a" * 64, "level-3"
    machine.report(NOW)
    statement = machine.statement(NOW)
    expected = (AGENT, 1, 2, machine.previous)
    own = statement_to_payload(statement)
    assert said_by(seal(REPORT, own, machine.key)) == expected
    value = msgspec.json.decode(zlib.decompress(own, wbits=31))
    turned = msgspec.json.encode(dict(reversed(value.items())))
    pack = zlib.compressobj(wbits=31)
    assert said_by(seal(REPORT, pack.compress(turned) + pack.flush(), machine.key)) == expected


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE envelopes SET raw = 'hello'",
        "UPDATE envelopes SET sequence = 'x'",
        "UPDATE audit SET at = 'x' WHERE number = 2",
        "UPDATE agents SET vector = 7",
    ],
)
def test_a_value_that_its_column_cannot_hold_is_named_with_its_row(sql_ledger: Any, statement: str) -> None:
    plant(sql_ledger)
    desk = Desk(sql_ledger)
    machine = desk.enrol(Machine())
    desk.accept(machine.report(NOW))
    assert verify_ledger(sql_ledger).faults == []
    table, column = statement.split()[1], statement.split()[3]
    with sql_ledger._writer.begin() as connection:
        connection.exec_driver_sql(statement)
    faults = verify_ledger(sql_ledger).faults
    assert faults
    assert {f.where.split(",")[0] for f in faults} == {f"table {table}"}
    assert {f.what for f in faults} == {f"its {column} holds what it cannot hold"}
