"""What a packet filter lets in: every accepting rule that an inbound packet can come to, its ports and sources. Pure.

Rules are taken at their word, one by one: an accept counts although a drop of some packets stands before it, so what is
told is at least what is open. Replies, this machine's own loopback traffic, ICMP and multicast are left out.

Sources: nft(8) "Chains"; iptables(8); services(5).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

from vonggac_contract import limits
from vonggac_contract.facts.network import Opening

from . import packet_filter
from .nft_ruleset import OPAQUE
from .packet_filter import ChainKey, Condition, Ruleset

MAX_STEPS: Final = 200_000
"""Rules gone through, those of a chain as often as it is jumped to."""
MAX_DEPTH: Final = 64
MAX_RANGE: Final = 16
"""Ports of one range that are still told one by one."""
GUEST_NETWORKS: Final = ("virbr", "docker", "br-", "podman", "cni", "lxcbr", "lxdbr", "veth", "vnet")
"""Beginnings of the names that libvirt, Docker, Podman, LXC and LXD give to bridges of their own."""
_REPLIES: Final = frozenset(("established", "related", "untracked", "invalid"))
_PORTLESS: Final = ("", "all", "0", "any")
_NUMBERS: Final = {"6": "tcp", "17": "udp"}


class Ports(NamedTuple):
    """Ports that a condition names; `wide` where they are too many to name, `unknown` where a set hides them."""

    numbers: tuple[int, ...] = ()
    wide: bool = False
    unknown: bool = False


EVERY: Final = Ports((), wide=True)


def services(text: str) -> dict[str, int]:
    """Name to port of services(5), aliases too; the first entry of a name counts."""
    found: dict[str, int] = {}
    for line in text.split("\n"):
        words = line.partition("#")[0].split()
        if len(words) > 1:
            number = words[1].partition("/")[0]
            if number.isascii() and number.isdigit() and len(number) <= 5:
                for name in (words[0], *words[2:]):
                    found.setdefault(name, int(number))
    return found


def ports_of(values: Iterable[str], names: Mapping[str, int]) -> Ports:
    """Ports of values such as `22`, `ssh`, `6000-6063`, `@set`."""
    numbers: set[int] = set()
    wide = unknown = False
    for value in values:
        first, dash, last = value.partition("-")
        if not dash or value in names:
            low = high = _number(value, names)
        else:
            low, high = _number(first, names), _number(last, names)
        if low is None or high is None:
            unknown = True
        elif high - low >= MAX_RANGE:
            wide = True
        else:
            numbers.update(range(low, high + 1))
    return Ports(tuple(sorted(numbers)), wide, unknown)


def _number(word: str, names: Mapping[str, int]) -> int | None:
    if word.isascii() and word.isdigit() and len(word) <= 5:
        return int(word)
    return names.get(word)


def openings(
    rulesets: list[Ruleset], names: Mapping[str, int], families: Iterable[Literal["ip", "ip6"]]
) -> list[Opening]:
    """Openings of every base chain at the input hook, each once, sorted; what no rule names too, where it comes in.

    `names`: ports by service name. `families`: what the machine speaks. Raises ValueError for chains jumped through too
    deep or too often.
    """
    found: set[Opening] = set()
    budget = [MAX_STEPS]
    for ruleset in rulesets:
        for key, chain in ruleset.chains.items():
            if chain.hook == "input":
                for conditions in _accepted(ruleset, key, (), budget, 0):
                    found.update(_openings(key[0], conditions, names))
    for family in families:
        if packet_filter.fate(rulesets, "input", family) == "accept":
            found.update(_openings(family, (), names))
    return sorted(found, key=order)[: limits.MAX_FACT_LIST]


def order(opening: Opening) -> tuple[str, str, int, bool]:
    """By family, protocol, port."""
    return opening.family, opening.protocol, -1 if opening.port is None else opening.port, opening.limited


def _accepted(
    ruleset: Ruleset, key: ChainKey, before: tuple[Condition, ...], budget: list[int], depth: int
) -> Iterator[tuple[Condition, ...]]:
    """The conditions under which a packet that comes to chain `key` is accepted, one for each accepting rule."""
    if depth > MAX_DEPTH:
        raise ValueError(f"chains lead through over {MAX_DEPTH} others")
    chain = ruleset.chains.get(key)
    for step in () if chain is None else chain.steps:
        budget[0] -= 1
        if budget[0] < 0:
            raise ValueError(f"over {MAX_STEPS} rules to go through")
        conditions = (*before, *step.conditions)
        if step.verdict == "accept":
            yield conditions
        elif step.verdict in ("jump", "goto"):
            yield from _accepted(ruleset, (key[0], key[1], step.target), conditions, budget, depth + 1)
        if not step.conditional and step.verdict in ("accept", "drop", "return", "goto"):
            return


def _openings(family: str, conditions: tuple[Condition, ...], names: Mapping[str, int]) -> Iterator[Opening]:
    if any(_harmless(condition) for condition in conditions):
        return
    told, ports = _protocol_and_ports(conditions, names)
    protocol: Any = told
    if protocol is None:
        return
    if any(condition.key == OPAQUE for condition in conditions) and ports.wide:
        ports = Ports((), unknown=True)  # what iptables asks here, nft does not say
    limited = any(_limits(condition) for condition in conditions)
    kind: Any = _family(family, conditions)
    if ports.wide or ports.unknown:
        yield Opening(kind, protocol, 0 if ports.wide else None, ports.wide, limited)
    for number in ports.numbers:
        yield Opening(kind, protocol, number, False, limited)


def _harmless(condition: Condition) -> bool:
    """It lets through replies, loopback or multicast only."""
    if condition.negated or not condition.values:
        return False
    if condition.key == "ct state":
        return {value.lower() for value in condition.values} <= _REPLIES
    if condition.key == "iifname":
        return condition.values == ("lo",)
    if condition.key in ("ip saddr", "ip6 saddr"):
        return all(value in ("127.0.0.0/8", "127.0.0.1", "::1", "::1/128") for value in condition.values)
    if condition.key in ("ip daddr", "ip6 daddr"):
        return all(_is_multicast(value) for value in condition.values)
    # what this machine's own translation rules have sent here
    return condition.key in ("ct status", "icmp type", "icmpv6 type", "icmp code", "icmpv6 code")


def _is_multicast(value: str) -> bool:
    if value == "255.255.255.255":
        return True
    try:
        return ipaddress.ip_network(value, strict=False).network_address.is_multicast
    except ValueError:
        return False


def _limits(condition: Condition) -> bool:
    """It names the senders, or a network of guests of this machine."""
    if condition.key == "iifname" and condition.values and not condition.negated:
        return all(value.startswith(GUEST_NETWORKS) for value in condition.values)
    if condition.negated or condition.key not in ("ip saddr", "ip6 saddr", "ether saddr"):
        return False
    return bool(condition.values) and not any(
        value in ("0.0.0.0/0", "::/0", "anywhere") for value in condition.values
    )


def _protocol_and_ports(
    conditions: tuple[Condition, ...], names: Mapping[str, int]
) -> tuple[str | None, Ports]:
    """(tcp, udp or any; the ports); the protocol is None for one that has no ports."""
    protocol, ports = "any", EVERY
    for condition in conditions:
        name, _, what = condition.key.partition(" ")
        if what == "dport":
            ports = EVERY if condition.negated else ports_of(condition.values, names)
            protocol = name if name in ("tcp", "udp") else protocol
        elif condition.key == "meta l4proto" and not condition.negated:
            told = [_NUMBERS.get(value, value) for value in condition.values]
            known = [value for value in told if value in ("tcp", "udp")]
            if not known and not any(value in _PORTLESS for value in told):
                return None, ports
            protocol = known[0] if len(known) == 1 else protocol
    return protocol, ports


def _family(family: str, conditions: tuple[Condition, ...]) -> str:
    if family in ("ip", "ip6"):
        return "ipv4" if family == "ip" else "ipv6"
    for condition in conditions:
        if condition.key.startswith(("ip ", "ip6 ")):
            return "ipv4" if condition.key.startswith("ip ") else "ipv6"
        if (
            condition.key == "meta nfproto"
            and condition.values in (("ipv4",), ("ipv6",))
            and not condition.negated
        ):
            return condition.values[0]
    return "both"
