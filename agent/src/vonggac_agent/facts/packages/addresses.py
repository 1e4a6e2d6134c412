"""Addresses of package sources: scheme and host, without user names and passwords, and where the host is. Pure.

Sources: RFC 3986 section 3; RFC 6761, RFC 6762 (.local), RFC 8375 (.home.arpa); ICANN resolution
2024.07.29.06 (.internal).
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final, NamedTuple

from vonggac_contract.facts.packages import Reach

from ...untrusted import without_userinfo

_URI: Final = re.compile(r"([A-Za-z][A-Za-z0-9.-]*)(?:\+([A-Za-z0-9.-]+))?:(.*)", re.DOTALL)
PRIVATE_ENDINGS: Final = (
    ".local",
    ".lan",
    ".internal",
    ".intra",
    ".intranet",
    ".corp",
    ".home.arpa",
    ".localdomain",
)


class Address(NamedTuple):
    """`shown` is the address without user information; `host` is in lower case, empty where there is none."""

    scheme: str
    host: str
    shown: str


def address(uri: str) -> Address:
    """The parts of `uri` that may be shown. `mirror+https:` counts as https, `tor+http:` as http."""
    uri = without_userinfo(uri.strip())
    match = _URI.fullmatch(uri)
    if match is None:
        return Address("", "", uri)
    scheme = (match[2] or match[1]).lower()
    rest = match[3]
    if not rest.startswith("//"):
        return Address(scheme, "", f"{scheme}:{rest}")
    authority, slash, path = rest[2:].partition("/")
    place = authority.rpartition("@")[2]
    return Address(scheme, _host(place), f"{scheme}://{place}{slash}{path.partition('?')[0]}")


def _host(place: str) -> str:
    if place.startswith("["):
        return place[1:].partition("]")[0].lower()
    return place.partition(":")[0].lower()


def reach(host: str) -> Reach:
    """Where a host of this name or address is; a name alone can only tell by the domains meant for private use."""
    if host in ("", "localhost"):
        return "local"
    try:
        number = ipaddress.ip_address(host)
    except ValueError:
        return "inside" if "." not in host or host.rstrip(".").endswith(PRIVATE_ENDINGS) else "outside"
    if number.is_loopback:
        return "local"
    return "inside" if number.is_private or number.is_link_local else "outside"
