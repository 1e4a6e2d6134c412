"""firewall.state: the packet filter in force, told by the kernel's own rules; for a mounted root, by configuration.

What rules mean is decided in `packet_filter`. A rule counts as in force where packets come in: rules that only forward
or translate (as a container engine brings) do not make a firewall. Filters that are neither nftables nor iptables
(eBPF programs) are not seen.

Sources: nft(8), iptables-save(8), proc(5); ufw(8), firewalld.conf(5), firewalld.zone(5) for configuration.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.network import FirewallState

from ... import programs
from ...host import Host
from ...kernel import netfilter_tables
from ...untrusted import as_text
from ..system import systemd
from . import iptables_rules, nft_ruleset, packet_filter
from .packet_filter import Fate, Hook, Ruleset

TOOLS: Final = {
    "ufw": ("usr/sbin/ufw",),
    "firewalld": ("usr/sbin/firewalld", "usr/bin/firewalld"),
    "nftables": ("usr/sbin/nft", "sbin/nft"),
    "iptables": ("usr/sbin/iptables", "sbin/iptables"),
}
NAMES: Final[dict[Literal["ip", "ip6"], str]] = {
    "ip": "proc/net/ip_tables_names",
    "ip6": "proc/net/ip6_tables_names",
}
"""Tables that the old interface holds."""
SECONDS: Final = 5.0
MAX_INCLUDES: Final = 100
Policy = Literal["drop", "accept", "unknown"]


class Configured(NamedTuple):
    """What configuration files say would be in force after a start."""

    source: str
    active: bool
    input_policy: Policy
    forward_policy: Policy
    rules: int


def state(tools: list[str], rulesets: list[Ruleset], *, ipv6: bool, source: str) -> FirewallState:
    """The fact from the rules in force; IPv6 counts where the machine speaks it."""
    families: tuple[Literal["ip", "ip6"], ...] = ("ip", "ip6") if ipv6 else ("ip",)

    def policy(hook: Hook) -> Fate:
        fates = {packet_filter.fate(rulesets, hook, family) for family in families}
        return "accept" if "accept" in fates else "drop"

    return FirewallState(
        tools=tools,
        active=packet_filter.filters(rulesets, "input"),
        input_policy=policy("input"),
        forward_policy=policy("forward"),
        rules=sum(ruleset.rules for ruleset in rulesets),
        source=source,
    )


def shell_settings(text: str) -> dict[str, str]:
    """`NAME=value` lines as ufw and firewalld write them, quotes taken off."""
    found: dict[str, str] = {}
    for line in text.split("\n"):
        name, equals, value = line.partition("=")
        if equals and not name.lstrip().startswith("#"):
            found[name.strip()] = value.strip().strip("\"'")
    return found


def ufw(conf: Mapping[str, str], defaults: Mapping[str, str], rules: str) -> Configured:
    """ufw's word: ufw.conf, default/ufw, and its user.rules, where each rule has a line `### tuple ###`."""

    def policy(name: str) -> Policy:
        value = defaults.get(name, "").upper()
        return "drop" if value in ("DROP", "REJECT") else "accept" if value == "ACCEPT" else "unknown"

    active = conf.get("ENABLED", "").lower() == "yes"
    return Configured(
        "ufw.conf",
        active,
        policy("DEFAULT_INPUT_POLICY") if active else "accept",
        policy("DEFAULT_FORWARD_POLICY") if active else "accept",
        len(re.findall(r"(?m)^### tuple ###", rules)) if active else 0,
    )


def zone_policy(xml: str) -> Policy:
    """Fate of what no rule of a firewalld zone names: its target, firewalld.zone(5); default rejects."""
    head = re.search(r"<zone\b([^>]{0,1000})>", xml)
    if head is None:
        return "unknown"
    target = re.search(r"""\btarget\s*=\s*["']([^"']{0,40})["']""", head[1])
    return "accept" if target is not None and target[1] == "ACCEPT" else "drop"


def gather(host: Host, selector: tuple[str, ...]) -> tuple[FirewallState, str]:
    """Topic firewall.state. Raises CouldNotLook: permission-denied; not-installed for rules that nothing can list."""
    tools = installed_tools(host)
    if host.live:
        return _in_force(host, tools)
    return _configured(host, tools)


def _in_force(host: Host, tools: list[str]) -> tuple[FirewallState, str]:
    rulesets, source = rulesets_in_force(host)
    return state(tools, rulesets, ipv6=speaks_ipv6(host), source=source), source


def speaks_ipv6(host: Host) -> bool:
    """An interface has an IPv6 address; in a mounted root nobody can tell, so it counts as yes."""
    return not host.live or bool((host.text("proc/net/if_inet6") or "").strip())


def installed_tools(host: Host) -> list[str]:
    """Front ends whose programs are there."""
    return [name for name, paths in TOOLS.items() if any(host.exists(path) for path in paths)]


def rulesets_in_force(host: Host) -> tuple[list[Ruleset], str]:
    """The kernel's rules and what listed them, asked once per host. Raises CouldNotLook as `gather` does."""
    return host.once("firewall.state rulesets", lambda: _rulesets(host, installed_tools(host)))


