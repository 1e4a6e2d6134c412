"""xrdp.server: how desktops are reached by RDP: xrdp.ini(5), sesman.ini(5)."""

from __future__ import annotations

from typing import Final, Literal

from vonggac_contract.facts.shares import XrdpServer

from ...formats import ini
from ...formats.lines import within
from ...host import Host
from ...untrusted import bounded

PROGRAMS: Final = ("usr/sbin/xrdp", "usr/local/sbin/xrdp")
CONFIG: Final = "etc/xrdp/xrdp.ini"
SESSIONS: Final = "etc/xrdp/sesman.ini"
Layer = Literal["tls", "rdp", "negotiate"]
LAYERS: Final[dict[str, Layer]] = {"tls": "tls", "rdp": "rdp", "negotiate": "negotiate"}
Level = Literal["none", "low", "medium", "high", "fips"]
LEVELS: Final[dict[str, Level]] = {name: name for name in ("none", "low", "medium", "high", "fips")}
PROTOCOLS: Final = ("TLSv1.2", "TLSv1.3")
"""ssl_protocols where none are set, xrdp.ini(5)."""
EVERY_ADDRESS: Final = frozenset({"", "0.0.0.0", "{::}", "{0:0:0:0:0:0:0:0}"})  # noqa: S104 - compared with
YES: Final = frozenset({"true", "yes", "1", "on"})


def parse(config: str, sessions: str) -> XrdpServer:
    """The server by its two files. Raises ValueError for over `lines.MAX_LINES` lines.

    A word that xrdp does not know counts as it does there: negotiate, high (xrdp.ini(5)).
    """
    top = {
        e.key: e.value for e in ini.parse(within(config), comments="#;", fold=True) if e.section == "globals"
    }
    by_section = {(e.section, e.key): e.value for e in ini.parse(within(sessions), comments="#;", fold=True)}
    protocols = [bounded(word.strip()) for word in top.get("ssl_protocols", "").split(",") if word.strip()]
    root = by_section.get(("security", "allowrootlogin"), "true").lower()
    return XrdpServer(
        installed=True,
        security_layer=LAYERS.get(top.get("security_layer", "").lower(), "negotiate"),
        crypt_level=LEVELS.get(top.get("crypt_level", "").lower(), "high"),
        protocols=protocols[:20] or list(PROTOCOLS),
        certificate=bool(top.get("certificate")),
        every_address=any(_open(port) for port in top.get("port", "3389").split() or ["3389"]),
        root_login=root in YES,
        login_tries=_number(by_section.get(("security", "maxloginretry"), "4")),
        sessions=_number(by_section.get(("sessions", "maxsessions"), "0")),
        idle_seconds=_number(by_section.get(("sessions", "idletimelimit"), "0")),
    )


def _open(port: str) -> bool:
    """A port alone, or tcp://:port, is open at every address; tcp://.:port at loopback, tcp://address:port at one."""
    kind, separator, rest = port.partition("://")
    if not separator:
        return True
    return kind.lower() in ("tcp", "tcp6") and rest.rpartition(":")[0] in EVERY_ADDRESS


def _number(text: str) -> int:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0


def gather(host: Host, selector: tuple[str, ...]) -> tuple[XrdpServer, str]:
    """Topic xrdp.server."""
    if not any(host.exists(program) for program in PROGRAMS):
        return XrdpServer(installed=False), CONFIG
    return parse(host.text(CONFIG) or "", host.text(SESSIONS) or ""), f"{CONFIG}, {SESSIONS}"
