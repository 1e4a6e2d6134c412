"""What an nftables rule asks of packets, from nft's JSON and from its own language, as `packet_filter.Condition`. Pure.

Sources: libnftables-json(5) "EXPRESSIONS"; nft(8) "Primary expressions", "Verdict maps". What is not understood becomes
the condition `other`: the rule then counts as one that selects, by something.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from .packet_filter import Condition, Step, Verdict

VERDICTS: Final[dict[str, Verdict]] = {
    "accept": "accept",
    "drop": "drop",
    "reject": "drop",
    "return": "return",
    "jump": "jump",
    "goto": "goto",
}
_SAME: Final = {
    "iif": "iifname",
    "iifname": "iifname",
    "meta iif": "iifname",
    "meta iifname": "iifname",
    "ip protocol": "meta l4proto",
    "ip6 nexthdr": "meta l4proto",
}
_PAIRED: Final = frozenset(
    ("ip", "ip6", "tcp", "udp", "sctp", "dccp", "th", "ct", "meta", "icmp", "icmpv6", "ether")
)
_SINGLE: Final = frozenset(("iif", "iifname", "oif", "oifname", "iiftype", "mark"))
_SENTENCE: Final = re.compile(r'"[^"\s]*\s[^"]*"')
"""Quoted text with a blank in it: a comment or the head of a log line, never a value."""
MAX_LENGTH: Final = 50_000
MAX_VALUES: Final = 10_000


def of_match(body: Any) -> Condition:
    """The condition of a `match` statement of the JSON form."""
    if not isinstance(body, dict):
        return Condition("other")
    left = body.get("left")
    key = _key(left) if isinstance(left, dict) else "other"
    return Condition(key, tuple(_values(body.get("right")))[:MAX_VALUES], body.get("op") == "!=")


def of_map(body: Any, before: Sequence[Condition]) -> list[Step]:
    """One conditional step for each entry of a `vmap` of the JSON form; a named map tells nothing."""
    entries = body.get("data") if isinstance(body, dict) else None
    found = entries.get("set") if isinstance(entries, dict) else None
    if not isinstance(found, list):
        return [Step(True, "none", "", (*before, Condition("other")))]
    key = _key(body.get("key")) if isinstance(body.get("key"), dict) else "other"
    steps: list[Step] = []
    for entry in found[:MAX_VALUES]:
        if isinstance(entry, list) and len(entry) == 2 and isinstance(entry[1], dict) and len(entry[1]) == 1:
            ((word, target),) = entry[1].items()
            conditions = (*before, Condition(key, tuple(_values(entry[0]))))
            name = str(target.get("target")) if isinstance(target, dict) else ""
            steps.append(Step(True, VERDICTS.get(word, "none"), name, conditions))
    return steps


def _key(left: dict[str, Any]) -> str:
    for kind in ("payload", "meta", "ct"):
        inner = left.get(kind)
        if isinstance(inner, dict):
            name = inner.get("field") if kind == "payload" else inner.get("key")
            key = f"{inner.get('protocol') if kind == 'payload' else kind} {name}"
            return _SAME.get(key, key)
    return "other"


def _values(right: Any) -> list[str]:
    if isinstance(right, (str, int)):
        return [str(right)]
    if isinstance(right, list):
        return [value for item in right[:MAX_VALUES] for value in _values(item)]
    if isinstance(right, dict):
        if isinstance(right.get("prefix"), dict):
            return [f"{right['prefix'].get('addr')}/{right['prefix'].get('len')}"]
        if isinstance(right.get("range"), list) and len(right["range"]) == 2:
            return [f"{right['range'][0]}-{right['range'][1]}"]
        if isinstance(right.get("elem"), dict):
            return _values(right["elem"].get("val"))
        for kind in ("set", "|"):
            if isinstance(right.get(kind), list):
                return _values(right[kind])
    return ["?"]


def of_words(statement: str) -> list[Step]:
    """The steps of one rule in nft's own language, its words joined by one blank. Raises ValueError over MAX_LENGTH."""
    if len(statement) > MAX_LENGTH:
        raise ValueError(f"a rule of over {MAX_LENGTH} characters")
    words = _SENTENCE.sub("text", statement).replace(",", " , ").replace('"', "").split()
    conditions: list[Condition] = []
    place = 0
    while place < len(words):
        word = words[place]
        if word == "vmap":
            return _mapped(conditions, words[place + 1 :])
        if word in VERDICTS:
            target = words[place + 1] if word in ("jump", "goto") and place + 1 < len(words) else ""
            return [Step(True, VERDICTS[word], target, tuple(conditions))]
        if word in ("counter", "log", "limit", "comment"):
            place = _after(words, place + 1)
            continue
        key, place = _named(words, place)
        negated = place < len(words) and words[place] == "!="
        if place < len(words) and words[place] in ("!=", "=="):
            place += 1
        if place < len(words) and words[place] == "vmap":
            return _mapped([*conditions, Condition(key)], words[place + 1 :])
        values, place = _read(words, place)
        conditions.append(Condition(key, tuple(values[:MAX_VALUES]), negated))
    return [Step(True, "none", "", tuple(conditions))]


def _named(words: list[str], place: int) -> tuple[str, int]:
    word = words[place]
    if word in _PAIRED and place + 1 < len(words):
        key = f"{word} {words[place + 1]}"
        return _SAME.get(key, key), place + 2
    if word in _SINGLE:
        return _SAME.get(word, word), place + 1
    return "other", place + 1


def _read(words: list[str], place: int) -> tuple[list[str], int]:
    """Values from `place` on: one word, words joined by commas, or a set in braces."""
    if place >= len(words) or words[place] in VERDICTS:
        return [], place
    if words[place] == "{":
        end = next((i for i in range(place, len(words)) if words[i] == "}"), len(words))
        return [word for word in words[place + 1 : end] if word != ","], end + 1
    values = [words[place]]
    while place + 2 < len(words) and words[place + 1] == ",":
        place += 2
        values.append(words[place])
    return values, place + 1


def _after(words: list[str], place: int) -> int:
    """Past the arguments of a statement that neither selects nor decides: up to the next word that begins something."""
    while (
        place < len(words)
        and words[place] not in VERDICTS
        and words[place] not in ("counter", "log", "limit", "comment")
    ):
        if words[place] in _SINGLE or words[place] in _PAIRED:
            break
        place += 1
    return place


def _mapped(conditions: list[Condition], words: list[str]) -> list[Step]:
    """`vmap { established : accept, 22 : jump admin }` after its key, which is the last of `conditions`."""
    if not conditions or words[:1] != ["{"]:
        return [Step(True, "none", "", tuple(conditions))]
    *before, key = conditions
    entries = " ".join(words[1:]).partition("}")[0].split(",")
    steps: list[Step] = []
    for entry in entries[:MAX_VALUES]:
        value, _, verdict = entry.rpartition(":")
        told = verdict.split()
        if told:
            target = told[1] if len(told) > 1 else ""
            found = (*before, Condition(key.key, tuple(value.split())))
            steps.append(Step(True, VERDICTS.get(told[0], "none"), target, found))
    return steps
