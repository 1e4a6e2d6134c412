"""dns.servers: BIND, Unbound and dnsmasq under one set of names. How named.conf reads is in `bind_config`.

Sources: BIND 9 Administrator Reference Manual; unbound.conf(5); dnsmasq(8) with the defaults of Debian's start script.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook
from vonggac_contract.facts.network import DnsServer, DnsServers

from ...formats import assignments, includes
from ...formats.ini import Entry
from ...formats.lines import within
from ...host import Host
from ...untrusted import bounded
from ..packages import package_inventory
from . import bind_config

NAMED: Final = ("usr/sbin/named",)
NAMED_CONFIGS: Final = ("etc/bind/named.conf", "etc/named.conf")
BIND_PACKAGES: Final = ("bind9", "bind")
_VERSION: Final = re.compile(r"(?:[0-9]{1,3}:)?([0-9]{1,3})\.([0-9]{1,3})(?![0-9])")
UNBOUND: Final = ("usr/sbin/unbound",)
UNBOUND_CONFIG: Final = "etc/unbound/unbound.conf"
DNSMASQ: Final = ("usr/sbin/dnsmasq",)
DNSMASQ_CONFIG: Final = "etc/dnsmasq.conf"
DNSMASQ_FOLDER: Final = "etc/dnsmasq.d"
EVERYBODY: Final = frozenset({"0.0.0.0/0", "::/0", "::0/0"})
EVERY_ADDRESS: Final = frozenset({"0.0.0.0", "::", "::0", "*"})  # noqa: S104 - compared with
ANCHORS: Final = ("auto-trust-anchor-file", "trust-anchor-file", "trust-anchor", "trusted-keys-file")

Options = dict[str, list[str]]
Read = Callable[[str, str], Iterable[str]]


def unbound(text: str, read: Read) -> Options:
    """Options of unbound.conf(5) in any clause, each with its values in order; `read(key, value)` gives includes.

    Raises ValueError as `includes.put_in` does.
    """
    return _drawn_together(text, ":", ("include", "include-toplevel"), read)


def dnsmasq(text: str, read: Read) -> Options:
    """Options of dnsmasq(8) as its files have them, without the dashes."""
    return _drawn_together(text, "=", ("conf-file", "conf-dir", "servers-file"), read)


def _drawn_together(text: str, separator: str, drawing: tuple[str, ...], read: Read) -> Options:
    def parse(text: str) -> list[Entry]:
        return assignments.parse(within(text), separators=separator, inline=True, fold=True)

    def drawn(entry: Entry) -> Iterable[str] | None:
        return read(entry.key, entry.value) if entry.key in drawing else None

    found: Options = {}
    for entry in includes.put_in(text, parse, drawn, "the name server's configuration"):
        found.setdefault(entry.key, []).append(entry.value)
    return found


def describe_bind(
    text: str, read: Callable[[str], Iterable[str]], *, closed_transfers: bool = False
) -> DnsServer:
    """BIND by named.conf. Raises ValueError for what `bind_config` refuses."""
    found = bind_config.describe(bind_config.statements(text, read), closed=closed_transfers)
    return DnsServer(
        program="bind",
        recursion=found.recursion,
        open_recursion=found.open_recursion,
        open_zones=[bounded(name) for name in found.open_zones][: limits.MAX_FACT_LIST],
        version_hidden=found.version_hidden,
        dnssec=found.dnssec,
        query_log=found.query_log,
        every_address=found.every_address,
        rate_limit=found.rate_limit,
    )


def describe_unbound(options: Options) -> DnsServer:
    """Unbound: only loopback is served and listened on where nothing says otherwise."""

    def on(key: str, default: bool) -> bool:
        word = options.get(key, [""])[-1].lower()
        return {"yes": True, "no": False}.get(word, default)

    validates = "validator" in options.get("module-config", ["validator iterator"])[-1]
    anchored = any(options.get(key) for key in ANCHORS)
    return DnsServer(
        program="unbound",
        recursion=True,
        open_recursion=any(_lets_everybody(value) for value in options.get("access-control", [])),
        open_zones=[],
        version_hidden=on("hide-version", False) or bool(options.get("version", [""])[-1].strip('"')),
        dnssec=validates and anchored and not on("val-permissive-mode", False),
        query_log=on("log-queries", False) or on("log-replies", False),
        every_address=on("interface-automatic", False)
        or any(value.partition("@")[0] in EVERY_ADDRESS for value in options.get("interface", [])),
        rate_limit=options.get("ip-ratelimit", ["0"])[-1].strip() not in ("", "0"),
    )


def _lets_everybody(value: str) -> bool:
    words = value.split()
    return len(words) >= 2 and words[0] in EVERYBODY and words[1].startswith("allow")


def describe_dnsmasq(options: Options, *, local_by_default: bool) -> DnsServer:
    """dnsmasq. `local_by_default`: its start script gives --local-service, as Debian's does."""
    addresses = [word.strip() for value in options.get("listen-address", []) for word in value.split(",")]
    chosen = bool(addresses) or any(
        options.get(key) for key in ("interface", "except-interface", "auth-server")
    )
    local = not chosen and (local_by_default or "local-service" in options)
    everywhere = any(a in EVERY_ADDRESS for a in addresses) or not (addresses or options.get("interface"))
    port = options.get("port", ["53"])[-1].strip()
    return DnsServer(
        program="dnsmasq",
        recursion=port != "0",
        open_recursion=port != "0" and everywhere and not local,
        open_zones=[],
        version_hidden="no-ident" in options,
        dnssec="dnssec" in options and bool(options.get("trust-anchor")),
        query_log="log-queries" in options,
        every_address=everywhere,
        rate_limit=False,
    )


