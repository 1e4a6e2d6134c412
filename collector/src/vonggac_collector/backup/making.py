"""Makes a backup of the running collector: the ledger in one consistent state, described; the key if it may go along.

Written under a name that no backup has, and renamed when everything is on the disk: what is called like a backup is
whole. The search index is not in it: it is made from the ledger.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import apsw
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from vonggac_collector.errors import SettingsError
from vonggac_collector.ledger import apsw_dbapi
from vonggac_collector.ledger.sql.database import open_engines, store_errors
from vonggac_collector.ledger.sql.postgres import without_timeouts
from vonggac_collector.ledger.tables import METADATA
from vonggac_collector.settings import Settings
from vonggac_collector.state import load_key, write_secret
from vonggac_contract.envelope import keyid_of

from . import postgres, sqlite
from .manifest import FORMAT, KEY, LEDGERS, MANIFEST, SIGNATURE, Manifest, encoded, signature, sync, weigh

PRODUCT: Final = "vonggac-collector"
Run = Callable[[str], list[Any]]
Report = Callable[[str], None]


def make_backup(
    settings: Settings, folder: Path, *, now: datetime, passphrase: str | None = None, report: Report
) -> tuple[Path, Manifest]:
    """Save into a new folder below `folder`; gives its path and what is in it.

    `passphrase`: the signing key goes along, encrypted with it. Raises SettingsError (no such folder, no room, no key,
    no pg_dump), StoreFailed, BackupDamaged (the ledger is damaged), OSError; then nothing is left.
    """
    key = load_key(settings.state_dir)
    if not folder.is_dir():
        raise SettingsError(f"{folder}: there is no such folder; is its disk mounted?")
    name = f"vonggac-{now:%Y%m%dT%H%M%SZ}"
    place, partial = folder / name, folder / f".{name}.partial"
    if place.exists():
        raise SettingsError(f"{place}: is there already")
    partial.mkdir(mode=0o700)
    try:
        manifest = _save(settings, partial, key, now, passphrase, report)
        raw = encoded(manifest)
        write_secret(partial / MANIFEST, raw)
        write_secret(partial / SIGNATURE, signature(raw, key))
        sync(partial)
        partial.rename(place)
        sync(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return place, manifest


def _save(
    settings: Settings,
    folder: Path,
    key: Ed25519PrivateKey,
    now: datetime,
    passphrase: str | None,
    report: Report,
) -> Manifest:
    url = sa.make_url(settings.ledger_url)
    if url.get_backend_name() == "postgresql":
        said = _save_postgres(settings, folder / LEDGERS["postgresql"], report)
    else:
        said = _save_sqlite(Path(url.database or ""), folder / LEDGERS["sqlite"], report)
    if passphrase is not None:
        how = BestAvailableEncryption(passphrase.encode())
        write_secret(folder / KEY, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how))
    report("taking digests")
    return Manifest(
        format=FORMAT,
        product=version(PRODUCT),
        made_at=now,
        collector_keyid=keyid_of(key.public_key().public_bytes_raw()),
        settings={name: str(value) for name, value in settings.model_dump().items()},
        files=[weigh(path) for path in sorted(folder.iterdir())],
        **said,
    )


def _save_sqlite(source: Path, target: Path, report: Report) -> dict[str, Any]:
    if not source.is_file():
        raise SettingsError(f"{source}: there is no ledger yet; run `vonggac-collector init` first")
    size = sum(p.stat().st_size for p in (source, source.with_name(source.name + "-wal")) if p.exists())
    free = shutil.disk_usage(target.parent).free
    if free < size:
        raise SettingsError(f"{target.parent.parent}: {free} bytes are free, the ledger has {size}")
    sqlite.save(source, target, report)
    with closing(apsw.Connection(str(target), flags=apsw.SQLITE_OPEN_READONLY)) as copy:

        def run(query: str) -> list[Any]:
            return copy.execute(query).fetchall()

        tables = run("SELECT name FROM sqlite_schema WHERE type = 'table'")
        return {
            "database": "sqlite",
            "server": apsw_dbapi.sqlite_version,
            "namespace": "main",
            **_described(run, (row[0] for row in tables)),
        }


def _save_postgres(settings: Settings, target: Path, report: Report) -> dict[str, Any]:
    password_file = settings.ledger_password_file
    writer, reader = open_engines(settings.ledger_url, password_file=password_file)
    try:
        with store_errors(), reader.connect() as connection, connection.begin():
            without_timeouts(connection)
            postgres.save(connection, password_file, target, report)

            def run(query: str) -> list[Any]:
                return list(connection.exec_driver_sql(query).fetchall())

            return {
                "database": "postgresql",
                "server": str(postgres.version_of(connection)),
                "namespace": postgres.namespace(connection),
                **_described(run, sa.inspect(connection).get_table_names()),
            }
    finally:
        writer.dispose()
        reader.dispose()


def _described(run: Run, tables: Iterable[str]) -> dict[str, Any]:
    """Revision, rows and end of the audit log; of an earlier release's schema too, saved before its upgrade."""
    names = sorted(METADATA.tables.keys() & set(tables))
    if "audit" not in names:
        raise SettingsError("there is no ledger yet; run `vonggac-collector init` first")
    ended = run("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1")
    return {
        "schema": run("SELECT version_num FROM alembic_version")[0][0],
        "rows": {name: run(f"SELECT count(*) FROM {name}")[0][0] for name in names},  # noqa: S608  our own names
        "audit_number": ended[0][0] if ended else 0,
        "audit_hash": ended[0][1] if ended else "",
    }
