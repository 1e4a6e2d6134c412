"""Versions sort as dpkg sorts them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vonggac_collector.search.versions import MAX_VERSION, order_of

VERSIONS = st.text("0123456789019aZ~.+-^_đ", max_size=12)


def weight(text: str, at: int) -> int:
    """A sign's weight in dpkg's comparison (lib/dpkg/version.c, order)."""
    c = text[at] if at < len(text) else ""
    if not c or c.isdigit():
        return 0
    return -1 if c == "~" else ord(c) if c.isascii() and c.isalpha() else ord(c) + 256


def compare_part(a: str, b: str) -> int:
    """dpkg's verrevcmp, step by step."""
    i = j = 0
    while i < len(a) or j < len(b):
        while (i < len(a) and not a[i].isdigit()) or (j < len(b) and not b[j].isdigit()):
            if weight(a, i) != weight(b, j):
                return weight(a, i) - weight(b, j)
            i, j = i + 1, j + 1
        first, second = "", ""
        while i < len(a) and a[i].isdigit():
            first, i = first + a[i], i + 1
        while j < len(b) and b[j].isdigit():
            second, j = second + b[j], j + 1
        if int(first or 0) != int(second or 0):
            return int(first or 0) - int(second or 0)
    return 0


def compare(a: str, b: str) -> int:
    (first, second), (own, other) = zip(
        *(v.rsplit("-", 1) if "-" in v else (v, "") for v in (a, b)), strict=True
    )
    return compare_part(first, second) or compare_part(own, other)


@given(VERSIONS, VERSIONS)
def test_two_versions_compare_as_in_dpkg(a: str, b: str) -> None:
    asked, found = order_of(a), order_of(b)
    expected = compare(a, b)
    assert (asked > found) - (asked < found) == (expected > 0) - (expected < 0)
    assert (order_of(a, "below") < found) == (expected <= 0)
    assert (order_of(a, "above") > found) == (expected >= 0)


def test_versions_that_are_met_sort_as_they_should() -> None:
    rising = [
        "1.1.1n-0+deb11u5",
        "2.0~rc1",
        "2.0",
        "2.0-1",
        "2.0a",
        "2.0+b",
        "2.0.1",
        "3.0.9-1",
        "3.0.11-1~deb12u2",
        "10",
    ]
    assert [order_of(v) for v in rising] == sorted(map(order_of, rising))
    assert order_of("1:9.2p1-2+deb12u3") == order_of("9.2p1-2+deb12u3")


@given(st.text(max_size=2_000))
def test_any_text_has_a_short_place_of_signs_that_every_index_sorts_alike(version: str) -> None:
    found = order_of(version)
    assert found.isascii()
    assert found.isprintable()
    assert len(found) <= MAX_VERSION * 8 + 20
