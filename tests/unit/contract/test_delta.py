"""A delta comes to the very envelope that was meant, or to a refusal: never to anything else, and never to much."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import msgspec
import pytest
from backports import zstd
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.properties import thorough

from vonggac_contract import limits
from vonggac_contract.decode import unpack_gzip
from vonggac_contract.delta import Delta, delta_from_envelope, make_delta, rebuild
from vonggac_contract.envelope import DELTA, HEARTBEAT, REPORT, Envelope, keyid_of, pack, seal, verify
from vonggac_contract.errors import (
    BadSignature,
    ContractError,
    Malformed,
    NotRebuilt,
    TooLarge,
    UnknownSchema,
)

KEY = Ed25519PrivateKey.from_private_bytes(b"a" * 32)
PUBLIC = KEY.public_key().public_bytes_raw()
KEYID = keyid_of(PUBLIC)
OTHER = Ed25519PrivateKey.from_private_bytes(b"b" * 32)
FINDINGS = b",".join(b'{"rule":"linux.test.rule-%d","outcome":"pass"}' % n for n in range(2_000))
BASE = b'{"sequence":1,"findings":[' + FINDINGS + b"]}"
MEANT = (
    b'{"sequence":2,"findings":[' + FINDINGS.replace(b'7","outcome":"pass"', b'7","outcome":"fail"') + b"]}"
)


def report(content: bytes, key: Ed25519PrivateKey = KEY) -> Envelope:
    return seal(REPORT, pack(content), key)


def made(meant: bytes = MEANT, base: bytes = BASE) -> Delta:
    envelope = make_delta(report(meant), report(base), KEY)
    assert envelope is not None
    verify(envelope, PUBLIC)
    return delta_from_envelope(envelope)


def patched(patch: bytes) -> Delta:
    return msgspec.structs.replace(made(), patch=patch)


def unsized(content: bytes, window: int = 20) -> bytes:
    """A frame that does not say how much comes, so that its window is what was asked for."""
    packer = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: window})
    return packer.compress(content) + packer.flush()


frame = partial(zstd.compress, zstd_dict=zstd.ZstdDict(BASE, is_raw=True).as_prefix)


def test_a_changed_report_is_a_few_hundred_bytes_and_comes_to_the_same_envelope_signature_and_all() -> None:
    delta = made()
    again = rebuild(delta, report(BASE), KEYID)
    assert again == report(MEANT)
    verify(again, PUBLIC)
    assert len(delta.patch) < len(report(MEANT).payload) / 2


@thorough
@given(st.binary(max_size=5_000), st.binary(max_size=5_000), st.integers(0, 40))
def test_whatever_two_statements_say_what_is_opened_is_what_was_meant(
    base: bytes, more: bytes, times: int
) -> None:
    meant = base[: len(base) // 2] * (times % 4) + more * times
    base = BASE[:8] + base
    delta = made(meant, base)
    assert unpack_gzip(rebuild(delta, report(base), KEYID).payload) == meant


@thorough
@given(st.data())
def test_a_patch_that_was_cut_or_changed_is_refused_and_nothing_else(data: st.DataObject) -> None:
    good = made()
    place = data.draw(st.integers(0, len(good.patch) - 1))
    changed = bytearray(good.patch)
    changed[place] ^= 1 << data.draw(st.integers(0, 7))
    for patch in (
        good.patch[:place],
        bytes(changed),
        good.patch[:place] + good.patch,
        data.draw(st.binary()),
    ):
        try:
            assert rebuild(patched(patch), report(BASE), KEYID) == report(MEANT)
        except (Malformed, TooLarge, NotRebuilt):
            continue


def test_the_largest_statements_still_go_and_a_byte_more_goes_whole() -> None:
    base = (json.dumps([f"{n * n * n:x}" for n in range(200_000)]).encode())[: limits.MAX_DELTA_BYTES]
    assert len(base) == limits.MAX_DELTA_BYTES
    meant = b"[" + base[:-1]
    assert rebuild(made(meant, base), report(base), KEYID) == report(meant)
    assert len(made(meant, base).patch) < 1_000
    assert make_delta(report(meant + b"1"), report(base), KEY) is None
    assert make_delta(report(meant), report(base + b"1"), KEY) is None
    with pytest.raises(TooLarge, match="the earlier report"):
        rebuild(made(meant, base), report(base + b"1"), KEYID)
    over = msgspec.structs.replace(made(), patch=unsized(bytes(limits.MAX_DELTA_BYTES + 1)))
    with pytest.raises(TooLarge, match="comes to more"):
        rebuild(over, report(BASE), KEYID)


@pytest.mark.hostile
@pytest.mark.parametrize(
    ("patch", "error"),
    [
        (frame(bytes(64 << 20)), Malformed),
        (zstd.compress(bytes(8 << 20), 19), Malformed),
        (unsized(bytes(64 << 20)), TooLarge),
        (frame(MEANT) * 2, Malformed),
        (frame(MEANT) + b"\0", Malformed),
        (frame(MEANT)[:-1], Malformed),
        (b"\x50\x2a\x4d\x18\x04\x00\x00\x00skip" + frame(MEANT), Malformed),
        (frame(MEANT) + b"\x50\x2a\x4d\x18\x04\x00\x00\x00skip", Malformed),
        (b"", Malformed),
        (b"\x28\xb5\x2f\xfd", Malformed),
        (pack(MEANT), Malformed),
        (MEANT, Malformed),
        (frame(BASE), NotRebuilt),
        (zstd.compress(MEANT[:-1]), NotRebuilt),
    ],
)  # fmt: skip
def test_a_patch_made_to_hurt_is_refused(patch: bytes, error: type[ContractError]) -> None:
    with pytest.raises(error, match=r"."):
        rebuild(patched(patch), report(BASE), KEYID)


@pytest.mark.hostile
def test_a_frame_that_asks_for_a_huge_window_is_given_none() -> None:
    with pytest.raises(Malformed, match="too much memory"):
        rebuild(patched(unsized(MEANT, 27)), report(BASE), KEYID)


@pytest.mark.hostile
def test_a_frame_for_a_trained_dictionary_is_refused() -> None:
    trained = zstd.train_dict([b"%d %d" % (n, n * n) * 9 for n in range(2_000)], 2_000)
    with pytest.raises(Malformed, match="not the zstd frame"):
        rebuild(patched(zstd.compress(MEANT, zstd_dict=trained)), report(BASE), KEYID)


@pytest.mark.hostile
def test_told_by_another_report_or_meaning_another_one_it_comes_to_nothing() -> None:
    with pytest.raises((NotRebuilt, Malformed), match=r"."):
        rebuild(made(), report(BASE.replace(b"pass", b"fail")), KEYID)
    with pytest.raises(NotRebuilt, match="meant was"):
        rebuild(msgspec.structs.replace(made(), digest="0" * 64), report(BASE), KEYID)
    stolen = rebuild(
        msgspec.structs.replace(made(), sig=report(MEANT, OTHER).signatures[0].sig), report(BASE), KEYID
    )
    with pytest.raises(BadSignature, match="does not fit"):
        verify(stolen, PUBLIC)


def test_only_a_report_of_ones_own_alone_that_packs_alike_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    meant, base = report(MEANT), report(BASE)
    assert make_delta(meant, base, OTHER) is None
    assert make_delta(meant, report(b"{}"), KEY) is None
    assert make_delta(seal(REPORT, meant.payload, KEY, OTHER), base, KEY) is None
    assert make_delta(seal(HEARTBEAT, b"{}", KEY), base, KEY) is None
    assert make_delta(meant, seal(HEARTBEAT, b"{}", KEY), KEY) is None
    inner = make_delta(meant, base, KEY)
    assert inner is not None
    assert make_delta(inner, base, KEY) is None
    monkeypatch.setattr("vonggac_contract.envelope._LEVEL", 9)
    assert make_delta(meant, base, KEY) is None


@pytest.mark.hostile
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"schema": 2}, UnknownSchema),
        ({"schema": "1"}, Malformed),
        ({"base": "../../etc/passwd"}, Malformed),
        ({"digest": "A" * 64}, Malformed),
        ({"digest": None}, Malformed),
        ({"sig": "AA=="}, Malformed),
        ({"sig": 1}, Malformed),
        ({"patch": "%"}, Malformed),
        ({"patch": None}, Malformed),
        ({"also": 1}, Malformed),
        ({"patch": "A" * limits.MAX_DELTA_BYTES}, TooLarge),
    ],
)
def test_a_delta_of_another_form_is_refused(changes: dict[str, Any], error: type[ContractError]) -> None:
    said = msgspec.to_builtins(made()) | changes
    with pytest.raises(error, match=r"."):
        delta_from_envelope(seal(DELTA, msgspec.json.encode(said), KEY))


@pytest.mark.hostile
def test_no_other_payload_is_read_as_a_delta() -> None:
    with pytest.raises(UnknownSchema, match="no delta"):
        delta_from_envelope(seal(REPORT, msgspec.json.encode(made()), KEY))
