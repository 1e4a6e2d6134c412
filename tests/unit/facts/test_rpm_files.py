"""The files of rpm's packages: what a header holds is read as it was written; what points outside itself is refused."""

from __future__ import annotations

import struct
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import mounted
from tests.unit.properties import thorough

from vonggac_agent.facts.packages import owning_package, rpm_files

NAME = st.binary(min_size=1, max_size=10).map(lambda b: b.translate(None, b"\0\n/")).filter(bool)
FOLDER = st.lists(NAME, max_size=3).map(lambda parts: b"/" + b"".join(p + b"/" for p in parts))


def header(files: list[tuple[bytes, bytes]], name: bytes = b"tool") -> bytes:
    """A header blob of rpm's kind for a package with these files (folder with its last slash, name)."""
    folders = list(dict.fromkeys(folder for folder, _ in files))
    store = b""
    index = b""
    count = 0
    values: list[tuple[int, int, int, bytes]] = [
        (1000, 6, 1, name + b"\0"),
        (1001, 6, 1, b"1\0"),
        (1002, 6, 1, b"1\0"),
    ]
    if files:
        values += [
            (1117, 8, len(files), b"".join(n + b"\0" for _, n in files)),
            (1118, 8, len(folders), b"".join(f + b"\0" for f in folders)),
            (1116, 4, len(files), struct.pack(f">{len(files)}I", *(folders.index(f) for f, _ in files))),
        ]
    for tag, kind, number, value in values:
        store += b"\0" * (-len(store) % 4)
        index += struct.pack(">IIII", tag, kind, len(store), number)
        store += value
        count += 1
    return struct.pack(">II", count, len(store)) + index + store


@given(st.lists(st.tuples(FOLDER, NAME), max_size=8, unique=True))
@thorough
def test_the_paths_of_a_header_are_those_it_was_written_with(files: list[tuple[bytes, bytes]]) -> None:
    assert rpm_files.parse(header(files)) == ("tool", b"".join(f + n + b"\n" for f, n in files))


@given(st.lists(st.tuples(FOLDER, NAME), min_size=1, max_size=4, unique=True), st.data())
@thorough
def test_a_damaged_header_is_read_or_refused_by_a_value_error(
    files: list[tuple[bytes, bytes]], data: st.DataObject
) -> None:
    blob = bytearray(header(files))
    for _ in range(data.draw(st.integers(1, 6))):
        blob[data.draw(st.integers(0, len(blob) - 1))] = data.draw(st.integers(0, 255))
    with suppress(ValueError):
        rpm_files.parse(bytes(blob[: data.draw(st.integers(0, len(blob)))]))


@pytest.mark.hostile
@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (
            struct.pack(">IIII", 1116, 4, 48, 1),
            struct.pack(">IIII", 1116, 4, 4000, 1),
            "points outside itself",
        ),
        (struct.pack(">III", 1117, 8, 6), struct.pack(">III", 1117, 8, 4000), "points outside itself"),
        (struct.pack(">I", 0) + b"", b"", ""),
    ],
)
def test_a_header_that_points_outside_itself_is_refused(old: bytes, new: bytes, why: str) -> None:
    blob = header([(b"/usr/bin/", b"tool")])
    if not why:
        with pytest.raises(ValueError, match="names a folder that it does not hold"):
            rpm_files.parse(blob[:-4] + struct.pack(">I", 9))
        return
    at = blob.find(old[:8])
    assert at > 0
    with pytest.raises(ValueError, match=why):
        rpm_files.parse(blob[:at] + new + blob[at + len(new) :])


def test_without_a_database_nobody_can_tell(tmp_path: Path) -> None:
    assert owning_package.of_all(mounted(tmp_path, {"etc/passwd": ""}), ["/usr/bin/su"]) is None
