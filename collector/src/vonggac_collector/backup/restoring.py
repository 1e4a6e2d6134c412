"""Brings a backup back: every digest and the signature first, then the ledger beside the present one, checked whole,
and only then in its place.

What happened after the backup is gone from the ledger, but not from the machines: each still holds its newest reports
and sends again what the collector asks for (`gaps` names what is missing). People sign in again, since sessions that
ended meanwhile would be alive. The search index notices by its marks that its ledger is another, and is rebuilt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from vonggac_collector import audit, policy
from vonggac_collector.errors import BackupDamaged, CollectorError, LedgerDamaged, SettingsError
from vonggac_collector.ledger.sql import migrate
from vonggac_collector.ledger.sql.ledger import SqlLedger, open_ledger
from vonggac_collector.policy_roots import ForeignPolicy
from vonggac_collector.settings import Settings
from vonggac_collector.state import KEY_FILE, MAX_SECRET_BYTES, load_key, write_secret
from vonggac_collector.verification import Fault, verify_ledger
from vonggac_contract.envelope import keyid_of
from vonggac_rules.errors import BadRepository

from . import postgres, sqlite
from .manifest import KEY, Manifest, check_files, read_manifest

LEAP: Final = 1 << 32
"""Tickets that the lost ledger may have given after the backup; a thousand a second for seven weeks."""
_FAR: Final = datetime.max.replace(tzinfo=UTC)
Report = Callable[[str], None]


class Restored(NamedTuple):
    """`aside`: where the ledger that was there is now. `key`: what was done about the signing key."""

    manifest: Manifest
    aside: str
    key: str
    reports: int
    faults: list[Fault]


class FaultsFound(CollectorError):
    """The backup's ledger is not what it claims; it was not put in place."""

    code = "invalid"

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(
            f"the backup's ledger has {len(faults)} faults; the first: {faults[0].where}: {faults[0].what}"
        )
        self.faults = faults


class Trust(NamedTuple):
    """The collector's key as far as it is at hand: `here` in the state folder, else `carried` by the backup."""

    here: bool
    key: Ed25519PrivateKey | None

    @property
    def public(self) -> bytes | None:
        """32 raw bytes, None without a key."""
        return None if self.key is None else self.key.public_key().public_bytes_raw()


def check_backup(settings: Settings, folder: Path, passphrase: str | None = None) -> tuple[Manifest, Trust]:
    """Check signature and digests; nothing is touched. Without a key at hand the signature is not checked.

    Raises BackupDamaged, SettingsError (the key here is another than the one that agents are pinned to), OSError.
    """
    trust = _trust(settings, folder, passphrase)
    manifest = read_manifest(folder, trust.public)
    if trust.public is not None and keyid_of(trust.public) != manifest.collector_keyid:
        raise SettingsError(
            f"{settings.state_dir / KEY_FILE}: is another key than this backup's, {manifest.collector_keyid[:16]}…, "
            "to which its agents are pinned; put that one there"
        )
    check_files(folder, manifest)
    return manifest, trust


def restore(
    settings: Settings,
    folder: Path,
    *,
    now: datetime,
    actor: str,
    replace: bool = False,
    despite_faults: bool = False,
    unsigned: bool = False,
    passphrase: str | None = None,
    report: Report,
) -> Restored:
    """Put the backup in the place that the settings name.

    `replace`: set aside a ledger with rows that is there. `despite_faults`: even if `verify_ledger` finds some.
    `unsigned`: even if there is no key to check the signature by. Raises what `check_backup` raises, LedgerDamaged
    (rows are there, another kind of database, a newer release's schema), FaultsFound, Busy (a collector runs),
    StoreFailed; then everything is as it was.
    """
    report("reading the backup through")
    manifest, trust = check_backup(settings, folder, passphrase)
    if trust.key is None and not unsigned:
        raise SettingsError(
            f"{settings.state_dir / KEY_FILE}: is missing, so nobody can tell who made this backup; put the key "
            "there, or open the backup's own with --key-passphrase; if both are lost, --unsigned takes it unchecked"
        )
    _check_schema(manifest)
    if _has_rows(settings) and not replace:
        raise LedgerDamaged("the ledger that is there has rows; with --replace it is set aside first")
    with _placed(settings, manifest, folder, now, report) as (url, aside):
        report("bringing the schema to this release, checking every chain")
        ledger = open_ledger(url, upgrade=True, password_file=settings.ledger_password_file, restoring=True)
        try:
            reports, faults = _verified(ledger, manifest)
            if faults and not despite_faults:
                raise FaultsFound(faults)
            _note(ledger, manifest, folder.name, len(faults), now, actor)
            _sign_policy(ledger, settings.state_dir, now, report)
        finally:
            ledger.close()
    return Restored(manifest, str(aside or ""), _put_key(settings, trust), reports, faults)


