"""logrotate.config: which logs are rotated, how, whether something starts it, and which logs grow for ever. How its
configuration is read is in `logrotate`, the walk over var/log in `log_files`.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from typing import Final

from vonggac_contract import limits
from vonggac_contract.facts.logs import LogrotateConfig, LogRotation, UnrotatedLog

from ...host import Host
from ...untrusted import bounded
from ..system import systemd
from . import log_files, logging_state, logrotate

MAX_PATTERNS: Final = 1000
"""Patterns with wildcards; the project's own figure, ten times what a large server has."""
_OLD: Final = re.compile(r".*(?:\.\d{1,4}|-\d{8}(?:-\d+)?|\.old|\.gz|\.xz|\.zst|\.bz2|~)")
"""Names of old versions: with a number, with `dateext`, or packed."""
_OWN_WAY: Final = (
    "/var/log/journal/*",
    "/var/log/audit/*",
    "/var/log/wtmp*",
    "/var/log/btmp*",
    "/var/log/lastlog",
    "/var/log/faillog",
    "/var/log/tallylog",
    "/var/log/sysstat/*",
    "/var/log/sa/*",
    "/var/log/postgresql/*",
    "/var/log/installer/*",
    "/var/log/anaconda/*",
    "/var/log/bootstrap.log",
)
"""Files whose writer bounds them itself (journald, auditd, sysstat, PostgreSQL), of fixed length, or written once."""


def unrotated(stanzas: Iterable[logrotate.Stanza], entries: Iterable[log_files.Entry]) -> list[UnrotatedLog]:
    """Logs that no stanza's pattern matches, old versions and those that are bounded otherwise left out.

    Raises ValueError for over MAX_PATTERNS patterns with wildcards.
    """
    patterns = {pattern for stanza in stanzas for pattern in stanza.patterns}
    literal = {p for p in patterns if not set(p) & set("*?[")}
    wild = patterns - literal
    if len(wild) > MAX_PATTERNS:
        raise ValueError(f"logrotate has over {MAX_PATTERNS} patterns with wildcards")
    rotated = re.compile("|".join(fnmatch.translate(p) for p in (*sorted(wild), *_OWN_WAY)))
    return [
        UnrotatedLog(bounded(entry.path), entry.size)
        for entry in entries
        if entry.size
        and entry.path not in literal
        and not _OLD.fullmatch(entry.path)
        and not rotated.match(entry.path)
    ]


def scheduled(host: Host) -> bool:
    """The timer is on, or cron's daily folder holds it and cron is on."""
    units = systemd.units(host)
    if units.enabled("logrotate.timer") == "enabled":
        return True
    script = host.stat("etc/cron.daily/logrotate")
    daemons = ("cron.service", "crond.service", "anacron.timer")
    # Debian's script leaves it to the timer wherever systemd runs.
    by_timer = "/run/systemd/system" in (host.text("etc/cron.daily/logrotate") or "") if script else True
    return not by_timer and any(units.enabled(unit) == "enabled" for unit in daemons)


def _told(stanza: logrotate.Stanza) -> LogRotation:
    directives = stanza.directives
    mode = logrotate.created_mode(directives)
    return LogRotation(
        paths=[bounded(pattern) for pattern in stanza.patterns[:100]],
        period=next((name for name in logrotate.PERIODS if name in directives), "none"),
        days=logrotate.days_of(directives),
        compress="compress" in directives and "nocompress" not in directives,
        create_mode="" if mode is None else f"{mode:04o}",
        open_to_all=bool(mode and mode & 0o007),
    )


def gather(host: Host, selector: tuple[str, ...]) -> tuple[LogrotateConfig, str]:
    """Topic logrotate.config."""
    stanzas = logging_state.rotations(host)
    if stanzas is None:
        return LogrotateConfig(installed=False, scheduled=False), "usr/sbin/logrotate"
    most = limits.MAX_FACT_LIST
    return (
        LogrotateConfig(
            installed=True,
            scheduled=scheduled(host),
            rotations=[_told(stanza) for stanza in stanzas[:most]],
            unrotated=unrotated(stanzas, log_files.entries(host))[:most],
        ),
        "etc/logrotate.conf, logrotate.d, var/log",
    )
