"""Words are compared without diacritics and capitals, and taken apart alike by every index."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac_collector.index.fold import BOUNDARY, MAX_WORD, fold, tag, to_text, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Đường", ["duong"]),
        ("ĐƯỜNG đường", ["duong", "duong"]),
        ("Sở Y tế", ["so", "y", "te"]),
        # The same letters, composed and decomposed, with old and new places of the mark.
        ("hoà hòa ho\u00e0 hoa\u0300", ["hoa"] * 4),
        ("Ủy ban", ["uy", "ban"]),
        ("web-01.so_y_te.vn", ["web", "01", "so", "y", "te", "vn"]),
        ("Straße ﬁle Ⅳ ①", ["strasse", "file", "iv", "1"]),
        ("x" * 100, ["x" * MAX_WORD]),
        ("", []),
        ("-- \t\0 \u200b =.", []),
    ],
)
def test_words_are_folded(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(st.text())
def test_folding_twice_is_folding_once_and_capitals_never_matter(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert words(fold(text)) == words(text)


@given(
    st.lists(st.text(), max_size=4),
    st.dictionaries(st.sampled_from(("host", "os")), st.lists(st.text(), max_size=2)),
)
def test_a_text_splits_at_spaces_into_the_words_it_was_made_of(
    texts: list[str], names: dict[str, list[str]]
) -> None:
    split = to_text(texts, names).split()
    wanted = [w for t in texts for w in words(t)]
    wanted += [tag(n, w) for n, values in names.items() for v in values for w in words(v)]
    assert [w for w in split if w != BOUNDARY] == wanted
    # No word of a text begins a field's word, and none is the boundary.
    assert not any(w.startswith(("=", BOUNDARY)) for t in texts for w in words(t))
