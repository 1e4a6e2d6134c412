"""Facts about logs: who writes them, for how long they are kept, where they go; the audit trail."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from .base import about, topic


@topic("logging.state")
class LoggingState(msgspec.Struct, frozen=True):
    """Who writes logs, whether they survive a restart, how long they are kept, and whether they leave the machine."""

    journald: Annotated[bool, about("systemd-journald runs (or is installed, in a mounted root)")]
    journal_storage: Annotated[
        Literal["persistent", "volatile", "none", "absent"],
        about(
            "Where the journal goes: Storage=, and whether var/log/journal is there", source="journald.conf"
        ),
    ]
    journal_max_days: Annotated[
        int | None,
        about("MaxRetentionSec in days; none: bounded by size only", unit="days", source="journald.conf"),
    ]
    syslog: Annotated[Literal["rsyslog", "syslog-ng", "none"], about("Classic log daemon installed")]
    syslog_active: Annotated[bool, about("It runs (or is enabled, in a mounted root)")]
    rotate_days: Annotated[
        int | None,
        about(
            "Days the rotation of the main system log keeps; none if nothing rotates it",
            unit="days",
            source="etc/logrotate.conf, logrotate.d",
        ),
    ]
    retention_days: Annotated[
        int | None,
        about(
            "Days that a message is sure to be kept on this machine by either; none: nothing says so",
            unit="days",
        ),
    ]
    remote_targets: Annotated[
        list[str], about("Hosts that logs are sent to", source="rsyslog, syslog-ng, journal-upload")
    ]
    oldest_entry: Annotated[
        datetime | None, about("Time of the oldest log file kept", source="var/log", volatile=True)
    ] = None


@topic("audit.state", main="active")
class AuditState(msgspec.Struct, frozen=True):
    """The kernel's audit trail."""

    installed: Annotated[bool, about("auditd is installed")]
    active: Annotated[bool, about("auditd runs (or is enabled, in a mounted root)")]
    rules: Annotated[int, about("Rules in etc/audit/audit.rules and rules.d", source="etc/audit")]
