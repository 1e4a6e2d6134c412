"""syslog.config: what the classic log daemon writes, sends and takes in. How it is written down is read by
`rsyslog_syntax` and `syslog_ng_syntax`; for how long logs are kept is told by `logging_state`.
"""

from __future__ import annotations

import ipaddress
import posixpath
from collections.abc import Iterator
from typing import Final, Literal

from vonggac_contract import limits
from vonggac_contract.facts.logs import LogFile, LogListener, LogTarget, SyslogConfig

from ...host import Host
from ...untrusted import bounded, without_userinfo
from ..system import processes, systemd
from . import rsyslog_syntax, syslog_ng_syntax

SYSLOG: Final[dict[Literal["rsyslog", "syslog-ng"], tuple[tuple[str, ...], str, str]]] = {
    "rsyslog": (("usr/sbin/rsyslogd", "sbin/rsyslogd"), "rsyslogd", "rsyslog.service"),
    "syslog-ng": (("usr/sbin/syslog-ng", "sbin/syslog-ng"), "syslog-ng", "syslog-ng.service"),
}
"""Programs, process name and unit of each log daemon."""
FILES: Final = {"rsyslog": "etc/rsyslog.conf", "syslog-ng": "etc/syslog-ng/syslog-ng.conf"}
_LOW: Final = frozenset(("rsyslog_traditionalfileformat", "rsyslog_traditionalforwardformat"))
"""Formats whose time has no year and no zone (rsyslog's manual, "Reserved template names")."""


def daemon(host: Host) -> tuple[Literal["rsyslog", "syslog-ng", "none"], bool]:
    """The classic log daemon that runs, else one that is installed; and whether it runs."""
    present: Literal["rsyslog", "syslog-ng", "none"] = "none"
    for name, (programs, process, unit) in SYSLOG.items():
        if any(host.exists(program) for program in programs):
            if processes.active(host, (process,), (unit,)):
                return name, True
            present = name if present == "none" else present
    return present, False


def is_here(host: str) -> bool:
    """The name or address is this machine's own loopback."""
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0]).is_loopback
    except ValueError:
        return host.lower() in ("localhost", "ip6-localhost", "localhost.localdomain")


def read(host: Host, name: str) -> rsyslog_syntax.Config:
    """The configuration of the daemon `name` of `FILES` with all that it includes, read once."""
    path = FILES[name]

    def texts(pattern: str) -> Iterator[str]:
        for found in host.glob(posixpath.join("/", posixpath.dirname(path), pattern)):
            yield host.text(found) or ""

    def parsed() -> rsyslog_syntax.Config:
        text = host.text(path) or ""
        if name == "rsyslog":
            return rsyslog_syntax.parse(text, texts, _umask(host))
        return syslog_ng_syntax.parse(text, texts)

    return host.once(f"{name} configuration", parsed)


def _umask(host: Host) -> int:
    """UMask= of rsyslog.service with its drop-ins; 0022 where it says none (systemd.exec(5)), 0 without a unit."""
    units, unit = systemd.units(host), SYSLOG["rsyslog"][2]
    told = systemd.last_values(units.texts(unit), "Service").get("umask", "")
    return rsyslog_syntax.octal(told, 0o022 if units.exists(unit) else 0)


def gather(host: Host, selector: tuple[str, ...]) -> tuple[SyslogConfig, str]:
    """Topic syslog.config."""
    name, active = daemon(host)
    if name == "none":
        return SyslogConfig(daemon="none", active=False), "usr/sbin"
    config = read(host, name)
    most = limits.MAX_FACT_LIST
    return (
        SyslogConfig(
            daemon=name,
            active=active,
            files=[
                LogFile(bounded(w.path), bounded(w.selector), f"{w.mode:04o}", bool(w.mode & 0o007))
                for w in config.written[:most]
            ],
            targets=[
                LogTarget(
                    bounded(without_userinfo(s.host)),
                    bounded(s.port),
                    bounded(s.protocol),
                    s.tls,
                    s.verified,
                    s.queued,
                    bounded(s.selector),
                    s.auth,
                    s.authpriv,
                )
                for s in config.sent[:most]
                if not is_here(s.host)
            ],
            listeners=[
                LogListener(bounded(h.protocol), bounded(h.port), bounded(h.address), h.tls)
                for h in config.heard[:most]
                if not is_here(h.address)
            ],
            full_time=config.template.lower() not in _LOW,
        ),
        FILES[name],
    )
