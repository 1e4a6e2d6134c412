"""postgresql.clusters: each cluster's settings and who may connect to it, from its files.

Sources: postgresql.org/docs/15/runtime-config.html (defaults), auth-pg-hba-conf.html; layouts of Debian
(etc/postgresql/VERSION/NAME), Red Hat and SUSE (var/lib/pgsql). What was set for single users or databases (ALTER ROLE)
is in the database itself and not seen.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from typing import Final, NamedTuple

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.databases import PostgresAccess, PostgresCluster, PostgresClusters

from ...formats import cipher_string
from ...host import Host
from ...untrusted import bounded
from ..web import served
from . import postgresql_config
from .postgresql_config import Include, Record

MAX_FILES: Final = 500
PROGRAMS: Final = (
    "usr/lib/postgresql/{}/bin/postgres", "usr/pgsql-{}/bin/postgres", "usr/lib/postgresql{}/bin/postgres",
    "usr/bin/postgres",
)  # fmt: skip
DEFAULT_CIPHERS: Final = "HIGH:!aNULL"
"""HIGH:MEDIUM:+3DES:!aNULL by the book, of which OpenSSL 1.1 and later has left out what is weak."""
VERSIONS: Final = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_PREFIX_ITEM: Final = re.compile(r"%-?[0-9]*([a-zA-Z])")
_LOOPBACK: Final = ("localhost", "127.", "::1")


class Place(NamedTuple):
    """`data` is where its files say nothing else."""

    name: str
    version: str
    config: str
    data: str


def gather(host: Host, selector: tuple[str, ...]) -> tuple[PostgresClusters, str]:
    """Topic postgresql.clusters. Raises CouldNotLook: permission-denied (closed to ordinary users), malformed."""
    found = [cluster(host, place) for place in places(host)]
    clusters = PostgresClusters(installed=bool(found) or _program(host, "") is not None, clusters=found)
    return clusters, "postgresql.conf, pg_hba.conf"


def places(host: Host) -> Iterator[Place]:
    """Clusters whose program is there; what a removed one left does not count."""
    for config in host.glob("/etc/postgresql/*/*/postgresql.conf")[: limits.MAX_FACT_LIST]:
        _, _, _, version, name, _ = config.split("/")
        if _program(host, version):
            yield Place(f"{version}/{name}", version, config, f"/var/lib/postgresql/{version}/{name}")
    for pattern in ("/var/lib/pgsql/data", "/var/lib/pgsql/*/data"):
        for data in host.glob(pattern):
            if host.exists(f"{data}/postgresql.conf"):
                version = (host.text(f"{data}/PG_VERSION", limit=4096) or "").strip()
                if _program(host, version):
                    yield Place(data, version, f"{data}/postgresql.conf", data)


def _program(host: Host, version: str) -> str | None:
    return next((p for p in (q.format(version) for q in PROGRAMS) if host.exists(p)), None)


class _Files:
    """Counts the files of one cluster."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.count = 0

    def text(self, path: str, depth: int) -> str:
        self.count += 1
        if depth > postgresql_config.MAX_DEPTH or self.count > MAX_FILES:
            raise CouldNotLook(
                Reason.TOO_LARGE,
                f"PostgreSQL includes deeper than {postgresql_config.MAX_DEPTH}, or too many files",
            )
        return self.host.text(path) or ""

    def drawn_in(self, include: Include, path: str) -> list[str]:
        folder = path.rpartition("/")[0]
        target = include.path if include.path.startswith("/") else f"{folder}/{include.path}"
        return self.host.glob(f"{target}/*.conf") if include.kind == "include_dir" else [target]

    def settings(self, path: str, depth: int = 0) -> dict[str, str]:
        found: dict[str, str] = {}
        for item in postgresql_config.settings(self.text(path, depth)):
            if isinstance(item, Include):
                for drawn in self.drawn_in(item, path):
                    found |= self.settings(drawn, depth + 1)
            else:
                found[item[0]] = item[1]
        return found

    def records(self, path: str, depth: int = 0) -> Iterator[Record]:
        for item in postgresql_config.records(self.text(path, depth)):
            if isinstance(item, Include):
                for drawn in self.drawn_in(item, path):
                    yield from self.records(drawn, depth + 1)
            else:
                yield item


