"""Asks the expressions of web servers, which are PCRE's, by RE2: linear in time, whatever they say (RE2, "Syntax")."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import re2

MAX_MEMORY: Final = 1 << 20
"""Bytes for one compiled expression; those of real sites take some thousands."""
_AHEAD: Final = re.compile(r"\(\?!([^()]*)\)")


class NotUnderstood(ValueError):
    """An expression that cannot be asked here."""


@lru_cache(maxsize=1 << 16)
def matches(pattern: str, text: str, *, folded: bool = False) -> bool:
    """`pattern` is found in `text`; lookaheads `(?!…)` count as met. `folded`: without regard to case.

    Raises NotUnderstood if it is none of RE2.
    """
    options = re2.Options()
    options.case_sensitive = not folded
    options.log_errors = False
    options.max_mem = MAX_MEMORY
    try:
        return re2.compile(_AHEAD.sub("", pattern), options).search(text) is not None
    except re2.error:
        raise NotUnderstood(f"{pattern[:80]!r} is no expression of RE2") from None
