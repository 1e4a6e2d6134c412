"""mysql.server: MySQL or MariaDB as its option files start it.

Sources: mariadb.com/kb: "Configuring MariaDB with Option Files", "Server System Variables"; the MySQL 8.0 manual,
4.2.2.2 "Using Option Files", 5.1.8 "Server System Variables" (defaults). What SET PERSIST keeps in the data folder
(mysqld-auto.cnf) is read after the others; accounts are in the database itself and not seen.
"""

from __future__ import annotations

import re
from typing import Any, Final

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.databases import MysqlServer

from ...formats import cipher_string, documents
from ...formats.lines import significant
from ...formats.words import unquoted
from ...host import Host
from ...untrusted import bounded
from . import postgresql_clusters

PROGRAMS: Final = ("usr/sbin/mariadbd", "usr/libexec/mariadbd", "usr/sbin/mysqld", "usr/libexec/mysqld")
CONFIGS: Final = ("/etc/my.cnf", "/etc/mysql/my.cnf")
MAX_FILES: Final = 500
MAX_DEPTH: Final = 10
_GROUP: Final = re.compile(r"(?:mysqld|server|mariadb|mariadbd|galera)(?:-[0-9][0-9.]*)?")
_SIZES: Final = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_LOOPBACK: Final = ("localhost", "127.", "::1")
PASSWORD_CHECKS: Final = ("validate_password", "simple_password_check", "cracklib_password_check")
AUDITS: Final = ("server_audit", "audit_log", "audit_log_filter")
DEFAULT_TLS: Final = ["TLSv1.2", "TLSv1.3"]
"""tls_version where no file names it: MariaDB 10.11.19 (`mariadbd --verbose --help`), MySQL 8.0.28 and later."""
Options = dict[str, str]


def gather(host: Host, selector: tuple[str, ...]) -> tuple[MysqlServer, str]:
    """Topic mysql.server. Raises CouldNotLook: permission-denied, too-large, malformed (a number that is none)."""
    program = next((p for p in PROGRAMS if host.exists(p)), None)
    if program is None:
        return MysqlServer(installed=False), ", ".join(PROGRAMS)
    reader = _Reader(host)
    for path in CONFIGS:
        # Debian's my.cnf and mariadb.cnf are one file by a link; a second reading changes nothing.
        reader.file(path, 0)
    options = reader.options
    data = options.get("datadir") or "/var/lib/mysql"
    persisted = host.text(f"{data}/mysqld-auto.cnf")
    if persisted:
        options |= kept(documents.parse_json(persisted))
    maria = program.endswith("mariadbd") or host.exists("usr/bin/mariadb")
    return describe(host, "mariadb" if maria else "mysql", options, reader.plugins, data), ", ".join(CONFIGS)


class _Reader:
    def __init__(self, host: Host) -> None:
        self.host = host
        self.options: Options = {}
        self.plugins: list[str] = []
        """Values of plugin-load and plugin-load-add, which add up."""
        self.files = 0

    def file(self, path: str, depth: int) -> None:
        self.files += 1
        if depth > MAX_DEPTH or self.files > MAX_FILES:
            raise CouldNotLook(
                Reason.TOO_LARGE, f"my.cnf includes deeper than {MAX_DEPTH} or over {MAX_FILES} files"
            )
        for name, value in parse(self.host.text(path) or ""):
            if name == "!include":
                self.file(value, depth + 1)
            elif name == "!includedir":
                for included in self.host.glob(f"{value.rstrip('/')}/*.cnf"):
                    self.file(included, depth + 1)
            elif name in ("plugin_load", "plugin_load_add"):
                self.plugins.append(value)
            else:
                self.options[name] = value


def parse(text: str) -> list[tuple[str, str]]:
    """Options of the server's groups in order, and includes (`!include`, `!includedir`).

    Names have underscores for hyphens and no prefix: `skip-x` and `disable-x` read as x = 0, `enable-x` and a name
    alone as x = 1. Raises ValueError for too many lines.
    """
    found: list[tuple[str, str]] = []
    ours = False
    for _, line in significant(text, comments="#;"):
        if line.startswith("["):
            ours = _GROUP.fullmatch(line[1:].partition("]")[0].strip().lower()) is not None
        elif line.startswith("!"):
            word, _, rest = line.partition(" ")
            found.append((word.lower(), rest.strip()))
        elif ours:
            found.append(option(line))
    return found


def option(line: str) -> tuple[str, str]:
    """One option; outside of quotes # begins a comment (my_default.c)."""
    name, equals, value = line.partition("=")
    name = name.strip().lower().replace("-", "_").removeprefix("loose_").removeprefix("maximum_")
    value = value.strip()
    if value[:1] in ("'", '"'):
        end = value.find(value[0], 1)
        value = value[: end + 1] if end > 0 else value
    else:
        value = value.partition("#")[0].strip()
    if equals:
        return name, unquoted(value)
    for prefix, meant in (("skip_", "0"), ("disable_", "0"), ("enable_", "1")):
        if name.startswith(prefix):
            return name.removeprefix(prefix), meant
    return name.split(maxsplit=1)[0] if name.split() else "", "1"


