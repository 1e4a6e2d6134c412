"""backup.jobs: what backs this machine up: scheduled commands and scripts, borgmatic, clients of central systems.

Commands are understood by `commands`, borgmatic's files by `borgmatic`. A backup that the hypervisor or the storage
makes of the machine from outside is not seen.

Sources: crontab(5), systemd.timer(5) "Persistent=" for the stamps of timers, anacron(8) for its own; the makers' guides
for the names of units.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.backup import BackupJob, BackupJobs

from ...host import Host
from ...untrusted import as_text, bounded
from ..system import cron_jobs, cron_syntax, systemd, systemd_timers
from . import borgmatic, commands

CLIENTS: Final = {
    "bacula": ("bacula-fd.service",),
    "bareos": ("bareos-fd.service", "bareos-filedaemon.service"),
    "amanda": ("amanda.socket", "amanda-udp.socket"),
    "veeam": ("veeamservice.service", "veeamdeployment.service"),
    "urbackup": ("urbackupclientbackend.service",),
    "acronis": ("acronis_mms.service",),
    "commvault": ("commvault.service",),
    "netbackup": ("netbackup.service", "vxpbx_exchanged.service"),
    "spectrum-protect": ("dsmcad.service",),
    "networker": ("networker.service",),
    "avamar": ("avagent.service",),
    "cohesity": ("cohesity-agent.service",),
    "synology-active-backup": ("synosnap.service", "abackup-client.service"),
    "nakivo": ("nkv-bhsvc.service",),
}
"""Clients that a central backup system commands, by their units."""
FILE_DAEMONS: Final = {
    "bacula": "etc/bacula/bacula-fd.conf",
    "bareos": "etc/bareos/bareos-fd.d/client/myself.conf",
}
_PKI: Final = re.compile(r"(?im)^\s*PKI\s*Encryption\s*=\s*(?:yes|true|1|on)\b")
_NOT_ONES_OWN: Final = ("/bin/", "/sbin/", "/lib", "/usr/bin/", "/usr/sbin/", "/usr/lib", "/usr/share/")
"""Where programs and scripts of packages lie; dpkg's copy of its own database is no backup of the machine."""
SCRIPT_BYTES: Final = 64 * limits.KIB
MAX_SCRIPTS: Final = 500
BORGMATIC: Final = ("etc/borgmatic/config.yaml", "etc/borgmatic.d/*.yaml")


class _Started(NamedTuple):
    """Something that starts by itself: where it is written down, its name, its text (None: not read), its last run."""

    place: str
    name: str
    text: str | None
    last: datetime | None


def gather(host: Host, selector: tuple[str, ...]) -> tuple[BackupJobs, str]:
    """Topic backup.jobs. Raises CouldNotLook(permission-denied): the crontabs of users are closed to others."""
    crontabs = list(cron_jobs.crontabs(host))
    of_users = [item for crontab in crontabs if crontab.user for item in _of_crontab(crontab)]
    of_system = [item for crontab in crontabs if not crontab.user for item in _of_crontab(crontab)]
    # Those of users last: what they name uses up nothing that the system's own would need.
    started = [*of_system, *_of_folders(host), *_of_timers(host), *of_users]
    found: dict[tuple[str, str], BackupJob] = {}
    for job in (*_by_commands(host, started), *_by_borgmatic(host, started), *_clients(host)):
        found.setdefault((job.tool, job.place), job)
    return (
        BackupJobs(list(found.values())[: limits.MAX_FACT_LIST]),
        "crontabs, timers, etc/borgmatic, units of backup clients",
    )


def _of_crontab(crontab: cron_jobs.Crontab) -> Iterator[_Started]:
    place = as_text(f"/{crontab.path}")
    if not crontab.read:
        yield _Started(place, "", None, None)
    for job in crontab.jobs:
        yield _Started(place, place.rpartition("/")[2], job.command, None)


def _of_folders(host: Host) -> Iterator[_Started]:
    for folder in cron_jobs.PERIODIC:
        last = _anacron_stamp(host, folder.rpartition("/")[2])
        for name in host.names(folder):
            path = f"{folder}/{name}"
            status = host.stat(path)
            if status is not None and stat.S_ISREG(status.st_mode) and status.st_mode & 0o111:
                yield _Started(as_text(f"/{path}"), as_text(name), _script(host, path), last)


