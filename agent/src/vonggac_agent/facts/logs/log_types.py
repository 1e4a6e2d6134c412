"""logging.types: which kinds of logs are written here and stay over a restart, worked out from what the other modules
of this package read.

The kinds are those that the requirements of TCVN 14423 count (controls logging.sources, .access-fields, .process,
.data-app-fields; unofficial source).
"""

from __future__ import annotations

import re
from typing import Final

from vonggac_contract.facts.monitoring import LogType, LogTypes

from ...host import Host
from ..system import processes, systemd
from . import audit_rules, audit_state, audit_syntax, journald, logging_state, syslog_config

ACCOUNTING: Final = ("acct.service", "psacct.service")
_FACILITIES: Final[dict[LogType, frozenset[str]]] = {
    "system": frozenset(("kern", "daemon", "syslog")),
    "access": frozenset(("auth", "authpriv")),
    "application": frozenset(("daemon", "user", "mail", "local0")),
}
"""Facilities of syslog(3) whose messages make up a kind."""


def facilities(selector: str) -> set[str]:
    """Facilities that a selector of syslog.conf lets through, `*` for all of them not named otherwise.

    A later part takes away what it says is none: `*.*;auth.none` (rsyslog.conf(5) "Selectors").
    """
    found: set[str] = set()
    for part in selector.split(";"):
        names, _, priority = part.partition(".")
        for name in re.split(r"[,\s]+", names.strip()):
            if priority.strip() == "none":
                found.discard(name)
                found.add("!" + name)
            elif name:
                found.add(name)
    return found


def covered(selectors: list[str]) -> set[LogType]:
    """Kinds that the selectors of a log daemon's files write."""
    found: set[LogType] = set()
    for selector in selectors:
        told = facilities(selector)
        for kind, wanted in _FACILITIES.items():
            if wanted & told or ("*" in told and not all("!" + name in told for name in wanted)):
                found.add(kind)
    return found


def _by_daemon(host: Host) -> set[LogType]:
    daemon, active = syslog_config.daemon(host)
    if daemon == "none" or not active:
        return set()
    files = syslog_config.read(host, daemon).written
    if daemon == "syslog-ng":  # its filters are not judged
        return set(_FACILITIES) if files else set()
    return covered([file.selector for file in files])


def _by_journal(host: Host) -> set[LogType]:
    if not any(host.exists(path) for path in logging_state.JOURNALD):
        return set()
    told = logging_state.told(host, "journald.conf", "Journal")
    kept = journald.storage(told, has_folder=host.exists("var/log/journal")) == "persistent"
    return set(_FACILITIES) if kept else set()


def _by_audit(host: Host) -> set[LogType]:
    if not audit_rules.installed(host) or not processes.active(host, ("auditd",), audit_state.UNITS):
        return set()
    rules = audit_rules.rules(host)
    found: set[LogType] = set()
    if not audit_syntax.suppressed(rules):
        if any(line.action == "always" and {"w", "a"} & set(line.permissions) for line in rules.lines):
            found.add("changes")
        if audit_syntax.of_call(rules, "execve", ("b64",)).people:
            found.add("process")
    return found


def _by_accounting(host: Host) -> set[LogType]:
    units = systemd.units(host)
    return {"process"} if any(units.enabled(unit) == "enabled" for unit in ACCOUNTING) else set()


def gather(host: Host, selector: tuple[str, ...]) -> tuple[LogTypes, str]:
    """Topic logging.types."""
    found = _by_daemon(host) | _by_journal(host) | _by_audit(host) | _by_accounting(host)
    return LogTypes(sorted(found)), "journald.conf, rsyslog.conf, syslog-ng.conf, etc/audit, unit files"
