"""Merkle trees: by the published vectors, beside an implementation from the text, and under mutation of every field."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.properties import thorough

from vonggac_contract.errors import BadProof
from vonggac_contract.merkle import (
    EMPTY,
    Frontier,
    Node,
    complete,
    consistency_path,
    inclusion_path,
    leaf_hash,
    node_hash,
    root,
    verify_consistency,
    verify_inclusion,
)

# https://github.com/google/certificate-transparency, cpp/merkletree/merkle_tree_test.cc; the same stand in
# https://github.com/transparency-dev/merkle, testonly/constants.go.
LEAVES = [
    bytes.fromhex(x)
    for x in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
PATHS = [
    (0, 1, []),
    (0, 8, [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]),
    (5, 8, [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]),
    (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (1, 5, [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ]),
]  # fmt: skip
CONSISTENT = [
    (1, 1, []),
    (1, 8, [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]),
    (6, 8, [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]),
    (2, 5, [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ]),
]  # fmt: skip


def naive_root(data: Sequence[bytes]) -> bytes:
    """RFC 9162 section 2.1.1, word by word."""
    if not data:
        return hashlib.sha256().digest()
    if len(data) == 1:
        return hashlib.sha256(b"\0" + data[0]).digest()
    k = 1
    while 2 * k < len(data):
        k *= 2
    return hashlib.sha256(b"\1" + naive_root(data[:k]) + naive_root(data[k:])).digest()


def naive_path(m: int, data: Sequence[bytes]) -> list[bytes]:
    """Section 2.1.3.1."""
    if len(data) == 1:
        return []
    k = 1
    while 2 * k < len(data):
        k *= 2
    if m < k:
        return [*naive_path(m, data[:k]), naive_root(data[k:])]
    return [*naive_path(m - k, data[k:]), naive_root(data[:k])]


def naive_subproof(m: int, data: Sequence[bytes], whole: bool) -> list[bytes]:
    """Section 2.1.4.1."""
    if m == len(data):
        return [] if whole else [naive_root(data)]
    k = 1
    while 2 * k < len(data):
        k *= 2
    if m <= k:
        return [*naive_subproof(m, data[:k], whole), naive_root(data[k:])]
    return [*naive_subproof(m - k, data[k:], False), naive_root(data[:k])]


def nodes_of(data: Sequence[bytes]) -> Node:
    hashes = [leaf_hash(d) for d in data]

    def node(height: int, place: int) -> bytes:
        part = hashes[place << height : (place + 1) << height]
        assert len(part) == 1 << height, "an incomplete node was asked for"
        return complete(part)

    return node


def data_of(size: int) -> list[bytes]:
    return [hashlib.sha256(b"%d" % n).digest() for n in range(size)]


def test_the_roots_are_the_published_ones() -> None:
    grown = Frontier()
    for size, expected in enumerate(ROOTS):
        assert root(size, nodes_of(LEAVES[:size])).hex() == expected == naive_root(LEAVES[:size]).hex()
        assert grown.root().hex() == expected
        if size < len(LEAVES):
            grown.append(leaf_hash(LEAVES[size]))


@pytest.mark.parametrize(("number", "size", "path"), PATHS)
def test_the_inclusion_paths_are_the_published_ones(number: int, size: int, path: list[str]) -> None:
    found = inclusion_path(number, size, nodes_of(LEAVES))
    assert [p.hex() for p in found] == path
    verify_inclusion(leaf_hash(LEAVES[number]), number, size, found, bytes.fromhex(ROOTS[size]))


@pytest.mark.parametrize(("first", "second", "path"), CONSISTENT)
def test_the_consistency_proofs_are_the_published_ones(first: int, second: int, path: list[str]) -> None:
    found = consistency_path(first, second, nodes_of(LEAVES))
    assert [p.hex() for p in found] == path
    verify_consistency(first, second, bytes.fromhex(ROOTS[first]), bytes.fromhex(ROOTS[second]), found)


def test_up_to_seventy_leaves_every_proof_is_the_naive_one_and_verifies() -> None:
    data = data_of(70)
    node = nodes_of(data)
    roots = [naive_root(data[:n]) for n in range(71)]
    for size in range(1, 71):
        assert root(size, node) == roots[size]
        for number in range(size):
            path = inclusion_path(number, size, node)
            assert path == naive_path(number, data[:size])
            verify_inclusion(leaf_hash(data[number]), number, size, path, roots[size])
        for first in range(1, size + 1):
            path = consistency_path(first, size, node)
            assert path == naive_subproof(first, data[:size], True)
            verify_consistency(first, size, roots[first], roots[size], path)


@thorough
@given(st.integers(1, 700), st.data())
def test_any_two_sizes_and_any_leaf_prove_as_the_naive_ones(size: int, drawn: st.DataObject) -> None:
    data = data_of(size)
    node, whole = nodes_of(data), naive_root(data)
    number, first = drawn.draw(st.integers(0, size - 1)), drawn.draw(st.integers(0, size))
    path = inclusion_path(number, size, node)
    assert path == naive_path(number, data)
    verify_inclusion(leaf_hash(data[number]), number, size, path, whole)
    between = consistency_path(first, size, node)
    assert first == 0 or between == naive_subproof(first, data, True)
    verify_consistency(first, size, naive_root(data[:first]), whole, between)


@given(st.integers(0, 300))
def test_a_frontier_has_the_root_of_every_size_and_keeps_few_hashes(size: int) -> None:
    grown = Frontier()
    for d in data_of(size):
        grown.append(leaf_hash(d))
    assert grown.root() == naive_root(data_of(size))
    assert len(grown._parts) == size.bit_count()


Wrong = tuple[str, int, int, bytes, bytes, list[bytes]]


def probes(number: int, size: int, first: bytes, second: bytes, path: list[bytes]) -> list[Wrong]:
    """Every field made wrong in turn (after transparency-dev/merkle, proof/verify_test.go, corruptInclusionProof and
    corruptConsistencyProof).
    """
    rest = bytes(32)
    flipped = bytes([first[0] ^ 1]) + first[1:]
    found: list[Wrong] = [
        (f"number {n}", n, size, first, second, path)
        for n in (number - 1, number + 1, number ^ 2, number * 2, number // 2, number + size, -1, -size)
        if n != number
    ]
    found += [
        (f"size {n}", number, n, first, second, path)
        for n in (size * 2, size // 2, 0, -1, number - 1)
        if n != size
    ]
    found += [
        ("first", number, size, flipped, second, path),
        ("first empty", number, size, b"", second, path),
        ("first random", number, size, rest, second, path),
        ("second", number, size, first, flipped, path),
        ("second empty", number, size, first, b"", path),
        ("trailing", number, size, first, second, [*path, rest]),
        ("trailing root", number, size, first, second, [*path, second]),
        ("preceding", number, size, first, second, [rest, *path]),
        ("preceding first", number, size, first, second, [first, *path]),
    ]
    for at in range(len(path)):
        bad = bytes([path[at][0] ^ 8]) + path[at][1:]
        found.append((f"node {at}", number, size, first, second, [*path[:at], bad, *path[at + 1 :]]))
        found.append((f"without {at}", number, size, first, second, path[:at] + path[at + 1 :]))
        found.append((f"empty {at}", number, size, first, second, [*path[:at], b"", *path[at + 1 :]]))
    if len(set(path)) > 1:
        found.append(("turned", number, size, first, second, path[::-1]))
    return found


def refused(verify: Callable[..., None], *given: object) -> bool:
    try:
        verify(*given)
    except BadProof:
        return True
    return False


@pytest.mark.hostile
def test_an_inclusion_proof_with_any_field_wrong_is_refused() -> None:
    data = data_of(40)
    tried = 0
    for size in range(1, 41):
        node, whole = nodes_of(data[:size]), naive_root(data[:size])
        for number in range(size):
            right = (number, size, leaf_hash(data[number]), whole, inclusion_path(number, size, node))
            for name, n, s, leaf, top, path in probes(*right):
                assert refused(verify_inclusion, leaf, n, s, path, top), f"{number} of {size}: {name}"
                tried += 1
    assert tried > 20_000


@pytest.mark.hostile
def test_a_consistency_proof_with_any_field_wrong_is_refused() -> None:
    data = data_of(40)
    roots = [naive_root(data[:n]) for n in range(41)]
    tried = 0
    for second in range(2, 41):
        node = nodes_of(data[:second])
        for first in range(1, second):
            right = (first, second, roots[first], roots[second], consistency_path(first, second, node))
            for name, f, s, one, two, path in probes(*right):
                assert refused(verify_consistency, f, s, one, two, path), f"{first} of {second}: {name}"
                tried += 1
    assert tried > 20_000


@pytest.mark.hostile
def test_two_histories_of_one_length_are_told_apart_and_none_has_only_the_empty_root() -> None:
    one, other = naive_root(data_of(5)), naive_root(data_of(4))
    verify_consistency(5, 5, one, one, [])
    verify_consistency(0, 5, EMPTY, one, [])
    for first, second, left, right, path in (
        (5, 5, one, other, []),
        (0, 5, other, one, []),
        (0, 5, EMPTY, one, [one]),
        (5, 5, one, one, [one]),
    ):
        with pytest.raises(BadProof, match=r"root|too long"):
            verify_consistency(first, second, left, right, path)


def test_what_is_no_leaf_of_a_tree_has_no_path() -> None:
    with pytest.raises(ValueError, match="no leaf 3 among 3"):
        inclusion_path(3, 3, nodes_of(LEAVES))
    with pytest.raises(ValueError, match="not the beginning"):
        consistency_path(4, 3, nodes_of(LEAVES))


def test_a_leaf_is_no_node() -> None:
    left, right = leaf_hash(b"l"), leaf_hash(b"r")
    assert leaf_hash(left + right) != node_hash(left, right)
