"""Text that came from a machine, made harmless to the eye: it cannot be markup, reorder its surroundings or hide.

Markup is escaped like everywhere else; here direction is isolated by `<bdi>` and characters that cannot be seen are
replaced by a visible sign that carries their code point. Nothing is left out.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any, Final

import msgspec
from markupsafe import Markup, escape

HIDDEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""General categories of the Unicode Character Database whose characters have no shape of their own."""
BLANKS: Final = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f")
"""Letters and signs drawn as nothing (fillers, braille blank, grapheme joiner)."""
PLAIN: Final = re.compile(r"[\x20-\x7e\u00a0-\u00ac\u00ae-\u024f\u1e00-\u1eff\u2013-\u201e\u2026]*")
"""Texts whose characters all show themselves and mark no other: nearly all, so they are not looked at one by one."""
MAX_SHOWN: Final = 600
"""Characters of one text on a page; the rest is counted, not shown."""
MAX_MARKS: Final = 2
"""Combining marks on one letter, as decomposed Vietnamese needs; more would paint over the lines above."""
MAX_ENTRY: Final = 160
"""Characters of one entry of a list of evidence."""
MAX_NAME: Final = 96
"""Characters of a name in a table or a heading; the rest is counted."""


def is_hidden(character: str) -> bool:
    """Whether `character` would leave no mark of its own on a page."""
    if character in BLANKS:
        return True
    if unicodedata.category(character) == "Zs":
        return character not in " \u00a0"
    if "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef":
        return True
    return unicodedata.category(character) in HIDDEN_CATEGORIES


def sign_for(character: str) -> str:
    """A visible stand-in: the control picture of a C0 control, else the code point."""
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    return f"U+{code:04X}"


def visible(text: str) -> str:
    """A name with each hidden character replaced by its stand-in, for places that cannot hold markup."""
    shown = "".join(sign_for(c) if is_hidden(c) else c for c in text[:MAX_NAME])
    return shown + "…" if len(text) > MAX_NAME else shown


def inert(value: object, most: int = MAX_SHOWN) -> Markup:
    """`value` as isolated, fully visible text, at most `most` characters and a count of the rest."""
    text = value if isinstance(value, str) else words_of(value)
    shown, rest = text[:most], len(text) - most
    if rest <= 0 and PLAIN.fullmatch(shown):
        return Markup("<bdi>") + escape(shown) + Markup("</bdi>")
    parts: list[Markup] = []
    plain: list[str] = []
    marks = 0
    for character in shown:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if not is_hidden(character) and marks <= MAX_MARKS:
            plain.append(character)
            continue
        parts.append(escape("".join(plain)))
        plain.clear()
        parts.append(
            Markup('<span class="control" title="U+{:04X}">{}</span>').format(
                ord(character), sign_for(character)
            )
        )
    parts.append(escape("".join(plain)))
    if rest > 0:
        parts.append(Markup('<span class="control">… +{}</span>').format(rest))
    return Markup("<bdi>{}</bdi>").format(Markup("").join(parts))


def inert_name(value: object) -> Markup:
    """`value` as a name: like `inert`, but short."""
    return inert(value, MAX_NAME)


def words_of(value: Any) -> str:
    """A value of evidence as one line: text as it is, lists and flat records joined, everything else as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(v, (str, int, float)) for v in value):
        return ", ".join(words_of(v) for v in value)
    if isinstance(value, dict) and value and all(isinstance(v, (str, int, float)) for v in value.values()):
        (_, first), *rest = value.items()
        return " · ".join([words_of(first), *(f"{k}: {words_of(v)}" for k, v in rest)])
    return msgspec.json.encode(value).decode()
