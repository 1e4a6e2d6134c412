"""integrity.tool: programs that compare files with what they were, whether they have something to compare with, and
whether anything starts them.

Sources: aide(1) and the packages of Debian (dailyaidecheck.timer, cron.daily/aide), Red Hat and SUSE; twadmin(8);
samhain(8); the layout of Wazuh's and OSSEC's agents under var/ossec.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from vonggac_contract.facts.monitoring import IntegrityTool, IntegrityTools

from ...host import Host
from ..system import cron_jobs, cron_syntax, processes, systemd, systemd_timers


class Product(NamedTuple):
    """How one product is recognised. `service`: it runs by itself where its unit does."""

    name: str
    programs: tuple[str, ...]
    databases: tuple[str, ...]
    word: str
    """What the paths of programs and units that start it hold."""
    service: tuple[str, str] | None = None
    """Process and unit."""


PRODUCTS: Final = (
    Product(
        "aide",
        ("usr/bin/aide", "usr/sbin/aide"),
        ("var/lib/aide/aide.db", "var/lib/aide/aide.db.gz"),
        "aide",
    ),
    Product("tripwire", ("usr/sbin/tripwire",), ("var/lib/tripwire/*.twd",), "tripwire"),
    Product(
        "samhain",
        ("usr/sbin/samhain", "usr/local/sbin/samhain"),
        ("var/lib/samhain/samhain_file", "var/state/samhain/samhain_file"),
        "samhain",
        ("samhain", "samhain.service"),
    ),
    Product(
        "wazuh-agent",
        ("var/ossec/bin/wazuh-syscheckd",),
        ("var/ossec/queue/fim/db/fim.db",),
        "wazuh",
        ("wazuh-syscheckd", "wazuh-agent.service"),
    ),
    Product(
        "ossec",
        ("var/ossec/bin/ossec-syscheckd",),
        ("var/ossec/queue/syscheck/*",),
        "ossec",
        ("ossec-syscheckd", "ossec.service"),
    ),
)


def _has_database(host: Host, product: Product) -> bool:
    for pattern in product.databases:
        for path in host.glob(pattern):
            status = host.stat(path)
            if status is not None and status.st_size > 0:
                return True
    return False


def _by_timer(host: Host, word: str) -> bool:
    units = systemd.units(host)
    for name in systemd_timers.names(host):
        if units.enabled(name) == "enabled":
            timer = systemd.sections(units.text(name)).get("Timer", {})
            started = (timer.get("unit") or [name.removesuffix(".timer") + ".service"])[-1]
            service = systemd.sections(units.text(started)).get("Service", {})
            if word in started or any(word in path for path in systemd_timers.programs(service)):
                return True
    return False


def _by_cron(host: Host, word: str) -> bool:
    units = systemd.units(host)
    if not any(units.enabled(unit) == "enabled" for unit in ("cron.service", "crond.service")):
        return False
    # Debian's daily script leaves it to the timer wherever systemd runs.
    scripts = (script for script in cron_jobs.scripts(host) if word in script.rpartition("/")[2])
    if any("/run/systemd/system" not in (host.text(script) or "") for script in scripts):
        return True
    return any(
        word in run.name
        for crontab in cron_jobs.crontabs(host)
        for job in crontab.jobs
        for run in cron_syntax.runs(job.command)
    )


def _scheduled(host: Host, product: Product) -> bool:
    if product.service is not None:
        process, unit = product.service
        if processes.active(host, (process,), (unit,)):
            return True
    return _by_timer(host, product.word) or _by_cron(host, product.word)


def gather(host: Host, selector: tuple[str, ...]) -> tuple[IntegrityTools, str]:
    """Topic integrity.tool. Raises CouldNotLook(permission-denied): databases and crontabs are closed to others."""
    found = [
        IntegrityTool(product.name, _has_database(host, product), _scheduled(host, product))
        for product in PRODUCTS
        if any(host.exists(program) for program in product.programs)
    ]
    return IntegrityTools(found), "programs, var/lib, unit files, cron"
