"""Opening a ledger on PostgreSQL: only a server that keeps what it acknowledges, one upgrade, no password in sight."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from structlog.testing import capture_logs
from tests.services.postgres import Server

from vonggac_collector.errors import LedgerDamaged, StoreFailed
from vonggac_collector.ledger.sql import database, postgres
from vonggac_collector.ledger.sql.ledger import open_ledger
from vonggac_collector.ledger.tables import METADATA

GOOD = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "server_encoding": "UTF8"}


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes", "synchronous_commit"])
def test_a_server_that_can_lose_what_it_acknowledged_is_refused_with_the_setting_to_change(
    postgres: Server, reused: str, setting: str
) -> None:
    own = postgres.owned
    own.alter(setting, "off")
    try:
        with pytest.raises(LedgerDamaged, match=f"{setting} is off.*set {setting} = on"):
            open_ledger(postgres.url(reused))
    finally:
        own.alter(setting, "")
    open_ledger(postgres.url(reused)).close()


def test_a_database_of_another_encoding_is_refused(postgres: Server) -> None:
    options = "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    with (
        postgres.database(empty=True, options=options) as url,
        pytest.raises(LedgerDamaged, match=r"encoding LATIN1.*ENCODING 'UTF8'"),
    ):
        open_ledger(url, upgrade=True)


def test_only_versions_with_what_is_needed_are_taken() -> None:
    postgres.require_durable(130_000, GOOD)
    with pytest.raises(LedgerDamaged, match="PostgreSQL 13 or newer; this is 12"):
        postgres.require_durable(120_022, GOOD)


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("postgresql://u@db.example/x", True),
        ("postgresql://u@db.example/x?sslmode=require", True),
        ("postgresql://u@10.0.0.7/x", True),
        ("postgresql://u@/x?host=db.example:5432&host=db2.example:5432", True),
        ("postgresql://u@/x?host=/run/postgresql,db.example", True),
        ("postgresql://u@db.example/x?sslmode=verify-full", False),
        ("postgresql://u@127.0.0.1/x", False),
        ("postgresql://u@[::1]/x", False),
        ("postgresql://u@localhost/x", False),
        ("postgresql:///x", False),
        ("postgresql://u@/x?host=/run/postgresql", False),
    ],
)
def test_a_server_elsewhere_that_nobody_checks_is_warned_of(url: str, warned: bool) -> None:
    with capture_logs() as logs:
        for engine in database.open_engines(url):
            engine.dispose()
    assert [log["log_level"] for log in logs] == ["warning"] * warned


def test_a_ledger_without_schema_names_the_command_that_helps(postgres: Server) -> None:
    with postgres.database(empty=True) as url:
        with pytest.raises(LedgerDamaged, match="vonggac-collector migrate"):
            open_ledger(url)
        assert sa.make_url(url).database is not None


def test_migrations_make_exactly_the_tables(postgres: Server, reused: str) -> None:
    writer, reader = database.open_engines(postgres.url(reused))

    def is_ours(name: str | None, kind: str, _parents: object) -> bool:
        # A partition has no table in the metadata: it is made by the month.
        return kind != "table" or name in METADATA.tables

    with writer.connect() as connection:
        opts = {"compare_type": False, "include_name": is_ours}
        assert compare_metadata(MigrationContext.configure(connection, opts=opts), METADATA) == []
        assert set(METADATA.tables) <= set(sa.inspect(connection).get_table_names())
    writer.dispose()
    reader.dispose()


@pytest.mark.timeout(120)
def test_processes_that_start_at_once_upgrade_once_and_all_go_on(postgres: Server) -> None:
    code = (
        "import sys; from vonggac_collector.ledger.sql.ledger import open_ledger;"
        "print(open_ledger(sys.stdin.read(), upgrade=True).schema()[0])"
    )
    with postgres.database(empty=True) as url:
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(4)
        ]
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(url)
            process.stdin.close()
            process.stdin = None
        said = [process.communicate(timeout=100) for process in processes]
        assert [process.returncode for process in processes] == [0] * 4, said
        assert len({out for out, _ in said}) == 1
        name = sa.make_url(url).database
        assert postgres.run("SELECT count(*) FROM alembic_version", name) == [(1,)]


def test_the_password_comes_from_a_file_that_only_its_owner_reads(
    postgres: Server, reused: str, tmp_path: Path
) -> None:
    own = postgres.owned
    url, file = own.tcp(reused), tmp_path / "password"
    file.write_text("wrong\n")
    file.chmod(0o600)
    with pytest.raises(StoreFailed, match="password"):
        open_ledger(url, password_file=file)
    file.write_bytes(own.password_file.read_bytes() + b"\n")
    ledger = open_ledger(url, password_file=file)
    file.chmod(0o640)
    ledger._writer.dispose()
    with pytest.raises(LedgerDamaged, match="others may read it"), ledger.write():
        pass
    file.chmod(0o600)
    with ledger.write():
        pass
    ledger.close()


@pytest.mark.timeout(120)
def test_the_program_takes_the_password_as_a_systemd_credential_and_never_says_it(
    postgres: Server, reused: str, tmp_path: Path
) -> None:
    own = postgres.owned
    password = own.password_file.read_text()
    (tmp_path / "database-password").write_text(password)
    (tmp_path / "database-password").chmod(0o400)
    environment = {
        **os.environ,
        "VONGGAC_DATABASE_URL": own.tcp(reused),
        "CREDENTIALS_DIRECTORY": str(tmp_path),
    }
    run = [sys.executable, "-c", "import sys; from vonggac_collector.cli import main; sys.exit(main())"]
    for words, code in ((["ledger", "verify"], 0), (["settings"], 0)):
        done = subprocess.run([*run, *words], env=environment, capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        assert password not in done.stdout + done.stderr
    environment["VONGGAC_DATABASE_URL"] = own.tcp(reused).replace("@", ":het-suc-bi-mat@")
    done = subprocess.run([*run, "settings"], env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert "VONGGAC_DATABASE_URL: must not hold a password" in done.stderr
    assert "het-suc-bi-mat" not in done.stdout + done.stderr
