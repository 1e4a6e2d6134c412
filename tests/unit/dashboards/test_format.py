"""Numbers, times and hostile text as they are shown."""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.dashboards import sample

from vonggac_dashboards import format
from vonggac_dashboards.inert import MAX_SHOWN, PLAIN, inert, is_hidden, visible, words_of
from vonggac_dashboards.instructions import instructions
from vonggac_dashboards.language import language
from vonggac_dashboards.words import profile_name, word

VI, EN = language("vi"), language("en")


def test_vietnamese_has_the_decimal_comma_and_english_the_point() -> None:
    assert format.score(VI, 684_321) == "68,4"
    assert format.score(EN, 684_321) == "68.4"
    assert format.number(VI, 12345) == "12.345"
    assert format.exact(VI, 123_456) == "12,3456"
    assert format.exact_points(EN, 123_456) == "12.3<small>456</small>"


@pytest.mark.parametrize(
    ("points", "shown"), [(800_001, "80,0"), (799_999, "79,9"), (1_000_000, "100,0"), (0, "0,0")]
)
def test_a_score_is_rounded_down(points: int, shown: str) -> None:
    assert format.score(VI, points) == shown


@pytest.mark.parametrize(
    ("points", "shown"), [(12_900, "+1,2"), (-12_900, "−1,2"), (999, "0,0"), (-999, "0,0"), (None, "–")]
)
def test_a_change_carries_its_sign_unless_it_shows_as_nothing(points: int | None, shown: str) -> None:
    assert format.change(VI, points) == shown


def test_a_share_is_rounded_down_so_that_almost_all_is_not_all() -> None:
    assert format.percent(VI, 0.999) == "99 %"
    assert format.percent(VI, 0.29) == "29 %"
    assert format.percent(VI, 1.0) == "100 %"


def test_a_time_is_shown_in_vietnam_with_its_iso_form() -> None:
    at = datetime(2026, 11, 23, 17, 30, tzinfo=UTC)
    shown = format.moment(VI, at)
    assert ">24/11/2026 00:30<" in shown
    assert 'datetime="2026-11-24T00:30:00+07:00"' in shown
    assert ">24 Nov 2026 00:30<" in format.moment(EN, at)
    assert ">03/02/2027<" in format.day(VI, date(2027, 2, 3))


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        format.moment_text(VI, datetime(2026, 11, 23))  # noqa: DTZ001


@given(st.text(max_size=700))
def test_no_text_can_bring_markup_or_anything_unseen_to_a_page(text: str) -> None:
    shown = inert(text)
    assert shown.startswith("<bdi>")
    bare = shown.striptags()
    assert not [c for c in shown if is_hidden(c)]
    assert "<script" not in shown.replace("<span", "")
    assert unicodedata.normalize("NFC", bare) is not None


def test_what_is_taken_for_plain_at_a_glance_hides_nothing_and_marks_nothing() -> None:
    plain = [c for c in map(chr, range(0x11_0000)) if PLAIN.fullmatch(c)]
    assert len(plain) > 700
    assert not [c for c in plain if is_hidden(c) or unicodedata.combining(c)]
    assert inert("Nghị định 85/2016/NĐ-CP <b>") == "<bdi>Nghị định 85/2016/NĐ-CP &lt;b&gt;</bdi>"


def test_a_hostile_name_is_shown_whole_and_harmless() -> None:
    shown = inert(sample.HOSTILE)
    assert "<script>" not in shown
    assert "U+202E" in shown
    assert "\u202e" not in shown
    assert "␛" in shown
    assert "␀" in shown
    assert f"… +{len(sample.HOSTILE) - MAX_SHOWN}" in shown


def test_a_pile_of_accents_is_counted_out_beyond_what_vietnamese_needs() -> None:
    decomposed = unicodedata.normalize("NFD", "ế")
    assert inert(decomposed) == f"<bdi>{decomposed}</bdi>"
    assert inert("e" + "\u0301" * 9).count("U+0301</span>") == 7


def test_what_cannot_hold_markup_is_made_visible_too() -> None:
    assert visible("a\u202eb") == "aU+202Eb"


def test_steps_become_commands_and_text_and_stay_harmless() -> None:
    made = instructions(VI, "Sửa `<b>` tệp:\n  echo '<script>' > /x\n    indented\nRồi:\n1. một\n2. hai\n")
    assert "<code>&lt;b&gt;</code>" in made
    assert "<pre" in made
    assert "echo &#39;&lt;script&gt;&#39; &gt; /x\n  indented" in made
    assert made.count("<li>") == 2


def test_a_command_that_hides_a_character_shows_it() -> None:
    assert "U+202E" in instructions(VI, "  rm \u202e x")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("no", "no"),
        (["no", "yes"], "no, yes"),
        (34, "34"),
        (True, "true"),
        (None, "null"),
        ({"name": "apt", "installed": "2.6.1", "security": True}, "apt · installed: 2.6.1 · security: true"),
        ({"a": [1]}, '{"a":[1]}'),
        ([], ""),
    ],
)
def test_values_of_evidence_are_one_readable_line(value: object, shown: str) -> None:
    assert words_of(value) == shown


def test_codes_have_words_and_unknown_codes_are_shown_harmless() -> None:
    assert profile_name(VI, "tcvn14423-level3") == "Cấp độ 3"
    assert profile_name(VI, "own\u202e") == "ownU+202E"
    assert word(VI, "severity", "x\x1b") == "x␛"
    assert format.parameter(VI, 2_592_000) == "2.592.000"
    assert format.parameter(VI, True) == "true"


@given(st.text(max_size=300))
def test_instructions_never_lose_a_letter(text: str) -> None:
    made = instructions(VI, text)
    for part in text.split():
        if part.isalnum() and part.isascii():
            assert part in made
