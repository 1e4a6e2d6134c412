"""crypto.openssl: the oldest TLS and the security level that OpenSSL's configuration asks of every program.

Sources: config(5ssl): sections, `.include`, the chain openssl_conf, ssl_conf, system_default; SSL_CONF_cmd(3)
MinProtocol and CipherString; SSL_CTX_set_security_level(3) for @SECLEVEL.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from vonggac_contract.facts.protection import OpensslDefaults

from ...formats import ini
from ...host import Host
from ...untrusted import bounded

FILES: Final = (
    "etc/ssl/openssl.cnf",
    "etc/pki/tls/openssl.cnf",
    "usr/lib/ssl/openssl.cnf",
    "etc/ssl3/openssl.cnf",
)
MAX_FILES: Final = 50
MAX_ENTRIES: Final = 50_000
_LEVEL: Final = re.compile(r"@SECLEVEL=([0-5])")
_INCLUDE: Final = ".include"


def joined(text: str, read: Callable[[str], list[str]]) -> str:
    """The text with what it includes put in its place; `read` gives the texts of a file or a folder by its path.

    Raises ValueError for over MAX_FILES files.
    """
    found: list[str] = []
    waiting = text.split("\n")[::-1]
    files = 0
    while waiting:
        line = waiting.pop()
        stripped = line.lstrip()
        if not stripped.startswith(_INCLUDE):
            found.append(line)
            continue
        path = stripped.removeprefix(_INCLUDE).lstrip().removeprefix("=").partition("#")[0].strip().strip('"')
        for included in reversed(read(path[:4_096])) if path else ():
            files += 1
            if files > MAX_FILES:
                raise ValueError(f"openssl.cnf includes over {MAX_FILES} files")
            waiting += included.split("\n")[::-1]
    return "\n".join(found)


def defaults(text: str) -> tuple[str, int | None]:
    """(MinProtocol of TLS or "", security level) of the section that openssl_conf, ssl_conf and system_default lead to.

    Raises ValueError for over MAX_ENTRIES settings.
    """
    entries = ini.parse(text, comments="#", inline=True)
    if len(entries) > MAX_ENTRIES:
        raise ValueError(f"openssl.cnf has over {MAX_ENTRIES} settings")
    section = ini.last(entries, "", "openssl_conf")
    for key in ("ssl_conf", "system_default"):
        section = None if section is None else ini.last(entries, section, key)
    if section is None:
        return "", None
    given = {
        entry.key.removeprefix("TLS.").lower(): entry.value for entry in entries if entry.section == section
    }
    levels = _LEVEL.findall(given.get("cipherstring", ""))
    return given.get("minprotocol", ""), int(levels[-1]) if levels else None


def gather(host: Host, selector: tuple[str, ...]) -> tuple[OpensslDefaults, str]:
    """Topic crypto.openssl."""

    def read(path: str) -> list[str]:
        names = [name for name in host.names(path) if name.endswith((".cnf", ".conf"))]
        paths = [f"{path}/{name}" for name in names] or [path]
        return [host.text(place) or "" for place in paths[: MAX_FILES + 1]]

    file = next((path for path in FILES if host.exists(path)), None)
    if file is None:
        return OpensslDefaults(found=False), FILES[0]
    protocol, level = defaults(joined(host.text(file) or "", read))
    return OpensslDefaults(found=True, min_protocol=bounded(protocol, 64), security_level=level), file
