"""Charts: what is drawn is what the values say, gaps stay gaps, figures add up, and nothing carries a style."""

from __future__ import annotations

import re
from datetime import date, timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup
from tests.unit.dashboards import sample

from vonggac_dashboards.charts.heard_strip import FRESH, SILENT, counts, heard_of, heard_strip
from vonggac_dashboards.charts.marks import SEVERITIES, SHAPES, grade_badge, mark, severity, symbols
from vonggac_dashboards.charts.score_bar import score_bar
from vonggac_dashboards.charts.sparkline import runs, sparkline, window
from vonggac_dashboards.charts.tile_grid import ARCHIPELAGOS, COLUMNS, PLACES, Tile, tile_grid
from vonggac_dashboards.charts.waterfall import FULL, SHOWN, Step, gathered, waterfall
from vonggac_dashboards.format import POINT
from vonggac_dashboards.language import CODES, language

VI = language("vi")
DAY = date(2026, 11, 23)
scores = st.one_of(st.none(), st.integers(0, FULL))
trends = st.lists(scores, max_size=90).map(
    lambda values: [(DAY - timedelta(days=len(values) - i), v) for i, v in enumerate(values)]
)


def attributes(markup: str) -> set[str]:
    found: set[str] = set()

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.update(name for name, _ in attrs)

    Reader().feed(markup)
    return found


def test_each_of_the_34_provinces_and_cities_has_a_place_of_its_own() -> None:
    assert set(PLACES) == {code for code, _, _ in sample.PROVINCES}
    taken = [*PLACES.values(), *(place for _, _, place in ARCHIPELAGOS)]
    assert len(taken) == len(set(taken)) == 36
    assert all(0 <= column < COLUMNS for column, _ in taken)


def test_the_tile_grid_shows_both_archipelagos_with_the_provinces_they_belong_to() -> None:
    tiles = [Tile(c, vi, f"/units/{c}", 700_000, "B") for c, vi, _ in sample.PROVINCES]
    drawn = tile_grid(VI, tiles)
    assert 'aria-label="Đặc khu Hoàng Sa thuộc Đà Nẵng"' in drawn
    assert 'aria-label="Đặc khu Trường Sa thuộc Khánh Hoà"' in drawn
    assert drawn.count("<a ") == 36


def test_a_unit_without_a_place_on_the_map_is_drawn_below_it() -> None:
    stray = Tile("99", "Nơi khác", "/units/99", None, None)
    drawn = tile_grid(VI, [Tile("01", "Hà Nội", "/units/01", 1, "E"), stray])
    assert 'href="/units/99"' in drawn
    assert "chưa đủ số liệu" in drawn


def test_a_tile_says_class_and_score_in_words() -> None:
    drawn = tile_grid(language("en"), [Tile("01", "Hanoi", "/units/01", 684_999, "B")])
    assert "Hanoi: class B, score 68.4" in drawn


@given(trends)
def test_a_sparkline_draws_every_known_day_and_no_other(points: list[tuple[date, int | None]]) -> None:
    stretches = runs(points)
    assert sum(len(s) for s in stretches) == sum(v is not None for _, v in points)
    for stretch in stretches:
        places = [i for i, _ in stretch]
        assert places == list(range(places[0], places[-1] + 1))


@given(trends)
def test_a_sparkline_stays_inside_its_frame(points: list[tuple[date, int | None]]) -> None:
    drawn = sparkline(VI, points, width=120, height=24)
    for piece in "".join(re.findall(r'd="(M[^"H]+)" class="line"', drawn)).split("M")[1:]:
        start, _, steps = piece.partition("l")
        x, y = map(int, start.split())
        for dx, dy in zip(*[iter(re.findall(r"-?\d+", steps))] * 2, strict=True):
            x, y = x + int(dx), y + int(dy)
            assert 0 <= x <= 240
            assert 0 <= y <= 48


@given(trends)
def test_the_window_of_a_sparkline_holds_every_score_and_stays_within_the_scale(
    points: list[tuple[date, int | None]],
) -> None:
    low, high = window(points)
    assert 0 <= low < high <= 100.000001
    assert all(low - 1e-6 <= v / POINT <= high + 1e-6 for _, v in points if v is not None)


