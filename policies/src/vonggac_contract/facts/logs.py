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
    journal_target: Annotated[
        str, about("Host that the whole journal is sent to; empty: none", source="journal-upload.conf")
    ] = ""
    oldest_entry: Annotated[
        datetime | None, about("Time of the oldest log file kept", source="var/log", volatile=True)
    ] = None


@topic("audit.state", main="active")
class AuditState(msgspec.Struct, frozen=True):
    """The kernel's audit trail."""

    installed: Annotated[bool, about("auditd is installed")]
    active: Annotated[bool, about("auditd runs (or is enabled, in a mounted root)")]
    rules: Annotated[int, about("Rules in etc/audit/audit.rules and rules.d", source="etc/audit")]


Access = Literal["r", "w", "x", "a"]


class AuditRule(msgspec.Struct, frozen=True):
    """One rule of the audit trail, as auditctl(8) would take it."""

    action: Annotated[str, about("always, never or possible")]
    filter: Annotated[str, about("Filter list: exit, task, user, exclude, filesystem")]
    path: Annotated[str, about("File or folder watched; empty for a rule on system calls alone")]
    permissions: Annotated[list[Access], about("Accesses: read, write, execute, attribute change")]
    architecture: Annotated[str, about("b64 or b32 if the rule names one")] = ""
    calls: Annotated[list[str], about("System calls, the first 64")] = []
    conditions: Annotated[list[str], about("What else is asked (auid>=1000)")] = []
    key: Annotated[str, about("Its key, to search by")] = ""


@topic("audit.rules", main="installed", privileged=True)
class AuditRules(msgspec.Struct, frozen=True):
    """The rules of the audit trail as they are loaded when the machine starts."""

    installed: Annotated[bool, about("auditd is installed")]
    rules: Annotated[
        list[AuditRule],
        about(
            "Rules in the order the kernel asks them", source="etc/audit/rules.d/*.rules, else audit.rules"
        ),
    ]
    suppressed: Annotated[
        bool,
        about("Nothing is recorded whatever the rules say: -e 0, or a rule never,task for all processes"),
    ]
    enabled: Annotated[
        int | None, about("Last -e: 0 off, 1 on, 2 on and locked until the next start; none: not said")
    ] = None
    failure: Annotated[
        int | None, about("Last -f: 0 silent, 1 printk, 2 panic when the trail fails; none: not said")
    ] = None
    backlog: Annotated[int | None, about("Last -b: events that may wait; none: not said", unit="events")] = (
        None
    )


@topic("audit.watch", selector=("path",), main="everybody", privileged=True)
class AuditWatch(msgspec.Struct, frozen=True):
    """What the audit rules record of one file or folder; a rule on a folder above counts."""

    exists: Annotated[bool, about("Something is at that path", source="stat(2)")]
    everybody: Annotated[
        list[Access],
        about(
            "Accesses recorded whoever makes them, services included", source="etc/audit/rules.d, audit.rules"
        ),
    ]
    people: Annotated[
        list[Access],
        about("Accesses recorded when made in somebody's login session (auid of 1000 and up)"),
    ]


@topic("audit.call", selector=("name",), main="people", privileged=True)
class AuditCall(msgspec.Struct, frozen=True):
    """Whether the audit rules record one system call, for every architecture that programs here can use.

    A call that this machine's kernel does not have counts as recorded.
    """

    exists: Annotated[bool, about("The machine has that call (arm64 and riscv64 lack open, unlink, chmod …)")]

    everybody: Annotated[bool, about("Recorded whoever makes it", source="etc/audit/rules.d, audit.rules")]
    people: Annotated[bool, about("Recorded when made in somebody's login session")]
    refused: Annotated[
        bool, about("Recorded at least when the kernel refused it with EACCES or EPERM to somebody logged in")
    ]
    architectures: Annotated[list[str], about("Sorts of calls asked for: b64, and b32 on x86-64")] = []


AuditAction = Literal[
    "ignore", "syslog", "rotate", "email", "exec", "suspend", "single", "halt", "keep_logs", "other"
]


