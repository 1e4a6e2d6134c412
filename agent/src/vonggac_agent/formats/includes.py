"""Files that draw in others: what all of them say, in the order in which a reader meets it, within bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

MAX_FILES: Final = 500
"""Files that one configuration may draw in; the project's own figure, ten times what packages ship."""
MAX_DEPTH: Final = 8
_E = TypeVar("_E")


def put_in(
    text: str, parse: Callable[[str], Iterable[_E]], drawn: Callable[[_E], Iterable[str] | None], name: str
) -> Iterator[_E]:
    """The entries of `text`, those of included files in the place of their include.

    `drawn`: the texts that an entry draws in, None if it is no include. `name`: the file's, for the error. Raises
    ValueError for includes deeper than MAX_DEPTH or over MAX_FILES files.
    """
    files = 0

    def take(text: str, depth: int) -> Iterator[_E]:
        nonlocal files
        files += 1
        if depth > MAX_DEPTH or files > MAX_FILES:
            raise ValueError(f"{name} includes over {MAX_FILES} files or goes deeper than {MAX_DEPTH}")
        for entry in parse(text):
            inside = drawn(entry)
            if inside is None:
                yield entry
            else:
                for inner in inside:
                    yield from take(inner, depth + 1)

    return take(text, 0)
