"""What a look says of every rule in a few hundred bytes, and back. Pure.

Most looks answer the same rules: the list of them, with severity and domain as reported, is kept once under its digest.
A look itself keeps its few distinct answers and, for each rule of the list, which of them it got.
"""

from __future__ import annotations

import hashlib
import zlib
from array import array
from collections.abc import Callable, Iterator, Sequence
from operator import is_
from sys import byteorder
from typing import Final

import msgspec

from vonggac_collector.ledger.rows import WRONG, Change, Failing, Look

_ONE_BYTE: Final = 256
"""Distinct answers that one byte tells apart; with more, each rule takes four."""
_TWICE: Final = "reported-twice"
_MAX_KEPT: Final = 10_000


class Asked(msgspec.Struct, frozen=True, array_like=True):
    """A rule as a report names it."""

    rule: str
    severity: str
    domain: str


class Said(msgspec.Struct, frozen=True, array_like=True):
    """One answer: outcome, `passed` of `of` elements, and why if it is not known or does not apply."""

    outcome: str
    passed: int
    of: int
    reason: str


class Packed(msgspec.Struct, frozen=True, array_like=True):
    """A vector as it is kept: digest of the list of rules, answers, and for each rule the place of its own."""

    rules: bytes
    answers: list[Said]
    places: bytes


Answer = tuple[Asked, Said]
_RULES: Final = msgspec.msgpack.Decoder(list[Asked])
_VECTOR: Final = msgspec.msgpack.Decoder(Packed)
_ENCODER: Final = msgspec.msgpack.Encoder()
_SAID: Final[dict[Said, Said]] = {}
_ONCE: Final[dict[str, bool]] = {}
"""By the digest of a list of rules: whether it names each once."""


class Vector(msgspec.Struct, frozen=True):
    """A look's answers, in the order of the report. `rules`: the digest of `asked`."""

    rules: str
    asked: list[Asked]
    said: list[Said]

    def by_rule(self) -> dict[str, Answer]:
        """A rule that is answered twice is not known, as in scoring (`score.host.complete`)."""
        found = {a.rule: (a, s) for a, s in zip(self.asked, self.said, strict=True)}
        if len(found) < len(self.asked):
            rules = [a.rule for a in self.asked]
            for rule in {r for r in rules if rules.count(r) > 1}:
                found[rule] = (found[rule][0], Said("unknown", 0, 0, _TWICE))
        return found


def one(said: Said) -> Said:
    """The same for every equal answer, mostly: what is one object is compared at once."""
    if len(_SAID) >= _MAX_KEPT:
        _SAID.clear()
    return _SAID.setdefault(said, said)


def unpack_rules(packed: bytes) -> list[Asked]:
    """What `reading.rules_of` packed. Only for the ledger's own bytes."""
    return _RULES.decode(packed)


def pack_vector(vector: Vector) -> tuple[str, bytes]:
    """The digest of a look's answers, which names what scores depend on, and the vector as it is kept."""
    # Most equal answers are one object, and identities are hashed sooner than answers.
    which = [*map(id, vector.said)]
    answers: dict[Said, int] = {}
    places = {
        identity: answers.setdefault(said, len(answers))
        for identity, said in dict(zip(which, vector.said, strict=True)).items()
    }
    order = [places[w] for w in which]
    if len(answers) <= _ONE_BYTE:
        codes = bytes(order)
    else:
        wide = array("I", order)
        if byteorder == "big":
            wide.byteswap()
        codes = wide.tobytes()
    packed = _ENCODER.encode(Packed(bytes.fromhex(vector.rules), [*answers], codes))
    return hashlib.sha256(packed).hexdigest(), zlib.compress(packed, 1)


def unpack_vector(vector: bytes, lists: Callable[[str], list[Asked]]) -> Vector:
    """What `pack_vector` packed; `lists` finds a list of rules by its digest. Only for the ledger's own bytes."""
    packed = _VECTOR.decode(zlib.decompress(vector))
    codes: Sequence[int] = packed.places
    if len(packed.answers) > _ONE_BYTE:
        wide = array("I", packed.places)
        if byteorder == "big":
            wide.byteswap()
        codes = wide
    rules, answers = packed.rules.hex(), [*map(one, packed.answers)]
    return Vector(rules, lists(rules), [answers[c] for c in codes])


class Differences(msgspec.Struct, frozen=True):
    """What a look changes: rows of what is wrong, rules of which nothing is wrong any more, and rows of history."""

    wrong: list[Failing]
    mended: list[str]
    changes: list[Change]


def differences(look: Look, after: Vector, before: Vector | None) -> Differences:
    """From the answers of the look before, if there is one, to those of `look`."""
    wrong: list[Failing] = []
    mended: list[str] = []
    changes: list[Change] = []
    for rule, then, now in _unlike(after, before):
        is_now, was = "" if now is None else now[1].outcome, "" if then is None else then[1].outcome
        if now is not None and is_now in WRONG:
            wrong.append(_failing(look, *now))
        elif was in WRONG:
            mended.append(rule)
        if is_now != was and (is_now in WRONG or was in WRONG):
            reason = "" if now is None else now[1].reason
            changes.append(_change(look, rule, was, is_now, reason))
    return Differences(wrong, mended, changes)


def _unlike(after: Vector, before: Vector | None) -> Iterator[tuple[str, Answer | None, Answer | None]]:
    """Rules with what was said of them before and now, where the two differ."""
    if before is not None and before.rules == after.rules and _each_once(after):
        for n, same in enumerate(map(is_, after.said, before.said)):
            if not same and after.said[n] != before.said[n]:
                asked = after.asked[n]
                yield asked.rule, (asked, before.said[n]), (asked, after.said[n])
        return
    now, then = after.by_rule(), {} if before is None else before.by_rule()
    for rule in [*now, *(r for r in then if r not in now)]:
        if now.get(rule) != then.get(rule):
            yield rule, then.get(rule), now.get(rule)


def _each_once(vector: Vector) -> bool:
    """Whether no rule is answered twice."""
    if len(_ONCE) >= _MAX_KEPT:
        _ONCE.clear()
    if vector.rules not in _ONCE:
        _ONCE[vector.rules] = len({a.rule for a in vector.asked}) == len(vector.asked)
    return _ONCE[vector.rules]


def _change(look: Look, rule: str, before: str, after: str, reason: str) -> Change:
    place = (look.agent, look.epoch, look.sequence)
    return Change(*place, rule, look.looked_at, look.committed_at, before, after, reason, look.shelf)


def _failing(look: Look, asked: Asked, said: Said) -> Failing:
    return Failing(
        look.agent,
        asked.rule,
        said.outcome,
        said.reason,
        said.passed,
        said.of,
        asked.severity,
        asked.domain,
        look.looked_at,
        look.epoch,
        look.sequence,
    )