def gather(host: Host, selector: tuple[str, ...]) -> tuple[DnsServers, str]:
    """Topic dns.servers."""
    servers: list[DnsServer] = []
    read: list[str] = []

    def texts(place: str, folder: str) -> list[str]:
        path = place.strip('"') if place.strip('"').startswith("/") else f"{folder}/{place.strip(chr(34))}"
        return [host.text(name) or "" for name in host.glob(path, limit=includes.MAX_FILES)]

    if any(host.exists(program) for program in NAMED):
        path = next((path for path in NAMED_CONFIGS if host.exists(path)), NAMED_CONFIGS[0])
        folder = path.rpartition("/")[0]
        servers.append(
            describe_bind(
                host.text(path) or "",
                lambda place: texts(place, folder),
                closed_transfers=_closed_transfers(host),
            )
        )
        read.append(path)
    if any(host.exists(program) for program in UNBOUND):
        options = unbound(host.text(UNBOUND_CONFIG) or "", lambda _, place: texts(place, "etc/unbound"))
        servers.append(describe_unbound(options))
        read.append(UNBOUND_CONFIG)
    if any(host.exists(program) for program in DNSMASQ):
        servers.append(_dnsmasq(host))
        read.append(DNSMASQ_CONFIG)
    return DnsServers(servers), ", ".join(read) or "programs of name servers"


def _closed_transfers(host: Host) -> bool:
    """BIND since 9.20 gives no copies by default (its release notes, allow-transfer); False if it is no package."""
    try:
        installed = package_inventory.look(host).by_name
    except CouldNotLook:
        return False
    version = next((installed[name].version for name in BIND_PACKAGES if name in installed), "")
    match = _VERSION.match(version)
    return match is not None and (int(match[1]), int(match[2])) >= (9, 20)


def _dnsmasq(host: Host) -> DnsServer:
    debian = host.exists("etc/debian_version")

    def included(key: str, value: str) -> list[str]:
        place, *endings = value.split(",")
        if key != "conf-dir":
            return [host.text(place) or ""]
        wanted = tuple(ending[1:] for ending in endings if ending.startswith("*"))
        refused = tuple(ending for ending in endings if not ending.startswith("*"))
        names = [
            n
            for n in host.names(place, limit=includes.MAX_FILES)
            if not n.startswith((".", "#")) and not n.endswith("~")
        ]
        kept = [
            n for n in names if (not wanted or n.endswith(wanted)) and not (refused and n.endswith(refused))
        ]
        return [host.text(f"{place}/{name}") or "" for name in kept]

    text = host.text(DNSMASQ_CONFIG) or ""
    if debian:  # its start script adds the folder
        text += f"\nconf-dir=/{DNSMASQ_FOLDER},.dpkg-dist,.dpkg-old,.dpkg-new\n"
    return describe_dnsmasq(dnsmasq(text, included), local_by_default=debian)
