"""dhcp.server: DHCP servers of this machine, and whether they log who gets which address.

Sources: dhcpd(8), dhcpd.conf(5) (it logs leases to syslog; `log-facility` says under which facility); Kea's manual,
"Logging" (severity INFO and DEBUG hold leases); dnsmasq(8) --dhcp-range, --quiet-dhcp.
"""

from __future__ import annotations

import re
from typing import Any, Final

from vonggac_contract.facts.monitoring import DhcpServer, DhcpServers

from ...formats import directives, documents
from ...host import Host
from ..system import processes

KEA: Final = "etc/kea/kea-dhcp4.conf"
DHCPD: Final = ("etc/dhcp/dhcpd.conf", "etc/dhcpd.conf")
DNSMASQ: Final = "etc/dnsmasq.conf"
MAX_FILES: Final = 200
_COMMENT: Final = re.compile(
    r'("[^"\\]*+(?:\\.?+[^"\\]*+)*+"?+)|//[^\n]*+|#[^\n]*+|/\*[^*]*+\**+(?:[^*/][^*]*+\**+)*+(?:/|\Z)',
    re.DOTALL,
)
_COMMA: Final = re.compile(r'("[^"\\]*+(?:\\.?+[^"\\]*+)*+"?+)|,(?=\s*+[}\]])', re.DOTALL)
_LOGGERS: Final = ("kea-dhcp4", "kea-dhcp4.leases", "root", "*")


def kea_document(text: str) -> Any:
    """Kea's configuration: JSON with comments of three kinds and a comma too many. Raises ValueError: not JSON."""
    for left_out in (_COMMENT, _COMMA):
        text = left_out.sub(lambda match: match[1] or " ", text)
    return documents.parse_json(text)


def kea_logs(document: Any) -> bool:
    """One of its loggers writes messages of INFO or DEBUG somewhere; without any, Kea logs INFO to its output."""
    server = document.get("Dhcp4", {}) if isinstance(document, dict) else {}
    loggers = documents.at(server, "/loggers/*")
    # Kea before 1.7 had them beside the server.
    loggers = loggers or documents.at(document, "/Logging/loggers/*")
    told = [entry for entry in loggers if isinstance(entry, dict) and entry.get("name") in _LOGGERS]
    return not told or any(str(entry.get("severity", "INFO")).upper() in ("INFO", "DEBUG") for entry in told)


def dnsmasq_settings(texts: list[str]) -> set[str]:
    """Names of the options that are set."""
    return {
        directive.name for text in texts for directive in directives.parse(text, equals=True, inline=True)
    }


def _dnsmasq(host: Host) -> set[str]:
    names = [
        n for n in host.names("etc/dnsmasq.d") if not n.endswith(("~", ".dpkg-old", ".dpkg-dist", ".bak"))
    ]
    paths = [DNSMASQ, *(f"etc/dnsmasq.d/{name}" for name in names[:MAX_FILES] if not name.startswith("."))]
    return dnsmasq_settings([host.text(path) or "" for path in paths])


def _dhcpd_logs(host: Host) -> bool:
    """Unless `log-facility` sends its messages where nobody keeps them, they go to the system log."""
    text = next((text for path in DHCPD if (text := host.text(path)) is not None), "")
    return not re.search(r"(?m)^[ \t]*+log-facility\s++none\b", text)


def gather(host: Host, selector: tuple[str, ...]) -> tuple[DhcpServers, str]:
    """Topic dhcp.server."""
    found: list[DhcpServer] = []
    if host.exists("usr/sbin/dhcpd"):
        units = ("isc-dhcp-server.service", "dhcpd.service")
        found.append(DhcpServer("isc-dhcpd", processes.active(host, ("dhcpd",), units), _dhcpd_logs(host)))
    if host.exists("usr/sbin/kea-dhcp4"):
        units = ("kea-dhcp4-server.service", "kea-dhcp4.service")
        text = host.text(KEA)
        logs = kea_logs(kea_document(text)) if text else True
        found.append(DhcpServer("kea", processes.active(host, ("kea-dhcp4",), units), logs))
    if host.exists("usr/sbin/dnsmasq"):
        told = _dnsmasq(host)
        if "dhcp-range" in told:
            active = processes.active(host, ("dnsmasq",), ("dnsmasq.service",))
            found.append(DhcpServer("dnsmasq", active, "quiet-dhcp" not in told))
    return DhcpServers(found), f"{DHCPD[0]}, {KEA}, {DNSMASQ}"
