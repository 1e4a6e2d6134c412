"""Text from the machine can be shown and given back byte for byte."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac_agent.untrusted import as_bytes, as_text, bounded, without_userinfo


@given(st.binary(max_size=200))
def test_any_bytes_become_text_that_encodes_and_gives_them_back(raw: bytes) -> None:
    text = as_text(raw)
    assert "\0" not in text
    text.encode("utf-8")
    assert as_bytes(text) == raw


@given(st.lists(st.sampled_from(["\\", "x", "0", "5", "c", "f", "8", "\udcff", "é", "\\xff"]), max_size=30))
def test_what_looks_like_an_escape_is_told_from_one(pieces: list[str]) -> None:
    raw = os.fsencode("".join(pieces))
    assert as_bytes(as_text(raw)) == raw
    assert as_text(os.fsdecode(raw)) == as_text(raw)


@pytest.mark.hostile
@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"\xff\xfe", r"\xff\xfe"),
        (b"a\0b", r"a\x00b"),
        (b"\xed\xa0\x80", r"\xed\xa0\x80"),
        ("\u202eevil".encode(), "\u202eevil"),
        (b"\x1b[31mred", "\x1b[31mred"),
        ("Vọng Gác".encode(), "Vọng Gác"),
        (rb"dev-disk\x2duuid.device", r"dev-disk\x2duuid.device"),
        (rb"\xff", r"\x5cxff"),
    ],
)
def test_only_bytes_that_are_no_text_are_escaped(raw: bytes, text: str) -> None:
    assert as_text(raw) == text


def test_a_cut_text_shows_that_it_was_cut() -> None:
    assert bounded("a" * 10, 10) == "a" * 10
    assert bounded("a" * 11, 10) == "a" * 9 + "…"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://u:PW@h.example:5000/x", "https://h.example:5000/x"),
        ("https://PW@h", "https://h"),
        ("u:PW@h", "h"),
        ("u:P@PW@[::1]:514", "[::1]:514"),
        ("https://u:PW/PW@h", "https://h"),
        ("https://h:5000/@x", "https://h:5000/@x"),
        ("https://h/a@b:c", "https://h/a@b:c"),
        ("unix:///run/a@b", "unix:///run/a@b"),
        ("[::1]:514", "[::1]:514"),
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("", ""),
    ],
)
def test_an_address_is_shown_without_its_user_and_password(text: str, shown: str) -> None:
    assert without_userinfo(text) == shown
