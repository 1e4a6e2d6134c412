"""crypto.openssl: the oldest TLS and the security level that programs get which set nothing themselves.

Sources: config(5ssl), read by `formats.openssl_conf`: the chain openssl_conf, ssl_conf, system_default; SSL_CONF_cmd(3)
MinProtocol and CipherString; SSL_CTX_set_security_level(3) for @SECLEVEL. What is not set there is the library's own
choice (`built_in`): OpenSSL's CHANGES for 3.0 and 3.2, Debian's and Ubuntu's builds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.protection import OpensslDefaults

from ...formats import openssl_conf
from ...formats.ini import Entry
from ...host import Host
from ...untrusted import bounded
from ..packages import package_inventory
from ..system import os_release

FILES: Final = (
    "etc/ssl/openssl.cnf",
    "etc/pki/tls/openssl.cnf",
    "usr/lib/ssl/openssl.cnf",
    "etc/ssl3/openssl.cnf",
)
LIBRARIES: Final = ("libssl3", "libssl3t64", "libssl1.1", "openssl-libs", "libopenssl3", "libopenssl1_1")
"""Packages of the library: Debian and Ubuntu, the Red Hat family, SUSE."""
_VERSION: Final = re.compile(r"(?:[0-9]{1,3}:)?([0-9]{1,3})\.([0-9]{1,3})(?![0-9])")
_LEVEL: Final = re.compile(r"@SECLEVEL=([0-5])")


def defaults(entries: Iterable[Entry]) -> tuple[str, int | None]:
    """(MinProtocol of TLS or "", security level) of the section that openssl_conf, ssl_conf and system_default lead to.

    A module's name may have a suffix (`ssl_conf.1`), a command's a prefix (`1.MinProtocol`), and commands are carried
    out in their order: crypto/conf's module_run and SSL_CTX_config(3). Raises ValueError for what each program's
    environment decides.
    """
    sections: dict[str, dict[str, str]] = {}
    for entry in entries:
        section = sections.setdefault(entry.section, {})
        section.pop(entry.key, None)
        section[entry.key] = entry.value
    modules = sections.get(_certain(sections.get(openssl_conf.DEFAULT, {}).get("openssl_conf", "")), {})
    ssl = [
        value for key, value in modules.items() if key == "ssl_conf" or key.rpartition(".")[0] == "ssl_conf"
    ]
    named = sections.get(_certain(ssl[-1]), {}).get("system_default", "") if ssl else ""
    protocol, level = "", None
    for key, value in sections.get(_certain(named), {}).items():
        command = key.partition(".")[2] or key
        if command.lower() == "minprotocol" and not value.startswith("DTLS"):
            protocol = _certain(value)
        elif command.lower() == "cipherstring":
            levels = _LEVEL.findall(_certain(value))
            level = int(levels[-1]) if levels else level
    return protocol, level


def _certain(value: str) -> str:
    if openssl_conf.FROM_ENVIRONMENT in value:
        raise ValueError("openssl.cnf leaves it to the environment of each program")
    return value


def built_in(version: tuple[int, int], system: str, release: str) -> int:
    """The security level that the library was built with, by its (major, minor) and os-release's ID and VERSION_ID.

    1 until 3.1 and 2 from 3.2 on (CHANGES: "Changes between 3.1 and 3.2"); 2 in Debian's 3.0 and Ubuntu's since 20.04
    (-DOPENSSL_TLS_SECURITY_LEVEL=2, told by `openssl version -a`).
    """
    since = {"debian": (3, 0), "ubuntu": (1, 1) if release >= "20.04" else (3, 0)}.get(system, (3, 2))
    return 2 if version >= since else 1


def oldest(version: tuple[int, int], system: str, level: int) -> str:
    """The oldest TLS that the library speaks at `level` when no MinProtocol is set.

    3.0 and later: older than 1.2 only at level 0 (CHANGES: "Changes between 1.1.1 and 3.0.0"), or 1 where SHA-1 may be
    let in again (Red Hat's rh-allow-sha1-signatures); Ubuntu's 1.1.1: only below level 2 (debian/changelog of
    1.1.1d-2ubuntu1). Else TLSv1.
    """
    if version >= (3, 0):
        return "TLSv1.2" if level >= (1 if system in ("debian", "ubuntu") else 2) else "TLSv1"
    return "TLSv1.2" if system == "ubuntu" and level >= 2 else "TLSv1"


def _libraries(host: Host) -> list[tuple[int, int]]:
    """Versions of the libraries that are packages. Raises CouldNotLook(not-supported) if there is none."""
    installed = package_inventory.look(host).by_name
    found = [_VERSION.match(installed[name].version) for name in LIBRARIES if name in installed]
    versions = [(int(match[1]), int(match[2])) for match in found if match is not None]
    if not versions:
        raise CouldNotLook(Reason.NOT_SUPPORTED, "OpenSSL is no package here: its own defaults are not known")
    return versions


def _completed(host: Host, protocol: str, level: int | None) -> tuple[str, int]:
    """What the configuration leaves out, as the library has it; of several libraries the weakest."""
    system = os_release.look(host)[0]
    found: list[tuple[str, int]] = []
    for version in _libraries(host):
        here = built_in(version, system.id, system.version) if level is None else level
        found.append((protocol or oldest(version, system.id, here), here))
    return min(found, key=lambda each: (each[1], each[0]))


def spoken(host: Host, versions: list[str], ciphers: str, *, minimum: bool) -> list[str]:
    """Those of `versions` that a program speaks which was told no versions itself and has the cipher string `ciphers`.

    `minimum`: it heeds MinProtocol; nginx lifts it (SSL_CTX_set_min_proto_version to 0), which leaves the security
    level as a bound. All of them where OpenSSL's defaults are not known.
    """
    try:
        value, _ = host.once("crypto.openssl", lambda: gather(host, ()))
        system = os_release.look(host)[0].id
        libraries = _libraries(host)
    except CouldNotLook:
        return versions
    levels = _LEVEL.findall(ciphers)
    level = int(levels[-1]) if levels else value.security_level
    if level is None:
        return versions
    least = min(oldest(version, system, level) for version in libraries)
    least = max(least, value.min_protocol) if minimum else least
    return [version for version in versions if version >= least]


def gather(host: Host, selector: tuple[str, ...]) -> tuple[OpensslDefaults, str]:
    """Topic crypto.openssl. Raises CouldNotLook not-supported where the library has to be known and is no package."""

    def read(path: str) -> list[str]:
        names = [name for name in host.names(path) if name.endswith((".cnf", ".conf"))]
        paths = [f"{path}/{name}" for name in names] or [path]
        return [host.text(place) or "" for place in paths[: openssl_conf.MAX_FILES + 1]]

    file = next((path for path in FILES if host.exists(path)), None)
    if file is None:
        return OpensslDefaults(found=False), FILES[0]
    protocol, level = defaults(openssl_conf.parse(host.text(file) or "", read))
    if not protocol or level is None:
        protocol, level = _completed(host, protocol, level)
    return OpensslDefaults(found=True, min_protocol=bounded(protocol, 64), security_level=level), file
