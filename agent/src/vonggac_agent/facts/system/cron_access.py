"""cron.access: who may set up scheduled jobs, and who may touch the crontabs of users.

Sources: crontab(1) of Debian's cron and of cronie, at.allow(5). Without either file Debian's cron lets everybody in,
cronie and at only root.
"""

from __future__ import annotations

import stat
from typing import Final, Literal

from vonggac_contract import limits
from vonggac_contract.facts.schedule import CronAccess, CronSpool

from ...host import Host
from ...untrusted import as_text, bounded
from ..access import account_central
from . import changeable, cron_jobs

AT: Final = ("usr/sbin/atd", "sbin/atd")
Who = Literal["root", "listed", "all-but-listed", "all"]


def who(allow: list[str] | None, deny: list[str] | None, *, neither: Who) -> Who:
    """Who is let in by the lines of the two files; None for a file that is not there. `allow` hides `deny`."""
    if allow is not None:
        return "listed" if set(allow) - {"root"} else "root"
    if deny is not None:
        return "all-but-listed" if deny else "all"
    return neither


def _names(host: Host, path: str) -> list[str] | None:
    if not host.exists(path):
        return None
    return [bounded(line.strip()) for line in host.lines(path) if line.strip() and not line.startswith("#")]


def _safe(host: Host, *paths: str) -> bool:
    """Of the files that are there each is root's, and nobody else may write it."""
    for path in paths:
        status = host.stat(path)
        if status is not None and (status.st_uid != 0 or status.st_mode & 0o022):
            return False
    return True


def gather(host: Host, selector: tuple[str, ...]) -> tuple[CronAccess, str]:
    """Topic cron.access."""
    allow, deny = _names(host, "etc/cron.allow"), _names(host, "etc/cron.deny")
    at_allow, at_deny = _names(host, "etc/at.allow"), _names(host, "etc/at.deny")
    users = changeable.numbers_by_name(host)
    switch = next((text for path in account_central.NSSWITCH if (text := host.text(path)) is not None), "")
    elsewhere = bool(account_central.services(switch))
    crontabs: list[CronSpool] = []
    for user, path in cron_jobs.spools(host):
        status = host.lstat(path)
        if status is not None:
            crontabs.append(
                CronSpool(
                    path=bounded(as_text("/" + path)),
                    user=bounded(user),
                    account=user in users or (None if elsewhere else False),
                    own=status.st_uid in (0, users.get(user, 0))
                    or (elsewhere and user not in users and status.st_uid not in users.values()),
                    mode=f"{stat.S_IMODE(status.st_mode):04o}",
                    open_to_others=bool(status.st_mode & 0o066),
                )
            )
    at_all: Who = "all" if at_deny == [] else "root"
    return (
        CronAccess(
            cron=cron_jobs.installed(host),
            cron_who=who(allow, deny, neither="all" if host.exists("etc/debian_version") else "root"),
            cron_users=(allow or [])[: limits.MAX_FACT_LIST],
            cron_files_safe=_safe(host, "etc/cron.allow", "etc/cron.deny"),
            at=any(host.exists(path) for path in AT),
            at_who=who(at_allow, at_deny, neither=at_all),
            at_users=(at_allow or [])[: limits.MAX_FACT_LIST],
            at_files_safe=_safe(host, "etc/at.allow", "etc/at.deny"),
            crontabs=crontabs[: limits.MAX_FACT_LIST],
        ),
        "etc/cron.allow, cron.deny, at.allow, at.deny; var/spool/cron",
    )