def _rulesets(host: Host, tools: list[str]) -> tuple[list[Ruleset], str]:
    if os.geteuid() != 0:
        raise CouldNotLook(Reason.PERMISSION_DENIED, "only root may list packet filter rules")
    rulesets: list[Ruleset] = []
    sources: list[str] = []
    if "nftables" in tools:
        rulesets.append(nft_ruleset.from_json(_asked(host, programs.NFT_LIST)))
        sources.append("nft")
    for family, (legacy, common) in programs.IPTABLES_SAVE.items():
        names = NAMES[family]
        # Only what the old interface holds is missing from nft's list; asking for it without need loads a module.
        if "nftables" in tools and not host.text(names):
            continue
        output = _first_answer(host, (legacy, common) if host.text(names) else (common,))
        if output is not None:
            rulesets.append(iptables_rules.parse(as_text(output).split("\n"), family))
            sources.append("iptables")
        elif host.text(names):
            raise CouldNotLook(
                Reason.NOT_INSTALLED, "iptables rules are loaded and no program is there to list them"
            )
    if not sources:
        if host.told(netfilter_tables.tables):
            raise CouldNotLook(
                Reason.NOT_INSTALLED, "nftables rules are loaded and no program is there to list them"
            )
        sources.append("netlink")
    return rulesets, ", ".join(dict.fromkeys(sources))


def _asked(host: Host, argv: tuple[str, ...]) -> bytes:
    try:
        return host.run(argv, timeout=SECONDS, limit=nft_ruleset.MAX_OUTPUT)
    except CouldNotLook as error:
        if "not permitted" in error.detail or "Permission denied" in error.detail:
            raise CouldNotLook(Reason.PERMISSION_DENIED, error.detail) from None
        raise


def _first_answer(host: Host, programs: tuple[tuple[str, ...], ...]) -> bytes | None:
    for argv in programs:
        try:
            return _asked(host, argv)
        except CouldNotLook as error:
            if error.reason is not Reason.NOT_INSTALLED:
                raise
    return None


def _configured(host: Host, tools: list[str]) -> tuple[FirewallState, str]:
    known = systemd.units(host)
    found: list[Configured] = []
    if host.exists("etc/ufw/ufw.conf"):
        rules = (host.text("etc/ufw/user.rules") or "") + (host.text("etc/ufw/user6.rules") or "")
        conf = shell_settings(host.text("etc/ufw/ufw.conf") or "")
        found.append(ufw(conf, shell_settings(host.text("etc/default/ufw") or ""), rules))
    if known.enabled("firewalld.service") == "enabled":
        found.append(_firewalld(host))
    if known.enabled("nftables.service") == "enabled":
        found.append(_nftables(host))
    for unit, path in (
        ("netfilter-persistent.service", "etc/iptables/rules.v4"),
        ("iptables.service", "etc/sysconfig/iptables"),
    ):
        if known.enabled(unit) == "enabled" and host.exists(path):
            ruleset = iptables_rules.parse(host.lines(path, limit=nft_ruleset.MAX_OUTPUT), "ip")
            found.append(_from_rules("iptables", ruleset))
    active = [configured for configured in found if configured.active]
    best = next((c for c in active if c.input_policy == "drop"), active[0] if active else None)
    if best is None:
        best = Configured(", ".join(c.source for c in found), False, "accept", "accept", 0)
    value = FirewallState(tools, best.active, best.input_policy, best.forward_policy, best.rules, best.source)
    return value, best.source or "units and configuration files"


def _from_rules(source: str, ruleset: Ruleset) -> Configured:
    rulesets = [ruleset]
    return Configured(
        source,
        packet_filter.filters(rulesets, "input"),
        packet_filter.fate(rulesets, "input", "ip"),
        packet_filter.fate(rulesets, "forward", "ip"),
        ruleset.rules,
    )


def default_zone(host: Host) -> str:
    """firewalld's DefaultZone. Raises ValueError for one that is no zone's name."""
    settings = shell_settings(host.text("etc/firewalld/firewalld.conf") or "")
    zone = settings.get("DefaultZone") or "public"
    if not re.fullmatch(r"[A-Za-z0-9_/-]{1,64}", zone):
        raise ValueError(f"firewalld's default zone is {zone[:80]!r}")
    return zone


def _firewalld(host: Host) -> Configured:
    zone = default_zone(host)
    for folder in ("etc/firewalld/zones", "usr/lib/firewalld/zones"):
        text = host.text(f"{folder}/{zone}.xml")
        if text is not None:
            rules = len(re.findall(r"<(?:service|port|rule|source|interface)\b", text))
            return Configured("firewalld", True, zone_policy(text), "drop", rules)
    return Configured("firewalld", True, "unknown", "unknown", 0)


def _nftables(host: Host) -> Configured:
    return _from_rules("nftables.conf", nftables_conf(host))


def nftables_conf(host: Host) -> Ruleset:
    """The rules that nftables.service loads, includes followed. Raises ValueError for too many of them."""
    path = (
        "etc/sysconfig/nftables.conf" if host.exists("etc/sysconfig/nftables.conf") else "etc/nftables.conf"
    )
    texts: list[str] = []
    waiting = [path]
    while waiting:
        if len(texts) >= MAX_INCLUDES:
            raise ValueError(f"{path} includes over {MAX_INCLUDES} files")
        text = host.text(waiting.pop(0), limit=limits.MAX_FILE_BYTES) or ""
        texts.append(text)
        for pattern in re.findall(r'(?m)^[ \t]*+include\s+"([^"\n]{1,1000})"', text):
            waiting.extend(_matching(host, pattern))
    return nft_ruleset.from_text("\n".join(texts))


def _matching(host: Host, pattern: str) -> list[str]:
    import fnmatch

    folder, _, wanted = (pattern if pattern.startswith("/") else f"/etc/{pattern}").rpartition("/")
    return [f"{folder}/{name}" for name in host.names(folder) if fnmatch.fnmatchcase(name, wanted)]
