"""Facts about backups: what makes them, when, and what becomes of the copies."""

from datetime import datetime
from typing import Annotated, Final

import msgspec

from .base import about, topic

EVERY_VERSION: Final = 1000
"""Stands for "nothing is thinned out" among the versions of a job."""


class BackupJob(msgspec.Struct, frozen=True):
    """One job that makes backups of this machine, one client of a central backup system, or a crontab not read."""

    tool: Annotated[
        str,
        about(
            "restic, borg, borgmatic, rsnapshot, duplicity, bacula, veeam, …; not-seen: whatever is started there",
            unseen=("not-seen",),
        ),
    ]
    place: Annotated[str, about("File or unit that runs it")]
    scheduled: Annotated[
        bool | None,
        about("It starts by itself: cron, an enabled timer, or a backup server; none: not seen"),
    ]
    central: Annotated[
        bool | None, about("A central backup system's client, which that system commands; none: not seen")
    ]
    remote: Annotated[
        bool | None, about("The copy goes to another machine; none where the target can't be told")
    ] = None
    encrypted: Annotated[
        bool | None, about("The copy is encrypted before it is stored; none where it can't be told")
    ] = None
    versions: Annotated[
        int | None,
        about("Versions kept: 1 for a mere mirror, 1000 if none is ever thrown away; none: can't be told"),
    ] = None
    secret_exposed: Annotated[
        bool | None,
        about("A file with its password or key is readable by every user of the machine; none: not seen"),
    ] = False
    last_started: Annotated[
        datetime | None,
        about(
            "When it last started, where that leaves a trace",
            source="var/lib/systemd/timers; var/spool/anacron",
            volatile=True,
        ),
    ] = None


@topic("backup.jobs", main="jobs", privileged=True)
class BackupJobs(msgspec.Struct, frozen=True):
    """Jobs known by their programs; a script of one's own counts if it runs one of them, or if its name says backup."""

    jobs: Annotated[
        list[BackupJob],
        about(
            "By place",
            source="etc/crontab, etc/cron.*, var/spool/cron; timers; etc/borgmatic; units of backup clients",
        ),
    ]
