"""time.sync: what keeps this machine's clock right, from which servers, and whether the kernel says that it works.

How far the clock is off is not measured here: the collector compares times. Formats: chrony.conf(5), timesyncd.conf(5),
ntp.conf(5), ntpd.conf(5).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.system import TimeSync

from ...formats import directives
from ...formats.directives import Directive
from ...host import Host
from ...kernel import clock
from ...untrusted import as_text, bounded, without_userinfo
from . import dropins, systemd

MAX_FILES: Final = 200
"""Files that one configuration may draw in."""


class Client(NamedTuple):
    """One program that sets the clock: how it is recognised."""

    name: str
    programs: tuple[str, ...]
    process: str
    """Its name in proc/<pid>/comm, at most 15 characters."""
    units: tuple[str, ...]
    marks: tuple[str, ...] = ()
    """Paths of which one must exist, where the program alone does not tell (ntpd has three makers)."""


CLIENTS: Final = (
    Client("chrony", ("usr/sbin/chronyd",), "chronyd", ("chrony.service", "chronyd.service")),
    Client(
        "systemd-timesyncd",
        ("usr/lib/systemd/systemd-timesyncd", "lib/systemd/systemd-timesyncd"),
        "systemd-timesyn",
        ("systemd-timesyncd.service",),
    ),
    Client("ntpsec", ("usr/sbin/ntpd",), "ntpd", ("ntpsec.service", "ntpd.service"), ("etc/ntpsec",)),
    Client("openntpd", ("usr/sbin/ntpd",), "ntpd", ("openntpd.service",), ("etc/openntpd", "etc/ntpd.conf")),
    Client("ntp", ("usr/sbin/ntpd",), "ntpd", ("ntp.service", "ntpd.service"), ("etc/ntp.conf",)),
)


def servers(text: str, words: tuple[str, ...]) -> list[str]:
    """The first argument of each directive named in `words`; comments as chrony and ntp know them are left out."""
    return [told.arguments[0] for told in parse(text) if told.name in words and told.arguments]


def parse(text: str) -> list[Directive]:
    """Every directive, names in lower case. Raises ValueError for over `lines.MAX_LINES` lines."""
    return directives.parse(text, comments="#!;%", inline=True)


def timesyncd_servers(texts: Iterable[str]) -> list[str]:
    """Servers of timesyncd.conf and its drop-ins in order: NTP=, or FallbackNTP= if that names none.

    They are read as one file, so that an empty value resets what earlier ones said.
    """
    time = systemd.sections(*texts).get("Time", {})
    return " ".join(time.get("ntp", [])).split() or " ".join(time.get("fallbackntp", [])).split()


def _chrony(host: Host) -> list[str]:
    texts: list[str] = []
    waiting = ["etc/chrony/chrony.conf", "etc/chrony.conf"]
    seen: set[str] = set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        if len(seen) > MAX_FILES:
            raise CouldNotLook(Reason.TOO_LARGE, f"chrony's configuration draws in over {MAX_FILES} files")
        text = host.text(path) or ""
        texts.append(text)
        for word, arguments, _ in parse(text):
            if word in ("confdir", "sourcedir"):
                ending = ".conf" if word == "confdir" else ".sources"
                for folder in arguments:
                    waiting += [f"{folder}/{name}" for name in host.names(folder) if name.endswith(ending)]
            elif word == "include" and arguments:
                waiting += host.glob(arguments[0])
    return texts


def _timesyncd(host: Host) -> list[str]:
    return [host.text(path) or "" for path in dropins.configuration(host, "systemd/timesyncd.conf")]


def _ntpd(host: Host) -> list[str]:
    folder = "etc/ntpsec/ntp.d"
    extra = [f"{folder}/{name}" for name in host.names(folder) if name.endswith(".conf")]
    return [host.text(path) or "" for path in ("etc/ntp.conf", "etc/ntpsec/ntp.conf", *extra[:MAX_FILES])]


def _openntpd(host: Host) -> list[str]:
    return [host.text(path) or "" for path in ("etc/openntpd/ntpd.conf", "etc/ntpd.conf")]


_CONFIGURATIONS: Final = {
    "chrony": _chrony,
    "systemd-timesyncd": _timesyncd,
    "ntpsec": _ntpd,
    "openntpd": _openntpd,
    "ntp": _ntpd,
}


def configuration(host: Host, client: str) -> list[str]:
    """The texts of a client's configuration with all that it draws in, read once."""
    return host.once(f"configuration of {client}", lambda: _CONFIGURATIONS[client](host))


def _servers(host: Host, client: str) -> list[str]:
    texts = configuration(host, client)
    if client == "systemd-timesyncd":
        return timesyncd_servers(texts)
    words = ("server", "servers") if client == "openntpd" else ("server", "pool", "peer")
    return [server for text in texts for server in servers(text, words)]


def installed(host: Host) -> list[Client]:
    """The clients that are there."""
    found: list[Client] = []
    for client in CLIENTS:
        there = any(host.exists(program) for program in client.programs)
        marked = not client.marks or any(host.exists(mark) for mark in client.marks)
        # One ntpd has one maker: the first that matches; a configuration left by another does not count.
        if there and marked and not any(known.process == client.process for known in found):
            found.append(client)
    return found


def active(host: Host) -> list[str]:
    """Those that run now; for a mounted root those that are enabled."""
    clients = installed(host)
    if not host.live:
        units = systemd.units(host)
        return [c.name for c in clients if any(units.enabled(unit) == "enabled" for unit in c.units)]
    if host.text("proc/1/comm", limit=4096) is None:
        raise CouldNotLook(
            Reason.PERMISSION_DENIED, "processes of others are hidden (proc mounted with hidepid)"
        )
    running = {
        (host.text(f"proc/{name}/comm", limit=4096) or "").strip()
        for name in host.names("proc", limit=limits.MAX_FACT_LIST * 10)
        if name.isdigit()
    }
    return [client.name for client in clients if client.process in running]


def gather(host: Host, selector: tuple[str, ...]) -> tuple[TimeSync, str]:
    """Topic time.sync."""
    clients = installed(host)
    named: dict[str, None] = {}
    for client in clients:
        named |= dict.fromkeys(
            bounded(without_userinfo(as_text(server))) for server in _servers(host, client.name)
        )
    return (
        TimeSync(
            clients=[client.name for client in clients],
            active=active(host),
            servers=list(named)[: limits.MAX_FACT_LIST],
            synchronised=host.told(clock.synchronised) if host.live else None,
        ),
        "programs, proc/*/comm, configuration files, adjtimex",
    )
