"""dns.resolver: whom the machine asks for names. What a name server itself does is another topic's question.

Sources: resolv.conf(5); resolved.conf(5); systemd-resolved.service(8): 127.0.0.53 and 127.0.0.54 are its own listeners,
and run/systemd/resolve/resolv.conf names the servers behind them, those of single links too.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any, Final, Literal

from vonggac_contract import limits
from vonggac_contract.facts.network import DnsResolver, NameServer

from ...formats.lines import significant
from ...host import Host
from ...untrusted import bounded
from ..system import dropins, systemd

FILE: Final = "etc/resolv.conf"
BEHIND: Final = "run/systemd/resolve/resolv.conf"
STUBS: Final = frozenset(("127.0.0.53", "127.0.0.54"))
UNIT: Final = "systemd-resolved.service"
_LISTS: Final = ("dns", "fallbackdns", "domains")


def resolv_conf(text: str) -> tuple[list[str], list[str]]:
    """(addresses of `nameserver`, domains of the last `search` or `domain`). Raises ValueError for too many lines."""
    servers: list[str] = []
    search: list[str] = []
    for _, line in significant(text, "#;"):
        word, *rest = line.split()
        if word == "nameserver" and rest:
            servers.append(rest[0])
        elif word in ("search", "domain"):
            search = rest
    return servers, search


def resolved_settings(texts: Iterable[str]) -> dict[str, str]:
    """Last value of each key of [Resolve], keys in lower case; lists of several lines join, an empty one resets."""
    told = systemd.sections(*texts).get("Resolve", {})
    return {key: " ".join(values if key in _LISTS else values[-1:]) for key, values in told.items()}


def server(word: str) -> NameServer:
    """A server as resolved.conf(5) writes it: `192.0.2.1:53%eth0#name`, `[2001:db8::1]:53#name`."""
    bare = word.partition("#")[0].partition("%")[0]
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    return NameServer(bounded(bare, 200), _reach(bare))


def _reach(address: str) -> Literal["local", "inside", "outside"]:
    try:
        number = ipaddress.ip_address(address)
    except ValueError:
        return "outside"
    if number.is_loopback:
        return "local"
    return "inside" if number.is_private or number.is_link_local else "outside"


def choice(settings: dict[str, str], key: str, words: tuple[str, ...]) -> Any:
    """The value of a setting that takes a boolean or one of `words`; default if it says nothing that is understood."""
    value = settings.get(key, "").lower()
    if value in words:
        return value
    if value in ("yes", "true", "on", "1", "y", "t"):
        return "yes"
    return "no" if value in ("no", "false", "off", "0", "n", "f") else "default"


def gather(host: Host, selector: tuple[str, ...]) -> tuple[DnsResolver, str]:
    """Topic dns.resolver."""
    servers, search = resolv_conf(host.text(FILE) or "")
    stub = bool(STUBS & set(servers))
    resolved = stub or systemd.units(host).enabled(UNIT) == "enabled"
    settings: dict[str, str] = {}
    if resolved:
        paths = dropins.configuration(host, "systemd/resolved.conf")
        settings = resolved_settings(host.text(path) or "" for path in paths)
    if stub or not servers:
        behind = resolv_conf(host.text(BEHIND) or "")[0] if host.live else []
        servers = behind or settings.get("dns", "").split() or settings.get("fallbackdns", "").split()
    return (
        DnsResolver(
            servers=[server(word) for word in dict.fromkeys(servers)][: limits.MAX_FACT_LIST],
            search=[bounded(word) for word in search][: limits.MAX_FACT_LIST],
            resolved=resolved,
            dnssec=choice(settings, "dnssec", ("allow-downgrade",)) if resolved else "none",
            over_tls=choice(settings, "dnsovertls", ("opportunistic",)) if resolved else "none",
            llmnr=choice(settings, "llmnr", ("resolve",)) if resolved else "none",
        ),
        f"{FILE}, resolved.conf" if resolved else FILE,
    )
