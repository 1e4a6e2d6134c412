"""Which characters act on who reads a text instead of being read: terminal escapes, marks that turn its direction."""

from __future__ import annotations

import unicodedata
from typing import Final

_ACTIVE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def acts(character: str) -> bool:
    """A control, format, private or unassigned character, a surrogate or an odd line end: UAX #44's general categories.

    Letters and their Vietnamese marks do not, nor blanks; a line feed and a tab do.
    """
    return not character.isprintable() and unicodedata.category(character) in _ACTIVE


def acting(text: str) -> int | None:
    """The place of the first character that acts, line feeds and tabs apart; None if there is none."""
    if text.replace("\n", "").replace("\t", "").isprintable():  # quick, and so for nearly every text
        return None
    return next((place for place, c in enumerate(text) if c not in "\n\t" and acts(c)), None)
