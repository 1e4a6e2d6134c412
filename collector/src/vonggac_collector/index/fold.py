"""Words as they are compared: without diacritics and capitals, so that duong finds Đường. Pure.

Folded here and not by the index: a server may lack the analysers for it, and every index has to find the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

MAX_WORD: Final = 64
"""Characters of one word that count; the tokenizer of Elasticsearch would cut at 255, each index at something else."""
BOUNDARY: Final = "."
"""Stands between texts, so that no phrase reaches from one into the next. No word has it."""
_WORD: Final = re.compile(r"[^\W_]+")
_LIKE_D: Final = str.maketrans("đð", "dd")


def fold(text: str) -> str:
    """Compatibility decomposition (UAX 15), capitals and combining marks away, đ as d."""
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    plain = "".join(c for c in apart if not unicodedata.category(c).startswith("M"))
    return plain.translate(_LIKE_D)


@lru_cache(maxsize=20_000)
def _folded(text: str) -> tuple[str, ...]:
    return tuple(w[:MAX_WORD] for w in _WORD.findall(fold(text)))


def words(text: str) -> list[str]:
    """Runs of letters and digits, folded."""
    # Machines have the same packages and rules, over and over.
    return list(_folded(text))


def tag(name: str, word: str) -> str:
    """A word of the field of that name; no word of a text begins like it."""
    return f"={name}={word}"


def tagged(word: str) -> str | None:
    """The field whose word it is; None for a word of any text."""
    return word.split("=")[1] if word.startswith("=") else None


def to_text(texts: Iterable[str], names: Mapping[str, Iterable[str]]) -> str:
    """What an index splits at spaces: the words of `texts`, then of the fields in `names`, each after a boundary."""
    runs = [words(t) for t in texts]
    runs += [[tag(name, w) for w in words(value)] for name, values in names.items() for value in values]
    return f" {BOUNDARY} ".join(" ".join(run) for run in runs if run)