@topic("audit.config", main="installed", privileged=True)
class AuditConfig(msgspec.Struct, frozen=True):
    """What auditd does with what it records (auditd.conf(5)); values left out are the daemon's own defaults."""

    installed: Annotated[bool, about("auditd is installed")]
    log_file: Annotated[str, about("Where it writes", source="etc/audit/auditd.conf log_file")] = ""
    log_group: Annotated[str, about("Group that may read the log", source="log_group")] = ""
    log_format: Annotated[
        Literal["raw", "enriched"],
        about("enriched: names beside the numbers of users and calls", source="log_format"),
    ] = "raw"
    node_name: Annotated[bool, about("Events carry this machine's name", source="name_format")] = False
    writes: Annotated[bool, about("It writes to disk", source="write_logs")] = False
    max_log_file: Annotated[int | None, about("Size of one file", unit="MiB", source="max_log_file")] = None
    max_log_file_action: Annotated[
        AuditAction, about("What it does when a file is full", source="max_log_file_action")
    ] = "ignore"
    kept: Annotated[
        int | None,
        about("max_log_file times num_logs where it rotates; none: it does not rotate", unit="MiB"),
    ] = None
    space_left: Annotated[
        int, about("Free room that makes it warn, MiB or per cent; 0: never", source="space_left")
    ] = 0
    space_left_action: Annotated[AuditAction, about("What it does then", source="space_left_action")] = (
        "ignore"
    )
    admin_space_left_action: Annotated[
        AuditAction, about("What it does when it is nearly full", source="admin_space_left_action")
    ] = "ignore"
    disk_full_action: Annotated[
        AuditAction, about("What it does when there is no room left", source="disk_full_action")
    ] = "ignore"
    disk_error_action: Annotated[
        AuditAction, about("What it does when writing fails", source="disk_error_action")
    ] = "ignore"
    remote: Annotated[
        str, about("Server that audisp-remote sends to, if it is switched on", source="audisp-remote.conf")
    ] = ""
    remote_encrypted: Annotated[bool, about("It sends by Kerberos, not in clear", source="transport")] = False
    to_syslog: Annotated[bool, about("Events go to the system log too", source="plugins.d/syslog.conf")] = (
        False
    )


class LogFile(msgspec.Struct, frozen=True):
    """One file that a log daemon writes."""

    path: Annotated[str, about("Its path, or the template that makes it")]
    selector: Annotated[str, about("What is written there, as the configuration says it")]
    mode: Annotated[str, about("Permissions that a new file gets, four octal digits")]
    open_to_all: Annotated[bool, about("These let everybody read, write or run it")]


class LogTarget(msgspec.Struct, frozen=True):
    """One place on the network that logs are sent to."""

    host: Annotated[str, about("Name or address")]
    port: Annotated[str, about("Port; empty for the daemon's usual one")]
    protocol: Annotated[str, about("udp, tcp or relp")]
    tls: Annotated[bool, about("Sent in TLS")]
    verified: Annotated[bool, about("The receiver's certificate is verified")]
    queued: Annotated[bool, about("What cannot be sent waits in a queue on disk")]
    selector: Annotated[str, about("What is sent there, as the configuration says it; empty: everything")] = (
        ""
    )
    auth: Annotated[
        bool | None,
        about("Facility auth goes there from info up; none: a filter that was not understood"),
    ] = None
    authpriv: Annotated[
        bool | None,
        about("Facility authpriv goes there from info up; none: a filter that was not understood"),
    ] = None


class LogListener(msgspec.Struct, frozen=True):
    """One socket on which logs of other machines are taken in."""

    protocol: Annotated[str, about("udp, tcp or relp")]
    port: Annotated[str, about("Port; empty for the daemon's usual one")]
    address: Annotated[str, about("Address listened on; empty for all")]
    tls: Annotated[bool, about("Only TLS is taken")]


@topic("syslog.config", main="daemon")
class SyslogConfig(msgspec.Struct, frozen=True):
    """What the classic log daemon writes, sends and takes in."""

    daemon: Annotated[
        Literal["rsyslog", "syslog-ng", "none"], about("The daemon that runs, else one installed")
    ]
    active: Annotated[bool, about("It runs (or is enabled, in a mounted root)")]
    files: Annotated[
        list[LogFile], about("Files it writes", source="etc/rsyslog.conf; etc/syslog-ng/syslog-ng.conf")
    ] = []
    targets: Annotated[list[LogTarget], about("Where it sends to, this machine left out")] = []
    listeners: Annotated[list[LogListener], about("Where it listens, loopback left out")] = []
    full_time: Annotated[
        bool, about("Lines carry year and time zone; rsyslog's traditional format has neither")
    ] = True


