"""ldap.server: OpenLDAP's slapd, from the LDIF files of slapd.d or from slapd.conf(5). Entries are not read.

Sources: slapd-config(5) and slapd.conf(5) "disallow", "require", "security", "TLSProtocolMin"; ldif(5).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Final

from vonggac_contract import limits
from vonggac_contract.facts.network import LdapServer

from ...formats import assignments, directives
from ...formats.lines import split, within
from ...host import Host
from ...untrusted import as_text

PROGRAMS: Final = ("usr/sbin/slapd", "usr/libexec/slapd", "usr/lib/openldap/slapd")
FOLDERS: Final = ("etc/ldap/slapd.d", "etc/openldap/slapd.d")
CONFIGS: Final = ("etc/ldap/slapd.conf", "etc/openldap/slapd.conf")
STARTS: Final = ("etc/default/slapd", "etc/sysconfig/slapd", "etc/sysconfig/openldap")
STRONG: Final = 128
"""Bits of a security strength factor from which a link counts as encrypted; 56 is DES, slapd.conf(5) "security"."""

Attributes = dict[str, list[str]]


def ldif(text: str) -> Attributes:
    """Attributes of one entry, names in lower case, `olc` and `{n}` before a value dropped; folded lines joined.

    Passwords (attributes that end in pw) are left out. Raises ValueError for over `lines.MAX_LINES` lines.
    """
    joined: list[list[str]] = []
    for line in split(within(text)):
        if line.startswith(" ") and joined:
            joined[-1].append(line[1:])
        elif line and not line.startswith("#"):
            joined.append([line])
    found: Attributes = {}
    for parts in joined:
        name, colon, value = "".join(parts).partition(":")
        key = name.strip().lower().removeprefix("olc")
        if not colon or key.endswith(("pw", "password")):
            continue
        if value.startswith(":"):
            try:
                value = as_text(base64.b64decode(value[1:].strip(), validate=True))
            except (binascii.Error, ValueError):
                raise ValueError(f"{name[:80]}: no base64") from None
        found.setdefault(key, []).append(_unnumbered(value.strip()))
    return found


def _unnumbered(value: str) -> str:
    number, closed, rest = value.partition("}")
    return rest if closed and number.startswith("{") and number[1:].isdigit() else value


def slapd_conf(text: str) -> Attributes:
    """The global part of slapd.conf(5), up to the first database or backend, names as `ldif` has them."""
    found: Attributes = {}
    for directive in directives.parse(within(text)):
        if directive.name in ("database", "backend"):
            break
        names = {"disallow": "disallows", "require": "requires"}
        key = names.get(directive.name, directive.name)
        if not key.endswith("pw"):
            found.setdefault(key, []).append(directive.value)
    return found


def describe(top: Attributes, frontend: Attributes, services: list[str]) -> LdapServer:
    """The server by its global settings, those of the frontend database, and the URLs it is started with."""

    def words(name: str) -> list[str]:
        return [w.lower() for part in (*top.get(name, []), *frontend.get(name, [])) for w in part.split()]

    factors = {
        key: int(number)
        for key, _, number in (w.partition("=") for w in words("security"))
        if number.isascii() and number.isdigit() and len(number) <= 6
    }
    least = (top.get("tlsprotocolmin", ["0"]) or ["0"])[-1].strip()
    levels = words("loglevel")
    plain = [url for url in services if url.lower().startswith("ldap://")]
    return LdapServer(
        installed=True,
        anonymous="bind_anon" not in words("disallows")
        and not {"authc", "bind", "strong"} & set(words("requires")),
        tls=bool(top.get("tlscertificatefile")),
        tls_required=any(factors.get(key, 0) >= STRONG for key in ("ssf", "tls", "simple_bind"))
        or (bool(services) and not plain),
        old_tls=not _at_least_1_2(least),
        reachable=not services
        or any(
            _host(url) not in ("127.0.0.1", "localhost", "[::1]")
            for url in services
            if not url.lower().startswith("ldapi:")
        ),
        logged=bool(levels) and not set(levels) <= {"none", "0"},
    )


def _at_least_1_2(value: str) -> bool:
    """TLSProtocolMin 3.3 is TLS 1.2, 3.4 is TLS 1.3; without one the library decides, so that counts as older."""
    major, _, minor = value.partition(".")
    return major == "3" and minor.isascii() and minor.isdigit() and len(minor) <= 2 and int(minor) >= 3


def _host(url: str) -> str:
    rest = url.partition("://")[2].partition("/")[0]
    return rest.partition("]")[0] + "]" if rest.startswith("[") else rest.partition(":")[0]


def started_with(texts: Iterable[str]) -> list[str]:
    """URLs of SLAPD_SERVICES or SLAPD_URLS; [] if none are named."""
    for text in texts:
        for entry in assignments.parse(within(text), posix=True):
            if entry.key in ("SLAPD_SERVICES", "SLAPD_URLS") and entry.value.strip():
                return entry.value.split()[: limits.MAX_FACT_LIST]
    return []


def gather(host: Host, selector: tuple[str, ...]) -> tuple[LdapServer, str]:
    """Topic ldap.server. Raises CouldNotLook: permission-denied for all but root and its own user."""
    if not any(host.exists(program) for program in PROGRAMS):
        return LdapServer(installed=False), FOLDERS[0]
    services = started_with(host.text(path) or "" for path in STARTS)
    for folder in FOLDERS:
        text = host.text(f"{folder}/cn=config.ldif")
        if text is not None:
            names = host.names(f"{folder}/cn=config", limit=1_000)
            frontend = next((name for name in names if name.startswith("olcDatabase={-1}")), "")
            other = host.text(f"{folder}/cn=config/{frontend}") if frontend else None
            return describe(ldif(text), ldif(other or ""), services), folder
    path = next((path for path in CONFIGS if host.exists(path)), CONFIGS[0])
    return describe(slapd_conf(host.text(path) or ""), {}, services), path
