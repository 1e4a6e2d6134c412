"""Facts about what runs by itself at set times: cron, at, timers of systemd."""

from typing import Annotated, Literal

import msgspec

from .base import about, topic

Who = Literal["root", "listed", "all-but-listed", "all"]


class CronJob(msgspec.Struct, frozen=True):
    """One scheduled job, or a crontab that was not read. Its command line is not kept: it may hold passwords."""

    source: Annotated[str, about("The crontab, or the script in one of the periodic folders")]
    line: Annotated[int, about("Line in the crontab; 0 for a script, and for a crontab that was not read")]
    user: Annotated[str, about("Account that it runs as")]
    program: Annotated[str, about("First program that it names by its whole path; empty if none")]
    changeable: Annotated[
        list[str],
        about(
            "Programs and scripts it runs that others than root and that account may change, or put there",
            source="owners and permissions of the file and of every folder above it",
        ),
    ]
    fetches: Annotated[bool | None, about("It runs what it fetched from the network; none: not seen")]
    seen: Annotated[
        Literal["yes", "not-seen"],
        about(
            "not-seen: a user's crontab of over 256 KiB or 1,000 jobs, or a program closed even to root",
            unseen=("not-seen",),
        ),
    ] = "yes"


@topic("cron.jobs", privileged=True)
class CronJobs(msgspec.Struct, frozen=True):
    """Every job of cron and anacron."""

    installed: Annotated[bool, about("A cron daemon is installed")]
    jobs: Annotated[
        list[CronJob],
        about(
            "Jobs",
            source="etc/crontab; etc/cron.d; etc/cron.hourly … monthly; etc/anacrontab; var/spool/cron",
        ),
    ] = []


class CronSpool(msgspec.Struct, frozen=True):
    """The crontab of one user."""

    path: Annotated[str, about("Its path")]
    user: Annotated[str, about("User it is named after")]
    account: Annotated[
        bool | None,
        about(
            "There is such an account; none: not here, a central directory may have it",
            source="etc/passwd; etc/nsswitch.conf",
        ),
    ]
    own: Annotated[bool, about("It belongs to that user or to root, not to another account of this machine")]
    mode: Annotated[str, about("Permission bits, four octal digits")]
    open_to_others: Annotated[bool, about("Its group or everybody may read or write it")]


@topic("cron.access", privileged=True)
class CronAccess(msgspec.Struct, frozen=True):
    """Who may set up scheduled jobs (crontab(1), at.allow(5))."""

    cron: Annotated[bool, about("A cron daemon is installed")]
    cron_who: Annotated[
        Who,
        about(
            "Who may have a crontab: root only, those listed, all but those listed, all",
            source="etc/cron.allow; etc/cron.deny",
        ),
    ]
    cron_users: Annotated[list[str], about("Users listed in cron.allow")]
    cron_files_safe: Annotated[bool, about("Both files, if there, are root's and written by nobody else")]
    at: Annotated[bool, about("The at daemon is installed")]
    at_who: Annotated[Who, about("Who may use at", source="etc/at.allow; etc/at.deny")]
    at_users: Annotated[list[str], about("Users listed in at.allow")]
    at_files_safe: Annotated[bool, about("Both files, if there, are root's and written by nobody else")]
    crontabs: Annotated[list[CronSpool], about("Crontabs of users", source="var/spool/cron")] = []


class SystemdTimer(msgspec.Struct, frozen=True):
    """One timer of the system's manager."""

    name: Annotated[str, about("Unit")]
    enabled: Annotated[bool, about("It is switched on, or needs no switching on")]
    activates: Annotated[str, about("Unit that it starts", source="Unit=")]
    schedule: Annotated[list[str], about("When: OnCalendar= and its like")]
    programs: Annotated[list[str], about("Programs of that unit", source="ExecStart=")]
    changeable: Annotated[list[str], about("Those that others than root may change, or put there")]


@topic("systemd.timers")
class SystemdTimers(msgspec.Struct, frozen=True):
    """Every timer that has a unit file."""

    timers: Annotated[list[SystemdTimer], about("Timers by name", source="unit folders of systemd")]