@topic("journald.config", main="storage")
class JournaldConfig(msgspec.Struct, frozen=True):
    """What systemd-journald is set to (journald.conf(5)), drop-ins included."""

    installed: Annotated[bool, about("systemd-journald is installed")]
    storage: Annotated[
        Literal["persistent", "volatile", "none", "absent"],
        about("Where the journal goes; absent without journald", source="Storage=; var/log/journal"),
    ] = "absent"
    compress: Annotated[bool, about("Large entries are compressed", source="Compress=")] = False
    seal: Annotated[bool, about("Sealing is allowed", source="Seal=")] = False
    sealing_key: Annotated[
        bool, about("A sealing key is there, without which nothing is sealed", source="var/log/journal/*/fss")
    ] = False
    forward_to_syslog: Annotated[
        bool | None,
        about("Entries go to the classic log daemon; none: not said", source="ForwardToSyslog="),
    ] = None
    system_max_use: Annotated[
        int | None,
        about("Most room on disk; none: a tenth, at most 4 GiB", unit="bytes", source="SystemMaxUse="),
    ] = None
    system_keep_free: Annotated[
        int | None, about("Room left to others; none: not said", unit="bytes", source="SystemKeepFree=")
    ] = None
    max_retention_days: Annotated[
        int | None, about("Days an entry is kept; none: by size only", unit="days", source="MaxRetentionSec=")
    ] = None
    rate_limit: Annotated[
        bool,
        about(
            "A service that floods the journal is cut off", source="RateLimitIntervalSec=, RateLimitBurst="
        ),
    ] = False


class LogRotation(msgspec.Struct, frozen=True):
    """How logrotate treats the logs of one stanza."""

    paths: Annotated[list[str], about("Patterns of the logs")]
    period: Annotated[str, about("hourly, daily, weekly, monthly, yearly; none if by size only")]
    days: Annotated[int, about("Days that a line is sure to stay; 0 where size rotates", unit="days")]
    compress: Annotated[bool, about("Old versions are compressed")]
    create_mode: Annotated[str, about("Permissions of the new file; empty: those of the old one")] = ""
    open_to_all: Annotated[bool, about("These let everybody read, write or run it")] = False


class UnrotatedLog(msgspec.Struct, frozen=True):
    """A log that grows for ever."""

    path: Annotated[str, about("Its path")]
    size: Annotated[int, about("Length now", unit="bytes", volatile=True)]


@topic("logrotate.config", main="installed", privileged=True)
class LogrotateConfig(msgspec.Struct, frozen=True):
    """Which logs are rotated, and whether something starts logrotate."""

    installed: Annotated[bool, about("logrotate is installed")]
    scheduled: Annotated[
        bool, about("Its timer is on, or cron starts it", source="logrotate.timer; etc/cron.daily/logrotate")
    ]
    rotations: Annotated[
        list[LogRotation], about("Stanzas in file order", source="etc/logrotate.conf; etc/logrotate.d")
    ] = []
    unrotated: Annotated[
        list[UnrotatedLog],
        about(
            "Logs under var/log that no stanza names; journal, audit and the like left out", source="var/log"
        ),
    ] = []


class StoredLog(msgspec.Struct, frozen=True):
    """One file under var/log."""

    path: Annotated[str, about("Its path")]
    owner: Annotated[str, about("Owner's name, or number")]
    group: Annotated[str, about("Group's name, or number")]
    mode: Annotated[str, about("Permission bits, four octal digits")]
    owned_by_person: Annotated[
        bool, about("The owner is an ordinary account", source="UID_MIN of login.defs")
    ]
    readable_by_all: Annotated[bool, about("Everybody may read it")]
    writable_by_all: Annotated[bool, about("Everybody may write it")]
    writable_by_group: Annotated[bool, about("A group other than root may write it")]


@topic("log.files", privileged=True)
class LogFiles(msgspec.Struct, frozen=True):
    """Every file under var/log; links are not followed."""

    files: Annotated[list[StoredLog], about("Files in order of their paths", source="lstat(2)")]


@topic("audit.kernel", main="state", privileged=True, live=True)
class AuditKernel(msgspec.Struct, frozen=True):
    """The audit trail as the running kernel has it."""

    state: Annotated[
        Literal["off", "on", "locked"],
        about("locked: on, not to be changed before the next start", source="auditctl -s"),
    ]
    rules: Annotated[int, about("Rules in force", source="auditctl -l")]
    daemon: Annotated[bool, about("A daemon takes the events; without one they go to the kernel's messages")]
    backlog_limit: Annotated[int | None, about("Events that may wait", unit="events")] = None
    lost: Annotated[int | None, about("Events lost since the start", unit="events", volatile=True)] = None
