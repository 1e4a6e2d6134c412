"""Versions are ordered exactly as dpkg orders them."""

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vonggac_agent.facts.packages.debian_version import compare

PIECES = ["0", "1", "2", "10", "010", "9", ".", "+", "~", "-", "a", "Z", "rc", "deb12u", "dfsg", "ubuntu"]
UPSTREAM = st.lists(st.sampled_from(PIECES), max_size=8).map(lambda parts: "1" + "".join(parts))
VERSIONS = st.tuples(st.sampled_from(["", "0:", "1:", "12:"]), UPSTREAM).map(
    lambda parts: "".join(parts).rstrip("-")
)


@pytest.mark.parametrize(
    ("lower", "higher"),
    [
        ("1.0~rc1-1", "1.0-1"),
        ("1.0", "1.0-0.1"),
        ("1.2", "1.10"),
        ("9:1", "10:0"),
        ("2.36-9+deb12u4", "2.36-9+deb12u14"),
        ("1.0-1", "1.0+b1-1"),
        ("1a", "1+"),
        ("1~~", "1~"),
        ("1~~a", "1~"),
        ("1.1-1", "1.1-1+b1"),
        ("1.0-1", "1.0-1ubuntu0.1"),
        ("4.17.12+dfsg-0+deb12u1", "2:4.1"),
    ],
)
def test_known_pairs_are_in_order(lower: str, higher: str) -> None:
    assert compare(lower, higher) == -1
    assert compare(higher, lower) == 1


@pytest.mark.parametrize(("a", "b"), [("1.0", "0:1.0"), ("1.00", "1.0"), ("1.0", "1.0-0"), ("1.", "1.0")])
def test_different_spellings_can_be_the_same_version(a: str, b: str) -> None:
    assert compare(a, b) == 0


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_any_texts_have_one_order(a: str, b: str, c: str) -> None:
    assert compare(a, b) == -compare(b, a)
    assert compare(a, a) == 0
    if compare(a, b) <= 0 and compare(b, c) <= 0:
        assert compare(a, c) <= 0


@pytest.mark.hostile
def test_a_number_of_thousands_of_digits_is_compared() -> None:
    assert compare("1" * 100_000, "1" * 99_999 + "2") == -1


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="dpkg, the measure of this test, is not here")
@settings(max_examples=150)
@given(VERSIONS, VERSIONS)
def test_dpkg_agrees(a: str, b: str) -> None:
    relation = {-1: "lt", 0: "eq", 1: "gt"}[compare(a, b)]
    judged = subprocess.run(
        ["dpkg", "--compare-versions", a, relation, b], check=False, capture_output=True, timeout=20
    )
    assert judged.returncode == 0, f"{a} {relation} {b}: {judged.stderr!r}"