def kept(document: Any) -> Options:
    """Variables of mysqld-auto.cnf (SET PERSIST), in its first form and its second."""
    found: Options = {}
    groups = [document.get(n, {}) for n in ("mysql_server", "mysql_static_variables", "mysql_dynamic_variables")] if (
        isinstance(document, dict)
    ) else []  # fmt: skip
    for group in groups:
        for name, entry in group.items() if isinstance(group, dict) else ():
            if isinstance(entry, dict) and isinstance(entry.get("Value"), str):
                found[name.lower().rpartition(".")[2]] = entry["Value"]
    return found


def describe(host: Host, product: str, told: Options, plugins: list[str], data: str) -> MysqlServer:
    """The server's settings with the defaults of its maker. Raises ValueError for a number that is none."""
    maria = product == "mariadb"
    networking = truth(told.get("networking"), default=True) and not truth(
        told.get("skip_networking"), default=False
    )
    addresses = [a for part in told.get("bind_address", "*").split(",") if (a := part.strip())]
    loaded = loaded_plugins(plugins, told)
    tls = bool(told.get("ssl_cert") and told.get("ssl_key")) or (
        not maria and truth(told.get("ssl"), default=True)
    )
    versions = [v.strip() for v in told.get("tls_version", "").split(",") if v.strip()] or DEFAULT_TLS
    audits = [name for name in loaded if name in AUDITS]
    logging = truth(told.get("server_audit_logging"), default=False) or bool(
        set(audits) & {"audit_log", "audit_log_filter"}
    )
    file_folder = told.get("secure_file_priv", "" if maria else "/var/lib/mysql-files")
    return MysqlServer(
        installed=True,
        product="mariadb" if maria else "mysql",
        addresses=[bounded(a) for a in addresses] if networking else [],
        remote=networking and not all(a.lower().startswith(_LOOPBACK) for a in addresses),
        port=number(told.get("port", "3306")),
        tls=tls,
        tls_demanded=truth(told.get("require_secure_transport"), default=False),
        tls_versions=[bounded(v) for v in versions],
        weak_ciphers=[bounded(w) for w in cipher_string.weak(told.get("ssl_cipher", ""))],
        local_files=truth(told.get("local_infile"), default=maria),
        file_folder=bounded(file_folder) if file_folder.upper() != "NULL" else "none",
        files_anywhere=file_folder == "",
        grants_skipped=truth(
            told.get("skip_grant_tables"), default=not truth(told.get("grant_tables"), default=True)
        ),
        symbolic_links=truth(told.get("symbolic_links"), default=maria),
        user=bounded(told.get("user", "")),
        error_log=bounded(told.get("log_error", "")),
        statements_logged=truth(told.get("general_log"), default=False),
        plugins=[bounded(name) for name in loaded][: limits.MAX_FACT_LIST],
        audited=bool(audits) and logging,
        audit_events=[
            e
            for part in told.get("server_audit_events", "").split(",")
            if (e := bounded(part.strip().lower()))
        ],
        password_checks=[name for name in loaded if name in PASSWORD_CHECKS],
        password_days=number(told.get("default_password_lifetime", "0")),
        failures_blocked=number(told.get("max_password_errors", "4294967295" if maria else "0")),
        idle_seconds=max(
            number(told.get("wait_timeout", "28800")), number(told.get("interactive_timeout", "28800"))
        ),
        connections=number(told.get("max_connections", "151")),
        user_connections=number(told.get("max_user_connections", "0")),
        data_closed=postgresql_clusters.closed(host, data),
    )


def loaded_plugins(plugins: list[str], told: Options) -> list[str]:
    """Names of the plugins that option files load: `a=a.so;b.so`, and those whose own option says FORCE or ON."""
    found: dict[str, None] = {}
    for text in plugins:
        for part in re.split("[;:]", text):
            name = part.partition("=")[0].strip().lower().rpartition("/")[2].removesuffix(".so")
            if name:
                found[name] = None
    for name in (*PASSWORD_CHECKS, *AUDITS):
        if told.get(name, "").lower() in ("force", "force_plus_permanent", "on", "1"):
            found[name] = None
    if any(name.startswith("validate_password.") for name in told):
        found["validate_password"] = None
    return list(found)


def truth(text: str | None, *, default: bool) -> bool:
    """on, true, 1; an option without a value is on."""
    return default if text is None else text.strip().lower() in ("1", "on", "true", "yes", "")


def number(text: str) -> int:
    """A whole number with k, m, g. Raises ValueError."""
    match = re.fullmatch(r"([0-9]{1,12})([kmg]?)", text.strip().lower())
    if match is None:
        raise ValueError(f"{text[:40]!r} is no number")
    return int(match[1]) * _SIZES[match[2]]
