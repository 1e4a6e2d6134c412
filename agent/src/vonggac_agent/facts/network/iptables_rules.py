"""Reads iptables rules into `packet_filter`'s model: what iptables-save prints and iptables-restore loads. Pure.

Source: iptables-save(8), iptables(8), iptables-extensions(8) "TARGET EXTENSIONS".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Literal

from .packet_filter import Chain, ChainKey, Hook, Ruleset, Step, Verdict

MAX_LINES: Final = 200_000
_WORD: Final = re.compile(r'"(?:\\.|[^"\\])*"|\S+')
_HOOKS: Final[dict[str, Hook]] = {"INPUT": "input", "FORWARD": "forward"}
_FINAL: Final[dict[str, Verdict]] = {
    "ACCEPT": "accept",
    "DROP": "drop",
    "REJECT": "drop",
    "TARPIT": "drop",
    "RETURN": "return",
}


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
    if len(words) < 2 or words[0] not in ("-A", "--append"):
        raise ValueError(f"line {number} is no rule")
    chain = chains.setdefault((family, "filter", words[1]), Chain(_HOOKS.get(words[1]), "accept", []))
    chain.steps.append(_step(words[2:]))


def _step(words: list[str]) -> Step:
    """Everything before the target selects packets, but for a comment."""
    conditional = False
    place = 0
    while place < len(words):
        word = words[place]
        after = words[place + 1] if place + 1 < len(words) else ""
        if word in ("-j", "--jump", "-g", "--goto"):
            if after in _FINAL:
                return Step(conditional, _FINAL[after])
            return Step(conditional, "jump" if word in ("-j", "--jump") else "goto", after)
        if word == "--comment" or (word == "-m" and after == "comment"):
            place += 2
            continue
        conditional = True
        place += 1
    return Step(conditional, "none")