def _anacron_stamp(host: Host, name: str) -> datetime | None:
    """anacron's own note of the day on which it last ran a job: YYYYMMDD."""
    word = (host.text(f"var/spool/anacron/{name}", limit=256) or "").strip()
    try:
        return datetime.strptime(word, "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return None


def _of_timers(host: Host) -> Iterator[_Started]:
    units = systemd.units(host)
    for name in systemd_timers.names(host):
        if units.enabled(name) not in ("enabled", "static"):
            continue
        timer = systemd.sections(units.text(name)).get("Timer", {})
        service = (timer.get("unit") or [name.removesuffix(".timer") + ".service"])[-1]
        told = systemd.sections(*units.texts(service)).get("Service", {})
        lines = [*told.get("environment", []), *told.get("execstartpre", []), *told.get("execstart", [])]
        files = "\n".join(_script(host, path.lstrip("-")) for path in told.get("environmentfile", [])[:5])
        text = "\n".join(line.lstrip("-@:+!|") for line in lines)
        yield _Started(name, service, f"{files}\n{text}", _timer_stamp(host, name))


def _timer_stamp(host: Host, name: str) -> datetime | None:
    status = host.stat(f"var/lib/systemd/timers/stamp-{name}")
    return None if status is None else datetime.fromtimestamp(int(status.st_mtime), UTC)


def _script(host: Host, path: str) -> str:
    """The text of a script; empty for a program, something large or nothing."""
    status = host.stat(path)
    if status is None or not stat.S_ISREG(status.st_mode) or status.st_size > SCRIPT_BYTES:
        return ""
    raw = host.read(path, limit=SCRIPT_BYTES * 2) or b""
    return "" if raw.startswith(b"\x7fELF") else as_text(raw)


def _by_commands(host: Host, started: list[_Started]) -> Iterator[BackupJob]:
    """Jobs by their commands; one that stands for what it may be where something could not be read."""
    room = iter(range(MAX_SCRIPTS))
    for item in started:
        try:
            found = [
                _job(host, item, place, command, text)
                for place, name, text in _texts(host, item, room)
                for command in commands.commands(text, name=name)
                if command.tool != "borgmatic"
            ]
        except CouldNotLook as error:
            if error.reason is Reason.TIMED_OUT:
                raise
            yield BackupJob(
                "not-seen", bounded(item.place), scheduled=None, central=None, secret_exposed=None
            )
        else:
            yield from found


def _texts(host: Host, item: _Started, room: Iterator[int]) -> Iterator[tuple[str, str, str]]:
    """Place, name and text of what is started, and of the scripts it names while there is `room` for them.

    Raises CouldNotLook: too-large for a crontab that was not read, and with no room left; as `Host.read` does.
    """
    if item.text is None:
        raise CouldNotLook(Reason.TOO_LARGE, f"{item.place} was not read")
    yield item.place, item.name, item.text
    for line in item.text.split("\n")[:200]:
        for path in cron_syntax.programs(line[: commands.MAX_LINE]):
            if not path.startswith(_NOT_ONES_OWN):
                if next(room, None) is None:
                    raise CouldNotLook(Reason.TOO_LARGE, f"over {MAX_SCRIPTS} scripts")
                yield path, path.rpartition("/")[2], _script(host, path)


def _job(host: Host, item: _Started, place: str, command: commands.Command, text: str) -> BackupJob:
    versions = command.versions
    if command.tool == "rsnapshot":
        versions = commands.rsnapshot_versions(host.text("etc/rsnapshot.conf") or "")
    return BackupJob(
        tool=command.tool,
        place=bounded(place),
        scheduled=True,
        central=False,
        remote=command.remote,
        encrypted=command.encrypted,
        versions=versions,
        secret_exposed=commands.has_secret(text) and _open_to_all(host, place),
        last_started=item.last,
    )


def _open_to_all(host: Host, place: str) -> bool:
    status = host.stat(place) if place.startswith("/") else None
    return status is not None and bool(status.st_mode & 0o004)


def _by_borgmatic(host: Host, started: list[_Started]) -> Iterator[BackupJob]:
    runs = next(
        (s for s in started if any(c.tool == "borgmatic" for c in commands.commands(s.text or ""))), None
    )
    for path in (path for pattern in BORGMATIC for path in host.glob(pattern)):
        text = host.text(path)
        if text is not None:
            settings = borgmatic.parse(text)
            yield BackupJob(
                tool="borgmatic",
                place=bounded(as_text("/" + path.lstrip("/"))),
                scheduled=runs is not None,
                central=False,
                remote=settings.remote,
                encrypted=settings.encrypted,
                versions=settings.versions,
                secret_exposed=settings.has_secret and _open_to_all(host, "/" + path.lstrip("/")),
                last_started=None if runs is None else runs.last,
            )


def _clients(host: Host) -> Iterator[BackupJob]:
    units = systemd.units(host)
    for tool, names in CLIENTS.items():
        unit = next((name for name in names if units.enabled(name) == "enabled"), None)
        if unit is not None:
            path = FILE_DAEMONS.get(tool)
            text = None if path is None else host.text(path)
            encrypted = None if text is None else _PKI.search(text) is not None
            yield BackupJob(tool, unit, scheduled=True, central=True, remote=True, encrypted=encrypted)