def cluster(host: Host, place: Place) -> PostgresCluster:
    """One cluster. Raises ValueError for a value that the server would refuse."""
    files = _Files(host)
    told = files.settings(place.config)
    data = told.get("data_directory") or place.data
    told |= files.settings(f"{data}/postgresql.auto.conf")
    access = []
    for record in files.records(told.get("hba_file") or f"{place.config.rpartition('/')[0]}/pg_hba.conf"):
        access.append(described(record))
        if len(access) > postgresql_config.MAX_RECORDS:
            raise CouldNotLook(
                Reason.TOO_LARGE, f"over {postgresql_config.MAX_RECORDS} records of pg_hba.conf"
            )
    return describe(host, place, data, told, access)


def described(record: Record) -> PostgresAccess:
    """A record with what follows from it."""
    return PostgresAccess(
        line=record.line,
        type=record.type,
        databases=[bounded(name) for name in record.databases],
        users=[bounded(name) for name in record.users],
        address=bounded(record.address),
        scope=postgresql_config.scope(record),
        method=bounded(record.method),
        encrypted=record.type in ("hostssl", "hostgssenc"),
        superusers=bool({"all", "postgres"} & {name.lower() for name in record.users}),
    )


def describe(
    host: Host, place: Place, data: str, told: dict[str, str], access: list[PostgresAccess]
) -> PostgresCluster:
    """Settings with the defaults of the cluster's version."""
    major = int(place.version.partition(".")[0]) if re.fullmatch(r"[0-9.]{1,8}", place.version) else 0
    listens = postgresql_config.listed(told.get("listen_addresses", "localhost"))
    minimum = told.get("ssl_min_protocol_version") or ("TLSv1.2" if major >= 13 else "TLSv1")
    scheme = told.get("password_encryption", "scram-sha-256" if major >= 14 else "md5").lower()
    key = told.get("ssl_key_file", f"{data}/server.key")
    ciphers = told.get("ssl_ciphers", DEFAULT_CIPHERS)
    return PostgresCluster(
        name=bounded(place.name),
        source=place.config,
        version=bounded(place.version),
        listens=[bounded(address) for address in listens],
        remote=not all(address.lower().startswith(_LOOPBACK) for address in listens),
        port=postgresql_config.whole(told.get("port", "5432")),
        tls=postgresql_config.truth(told.get("ssl", "off")),
        tls_versions=[v for v in VERSIONS if minimum in VERSIONS and v >= minimum],
        weak_ciphers=[bounded(word) for word in cipher_string.weak(ciphers)],
        key_exposed=served.exposed(host, [key]),
        password_scheme="md5" if scheme in ("on", "md5") else bounded(scheme),
        connections_logged=postgresql_config.truth(told.get("log_connections", "off")),
        disconnections_logged=postgresql_config.truth(told.get("log_disconnections", "off")),
        statements_logged=bounded(told.get("log_statement", "none").lower()),
        log_fields=list(dict.fromkeys(_PREFIX_ITEM.findall(told.get("log_line_prefix", "%m [%p] ")))),
        preloaded=[
            bounded(name) for name in postgresql_config.listed(told.get("shared_preload_libraries", ""))
        ],
        audited=[bounded(name.lower()) for name in postgresql_config.listed(told.get("pgaudit.log", ""))],
        idle_seconds=postgresql_config.milliseconds(told.get("idle_session_timeout", "0")) // 1000,
        connections=postgresql_config.whole(told.get("max_connections", "100")),
        data_closed=closed(host, data),
        access=access,
    )


def closed(host: Host, data: str) -> bool | None:
    """Nobody but the owner writes and nobody but owner and group reads the data folder; None if it was not seen."""
    status = served.seen(host, data)
    return None if status is None else not status.st_mode & (stat.S_IRWXO | stat.S_IWGRP)
