"""Pending updates are those that apt itself would name, pins and phases aside."""

import bz2
import ctypes
import gzip
import lzma
import shutil
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted, this_machine
from tests.unit.slowness import slowness

from vonggac_agent.facts.packages import apt_lists, package_updates, unpack
from vonggac_agent.facts.packages.debian_version import compare
from vonggac_agent.host import Host
from vonggac_contract.facts import CouldNotLook
from vonggac_contract.facts.packages import PackageUpdates, PendingUpdate

LISTS = "var/lib/apt/lists/"
MAIN = "deb.example.org_debian_dists_bookworm"
SECURITY = "deb.example.org_debian-security_dists_bookworm-security"
STATUS = """\
Package: dpkg
Status: install ok installed
Architecture: amd64
Version: 1.21.22

Package: openssl
Status: install ok installed
Architecture: amd64
Version: 3.0.15-1~deb12u1

Package: tzdata
Status: install ok installed
Architecture: all
Version: 2024a-0+deb12u1

Package: libc6
Status: install ok installed
Architecture: i386
Version: 2.36-9

Package: bash
Status: install ok installed
Architecture: amd64
Version: 5.2.15-2+b7
"""


def offered(name: str, version: str, architecture: str = "amd64") -> str:
    return f"Package: {name}\nVersion: {version}\nArchitecture: {architecture}\nDescription: x\n\n"


def root(folder: Path, lists: dict[str, str | bytes]) -> Host:
    files: dict[str, str | bytes | Link] = {
        "var/lib/dpkg/status": STATUS,
        f"{LISTS}{MAIN}_InRelease": "Origin: Debian\nLabel: Debian\nSuite: oldstable\nCodename: bookworm\n",
        f"{LISTS}{SECURITY}_InRelease": (
            "Hash: SHA256\n\nOrigin: Debian\nLabel: Debian-Security\nSuite: oldstable-security\nSHA256:\n Label: x\n"
        ),
        **{LISTS + name: content for name, content in lists.items()},
    }
    return mounted(folder, files)


def pending(host: Host) -> PackageUpdates:
    return package_updates.gather(host, ())[0]


def test_the_newest_version_counts_and_security_is_told_by_the_archive(tmp_path: Path) -> None:
    host = root(
        tmp_path,
        {
            f"{MAIN}_main_binary-amd64_Packages": (
                offered("openssl", "3.0.17-1~deb12u2")
                + offered("openssl", "3.0.16-1~deb12u1")
                + offered("bash", "5.2.15-2+b7")
                + offered("zsh", "99")
                + offered("tzdata", "2025b-0+deb12u1", "all")
                + offered("dpkg", "1.20")
            ),
            f"{SECURITY}_main_binary-amd64_Packages": offered("openssl", "3.0.16-1~deb12u2"),
        },
    )
    found = pending(host)
    assert found.pending == [
        PendingUpdate("openssl", "3.0.15-1~deb12u1", "3.0.17-1~deb12u2", True),
        PendingUpdate("tzdata", "2024a-0+deb12u1", "2025b-0+deb12u1", False),
    ]
    assert found.security_pending == 1
    assert found.origins == ["Debian/oldstable", "Debian/oldstable-security"]
    assert found.lists_updated is not None


def test_a_security_archive_with_nothing_newer_makes_no_security_update(tmp_path: Path) -> None:
    host = root(
        tmp_path,
        {
            f"{MAIN}_main_binary-amd64_Packages": offered("openssl", "3.0.17-1~deb12u2"),
            f"{SECURITY}_main_binary-amd64_Packages": offered("openssl", "3.0.15-1~deb12u1"),
        },
    )
    assert [update.security for update in pending(host).pending] == [False]


@pytest.mark.parametrize(
    ("name", "version", "architecture", "counts"),
    [
        ("libc6", "2.36-10", "i386", True),
        ("libc6", "2.36-10", "amd64", False),
        ("openssl", "9", "arm64", False),
        ("openssl", "9", "all", True),
        ("tzdata", "9999", "amd64", True),
        ("tzdata", "9999", "i386", False),
    ],
)
def test_only_offers_for_the_installed_architecture_count(
    name: str, version: str, architecture: str, counts: bool, tmp_path: Path
) -> None:
    host = root(
        tmp_path, {f"{MAIN}_main_binary-{architecture}_Packages": offered(name, version, architecture)}
    )
    assert bool(pending(host).pending) is counts


def test_without_lists_nothing_is_called_up_to_date(tmp_path: Path) -> None:
    with pytest.raises(CouldNotLook, match="not-installed: there are no package lists"):
        pending(root(tmp_path, {}))