def points_of(figure: str) -> int:
    return int(re.sub(r"<[^>]*>|[.,]", "", figure).replace("−", "-"))


@given(st.lists(st.integers(0, 40_000), min_size=1, max_size=25))
def test_the_figures_of_a_waterfall_add_up_to_the_score_exactly(taken: list[int]) -> None:
    steps = [Step(Markup("x"), p, 1) for p in taken]
    left = FULL - sum(taken)
    drawn = waterfall(language("en"), steps, left)
    figures = [
        points_of(f) for f in re.findall(r'<td class="num">([^/]+</small>)</td><td class="drawn">', drawn)
    ]
    assert figures[0] == FULL
    assert sum(figures[:-1]) == figures[-1] == left


@given(st.lists(st.integers(0, 40_000), min_size=SHOWN + 2, max_size=40))
def test_what_a_waterfall_sums_up_is_listed_below_it_exactly(taken: list[int]) -> None:
    steps = [Step(Markup("x"), p, 1) for p in taken]
    drawn = waterfall(VI, steps, FULL - sum(taken))
    listed = [points_of(f) for f in re.findall(r"<span class=figure>(.*?)</span>", drawn)]
    assert -sum(listed) == gathered(VI, steps)[-1].points


def test_a_waterfall_sums_up_what_it_does_not_show() -> None:
    steps = [Step(Markup("x"), 1_000 + i, 1) for i in range(SHOWN + 5)]
    assert sum(s.points for s in gathered(VI, steps)) == sum(s.points for s in steps)
    assert len(gathered(VI, steps)) == SHOWN + 1


@pytest.mark.parametrize(
    ("age", "kind"),
    [
        (None, "silent"),
        (0, "fresh"),
        (FRESH, "fresh"),
        (FRESH + 1, "late"),
        (SILENT - 1, "late"),
        (SILENT, "silent"),
    ],
)
def test_heard_from_changes_at_its_limits(age: float | None, kind: str) -> None:
    assert heard_of(age) == kind


def test_the_heard_from_strip_counts_in_words_what_it_draws() -> None:
    ages = [10.0, None, float(SILENT), float(FRESH + 5)]
    assert counts(ages) == {"fresh": 1, "late": 1, "silent": 2}
    assert heard_strip(VI, ages).count("M") == 4


def test_no_chart_carries_a_style_or_an_event() -> None:
    trend = [(DAY, 5), (DAY, None), (DAY, 9)]
    tiles = [Tile(c, vi, "/", None, None) for c, vi, _ in sample.PROVINCES]
    charts = [
        sparkline(VI, trend), score_bar(None), score_bar(612_345), tile_grid(VI, tiles),
        waterfall(VI, [Step(Markup("x"), 10_000, 2)], 990_000), heard_strip(VI, [1.0, None]),
        severity(VI, "critical"), symbols(), grade_badge(VI, "A"), *(mark(VI, outcome) for outcome in SHAPES),
    ]  # fmt: skip
    for chart in charts:
        names = attributes(chart)
        assert "style" not in names
        assert not [n for n in names if n.startswith("on")]


@pytest.mark.parametrize("code", CODES)
def test_every_state_and_severity_has_its_own_shape_and_word(code: str) -> None:
    chosen = language(code)
    drawn = [mark(chosen, outcome) for outcome in SHAPES] + [severity(chosen, level) for level in SEVERITIES]
    shapes = [re.findall(r'href="#([^"]+)"', d)[0] for d in drawn]
    known = dict(re.findall(r'<symbol id="([^"]+)"[^>]*>(.*?)</symbol>', symbols()))
    assert len({known[shape] for shape in shapes}) == len(drawn)
    assert len({d.striptags() for d in drawn}) == len(drawn)


def test_a_name_from_elsewhere_is_escaped_in_a_chart() -> None:
    drawn = tile_grid(VI, [Tile("01", '"><script>', '/units/"><script>', 1, "E")])
    assert "<script>" not in drawn
