"""What another user of the machine put where root's agent reads and writes: refused, and nothing written through it."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vonggac_agent import owned
from vonggac_agent.cli import main
from vonggac_agent.errors import UNSAFE, UnsafePath
from vonggac_agent.settings import load_settings
from vonggac_agent.state import open_state

ATTACKER = 12345
"""A user number that no account has."""
IN_STATE = (
    "spool.db", "spool.db-wal", "spool.db-shm", "identity.json", ".identity.json.new", "judged-by.json",
    "daily-facts.json", "lock", "skipped-looks",
)  # fmt: skip

pytestmark = [
    pytest.mark.hostile,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as two users"),
]


class Place:
    """A folder that everybody may enter. In it `above/state`, root's, `outside`, root's, and a room of the attacker."""

    def __init__(self, folder: Path) -> None:
        self.above, self.outside, self.room = (folder / name for name in ("above", "outside", "room"))
        self.state, self.config = self.above / "state", self.above / "agent.yaml"
        folder.chmod(0o755)
        self.above.mkdir(0o755)
        self.state.mkdir(0o700)
        self.room.mkdir()
        os.chown(self.room, ATTACKER, ATTACKER)
        self.outside.write_bytes(b"root's")
        self.outside.chmod(0o600)

    def open_to_all(self, *folders: Path) -> None:
        """The mistake that lets the attacker in."""
        for folder in folders:
            folder.chmod(0o777)

    def seen(self) -> dict[str, tuple[int, int, bytes]]:
        """Everything that is here: mode, owner, content."""
        return {
            str(path): (
                path.lstat().st_mode,
                path.lstat().st_uid,
                path.read_bytes() if path.is_file() and not path.is_symlink() else b"",
            )
            for path in sorted(self.above.parent.rglob("*"))
        }


@contextmanager
def attacker() -> Iterator[None]:
    """Do as the attacker may."""
    os.setegid(ATTACKER)
    os.seteuid(ATTACKER)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@pytest.fixture
def place() -> Iterator[Place]:
    folder = Path(tempfile.mkdtemp(prefix="vonggac-planted-"))
    old = os.umask(0o022)
    try:
        yield Place(folder)
    finally:
        os.umask(old)
        shutil.rmtree(folder)


def in_open_state(plant: Callable[[Place], None]) -> Callable[[Place], None]:
    """The attacker plants something in a state folder that somebody opened to all, and that was closed again."""

    def made(place: Place) -> None:
        place.open_to_all(place.state)
        with attacker():
            plant(place)
        place.state.chmod(0o700)

    return made


def beside_state(plant: Callable[[Place], None], mode: int) -> Callable[[Place], None]:
    """The attacker plants something in place of the state folder, in a folder of that mode."""

    def made(place: Place) -> None:
        place.state.rmdir()
        place.above.chmod(mode)
        with attacker():
            plant(place)

    return made


def _socket(place: Place) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(place.state / "lock"))


def _hard(place: Place) -> None:
    (place.room / "mine").write_bytes(b"attacker's")
    os.link(place.room / "mine", place.state / "spool.db")


def _own_folder(mode: int) -> Callable[[Place], None]:
    return lambda place: place.state.mkdir(mode)


LAYOUTS: dict[str, Callable[[Place], None]] = {
    **{f"{name} is the attacker's link to a file of root": in_open_state(
        lambda place, name=name: (place.state / name).symlink_to(place.outside)) for name in IN_STATE},  # type: ignore[misc]
    **{f"{name} is the attacker's file": in_open_state(
        lambda place, name=name: (place.state / name).write_bytes(b"attacker's"))  # type: ignore[misc]
       for name in ("spool.db", "identity.json", "lock", "key-0", "judged-by.json")},
    "a link that leads nowhere yet": in_open_state(
        lambda place: (place.state / "spool.db").symlink_to(place.room / "later")),
    "a second name of the attacker's file": in_open_state(_hard),
    "a fifo": in_open_state(lambda place: os.mkfifo(place.state / "spool.db-wal")),
    "a socket": in_open_state(_socket),
    "a folder": in_open_state(lambda place: (place.state / "spool.db").mkdir()),
    **{f"the state folder is the attacker's, of mode {mode:o}, in one of mode {above:o}": beside_state(
        _own_folder(mode), above) for mode in (0o700, 0o755) for above in (0o777, 0o1777)},
    "the state folder is the attacker's link to his own": beside_state(
        lambda place: place.state.symlink_to(place.room), 0o1777),
    "the state folder is the attacker's link to a folder of root": beside_state(
        lambda place: place.state.symlink_to("/root"), 0o1777),
    "the state folder may be entered by all": lambda place: place.open_to_all(place.state),
    "the folder above may be written by all": lambda place: place.open_to_all(place.above),
    "the folder above is the attacker's": lambda place: os.chown(place.above, ATTACKER, ATTACKER),
}  # fmt: skip


def test_there_are_more_layouts_than_were_asked_for() -> None:
    assert len(LAYOUTS) >= 24


@pytest.mark.parametrize("name", LAYOUTS)
def test_what_another_user_planted_in_the_state_folder_is_refused_and_nothing_is_written(
    place: Place, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    LAYOUTS[name](place)
    before = place.seen()
    with pytest.raises(UnsafePath, match=rf"state-dir-unsafe: {place.above}"):
        open_state(place.state, create=True)
    monkeypatch.setenv("VONGGAC_STATE_DIR", str(place.state))
    for words in (["run"], ["run", "--once"], ["status"]):
        assert main(words) == UNSAFE
        assert "state-dir-unsafe" in capsys.readouterr().err
    assert place.seen() == before


def _his(place: Place, path: Path) -> None:
    place.open_to_all(place.above)
    with attacker():
        path.write_text("{}")
    place.above.chmod(0o755)


def _his_link(place: Place, path: Path) -> None:
    place.above.chmod(0o1777)
    with attacker():
        (place.room / "mine").write_text("{}")
        path.symlink_to(place.room / "mine")


def _left_open(place: Place, path: Path) -> None:
    path.write_text("{}")
    path.chmod(0o666)


def _folder_left_open(place: Place, path: Path) -> None:
    path.write_text("{}")
    place.open_to_all(place.above)


@pytest.mark.parametrize("plant", [_his, _his_link, _left_open, _folder_left_open])
def test_settings_and_lists_of_commands_that_another_user_could_have_written_are_refused(
    place: Place, plant: Callable[[Place, Path], None]
) -> None:
    plant(place, place.config)
    with pytest.raises(UnsafePath):
        load_settings(place.config, {})
    with pytest.raises(UnsafePath):
        owned.read_list(place.config)
