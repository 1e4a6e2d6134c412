"""Reads iptables rules into `packet_filter`'s model: what iptables-save prints and iptables-restore loads. Pure.

Source: iptables-save(8), iptables(8), iptables-extensions(8) "TARGET EXTENSIONS".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Literal

from .packet_filter import Chain, ChainKey, Condition, Hook, Ruleset, Step, Verdict

MAX_LINES: Final = 200_000
_WORD: Final = re.compile(r'"(?:\\.|[^"\\])*"|\S+')
_HOOKS: Final[dict[str, Hook]] = {"INPUT": "input", "FORWARD": "forward", "OUTPUT": "output"}
_FINAL: Final[dict[str, Verdict]] = {
    "ACCEPT": "accept",
    "DROP": "drop",
    "REJECT": "drop",
    "TARPIT": "drop",
    "RETURN": "return",
}
_ADDRESSES: Final = frozenset(("-s", "--source", "--src-range", "--match-set", "-d", "--destination"))
_KEYS: Final = {
    "-s": "saddr",
    "--source": "saddr",
    "--src-range": "saddr",
    "--match-set": "saddr",
    "-d": "daddr",
    "--destination": "daddr",
    "-i": "iifname",
    "--in-interface": "iifname",
    "-p": "meta l4proto",
    "--protocol": "meta l4proto",
    "--ctstate": "ct state",
    "--state": "ct state",
}
"""Options with the words of nft; a set (`--match-set NAME src`) limits sources unless it is asked of destinations."""


def parse(lines: Iterable[str], family: Literal["ip", "ip6"]) -> Ruleset:
    """The filter table of a saved set of rules. Raises ValueError for lines it cannot be made of."""
    chains: dict[ChainKey, Chain] = {}
    table = ""
    for number, line in enumerate(lines, 1):
        if number > MAX_LINES:
            raise ValueError(f"over {MAX_LINES} lines")
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if text.startswith("*"):
            table = text[1:]
        elif text == "COMMIT":
            table = ""
        elif table == "filter":
            _line(chains, family, text, number)
        elif not table:
            raise ValueError(f"line {number} stands in no table")
    return Ruleset(chains)


def _line(chains: dict[ChainKey, Chain], family: str, text: str, number: int) -> None:
    if text.startswith(":"):
        name, _, rest = text[1:].partition(" ")
        policy = rest.partition(" ")[0]
        key = (family, "filter", name)
        chains[key] = Chain(_HOOKS.get(name), "drop" if policy == "DROP" else "accept", [])
        return
    words = _WORD.findall(re.sub(r"^\[\d+:\d+\]\s*", "", text))
    if len(words) < 2 or words[0] not in ("-A", "--append", "-I", "--insert"):
        raise ValueError(f"line {number} is no rule")
    chain = chains.setdefault((family, "filter", words[1]), Chain(_HOOKS.get(words[1]), "accept", []))
    step = _step(words[2:], family)
    if words[0] in ("-I", "--insert"):  # ufw's files; a place other than the first is not looked at
        chain.steps.insert(0, step)
    else:
        chain.steps.append(step)


def _step(words: list[str], family: str) -> Step:
    """Everything before the target selects packets, but for a comment."""
    conditions: list[Condition] = []
    conditional = negated = False
    protocol = ""
    place = 0
    while place < len(words):
        word = words[place]
        after = words[place + 1] if place + 1 < len(words) else ""
        if word in ("-j", "--jump", "-g", "--goto"):
            found = tuple(conditions)
            if after in _FINAL:
                return Step(conditional, _FINAL[after], "", found)
            return Step(conditional, "jump" if word in ("-j", "--jump") else "goto", after, found)
        if word == "--comment" or (word == "-m" and after == "comment"):
            place += 2
            continue
        conditional = True
        if word in ("-p", "--protocol"):
            protocol = after
        if word == "!":
            negated = True
        elif word.startswith("-") and word not in ("-m", "--match"):
            key = _key(word, protocol, family)
            values = tuple(value.replace(":", "-") if "port" in key else value for value in after.split(","))
            conditions.append(Condition(key, values, negated))
            negated = False
        place += 1
    return Step(conditional, "none", "", tuple(conditions))


def _key(word: str, protocol: str, family: str) -> str:
    """The key of `packet_filter.Condition` for an option that selects packets."""
    if word in ("--dport", "--dports", "--destination-port", "--destination-ports"):
        return f"{protocol or 'th'} dport"
    return f"{family} {_KEYS[word]}" if word in _ADDRESSES else _KEYS.get(word, "other")
