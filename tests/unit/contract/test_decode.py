"""The door for bytes from outside: what it takes, what it refuses and by which name."""

from __future__ import annotations

import gzip
import json
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.slowness import slowness

from vonggac_contract import limits
from vonggac_contract.decode import as_written, bounded_json, bounded_members, unpack_gzip
from vonggac_contract.errors import Malformed, TooLarge

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-limits.MAX_SAFE_INTEGER, limits.MAX_SAFE_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
)
values = st.recursive(
    scalars,
    lambda v: (
        st.lists(v)
        | st.dictionaries(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), v)
    ),
    max_leaves=30,
)


@given(values)
def test_it_reads_what_the_standard_library_reads(value: object) -> None:
    raw = json.dumps(value).encode()
    assert bounded_json(raw) == json.loads(raw)


@given(st.binary(max_size=400))
def test_any_bytes_give_a_value_or_one_of_two_refusals(raw: bytes) -> None:
    try:
        bounded_json(raw)
    except (Malformed, TooLarge):
        return
    json.loads(raw)


texts = st.text('\\"a:,[]{}', max_size=8)
small = st.recursive(
    st.none() | st.integers(0, 3) | texts,
    lambda v: st.lists(v, max_size=3) | st.dictionaries(texts, v, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(texts, small, max_size=4))
def test_members_are_the_parts_of_the_object(value: dict[str, object]) -> None:
    members = bounded_members(json.dumps(value).encode(), maximum=limits.MIB)
    assert {name: json.loads(bytes(member)) for name, member in members.items()} == value


@given(st.text('\\"a1:,[]{}', max_size=14))
def test_members_are_refused_by_what_refuses_the_whole(inside: str) -> None:
    raw = f"{{{inside}}}".encode()
    try:
        whole = bounded_json(raw)
    except (Malformed, TooLarge) as refused:
        with pytest.raises(type(refused)):
            bounded_members(raw, maximum=limits.MIB)
    else:
        assert bounded_members(raw, maximum=limits.MIB).keys() == whole.keys()


@given(st.text('\\"a1:,[]{}', max_size=24))
def test_what_is_read_as_written_is_what_the_scan_lets_through(inside: str) -> None:
    raw = f'{{"a":[{inside}]}}'.encode()
    value = as_written(raw, dict)
    if value is not None:
        assert value == bounded_json(raw)


@given(st.dictionaries(texts, small, max_size=4))
def test_what_this_encoder_wrote_is_read_as_written(value: dict[str, object]) -> None:
    assert as_written(msgspec.json.encode(value), dict) == value


@pytest.mark.hostile
@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":1,"a":1}',
        b'{"a": 1}',
        b'{"a":1e2}',
        b'{"a":"\\u0061"}',
        b'{"a":"\\u0000"}',
        b'{"a":9007199254740993}',
        b'{"a":NaN}',
        b'{"a":"\xff"}',
        b'{"a":"\\ud800"}',
        b'{"a":' + b'["]",' * 70 + b'"["' + b',"["' * 69 + b"]" * 70 + b"}",
        b'{"a":' + b"[" * limits.MAX_JSON_DEPTH + b"]" * limits.MAX_JSON_DEPTH + b"}",
        b'{"a":' + b"[" * 1_000_000,
        b'{"a":"' + b"x" * limits.MAX_JSON_STRING_BYTES + b'"}',
    ],
)
def test_what_is_written_otherwise_or_near_a_bound_is_left_to_the_scan(raw: bytes) -> None:
    assert as_written(raw, dict, maximum=2 * limits.MIB) is None


def test_brackets_within_strings_hide_no_depth() -> None:
    deepest = limits.MAX_JSON_DEPTH - 1
    raw = b'{"a":' + b'["]",' * deepest + b'"["' + b"]" * deepest + b"}"
    assert as_written(raw, dict) == bounded_json(raw)


@pytest.mark.parametrize(
    "raw",
    [b'{"a":1,"a":1}', b'{"a":[{"b":1,"b":1}]}', b'{"a":[1,{"b":[{"c":1,"c":2}]}]}', b'{"a":{"b":1,"b":1}}'],
)
def test_a_key_that_stands_twice_in_a_part_is_refused(raw: bytes) -> None:
    with pytest.raises(Malformed, match="twice"):
        bounded_members(raw, maximum=limits.MIB)


@pytest.mark.parametrize("raw", [b"[]", b"1", b'"a"', b"", b'{"a":}', b'{"a":["\xff"]}', b'{"a":1}}'])
def test_what_is_no_object_has_no_members(raw: bytes) -> None:
    with pytest.raises(Malformed):
        bounded_members(raw, maximum=limits.MIB)


@pytest.mark.hostile
@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b'{"a":1',
        b'{"a":1}}',
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"b":1}}',
        b'[{"x":1},{"x":1,"y":2,"x":3}]',
        b"NaN",
        b"[Infinity]",
        b"[9007199254740993]",
        b"[-9007199254740993]",
        b"[1180591620717411303424]",
        b"[1e400]",
        b'["\\u0000"]',
        b'["\\\\\\u0000"]',
        b'["\\ud800"]',
        b'["\xff"]',
        b'["\xed\xa0\x80"]',
        b"\xef\xbb\xbf[]",
        b"[] []",
        b"[]\x00",
        b'["\n"]',
        b"]]",
        b"[}",
        b"'a'",
    ],
)
def test_what_is_not_well_formed_is_refused_as_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed, match=r"."):
        bounded_json(raw)