def test_a_list_that_cannot_be_read_makes_the_whole_answer_unknown(tmp_path: Path) -> None:
    host = root(
        tmp_path,
        {
            f"{MAIN}_main_binary-amd64_Packages": offered("openssl", "9"),
            f"{SECURITY}_main_binary-amd64_Packages.zst": b"(\xb5/\xfd",
        },
    )
    with pytest.raises(CouldNotLook, match=r"not-supported: lists packed as \.zst"):
        pending(host)


def test_the_time_of_the_lists_is_that_of_the_newest(tmp_path: Path) -> None:
    import os

    host = root(tmp_path, {f"{MAIN}_main_binary-amd64_Packages": offered("openssl", "9")})
    for path in (tmp_path / LISTS).iterdir():
        os.utime(path, (0, 1_700_000_000))
    assert pending(host).lists_updated == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    stamp = tmp_path / package_updates.STAMP
    stamp.parent.mkdir(parents=True)
    stamp.touch()
    os.utime(stamp, (0, 1_700_000_060))
    again = Host(host.root, now=host.now)
    assert pending(again).lists_updated == datetime(2023, 11, 14, 22, 14, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("release", "archive", "security"),
    [
        ("Origin: Debian\nLabel: Debian-Security\nSuite: stable-security\n", "Debian/stable-security", True),
        (
            "Origin: Debian\nLabel: Debian-Security\nSuite: oldstable\nCodename: buster/updates\n",
            "Debian/oldstable",
            True,
        ),
        (
            "Origin: Ubuntu\nLabel: Ubuntu\nSuite: noble-security\nCodename: noble\n",
            "Ubuntu/noble-security",
            True,
        ),
        ("Origin: Ubuntu\nLabel: Ubuntu\nSuite: noble-updates\n", "Ubuntu/noble-updates", False),
        (
            "Origin: Docker\nLabel: Docker CE\nSuite: bookworm\nDescription: x-security\n",
            "Docker/bookworm",
            False,
        ),
        ("", "?/?", False),
    ],
)
def test_an_archive_says_itself_whether_it_is_one_of_security(
    release: str, archive: str, security: bool
) -> None:
    found = apt_lists.archive(release)
    assert (str(found), found.security) == (archive, security)


def test_a_list_belongs_to_the_release_file_with_the_longest_common_address() -> None:
    releases = {f"{MAIN}_InRelease", f"{SECURITY}_Release", "flat.example.org_repo_InRelease"}
    assert apt_lists.release_of(f"{MAIN}_main_binary-amd64_Packages.lz4", releases) == f"{MAIN}_InRelease"
    assert apt_lists.release_of(f"{SECURITY}_main_binary-amd64_Packages", releases) == f"{SECURITY}_Release"
    assert (
        apt_lists.release_of("flat.example.org_repo_Packages", releases) == "flat.example.org_repo_InRelease"
    )
    assert apt_lists.release_of("other.example.org_repo_Packages", releases) is None
    assert not apt_lists.is_list(f"{MAIN}_main_i18n_Translation-en")
    assert not apt_lists.is_list(f"{MAIN}_main_binary-amd64_Packages.ed")


def lz4(data: bytes) -> bytes:
    """A frame of the system's liblz4."""
    library = ctypes.CDLL(unpack.LZ4_LIBRARY)
    library.LZ4F_compressFrameBound.restype = ctypes.c_size_t
    library.LZ4F_compressFrame.restype = ctypes.c_size_t
    room = ctypes.create_string_buffer(library.LZ4F_compressFrameBound(ctypes.c_size_t(len(data)), None))
    made = library.LZ4F_compressFrame(
        room, ctypes.c_size_t(len(room)), data, ctypes.c_size_t(len(data)), None
    )
    return room.raw[:made]


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "xz": lzma.compress,
    "bz2": bz2.compress,
    "lz4": lz4,
}


@pytest.mark.parametrize("ending", PACKINGS)
def test_lists_of_each_packing_are_read_in_parts(ending: str, tmp_path: Path) -> None:
    content = "".join(offered(f"filler{n}", "1") for n in range(30_000)) + offered("openssl", "9")
    packed = PACKINGS[ending](content.encode())
    host = root(tmp_path, {f"{MAIN}_main_binary-amd64_Packages.{ending}": packed})
    assert [update.candidate for update in pending(host).pending] == ["9"]


@pytest.mark.hostile
@pytest.mark.parametrize("ending", PACKINGS)
@given(data=st.binary(max_size=5000), step=st.integers(1, 700))
def test_what_was_packed_comes_back_in_bounded_parts(ending: str, data: bytes, step: int) -> None:
    packed = PACKINGS[ending](data)
    parts = [packed[n : n + step] for n in range(0, len(packed), step)]
    assert b"".join(unpack.unpacked(f"x.{ending}", iter(parts))) == data


