"""Facts about what watches: logs and their retention, audit, protection against malware, mandatory access control."""

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


class MalwareProduct(msgspec.Struct, frozen=True):
    """One product that looks for malware."""

    name: Annotated[str, about("Product")]
    active: Annotated[bool, about("Its service runs (or is enabled, in a mounted root)")]
    on_access: Annotated[bool, about("It looks at files when they are opened, not only on demand")]
    signatures: Annotated[
        datetime | None, about("Date of its signatures, if it has any that can be seen")
    ] = None


@topic("malware.protection")
class MalwareProtection(msgspec.Struct, frozen=True):
    """Products known by their packages, units or programs."""

    products: Annotated[list[MalwareProduct], about("Products found", source="packages, units, programs")]
    active: Annotated[bool, about("At least one runs")]


@topic("mac.state", main="enforcing")
class MandatoryAccess(msgspec.Struct, frozen=True):
    """SELinux or AppArmor."""

    system: Annotated[
        Literal["selinux", "apparmor", "none"],
        about("Which one is there", source="sys/fs/selinux; sys/module/apparmor"),
    ]
    enforcing: Annotated[bool, about("It forbids, not only reports")]
    profiles: Annotated[int, about("Loaded profiles that enforce (AppArmor)")] = 0
