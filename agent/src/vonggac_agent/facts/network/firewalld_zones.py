"""Reads firewalld's zones and services: what each zone lets in. Pure but for `active`, which reads their files.

A zone counts if it is the default one, or if its own file binds it to an interface or to senders; what NetworkManager
binds is not seen. Rich rules that accept count; those that drop or reject take nothing back.

Sources: firewalld.zone(5), firewalld.service(5), firewalld.richlanguage(5).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.network import Opening

from ...formats import documents
from ...host import Host
from . import firewall_openings
from .firewall_state import default_zone

ZONES: Final = ("etc/firewalld/zones", "usr/lib/firewalld/zones")
SERVICES: Final = ("etc/firewalld/services", "usr/lib/firewalld/services")
MAX_FILES: Final = 1000
MAX_SERVICES: Final = 2000
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}")
Port = tuple[str, str]
"""Protocol and port or range, as written."""


class Zone(NamedTuple):
    """One zone's file, as far as it says what comes in."""

    element: dict[str, Any]

    @property
    def bound(self) -> bool:
        """The file itself binds the zone to an interface or to senders."""
        return bool(self.element.get("interface") or self.element.get("source"))

    @property
    def limited(self) -> bool:
        """It holds only for senders that it names."""
        return bool(self.element.get("source")) and not self.element.get("interface")


def parse(text: str) -> Zone:
    """A zone's file. Raises ValueError if it is not one."""
    element = documents.parse_xml(text).get("zone")
    if not isinstance(element, dict):
        raise ValueError("a firewalld zone without <zone>")
    return Zone(element)


def service_ports(text: str) -> tuple[list[Port], list[str]]:
    """(ports of one service's file, services that it includes). Raises ValueError if it is not one."""
    element = documents.parse_xml(text).get("service")
    if not isinstance(element, dict):
        raise ValueError("a firewalld service without <service>")
    return list(_ports(element)), [str(i.get("@service", "")) for i in element.get("include", [])]


def openings(
    zone: Zone, ports_of_service: Callable[[str], list[Port]], *, default: bool
) -> Iterator[Opening]:
    """What `zone` lets in; `default`: it also takes what no other zone does."""
    limited = zone.limited and not default
    if zone.element.get("@target") == "ACCEPT":
        yield Opening("both", "any", 0, True, limited)
    yield from _opened("both", _named(zone.element, ports_of_service), limited)
    for rule in zone.element.get("rule", []):
        if "accept" in rule:
            families = {"ipv4": "ipv4", "ipv6": "ipv6"}
            from_named = any("@invert" not in source for source in rule.get("source", []))
            named = _named(rule, ports_of_service)
            if not named and not ({"protocol", "icmp-type", "icmp-block"} & rule.keys()):
                named = [("any", "")]
            yield from _opened(families.get(rule.get("@family", ""), "both"), named, limited or from_named)


def _named(element: dict[str, Any], ports_of_service: Callable[[str], list[Port]]) -> list[Port]:
    services = [str(service.get("@name", "")) for service in element.get("service", [])]
    return [*_ports(element), *(port for name in services for port in ports_of_service(name))]


def _ports(element: dict[str, Any]) -> Iterator[Port]:
    for port in element.get("port", []):
        yield str(port.get("@protocol", "")), str(port.get("@port", ""))


def _opened(family: Any, ports: list[Port], limited: bool) -> Iterator[Opening]:
    for name, value in ports:
        protocol: Any = name
        if name not in ("tcp", "udp", "any"):
            continue
        if not value:
            yield Opening(family, protocol, 0, True, limited)
            continue
        told = firewall_openings.ports_of((value,), {})
        if told.wide or told.unknown:
            yield Opening(family, protocol, 0 if told.wide else None, told.wide, limited)
        for number in told.numbers:
            yield Opening(family, protocol, number, False, limited)


def active(host: Host) -> list[Opening]:
    """What the zones let in that firewalld would use. Raises ValueError, CouldNotLook(too-large)."""
    default = default_zone(host)
    names = dict.fromkeys([default])
    for name in host.names(ZONES[0]):
        if name.endswith(".xml"):
            names[name.removesuffix(".xml")] = None
    if len(names) > MAX_FILES:
        raise CouldNotLook(Reason.TOO_LARGE, f"over {MAX_FILES} firewalld zones")
    services = _Services(host)
    found: set[Opening] = set()
    for name in names:
        text = _text(host, ZONES, name)
        zone = None if text is None else parse(text)
        if zone is not None and (name == default or zone.bound):
            found.update(openings(zone, services.ports, default=name == default))
    return sorted(found, key=firewall_openings.order)


class _Services:
    """Ports of services, each file read once, at most MAX_SERVICES."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._known: dict[str, list[Port]] = {}

    def ports(self, name: str) -> list[Port]:
        """The ports of service `name` and of those it includes; of an unknown one, one port that nobody knows."""
        if name not in self._known:
            if len(self._known) >= MAX_SERVICES:
                raise CouldNotLook(Reason.TOO_LARGE, f"over {MAX_SERVICES} firewalld services")
            self._known[name] = []  # a service that includes itself adds nothing
            text = _text(self._host, SERVICES, name)
            if text is None:
                self._known[name] = [("tcp", name or "?")]
            else:
                own, included = service_ports(text)
                self._known[name] = own + [port for inner in included[:20] for port in self.ports(inner)]
        return self._known[name]


def _text(host: Host, folders: tuple[str, ...], name: str) -> str | None:
    if not _NAME.fullmatch(name):
        return None
    for folder in folders:
        text = host.text(f"{folder}/{name}.xml")
        if text is not None:
            return text
    return None