@pytest.mark.hostile
@pytest.mark.parametrize("ending", PACKINGS)
def test_a_bomb_is_unpacked_in_parts_that_stay_small(ending: str) -> None:
    packed = PACKINGS[ending](bytes(20 * 2**20))
    total = 0
    for part in unpack.unpacked(f"x.{ending}", iter([packed])):
        assert len(part) <= unpack.PART_BYTES
        total += len(part)
    assert total == 20 * 2**20


@pytest.mark.hostile
@pytest.mark.parametrize("ending", PACKINGS)
def test_a_stream_that_is_cut_or_damaged_is_refused(ending: str) -> None:
    packed = PACKINGS[ending](bytes(range(256)) * 2000)
    for bad in (
        packed[:-5],
        packed[: len(packed) // 2],
        b"nonsense" * 20,
        b"",
        packed + packed,
        packed + b"x",
    ):
        with pytest.raises(ValueError, match="damaged"):
            list(unpack.unpacked(f"x.{ending}", iter([bad])))


@pytest.mark.hostile
@given(st.lists(st.binary(max_size=60), max_size=20))
def test_any_bytes_are_unpacked_by_liblz4_or_refused(parts: list[bytes]) -> None:
    try:
        found = list(unpack.unpacked("x.lz4", iter(parts)))
    except ValueError:
        return
    assert all(len(part) <= unpack.PART_BYTES for part in found)


@given(st.lists(st.integers(1, 40), max_size=40))
def test_offers_do_not_depend_on_where_the_parts_are_cut(cuts: list[int]) -> None:
    text = (
        offered("a", "1") + offered("b", "2") + "Architecture: all\nPackage: a\nVersion: 3\n\n\n"
    ).encode()
    parts, rest = [], text
    for cut in cuts:
        parts.append(rest[:cut])
        rest = rest[cut:]
    parts.append(rest)
    found = list(apt_lists.offers(iter(parts), {b"a"}, lambda: None))
    assert found == [apt_lists.Offer(b"a", b"1", b"amd64"), apt_lists.Offer(b"a", b"3", b"all")]


@pytest.mark.parser
@pytest.mark.hostile
def test_names_that_are_wanted_again_and_again_in_one_stanza_cost_its_length() -> None:
    stanza = b"Package: a\n" * (apt_lists.MAX_STANZA_BYTES // 11)
    began = time.process_time()
    assert list(apt_lists.offers(iter([stanza]), {b"a"}, lambda: None)) == []
    assert time.process_time() - began < slowness()


@pytest.mark.hostile
def test_a_stanza_without_an_end_is_refused() -> None:
    part = b"x" * 2**18
    assert list(apt_lists.offers(iter([part] * 4), {b"a"}, lambda: None)) == []
    with pytest.raises(ValueError, match="a stanza of a package list is over 1048576 bytes"):
        list(apt_lists.offers(iter([part] * 5), {b"a"}, lambda: None))


@pytest.mark.hostile
def test_a_list_that_unpacks_beyond_the_bound_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apt_lists, "MAX_LIST_BYTES", 400)
    assert list(apt_lists.offers(iter([b"a\n\n" * 25] * 4), {b"a"}, lambda: None)) == []
    with pytest.raises(ValueError, match="unpacks to over 400 bytes"):
        list(apt_lists.offers(iter([b"a\n\n" * 25] * 6), {b"a"}, lambda: None))


@pytest.mark.skipif(
    shutil.which("apt") is None or not list(Path("/var/lib/apt/lists").glob("*_Packages*")),
    reason="apt and fetched lists, the measure of this test, are not here",
)
def test_apt_names_the_same_updates_on_this_machine() -> None:
    told = subprocess.run(["apt", "list", "--upgradable"], check=True, capture_output=True, timeout=60)
    lines = [line for line in told.stdout.decode().splitlines() if "/" in line]
    wanted = {(line.split("/")[0], line.split()[1]) for line in lines}
    found = pending(this_machine())
    assert {(update.name, update.candidate) for update in found.pending} == wanted
    # apt names only the archives of the newest version; a point release may have overtaken a security update that
    # this machine still lacks.
    from_security = {line.split("/")[0] for line in lines if "-security" in line.split()[0]}
    overtaken = {u.name for u in found.pending if u.security} - from_security
    assert found.security_pending == len(from_security | overtaken)
    assert from_security <= {u.name for u in found.pending if u.security}
    for update in found.pending:
        if update.name in overtaken:
            offers = subprocess.run(
                ["apt-cache", "madison", update.name], check=True, capture_output=True, text=True
            ).stdout.splitlines()
            versions = [o.split("|")[1].strip() for o in offers if "-security" in o]
            assert any(compare(v, update.installed) > 0 for v in versions), update
