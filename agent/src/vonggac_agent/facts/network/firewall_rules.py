"""firewall.rules: what the packet filter lets in and out. By the kernel's rules; for a mounted root, by files.

Rules are listed by `firewall_state`; what they let in is worked out by `firewall_openings`, and by `firewalld_zones`
for a mounted root with firewalld.

Sources: ufw-framework(8): user.rules is loaded behind ufw's own INPUT chain; firewalld(1); nft(8); iptables-restore(8).
"""

from __future__ import annotations

from typing import Final, Literal

from vonggac_contract import limits
from vonggac_contract.facts.network import FirewallRules, Opening

from ... import programs
from ...host import Host
from ...untrusted import as_text
from ..system import systemd
from . import firewall_openings, firewall_state, firewalld_zones, iptables_rules, nft_ruleset, packet_filter
from .packet_filter import Chain, ChainKey, Fate, Ruleset, Step

Family = Literal["ip", "ip6"]
UNITS: Final = {
    "firewalld": ("firewalld.service",),
    "nftables": ("nftables.service",),
    "iptables": ("netfilter-persistent.service", "iptables.service"),
}
SAVED_FILES: Final[dict[Family, tuple[str, ...]]] = {
    "ip": ("etc/iptables/rules.v4", "etc/sysconfig/iptables"),
    "ip6": ("etc/iptables/rules.v6", "etc/sysconfig/ip6tables"),
}
UFW_RULES: Final[dict[Family, str]] = {"ip": "etc/ufw/user.rules", "ip6": "etc/ufw/user6.rules"}
UFW_CHAIN: Final[dict[Family, str]] = {"ip": "ufw-user-input", "ip6": "ufw6-user-input"}


def ufw(rules: str, family: Family, *, inward: Fate, outward: Fate) -> Ruleset:
    """ufw's rules of one family behind its INPUT chain. Raises ValueError for what iptables-restore would not load."""
    told = iptables_rules.parse(rules.split("\n"), family)
    chains: dict[ChainKey, Chain] = dict(told.chains)
    jump = Step(False, "jump", UFW_CHAIN[family])
    chains[(family, "filter", "INPUT")] = Chain("input", inward, [jump])
    chains[(family, "filter", "OUTPUT")] = Chain("output", outward, [])
    return Ruleset(chains)


def front_ends(host: Host) -> list[str]:
    """Front ends that would load rules at the next start."""
    found: list[str] = []
    conf = firewall_state.shell_settings(host.text("etc/ufw/ufw.conf") or "")
    if host.exists("usr/sbin/ufw") and conf.get("ENABLED", "").lower() == "yes":
        found.append("ufw")
    units = systemd.units(host)
    for name, names in UNITS.items():
        if any(units.enabled(unit) == "enabled" for unit in names):
            found.append(name)
    return found


def gather(host: Host, selector: tuple[str, ...]) -> tuple[FirewallRules, str]:
    """Topic firewall.rules. Raises CouldNotLook as topic firewall.state does."""
    names = firewall_openings.services(host.text("etc/services") or "")
    families: tuple[Family, ...] = ("ip", "ip6") if firewall_state.speaks_ipv6(host) else ("ip",)
    started = front_ends(host)
    if host.live:
        rulesets, source = firewall_state.rulesets_in_force(host)
        rulesets = [_with_iptables(host, ruleset) for ruleset in rulesets]
        openings = firewall_openings.openings(rulesets, names, families)
        return FirewallRules(started, openings, _outward(rulesets, families), source), source
    return _configured(host, started, names, families)


def _outward(rulesets: list[Ruleset], families: tuple[Family, ...]) -> Fate:
    fates = {packet_filter.fate(rulesets, "output", family) for family in families}
    return "accept" if "accept" in fates else "drop"


def _with_iptables(host: Host, ruleset: Ruleset) -> Ruleset:
    """The rules with those tables asked of iptables that it filled and that nft cannot show in full."""
    chains = dict(ruleset.chains)
    for family, (_, command) in programs.IPTABLES_SAVE.items():
        mine = [key for key in chains if key[:2] == (family, "filter")]
        opaque = any(
            condition.key == nft_ruleset.OPAQUE
            for key in mine
            for step in chains[key].steps
            for condition in step.conditions
        )
        if opaque and any(host.exists(f"{folder}/{command[0]}") for folder in ("usr/sbin", "sbin")):
            output = host.run(command, timeout=firewall_state.SECONDS, limit=nft_ruleset.MAX_OUTPUT)
            for key in mine:
                del chains[key]
            chains.update(iptables_rules.parse(as_text(output).split("\n"), family).chains)
    return Ruleset(chains)


def _configured(
    host: Host, started: list[str], names: dict[str, int], families: tuple[Family, ...]
) -> tuple[FirewallRules, str]:
    rulesets: list[Ruleset] = []
    more: list[Opening] = []
    if "ufw" in started:
        rulesets += _of_ufw(host, families)
    if "nftables" in started:
        rulesets.append(firewall_state.nftables_conf(host))
    if "iptables" in started:
        rulesets += _of_iptables(host, families)
    if "firewalld" in started:
        more = firewalld_zones.active(host)
        closed = Chain("input", "drop", [])
        rulesets.append(Ruleset({("inet", "firewalld", "filter_INPUT"): closed}))
    openings = [*firewall_openings.openings(rulesets, names, families), *more][: limits.MAX_FACT_LIST]
    source = ", ".join(started) or "units and configuration files"
    return FirewallRules(started, openings, _outward(rulesets, families), source), source


def _of_ufw(host: Host, families: tuple[Family, ...]) -> list[Ruleset]:
    defaults = firewall_state.shell_settings(host.text("etc/default/ufw") or "")
    inward: Fate = "accept" if defaults.get("DEFAULT_INPUT_POLICY", "").upper() == "ACCEPT" else "drop"
    outward: Fate = (
        "accept" if defaults.get("DEFAULT_OUTPUT_POLICY", "ACCEPT").upper() == "ACCEPT" else "drop"
    )
    wanted = families if defaults.get("IPV6", "yes").lower() == "yes" else families[:1]
    return [ufw(host.text(UFW_RULES[f]) or "", f, inward=inward, outward=outward) for f in wanted]


def _of_iptables(host: Host, families: tuple[Family, ...]) -> list[Ruleset]:
    found: list[Ruleset] = []
    for family in families:
        path = next((path for path in SAVED_FILES[family] if host.exists(path)), None)
        if path is not None:
            lines = host.lines(path, limit=nft_ruleset.MAX_OUTPUT)
            found.append(iptables_rules.parse(lines, family))
    return found
