"""logging.state: who writes logs, how long they stay, and where they are sent. Formats are read by `journald`,
`logrotate` and what `syslog_config` asks.

How `retention_days` is worked out: the larger of
- the days logrotate keeps of the main system log, if its log daemon is active (a log rotated by size counts 0), and
- MaxRetentionSec, if the journal is persistent; its size bounds may remove entries sooner, which `oldest_entry` shows.
None if neither says anything.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.logs import LoggingState

from ...host import Host
from ...untrusted import bounded, without_userinfo
from ..system import dropins, processes, systemd
from . import journald, logrotate, syslog_config

JOURNALD: Final = ("usr/lib/systemd/systemd-journald", "lib/systemd/systemd-journald")
MAIN_LOGS: Final = ("/var/log/syslog", "/var/log/messages")
"""The log of everything on Debian's family and on Red Hat's and SUSE's."""
MAX_TARGETS: Final = 1000
_MAX_JOURNALS: Final = 500
_PASSED_OVER: Final = ("~", ".bak", ".rpmsave", ".rpmnew", ".dpkg-old", ".dpkg-dist", ".dpkg-new")
"""Ends of names that logrotate's include leaves out, logrotate(8) tabooext."""


def retention(
    storage: str, journal_days: int | None, syslog_active: bool, rotate_days: int | None
) -> int | None:
    """Days that a message stays by either way, as the module's text says."""
    kept = [rotate_days] if syslog_active and rotate_days is not None else []
    if storage == "persistent" and journal_days is not None:
        kept.append(journal_days)
    return max(kept, default=None)


def gather(host: Host, selector: tuple[str, ...]) -> tuple[LoggingState, str]:
    """Topic logging.state."""
    installed = any(host.exists(path) for path in JOURNALD)
    runs = installed and (
        not host.live or processes.active(host, ("systemd-journald",), ("systemd-journald.service",))
    )
    settings = told(host, "journald.conf", "Journal") if installed else {}
    storage: journald.Storage = "absent"
    if runs:
        storage = journald.storage(settings, has_folder=host.exists("var/log/journal"))
    journal_days = journald.retention_days(settings)
    syslog, active = syslog_config.daemon(host)
    rotate_days = _rotate_days(host)
    uploaded = _uploaded(host)
    value = LoggingState(
        journald=runs,
        journal_storage=storage,
        journal_max_days=journal_days,
        syslog=syslog,
        syslog_active=active,
        rotate_days=rotate_days,
        retention_days=retention(storage, journal_days, active, rotate_days),
        remote_targets=_targets(host, syslog, uploaded),
        journal_target=uploaded,
        oldest_entry=_oldest(host),
    )
    return value, "journald.conf, rsyslog.conf, logrotate.conf, var/log"


def told(host: Host, name: str, section: str) -> dict[str, str]:
    """Settings of one of systemd's files with its drop-ins; the last in the order of their names wins."""
    paths = dropins.configuration(host, f"systemd/{name}")
    return systemd.last_values((host.text(path) or "" for path in paths), section)


def rotations(host: Host) -> list[logrotate.Stanza] | None:
    """Every stanza of logrotate's configuration, read once; None where it is not installed."""
    if not (host.exists("usr/sbin/logrotate") or host.exists("usr/bin/logrotate")):
        return None

    def included(path: str) -> Iterator[list[str]]:
        target = path.lstrip("/")
        status = host.stat(target)
        if status is not None and stat.S_ISREG(status.st_mode):
            yield host.lines(target)
        for name in host.names(target):
            if not name.endswith(_PASSED_OVER):
                yield host.lines(posixpath.join(target, name))

    main = "etc/logrotate.conf" if host.exists("etc/logrotate.conf") else "usr/etc/logrotate.conf"
    return host.once("logrotate stanzas", lambda: logrotate.parse(host.lines(main), included))


def _rotate_days(host: Host) -> int | None:
    stanzas = rotations(host) or []
    kept = [days for log in MAIN_LOGS if (days := logrotate.days_kept(stanzas, log)) is not None]
    return min(kept, default=None)


def _targets(host: Host, syslog: str, uploaded: str) -> list[str]:
    sent = [] if syslog == "none" else [sent.host for sent in syslog_config.read(host, syslog).sent]
    shown = [
        bounded(without_userinfo(name)) for name in dict.fromkeys(sent) if not syslog_config.is_here(name)
    ]
    return list(dict.fromkeys([*shown, *filter(None, [uploaded])]))[:MAX_TARGETS]


def _uploaded(host: Host) -> str:
    """Where systemd-journal-upload(8), switched on, sends to; "" for nowhere and for this machine."""
    if systemd.units(host).enabled("systemd-journal-upload.service") != "enabled":
        return ""
    url = told(host, "journal-upload.conf", "Upload").get("url")
    target = journald.upload_target(url) if url else ""
    return "" if not target or syslog_config.is_here(target) else bounded(without_userinfo(target))


def _oldest(host: Host) -> datetime | None:
    """The first entry of the oldest journal file, or the oldest old version of the main log, whichever is earlier."""
    found: list[datetime] = []
    for log in MAIN_LOGS:
        folder, _, name = log.lstrip("/").rpartition("/")
        for version in host.names(folder):
            status = host.stat(f"{folder}/{version}") if version.startswith(f"{name}") else None
            if status is not None and status.st_size and 0 < status.st_mtime < 1e11:
                found.append(datetime.fromtimestamp(int(status.st_mtime), UTC))
    try:
        found.extend(_journal_times(host))
    except CouldNotLook as error:
        if error.reason is not Reason.PERMISSION_DENIED:
            raise
    return min(found, default=None)


def _journal_times(host: Host) -> Iterator[datetime]:
    for machine in host.names("var/log/journal"):
        files = [name for name in host.names(f"var/log/journal/{machine}") if name.startswith("system")]
        for name in files[:_MAX_JOURNALS]:
            file = host.open(f"var/log/journal/{machine}/{name}")
            if file is None:
                continue
            with file:
                moment = journald.first_entry(os.read(file.fileno(), journald.HEADER_BYTES))
            if moment is not None:
                yield moment
