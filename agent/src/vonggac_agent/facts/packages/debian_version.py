"""Compares versions of Debian packages as dpkg does: deb-version(7), "Sorting algorithm"."""

from __future__ import annotations

import re
from typing import Final

_PARTS: Final = re.compile(r"([^0-9]*)([0-9]*)")


def compare(a: str, b: str) -> int:
    """-1, 0 or 1 as version `a` comes before, with or after `b`. Accepts any text; never raises."""
    if a == b:
        return 0
    epoch_a, upstream_a, revision_a = _split(a)
    epoch_b, upstream_b, revision_b = _split(b)
    return (
        _sign(_number(epoch_a) - _number(epoch_b))
        or _compare_part(upstream_a, upstream_b)
        or _compare_part(revision_a, revision_b)
    )


def _split(version: str) -> tuple[str, str, str]:
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, dash, revision = rest.rpartition("-")
    return (epoch, upstream, revision) if dash else (epoch, rest, "")


def _compare_part(a: str, b: str) -> int:
    """Alternate runs of other characters and of digits; a missing run of digits counts as 0."""
    runs_a, runs_b = _PARTS.findall(a), _PARTS.findall(b)
    for place in range(max(len(runs_a), len(runs_b))):
        words_a, digits_a = runs_a[place] if place < len(runs_a) else ("", "")
        words_b, digits_b = runs_b[place] if place < len(runs_b) else ("", "")
        order = _compare_words(words_a, words_b) or _compare_digits(digits_a, digits_b)
        if order:
            return order
    return 0


def _compare_words(a: str, b: str) -> int:
    for place in range(max(len(a), len(b))):
        order = _weight(a, place) - _weight(b, place)
        if order:
            return _sign(order)
    return 0


def _weight(words: str, place: int) -> int:
    """`~` before the end of the part, the end before letters, letters before everything else."""
    if place >= len(words):
        return 0
    character = words[place]
    if character == "~":
        return -1
    return ord(character) + (0 if character.isascii() and character.isalpha() else 0x110000)


def _compare_digits(a: str, b: str) -> int:
    """By value, without making a number of thousands of digits."""
    a, b = a.lstrip("0"), b.lstrip("0")
    return _sign(len(a) - len(b)) or (a > b) - (a < b)


def _number(epoch: str) -> int:
    return int(epoch) if epoch.isascii() and epoch.isdigit() and len(epoch) <= 10 else 0


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)