def _sign_policy(ledger: SqlLedger, state: Path, now: datetime, report: Report) -> None:
    """Machines may know newer versions of the policy repository than this ledger: those are followed by one of now."""
    if not (state / policy.ONLINE_KEY).exists():
        return
    try:
        policy.renew(ledger, state, now, again=True)
    except BadRepository as e:
        report(f"the policy repository waits for people to sign it: {e}")
    except ForeignPolicy as e:
        report(f"{e}: import the newest folder that people signed (vonggac-collector policy import)")


def _trust(settings: Settings, folder: Path, passphrase: str | None) -> Trust:
    if (settings.state_dir / KEY_FILE).exists():
        return Trust(True, load_key(settings.state_dir))
    path = folder / KEY
    if passphrase is None or not path.is_file():
        return Trust(False, None)
    with path.open("rb") as file:
        content = file.read(MAX_SECRET_BYTES)
    try:
        key = load_pem_private_key(content, passphrase.encode())
    except (ValueError, TypeError) as e:
        raise SettingsError(f"{path}: the passphrase does not open it") from e
    if not isinstance(key, Ed25519PrivateKey):
        raise BackupDamaged(f"{path}: holds no Ed25519 key")
    return Trust(False, key)


def _put_key(settings: Settings, trust: Trust) -> str:
    if trust.here:
        return "in place"
    if trust.key is None:
        return "missing"
    raw = trust.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_secret(settings.state_dir / KEY_FILE, raw)
    return "restored"


def _check_schema(manifest: Manifest) -> None:
    if not re.fullmatch(r"[0-9]{4}", manifest.schema) or manifest.schema > migrate.head():
        raise LedgerDamaged(
            f"the backup's schema is {manifest.schema}, this release knows up to {migrate.head()}; use release "
            f"{manifest.product} or a newer one"
        )


def _has_rows(settings: Settings) -> bool:
    url = sa.make_url(settings.ledger_url)
    if url.get_backend_name() == "sqlite":
        return sqlite.has_rows(Path(url.database or ""))
    return postgres.has_rows(settings.ledger_url, settings.ledger_password_file)


@contextmanager
def _placed(
    settings: Settings, manifest: Manifest, folder: Path, now: datetime, report: Report
) -> Iterator[tuple[str, object]]:
    url = sa.make_url(settings.ledger_url)
    if url.get_backend_name() != manifest.database:
        raise LedgerDamaged(
            f"the backup is of {manifest.database}, database_url names {url.get_backend_name()}"
        )
    source = folder / manifest.ledger
    if manifest.database == "sqlite":
        place = Path(url.database or "")
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        sqlite.require_alone(place)
        with sqlite.replaced(place, source, f".aside-{now:%Y%m%dT%H%M%SZ}") as placed:
            yield placed
        return
    aside = f"_aside_{now:%Y%m%d_%H%M%S}"
    with postgres.replaced(
        settings.ledger_url, settings.ledger_password_file, source, manifest.namespace, aside, report
    ) as given:
        yield given


def _verified(ledger: SqlLedger, manifest: Manifest) -> tuple[int, list[Fault]]:
    with ledger.read() as tx:
        ended = tx.trail.head()
    if ended != (manifest.audit_number, manifest.audit_hash or audit.NO_HASH):
        raise BackupDamaged("the backup's audit log ends elsewhere than its manifest says")
    found = verify_ledger(ledger)
    return found.envelopes, found.faults


def _note(ledger: SqlLedger, manifest: Manifest, name: str, faults: int, now: datetime, actor: str) -> None:
    said = f"from the backup made at {manifest.made_at.isoformat()}, {faults} faults"
    with ledger.write() as tx:
        tx.people.close_expired(_FAR)
        tx.outbox.leap(LEAP)
        audit.record(tx, now, actor, "restored", name, said)
