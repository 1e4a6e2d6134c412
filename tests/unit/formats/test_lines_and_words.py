"""Lines and words: what is written in them comes out, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.properties import thorough

from vonggac_agent.formats import lines, words

WORD = st.text(st.characters(blacklist_categories=["Cs", "Zs", "Zl", "Zp", "Cc"]), min_size=1, max_size=12)


def quoted(word: str) -> str:
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


@given(st.lists(WORD, max_size=8), st.data())
@thorough
def test_words_written_with_quotes_or_without_come_out_as_they_were(
    given_: list[str], data: st.DataObject
) -> None:
    plain = [w for w in given_ if not set(w) & set("\"'\\")]
    written = " ".join(w if w in plain and data.draw(st.booleans()) else quoted(w) for w in given_)
    assert words.words(written) == given_


@given(st.text(max_size=200))
@thorough
def test_any_text_splits_into_words(text: str) -> None:
    assert len("".join(words.words(text))) <= len(text)
    assert len("".join(words.words(text, quotes="", escape=False))) <= len(text)


def test_quotes_group_and_an_open_quote_ends_with_the_line() -> None:
    assert words.words("""a 'b c' "d \\" e" f\\ g it''s '' "open end""") == [
        "a", "b c", 'd " e', "f g", "its", "", "open end",
    ]  # fmt: skip
    assert words.words("a\\b 'c d'", escape=False) == ["a\\b", "c d"]
    assert words.unquoted("'a\"") == "'a\""


def test_comments_blank_lines_and_continuations() -> None:
    text = "# c\n\n a \\\n  b\n# d\nc # not a comment\n;e\nlast \\"
    assert lines.significant(text, "#;", continuation="\\") == [
        (3, "a b"),
        (6, "c # not a comment"),
        (8, "last"),
    ]
    assert lines.significant("a # b\nc#d\n", inline=True) == [(1, "a"), (2, "c#d")]


@given(st.text(st.sampled_from("ab#;\\ \n\t"), max_size=100))
@thorough
def test_a_line_that_says_something_is_never_lost_and_none_is_made_up(text: str) -> None:
    said = [raw.strip() for raw in text.split("\n")]
    said = [raw for raw in said if raw and raw[0] != "#"]
    found = lines.significant(text)
    assert [line.text for line in found] == said
    assert all(text.split("\n")[line.number - 1].strip() == line.text for line in found)


@pytest.mark.hostile
def test_a_file_of_nothing_but_line_feeds_is_refused() -> None:
    assert lines.significant("\n" * lines.MAX_LINES) == []
    with pytest.raises(ValueError, match="over 100000 lines"):
        lines.significant("\n" * (lines.MAX_LINES + 1))
