"""What a packet filter does with a packet that no rule names: one model for nftables and iptables. Pure.

`nft_ruleset` and `iptables_rules` fill it from their formats; `firewall_state` asks it, and `firewall_openings` asks
what the rules let in.

Sources: nft(8) "Chains", "Verdict statement": a packet must pass every base chain of its hook; iptables(8) "TARGETS".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

Fate = Literal["drop", "accept"]
Verdict = Literal["accept", "drop", "jump", "goto", "return", "none"]
Hook = Literal["input", "forward", "output"]
HOOKS: Final[tuple[Hook, ...]] = ("input", "forward", "output")
ChainKey = tuple[str, str, str]
"""Family (ip, ip6, inet), table, chain."""


class Condition(NamedTuple):
    """What a rule asks of a packet, in nft's words: `tcp dport`, `ip saddr`, `iifname`, `ct state`, `meta l4proto`, …

    `values` are as written: numbers, ranges `1-9`, prefixes, `@set`. The key `other` stands for what is not understood.
    """

    key: str
    values: tuple[str, ...] = ()
    negated: bool = False


class Step(NamedTuple):
    """One rule. `conditional`: it concerns only packets that match something; a reject is a drop."""

    conditional: bool
    verdict: Verdict
    target: str = ""
    conditions: tuple[Condition, ...] = ()


class Chain(NamedTuple):
    """A chain with its rules; `hook` and `policy` are those of a base chain of type filter, else None and accept."""

    hook: Hook | None
    policy: Fate
    steps: list[Step]


class Ruleset(NamedTuple):
    """Chains of one or more tables."""

    chains: Mapping[ChainKey, Chain]

    @property
    def rules(self) -> int:
        """How many rules there are in all chains."""
        return sum(len(chain.steps) for chain in self.chains.values())


def fate(rulesets: list[Ruleset], hook: Hook, family: Literal["ip", "ip6"]) -> Fate:
    """Fate at `hook` of a packet of `family` that no rule names: one base chain that drops it is enough.

    Raises ValueError for chains that lead back to themselves, which the kernel never loads.
    """
    for ruleset in rulesets:
        for key, chain in ruleset.chains.items():
            if chain.hook == hook and key[0] in (family, "inet") and _base_fate(ruleset, key) == "drop":
                return "drop"
    return "accept"


def filters(rulesets: list[Ruleset], hook: Hook) -> bool:
    """At `hook` something is decided at all: a base chain holds a rule or drops."""
    return any(
        chain.hook == hook and (chain.steps or chain.policy == "drop")
        for ruleset in rulesets
        for chain in ruleset.chains.values()
    )


def _base_fate(ruleset: Ruleset, key: ChainKey) -> Fate:
    return _walk(ruleset, key, {}, set()) or ruleset.chains[key].policy


def _walk(
    ruleset: Ruleset, key: ChainKey, known: dict[ChainKey, Fate | None], open_: set[ChainKey]
) -> Fate | None:
    """What the rules that hold for every packet decide; None if the chain comes to its end or returns."""
    if key in known:
        return known[key]
    if key in open_:
        raise ValueError(f"chain {key[2]} leads back to itself")
    if len(open_) > 64:
        raise ValueError("chains lead through over 64 others")
    chain = ruleset.chains.get(key)
    open_.add(key)
    found: Fate | None = None
    for step in () if chain is None else chain.steps:
        if step.conditional or step.verdict == "none":
            continue
        if step.verdict in ("accept", "drop"):
            found = "accept" if step.verdict == "accept" else "drop"
        elif step.verdict != "return":
            found = _walk(ruleset, (key[0], key[1], step.target), known, open_)
            if found is None and step.verdict == "jump":
                continue
        break
    open_.discard(key)
    known[key] = found
    return found
