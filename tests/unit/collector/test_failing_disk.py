"""SQLite's own writes fail: the connection is given up, what it had not committed is nowhere, the next one works."""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import apsw
import pytest
from tests.unit.collector.conftest import NOW, plant

from vonggac_collector.errors import OutcomeUnknown
from vonggac_collector.ledger.rows import Unit
from vonggac_collector.ledger.sql.ledger import SqlLedger

WRITE: Final = "pwrite64"
_CALL: Final = ctypes.CFUNCTYPE(
    ctypes.c_ssize_t, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64, use_errno=True
)


@contextmanager
def failing_writes(error: int) -> Iterator[None]:
    """Every write of this process's SQLite fails with that errno: the system call is SQLite's to replace
    (https://www.sqlite.org/c3ref/vfs.html, xSetSystemCall).
    """

    def fail(*_: Any) -> int:
        ctypes.set_errno(error)
        return -1

    system, instead = apsw.VFS("vonggac-failing", "unix"), _CALL(fail)
    real = system.xGetSystemCall(WRITE)
    assert real is not None
    assert system.xSetSystemCall(WRITE, ctypes.cast(instead, ctypes.c_void_p).value or 0)
    try:
        yield
    finally:
        system.xSetSystemCall(WRITE, real)
        system.unregister()


def add(ledger: SqlLedger, code: str) -> None:
    with ledger.write() as tx:
        tx.tree.add_unit(Unit(code, "vn", "agency", code, code, False, NOW))


def connection_of(ledger: SqlLedger) -> object:
    raw = ledger._writer.raw_connection()
    try:
        return raw.dbapi_connection
    finally:
        raw.close()


@pytest.mark.disk
@pytest.mark.parametrize(("error", "told"), [(errno.EIO, "IOError"), (errno.ENOSPC, "FullError")])
def test_a_connection_that_failed_at_commit_is_not_used_again(
    sql_ledger: SqlLedger, error: int, told: str
) -> None:
    plant(sql_ledger)
    before = connection_of(sql_ledger)
    assert connection_of(sql_ledger) is before
    with failing_writes(error), pytest.raises(OutcomeUnknown, match=told):
        add(sql_ledger, "lost")
    assert connection_of(sql_ledger) is not before
    add(sql_ledger, "kept")
    with sql_ledger.read() as tx:
        assert {"lost", "kept"} & {u.code for u in tx.tree.units(NOW)} == {"kept"}
