"""Regular expressions that mean the same to every Python we run on, from 3.11.0.

Before 3.11.5 a possessive group, `(?:…)*+`, keeps what a repetition consumed before it failed, and goes wrong where the
repetition may go back (github.com/python/cpython/issues/106052); Debian 12 has 3.11.2. So a repetition may only
begin with one character and go on with what can't fail: `"[^"\\]*+(?:\\.?+[^"\\]*+)*+"`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]

import pytest
from tests.architecture.sources import modules

ONE = (codes.IN, codes.LITERAL, codes.NOT_LITERAL, codes.ANY)


def parts(tree: object) -> Iterator[tuple[object, object]]:
    """Every step of a parsed pattern, however deep."""
    if isinstance(tree, parser.SubPattern):
        for code, value in tree:
            yield code, value
            yield from parts(value)
    elif isinstance(tree, list | tuple):
        for inner in tree:
            yield from parts(inner)


def can_not_fail(code: object, value: object) -> bool:
    """Takes as many of one character as there are, or none."""
    if code is not codes.POSSESSIVE_REPEAT or not isinstance(value, tuple):
        return False
    lowest, _, body = value
    return lowest == 0 and len(body) == 1 and body[0][0] in ONE


def uncertain(pattern: str | bytes) -> bool:
    """Whether Python before 3.11.5 may match it in another way."""
    for code, value in parts(parser.parse(pattern)):
        if code is codes.ATOMIC_GROUP:
            return True
        if code is codes.POSSESSIVE_REPEAT and isinstance(value, tuple):
            first, *rest = value[2]
            if first[0] not in ONE or not all(can_not_fail(*step) for step in rest):
                return True
    return False


def possessive(tree: ast.AST) -> Iterator[tuple[int, str | bytes]]:
    """Line and text of every constant that may be a pattern with possessive parts."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
            if any(mark in text for mark in ("*+", "++", "?+", "}+", "(?>")):
                yield node.lineno, node.value


def is_pattern(text: str | bytes) -> bool:
    """Whether it can be compiled."""
    try:
        re.compile(text)
    except (re.error, OverflowError):
        return False
    return True


def test_no_pattern_depends_on_the_version_of_python() -> None:
    found = [
        (f"{source.path}:{line}", text)
        for source in modules()
        for line, text in possessive(source.tree)
        if is_pattern(text) and uncertain(text)
    ]
    assert found == []


@pytest.mark.parametrize(
    "pattern",
    [r'"(?:[^"\\]|\\.)*+"', r"(?:a*b)*+", r"(?:(?<=\$)a)*+", r"(?:ab)*+", r"(?>a|ab)c", r"(?:a++)*+"],
)
def test_a_pattern_that_old_pythons_match_wrongly_is_found(pattern: str) -> None:
    assert uncertain(pattern)


@pytest.mark.parametrize(
    "pattern", [r"a*+b++", r'"[^"\\]*+(?:\\.?+[^"\\]*+)*+"', r"\[(?:\\\]?+[^\]\\]*+)*+", r"(?:a|b)*"]
)
def test_a_pattern_that_all_pythons_match_alike_is_left_alone(pattern: str) -> None:
    assert not uncertain(pattern)
