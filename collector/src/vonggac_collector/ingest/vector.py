"""What a look says of every rule in a few hundred bytes, and back. Pure.

Most looks answer the same rules: the list of them, with severity and domain as reported, is kept once under its digest.
A look itself keeps its few distinct answers and, for each rule of the list, which of them it got.
"""

from __future__ import annotations

import hashlib
import zlib
from array import array
from collections.abc import Mapping, Sequence
from sys import byteorder
from typing import Final

import msgspec

from vonggac_collector.ledger.rows import WRONG, Change, Failing, Look
from vonggac_contract.finding import Finding

_ONE_BYTE: Final = 256
"""Distinct answers that one byte tells apart; with more, each rule takes four."""
_TWICE: Final = "reported-twice"


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


Answers = Mapping[str, tuple[Asked, Said]]
"""By rule."""
NOTHING: Final[Answers] = {}
_RULES: Final = msgspec.msgpack.Decoder(list[Asked])
_VECTOR: Final = msgspec.msgpack.Decoder(Packed)
_ENCODER: Final = msgspec.msgpack.Encoder()


class Vector(msgspec.Struct, frozen=True):
    """A look's answers, in the order of the report."""

    asked: list[Asked]
    said: list[Said]

    def by_rule(self) -> Answers:
        """A rule that is answered twice is not known, as in scoring (`score.host.complete`)."""
        found = {a.rule: (a, s) for a, s in zip(self.asked, self.said, strict=True)}
        if len(found) < len(self.asked):
            rules = [a.rule for a in self.asked]
            for rule in {r for r in rules if rules.count(r) > 1}:
                found[rule] = (found[rule][0], Said("unknown", 0, 0, _TWICE))
        return found


def vector_of(findings: Sequence[Finding]) -> Vector:
    """The answers of a report; equal ones are one object."""
    seen: dict[tuple[str, int, int, str], Said] = {}
    said = []
    for f in findings:
        key = (f.outcome, f.passed, f.of, f.reason)
        answer = seen.get(key)
        if answer is None:
            answer = seen[key] = Said(f.outcome.value, f.passed, f.of, f.reason)
        said.append(answer)
    return Vector([Asked(f.rule, f.severity, f.domain) for f in findings], said)


def pack_rules(asked: Sequence[Asked]) -> tuple[str, bytes]:
    """The list of rules and its digest."""
    packed = _ENCODER.encode(asked)
    return hashlib.sha256(packed).hexdigest(), packed


def unpack_rules(packed: bytes) -> list[Asked]:
    """What `pack_rules` packed. Only for the ledger's own bytes."""
    return _RULES.decode(packed)


def pack_vector(rules: str, said: Sequence[Said]) -> bytes:
    """The answers to the rules of the list with that digest."""
    places: dict[Said, int] = {}
    order = [places.setdefault(s, len(places)) for s in said]
    if len(places) <= _ONE_BYTE:
        codes = bytes(order)
    else:
        wide = array("I", order)
        if byteorder == "big":
            wide.byteswap()
        codes = wide.tobytes()
    return zlib.compress(_ENCODER.encode(Packed(bytes.fromhex(rules), list(places), codes)), 1)


def rules_of(vector: bytes) -> str:
    """The digest of the list of rules that it answers."""
    return _VECTOR.decode(zlib.decompress(vector)).rules.hex()


def unpack_vector(vector: bytes, asked: list[Asked]) -> Vector:
    """What `pack_vector` packed. Only for the ledger's own bytes."""
    packed = _VECTOR.decode(zlib.decompress(vector))
    codes: Sequence[int] = packed.places
    if len(packed.answers) > _ONE_BYTE:
        wide = array("I", packed.places)
        if byteorder == "big":
            wide.byteswap()
        codes = wide
    return Vector(asked, [packed.answers[c] for c in codes])


def outcomes_digest(vector: Vector) -> str:
    """Names what scores depend on."""
    fields = [
        (a.rule, s.outcome, s.passed, s.of, s.reason) for a, s in zip(vector.asked, vector.said, strict=True)
    ]
    return hashlib.sha256(_ENCODER.encode(fields)).hexdigest()


class Differences(msgspec.Struct, frozen=True):
    """What a look changes: rows of what is wrong, rules of which nothing is wrong any more, and rows of history."""

    wrong: list[Failing]
    mended: list[str]
    changes: list[Change]


def differences(look: Look, after: Answers, before: Answers) -> Differences:
    """From the answers of the look before (`NOTHING` if there is none) to this one's."""
    wrong: list[Failing] = []
    mended: list[str] = []
    changes: list[Change] = []
    for rule in [*after, *(r for r in before if r not in after)]:
        now, then = after.get(rule), before.get(rule)
        if now == then:
            continue
        is_now, was = "" if now is None else now[1].outcome, "" if then is None else then[1].outcome
        if now is not None and is_now in WRONG:
            wrong.append(_failing(look, *now))
        elif was in WRONG:
            mended.append(rule)
        if is_now != was and (is_now in WRONG or was in WRONG):
            reason = "" if now is None else now[1].reason
            changes.append(
                Change(
                    look.agent,
                    look.epoch,
                    look.sequence,
                    rule,
                    look.looked_at,
                    look.committed_at,
                    was,
                    is_now,
                    reason,
                    look.shelf,
                )
            )
    return Differences(wrong, mended, changes)


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
