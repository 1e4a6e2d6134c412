"""A folder of a medium that somebody prepared: nothing but regular files of our names is read, nothing else written."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from vonggac_contract.errors import ContractError, Malformed, TooLarge
from vonggac_media import folder
from vonggac_media.folder import Folder

pytestmark = pytest.mark.usb
NAME = "vonggac-0123456789abcdef-fedcba9876543210.manifest"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_bytes(b"nobody's business")
    return path


@pytest.fixture
def medium(tmp_path: Path) -> Path:
    path = tmp_path / "medium"
    path.mkdir()
    return path


def _to_the_secret(path: Path, secret: Path) -> None:
    path.symlink_to(secret)


def _loop(path: Path, secret: Path) -> None:
    path.symlink_to(path)


def _fifo(path: Path, secret: Path) -> None:
    os.mkfifo(path)


def _device(path: Path, secret: Path) -> None:
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))  # /dev/zero


def _socket(path: Path, secret: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        at = os.open(path.parent, os.O_RDONLY)
        made.bind(f"/proc/self/fd/{at}/{path.name}")
        os.close(at)


def _folder(path: Path, secret: Path) -> None:
    path.mkdir()


TRAPS: list[Callable[[Path, Path], None]] = [_to_the_secret, _loop, _fifo, _device, _socket, _folder]


@pytest.mark.hostile
@pytest.mark.parametrize("trap", TRAPS)
def test_what_is_no_regular_file_is_not_read(medium: Path, secret: Path, trap: Callable[..., None]) -> None:
    trap(medium / NAME, secret)
    with Folder(medium) as opened, pytest.raises(Malformed, match="no regular file"):
        opened.read(NAME, 100)


@pytest.mark.hostile
@pytest.mark.parametrize("trap", [*TRAPS[:5]])
@pytest.mark.parametrize("suffix", ["", ".new"])
def test_nothing_is_written_through_what_is_in_the_way(
    medium: Path, secret: Path, trap: Callable[..., None], suffix: str
) -> None:
    trap(medium / (NAME + suffix), secret)
    with Folder(medium) as opened:
        opened.put(NAME, b"whole")
        assert opened.read(NAME, 100) == b"whole"
    assert secret.read_bytes() == b"nobody's business"
    assert [p.name for p in medium.iterdir()] == [NAME]


@pytest.mark.hostile
def test_a_folder_in_the_way_is_an_error_and_stays(medium: Path) -> None:
    (medium / NAME).mkdir()
    with Folder(medium) as opened, pytest.raises(OSError, match=r"."):
        opened.put(NAME, b"whole")
    assert [p.name for p in medium.iterdir()] == [NAME]


@pytest.mark.hostile
def test_a_link_to_a_folder_is_no_medium(tmp_path: Path, medium: Path) -> None:
    (tmp_path / "link").symlink_to(medium)
    with pytest.raises(OSError, match=r".") as refused:
        Folder(tmp_path / "link")
    assert refused.value.errno in (errno.ELOOP, errno.ENOTDIR)


@pytest.mark.hostile
def test_a_file_is_read_to_its_limit_and_not_a_byte_further(medium: Path) -> None:
    for size in (99, 100, 101):
        (medium / NAME).write_bytes(b"x" * size)
        with Folder(medium) as opened:
            if size <= 100:
                assert len(opened.read(NAME, 100)) == size
            else:
                with pytest.raises(TooLarge, match="100 bytes"):
                    opened.read(NAME, 100)
    os.truncate(medium / NAME, 1 << 40)  # a hole: as much as anybody likes, on no disk space
    with Folder(medium) as opened, pytest.raises(TooLarge, match="100 bytes"):
        opened.read(NAME, 100)


@pytest.mark.hostile
def test_names_are_ours_or_left_alone_and_not_without_end(
    medium: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("autorun.inf", ".Trashes", "VONGGAC-x", "a\nb", "‮gpj.exe", "vonggac-" + "x" * 200, NAME):
        (medium / name).touch()
    with Folder(medium) as opened:
        assert opened.names() == [NAME, "vonggac-" + "x" * 200]
    monkeypatch.setattr(folder, "MAX_ENTRIES", 6)
    with Folder(medium) as opened, pytest.raises(ContractError, match="more than 6 entries"):
        opened.names()


def test_a_file_is_there_whole_or_not_at_all(medium: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Folder(medium) as opened:
        opened.put(NAME, b"before")

        def full(descriptor: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            opened.put(NAME, b"after")
        assert opened.read(NAME, 100) == b"before"
    assert [p.name for p in medium.iterdir()] == [NAME]


def test_what_is_carried_may_be_read_by_the_other_side_whatever_the_umask(medium: Path) -> None:
    before = os.umask(0o077)
    try:
        with Folder(medium) as opened:
            opened.put(NAME, b"sealed")
    finally:
        os.umask(before)
    assert stat.S_IMODE((medium / NAME).stat().st_mode) == 0o644
