"""vnc.server: how desktops are reached by TigerVNC, from its two files for the whole machine.

Sources: tigervncserver(1) "FILES" and "OPTIONS" for Debian's Perl-like files (`$name = "value";`), vncsession(8) for
those of others (`name=value`); defaults of Xvnc(1).
"""

from __future__ import annotations

import re
from typing import Final

from vonggac_contract.facts.shares import VncServer

from ...formats.lines import significant, within
from ...host import Host
from ...untrusted import bounded

PROGRAMS: Final = ("usr/bin/Xvnc", "usr/bin/Xtigervnc")
DEFAULTS: Final = "etc/tigervnc/vncserver-config-defaults"
MANDATORY: Final = "etc/tigervnc/vncserver-config-mandatory"
_SETTING: Final = re.compile(r"\$?(\w{1,60})(?:\s*=\s*(.{0,2000}?))?\s*;?")


def parse(text: str) -> dict[str, str]:
    """Settings by name in lower case; a name alone is "yes". Raises ValueError for over `lines.MAX_LINES` lines."""
    found: dict[str, str] = {}
    for _, line in significant(within(text)):
        match = _SETTING.fullmatch(line)
        if match is not None and not match[1].isdigit():
            found[match[1].lower()] = "yes" if match[2] is None else match[2].strip("\"'").strip()
    return found


def describe(defaults: dict[str, str], mandatory: dict[str, str], *, debian: bool) -> VncServer:
    """The server by its files. `debian`: its wrapper keeps to loopback where nothing else is said."""
    both = {**defaults, **mandatory}
    types = [bounded(word.strip()) for word in both.get("securitytypes", "").split(",") if word.strip()][:50]
    # Debian's wrapper: loopback, unless the types encrypt and none of them goes without a password
    weak = not any(t.startswith(("TLS", "X509")) for t in types) or any(t.endswith("None") for t in types)
    default = "yes" if debian and weak else "no"
    local = both.get("localhost", default).lower() in ("yes", "true", "1", "on")
    if not types:
        types = ["VncAuth"] if local else ["VncAuth", "TLSVnc"]
    return VncServer(
        installed=True,
        local_only=local,
        security_types=types,
        mandatory="localhost" in mandatory or "securitytypes" in mandatory,
    )


def gather(host: Host, selector: tuple[str, ...]) -> tuple[VncServer, str]:
    """Topic vnc.server."""
    if not any(host.exists(program) for program in PROGRAMS):
        return VncServer(installed=False), DEFAULTS
    found = describe(
        parse(host.text(DEFAULTS) or ""),
        parse(host.text(MANDATORY) or ""),
        debian=host.exists("usr/bin/tigervncserver"),
    )
    return found, f"{DEFAULTS}, {MANDATORY}"