def test_an_escaped_backslash_before_u0000_is_text_and_no_nul() -> None:
    assert bounded_json(b'["\\\\u0000"]') == ["\\u0000"]


def test_a_long_fraction_is_a_number_like_any_other() -> None:
    assert bounded_json(b"[0.12345678901234567890123]") == [0.12345678901234567890123]


@pytest.mark.hostile
@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_depth_is_taken_at_the_limit_and_refused_one_over(opening: bytes) -> None:
    closing = b"]" if opening == b"[" else b"}"
    inner = b"1"

    def nested(depth: int) -> bytes:
        return opening * depth + inner + closing * depth

    assert bounded_json(nested(limits.MAX_JSON_DEPTH - 1)) is not None
    assert bounded_json(nested(limits.MAX_JSON_DEPTH)) is not None
    with pytest.raises(TooLarge, match="nested"):
        bounded_json(nested(limits.MAX_JSON_DEPTH + 1))


@pytest.mark.hostile
def test_a_million_open_brackets_are_refused_without_harm() -> None:
    for raw in (b"[" * 1_000_000, b'{"a":' * 90_000, b"[" * 1_000_000 + b"]" * 1_000_000):
        with pytest.raises((TooLarge, Malformed), match=r"nested|brackets"):
            bounded_json(raw)


@pytest.mark.hostile
def test_a_string_is_taken_at_the_limit_and_refused_one_over() -> None:
    assert (
        len(bounded_json(b'"' + b"a" * limits.MAX_JSON_STRING_BYTES + b'"')) == limits.MAX_JSON_STRING_BYTES
    )
    with pytest.raises(TooLarge, match="string"):
        bounded_json(b'"' + b"a" * (limits.MAX_JSON_STRING_BYTES + 1) + b'"')


@pytest.mark.hostile
def test_keys_and_items_are_taken_at_the_limit_and_refused_one_over() -> None:
    at = b"{" + b",".join(b'"k%d":1' % i for i in range(limits.MAX_JSON_KEYS)) + b"}"
    assert len(bounded_json(at)) == limits.MAX_JSON_KEYS
    over = b"{" + b",".join(b'"k%d":1' % i for i in range(limits.MAX_JSON_KEYS + 1)) + b"}"
    with pytest.raises(TooLarge, match="keys"):
        bounded_json(over)
    assert len(bounded_json(b"[" + b",".join([b"1"] * limits.MAX_JSON_ITEMS) + b"]")) == limits.MAX_JSON_ITEMS
    with pytest.raises(TooLarge, match="items"):
        bounded_json(b"[" + b",".join([b"1"] * (limits.MAX_JSON_ITEMS + 2)) + b"]")


@pytest.mark.hostile
def test_a_body_is_taken_at_the_limit_and_refused_one_over() -> None:
    padding = b" " * (limits.MAX_WIRE_BYTES - 2)
    assert bounded_json(b"[]" + padding) == []
    with pytest.raises(TooLarge, match="bytes"):
        bounded_json(b"[]" + padding + b" ")


@pytest.mark.hostile
def test_a_gzip_bomb_stops_at_the_ceiling() -> None:
    bomb = gzip.compress(b"\0" * (limits.MAX_UNPACKED_BYTES * 2))
    with pytest.raises(TooLarge, match="unpacks"):
        unpack_gzip(bomb)


@pytest.mark.hostile
def test_the_ratio_is_taken_at_the_limit_and_refused_over_it() -> None:
    small = gzip.compress(b"a" * limits.RATIO_FREE_BYTES)
    assert len(unpack_gzip(small)) == limits.RATIO_FREE_BYTES
    with pytest.raises(TooLarge, match="unpacks"):
        unpack_gzip(gzip.compress(b"a" * (limits.RATIO_FREE_BYTES + 1)))


@pytest.mark.hostile
def test_cut_trailing_and_foreign_gzip_is_refused() -> None:
    good = gzip.compress(b"hello")
    for raw in (good[:-1], good[:4], good + b"x", good + good, b"PK\x03\x04", b"", b"\x28\xb5\x2f\xfd"):
        with pytest.raises(Malformed, match=r"gzip"):
            unpack_gzip(raw)


@pytest.mark.parser
@pytest.mark.hostile
@pytest.mark.parametrize(
    "raw",
    [
        b'"' + b'\\"' * 520_000,
        b'"' + b'\\"' * 520_000 + b"\\",
        b'"' + b"\\\\" * 520_000,
        b'["' + b'\\"' * 260_000 + b'",' + b'"' + b'\\"' * 260_000,
        b'"' + b'\\"' * 2_000_000,
        (b"[" * 63 + b"]" * 63 + b" ") * 33_000,
        b"-" * 2_000_000,
        b"1" * 2_000_000,
        b'"\\\\' * 500_000,
    ],
    ids=lambda raw: f"{raw[:4]!r}-{len(raw)}",
)
def test_no_body_costs_more_than_its_length(raw: bytes) -> None:
    began = time.process_time()
    with pytest.raises((Malformed, TooLarge), match=r"."):
        bounded_json(raw)
    assert time.process_time() - began < 3 * slowness(), (
        "a scan that looks twice at a byte takes minutes for these"
    )
