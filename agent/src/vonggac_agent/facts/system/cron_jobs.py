"""cron.jobs: scheduled jobs with the programs they run, and who else may change those. Crontabs are read by
`cron_syntax`; a job's command line stays there, because it may hold passwords.

Sources: cron(8) of Debian, cronie and SUSE (crontab, cron.d, spools); run-parts(8); anacron(8).
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.schedule import CronJob, CronJobs

from ...host import Host
from ...untrusted import as_text, bounded
from . import changeable, cron_syntax

DAEMONS: Final = ("usr/sbin/cron", "usr/sbin/crond", "sbin/crond", "usr/sbin/cronie")
PERIODIC: Final = ("etc/cron.hourly", "etc/cron.daily", "etc/cron.weekly", "etc/cron.monthly")
SPOOLS: Final = ("var/spool/cron/crontabs", "var/spool/cron/tabs", "var/spool/cron")
"""Crontabs of users on Debian, SUSE and Red Hat."""
MAX_OF_ONE: Final = 1000
"""Jobs of one user's crontab; the project's own figure, a hundred times what people have."""
_LEFT_OUT: Final = re.compile(
    r".*(?:~|\.bak|\.swp|,v|\.rpm(?:save|orig|new)|\.dpkg-[a-z]+|\.cfsaved)|\..*|.*#"
)
"""Names that cron and run-parts pass over."""


def installed(host: Host) -> bool:
    """A cron daemon is there."""
    return any(host.exists(daemon) for daemon in DAEMONS)


def spools(host: Host) -> Iterator[tuple[str, str]]:
    """Crontabs of users: the user and the file."""
    for folder in SPOOLS:
        for name in host.names(folder):
            path = f"{folder}/{name}"
            status = host.lstat(path)
            if status is not None and stat.S_ISREG(status.st_mode) and not name.startswith(("tmp.", ".")):
                yield as_text(name), path


class Crontab(NamedTuple):
    """A crontab. `user`: the one whose own it is, empty for the system's; `read`: False if that could not be done."""

    path: str
    jobs: list[cron_syntax.Job]
    user: str = ""
    read: bool = True


def crontabs(host: Host) -> Iterator[Crontab]:
    """Every crontab, those of users last; each job with the user that it runs as."""
    yield Crontab("etc/crontab", cron_syntax.crontab(host.text("etc/crontab") or "", with_user=True))
    for name in host.names("etc/cron.d"):
        path = f"etc/cron.d/{name}"
        status = host.stat(path)
        if status is not None and stat.S_ISREG(status.st_mode) and not _LEFT_OUT.fullmatch(name):
            yield Crontab(path, cron_syntax.crontab(host.text(path) or "", with_user=True))
    yield Crontab("etc/anacrontab", cron_syntax.anacrontab(host.text("etc/anacrontab") or ""))
    for user, path in spools(host):
        yield _of_user(host, user, path)


def _of_user(host: Host, user: str, path: str) -> Crontab:
    """What one user wrote beyond all bounds must not hide the jobs of the others."""
    try:
        jobs = cron_syntax.crontab(host.text(path) or "", with_user=False)
    except CouldNotLook as error:
        if error.reason is not Reason.TOO_LARGE:
            raise
        return Crontab(path, [], user, read=False)
    except ValueError:
        return Crontab(path, [], user, read=False)
    if len(jobs) > MAX_OF_ONE:
        return Crontab(path, [], user, read=False)
    return Crontab(path, [job._replace(user=user) for job in jobs], user)


def scripts(host: Host) -> Iterator[str]:
    """Scripts of the periodic folders that run-parts would run, absolute."""
    for folder in PERIODIC:
        for name in host.names(folder):
            status = host.stat(f"{folder}/{name}")
            if status is None or not stat.S_ISREG(status.st_mode) or _LEFT_OUT.fullmatch(name):
                continue
            if status.st_mode & 0o111:
                yield as_text(f"/{folder}/{name}")


def gather(host: Host, selector: tuple[str, ...]) -> tuple[CronJobs, str]:
    """Topic cron.jobs. Raises CouldNotLook(permission-denied): the crontabs of users are closed to others."""
    if not installed(host):
        return CronJobs(installed=False), DAEMONS[0]
    users = changeable.numbers_by_name(host)
    found: list[CronJob] = []
    for crontab in crontabs(host):
        source = bounded(as_text("/" + crontab.path))
        if not crontab.read:
            found.append(CronJob(source, 0, bounded(crontab.user), "", [], fetches=None, seen="not-seen"))
        found.extend(_job(host, source, job, users) for job in crontab.jobs)
        if len(found) > limits.MAX_FACT_LIST:
            raise ValueError(f"over {limits.MAX_FACT_LIST} scheduled jobs")
    for script in scripts(host):
        open_to = [bounded(script)] if changeable.by_others(host, script) else []
        found.append(CronJob(bounded(script), 0, "root", bounded(script), open_to, fetches=False))
    return (
        CronJobs(installed=True, jobs=found[: limits.MAX_FACT_LIST]),
        "etc/crontab, cron.d, anacrontab, cron.*, var/spool/cron",
    )


def _job(host: Host, source: str, job: cron_syntax.Job, users: dict[str, int]) -> CronJob:
    programs = cron_syntax.programs(job.command)
    uid = users.get(job.user, 0)
    seen: Literal["yes", "not-seen"] = "yes"
    open_to: list[str] = []
    try:
        open_to += [bounded(p) for p in programs if changeable.by_others(host, p, uid)]
    except CouldNotLook as error:
        if error.reason is Reason.TIMED_OUT:
            raise
        seen = "not-seen"
    return CronJob(
        source,
        job.line,
        bounded(job.user),
        bounded(programs[0]) if programs else "",
        open_to,
        cron_syntax.runs_what_it_fetched(job.command),
        seen,
    )
