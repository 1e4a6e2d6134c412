"""Statements with blocks in braces: what a writer wrote, the parser reads; what does not close is refused."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.properties import thorough

from vonggac_agent.formats import blocks
from vonggac_agent.formats.blocks import Statement

WORD = st.text(st.characters(blacklist_categories=["Cs"]), max_size=10)
NAME = st.text(st.sampled_from("abcXYZ019_-.$~"), min_size=1, max_size=8)
TREE = st.recursive(
    st.tuples(NAME, st.lists(WORD, max_size=3), st.none()),
    lambda inner: st.tuples(NAME, st.lists(WORD, max_size=3), st.lists(inner, max_size=3)),
    max_leaves=10,
)
Tree = tuple[str, list[str], list["Tree"] | None]


def quoted(word: str) -> str:
    return "'" + word.replace("\\", "\\\\").replace("'", "\\'") + "'"


def written(tree: Tree, comment: str, ends: str) -> str:
    name, arguments, block = tree
    head = " ".join([name, *map(quoted, arguments)])
    if block is None:
        return head + ends
    inner = "".join(written(t, comment, ends) for t in block)
    return f"{head} {{{comment}\n{inner}}}{comment}\n"


def bare(statement: Statement) -> Tree:
    block = None if statement.block is None else [bare(s) for s in statement.block]
    return statement.name, list(statement.arguments), block


@given(st.lists(TREE, max_size=4), st.sampled_from(["", " # c { ; }", " // c }", " /* { \n ; */"]))
@thorough
def test_statements_and_blocks_read_as_they_were_written(trees: list[Tree], comment: str) -> None:
    text = "".join(written(t, comment, ";" + comment + "\n") for t in trees)
    assert [bare(s) for s in blocks.parse(text, comments=("#", "//", "/*"))] == trees


@given(st.lists(TREE, max_size=4))
@thorough
def test_the_dialect_of_lines_reads_as_it_was_written(trees: list[Tree]) -> None:
    assert [
        bare(s) for s in blocks.parse("".join(written(t, "", "\n") for t in trees), lines_end=True)
    ] == trees


@given(st.text(st.sampled_from("ab{};'\"\\#/* \n$"), max_size=60))
@thorough
def test_any_text_is_read_or_refused_by_a_value_error(text: str) -> None:
    for lines_end in (False, True):
        with suppress(ValueError):
            blocks.parse(text, comments=("#", "//", "/*"), lines_end=lines_end)


def test_lines_variables_and_patterns() -> None:
    assert blocks.parse("\na ${b}c;\nlocation ~ \\.(php|inc)$ { deny all; }") == [
        Statement("a", ("${b}c",), None, 2),
        Statement("location", ("~", "\\.(php|inc)$"), [Statement("deny", ("all",), None, 3)], 3),
    ]
    assert blocks.parse("{ a; }")[0].name == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a {", "ends inside"),
        ("a", "ends inside"),
        ("}", "line 1: a brace closes nothing"),
        ("a { b }", "'b' does not end before the brace"),
        ("a 'b;", "a quote that does not end"),
        ("a {" * 33 + "}" * 33, "nested deeper than 32"),
        ("a;" * (blocks.MAX_STATEMENTS + 1), "over 100000 statements"),
        ("a " * blocks.MAX_TOKENS, "over 400000 words"),
    ],
)
@pytest.mark.hostile
def test_what_does_not_close_or_is_beyond_the_bounds_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        blocks.parse(text)
