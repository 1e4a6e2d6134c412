"""redis.servers: Redis, and Valkey that came of it, as their configuration files start them.

Sources: redis.conf as shipped with Redis 7; redis.io/docs/management/config, /security/acl. Passwords and their digests
are looked for and not kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.databases import RedisServer, RedisServers

from ...formats import directives
from ...formats.directives import Directive
from ...host import Host
from ...untrusted import bounded
from ..web import served

PROGRAMS: Final = (
    "usr/bin/redis-server",
    "usr/sbin/redis-server",
    "usr/bin/valkey-server",
    "usr/local/bin/redis-server",
)
CONFIGS: Final = ("/etc/redis/*.conf", "/etc/redis.conf", "/etc/valkey/*.conf", "/usr/local/etc/redis.conf")
NO_SERVERS: Final = ("sentinel", "includes")
UNITS: Final = ("redis-server.service", "redis.service", "valkey-server.service", "valkey.service")
MAX_FILES: Final = 200
MAX_DEPTH: Final = 8
DANGEROUS: Final = ("config", "debug", "flushall", "flushdb", "module", "replicaof", "shutdown", "slaveof")
_LOOPBACK: Final = ("127.", "::1", "localhost")


class Accounts(NamedTuple):
    """What the ACL says of the user `default`, which everybody is who does not log in."""

    named: int
    default_open: bool | None
    """True: on and without a password. None: nothing is said."""


def gather(host: Host, selector: tuple[str, ...]) -> tuple[RedisServers, str]:
    """Topic redis.servers. Raises CouldNotLook: permission-denied (closed to ordinary users), too-large."""
    if not any(host.exists(program) for program in PROGRAMS):
        return RedisServers(installed=False), ", ".join(PROGRAMS)
    found: list[RedisServer] = []
    for pattern in CONFIGS:
        for path in host.glob(pattern)[: limits.MAX_FACT_LIST]:
            name = path.rpartition("/")[2]
            if host.exists(path) and not name.startswith(NO_SERVERS):
                found.append(server(host, path))
    return RedisServers(installed=True, servers=found), "redis.conf and includes"


def server(host: Host, path: str) -> RedisServer:
    """One configuration with its includes and its ACL file. Raises ValueError for a port that is none."""
    told = list(_all(host, path, [0], 0))
    acl_file = last(told, "aclfile")
    users = [d.arguments for d in told if d.name == "user"]
    if acl_file:
        users += [d.arguments for d in directives.parse(host.text(acl_file) or "") if d.name == "user"]
    user = next((name for unit in UNITS if (name := served.runs_as(host, unit))), "")
    return describe(path, told, users, user)


def _all(host: Host, path: str, files: list[int], depth: int) -> Iterator[Directive]:
    files[0] += 1
    if depth > MAX_DEPTH or files[0] > MAX_FILES:
        raise CouldNotLook(
            Reason.TOO_LARGE, f"redis.conf includes deeper than {MAX_DEPTH} or over {MAX_FILES} files"
        )
    for directive in directives.parse(host.text(path) or ""):
        if directive.name == "include" and directive.arguments:
            for included in host.glob(directive.arguments[0]):
                yield from _all(host, included, files, depth + 1)
        else:
            yield directive


def last(told: Iterable[Directive], name: str) -> str:
    """The last value of a directive, its words joined; empty if it is not there."""
    value = ""
    for directive in told:
        if directive.name == name:
            value = directive.value
    return value


def describe(path: str, told: list[Directive], users: list[tuple[str, ...]], user: str) -> RedisServer:
    """One server. Raises ValueError for a port that is none."""
    addresses = [a.lstrip("-") for a in last(told, "bind").split()]
    acl = accounts(users)
    password = bool(last(told, "requirepass"))
    renamed = {d.arguments[0].lower() for d in told if d.name == "rename-command" and d.arguments}
    port, tls_port = number(last(told, "port") or "6379"), number(last(told, "tls-port") or "0")
    versions = last(told, "tls-protocols").split()
    return RedisServer(
        source=path,
        addresses=[bounded(a) for a in addresses],
        remote=not addresses or not all(a.lower().startswith(_LOOPBACK) for a in addresses),
        port=port,
        tls_port=tls_port,
        tls_versions=[bounded(v) for v in versions] or ["TLSv1.2", "TLSv1.3"],
        protected=last(told, "protected-mode").lower() != "no",
        password=password or acl.default_open is False,
        named_users=acl.named,
        disabled_commands=[name for name in DANGEROUS if name in renamed],
        idle_seconds=number(last(told, "timeout") or "0"),
        clients=number(last(told, "maxclients") or "10000"),
        log_file=bounded(last(told, "logfile")),
        syslog=last(told, "syslog-enabled").lower() == "yes",
        user=bounded(user),
    )


def accounts(users: Iterable[tuple[str, ...]]) -> Accounts:
    """Users other than `default`, and whether that one comes in without a password (`nopass`, or none given)."""
    named = 0
    open_now: bool | None = None
    for name, *words in (found for found in users if found):
        if name != "default":
            named += 1
            continue
        on, nopass, passwords = False, False, 0
        for word in (w for w in words if w):
            on = on if word not in ("on", "off") else word == "on"
            if word == "nopass":
                nopass, passwords = True, 0
            elif word in ("resetpass", "reset"):
                nopass, passwords = False, 0
            elif word[0] in ">#":
                nopass, passwords = False, passwords + 1
        open_now = on and nopass and not passwords
    return Accounts(named, open_now)


def number(text: str) -> int:
    """A whole number. Raises ValueError."""
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise ValueError(f"{text[:40]!r} is no number")
    return int(text)
