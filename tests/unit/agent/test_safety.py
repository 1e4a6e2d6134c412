"""Files that somebody else could have put there are refused, naming path and mode, and nothing is touched."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.agent.twin import Collector, Machine

from vonggac_agent.errors import UNSAFE, AlreadyRunning, UnsafePath, WrongSetting
from vonggac_agent.lock import LOCK_FD, take_lock
from vonggac_agent.safety import check_path, create_private, write_whole
from vonggac_agent.settings import load_settings
from vonggac_agent.state import open_state


def _link(path: Path, to: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(to)


def _hard(path: Path, to: Path) -> None:
    to.write_bytes(path.read_bytes() if path.exists() else b"")
    to.chmod(0o600)
    path.unlink(missing_ok=True)
    os.link(to, path)


def _mode(name: str, mode: int) -> Callable[[Path, Path], None]:
    def make(state: Path, outside: Path) -> None:
        target = state / name if name else state
        if not target.exists():
            target.write_bytes(b"")
        target.chmod(mode)

    return make


def _planted(name: str) -> Callable[[Path, Path], None]:
    return lambda state, outside: _link(state / name, outside)


def _fifo(state: Path, outside: Path) -> None:
    os.mkfifo(state / "spool.db-wal", 0o600)


def _moved(state: Path, outside: Path) -> None:
    state.rename(state.with_name("real"))
    state.symlink_to(state.with_name("real"))


LAYOUTS: dict[str, Callable[[Path, Path], None]] = {
    "the folder may be read by its group": _mode("", 0o750),
    "the folder may be written by all": _mode("", 0o777),
    "the folder may be entered by all": _mode("", 0o711),
    "the folder is a link": _moved,
    "the folder above may be written by all": lambda state, outside: state.parent.chmod(0o777),
    "the folder above may be written by its group": lambda state, outside: state.parent.chmod(0o770),
    "a fifo stands for the journal": _fifo,
    **{f"{name} is a link": _planted(name) for name in ("spool.db", "identity.json", "lock", "skipped-looks")},
    "a link that leads nowhere": lambda state, outside: _link(state / "spool.db-shm", outside / "nothing"),
    **{f"{name} has a second name": (lambda n: lambda state, outside: _hard(state / n, outside.with_name("x")))(name)
       for name in ("spool.db", "identity.json")},
    **{f"{name} with mode {mode:o}": _mode(name, mode)
       for name in ("spool.db", "identity.json", "judged-by.json") for mode in (0o644, 0o660, 0o602)},
    "the key may be read by all": lambda state, outside: next(state.glob("key-*")).chmod(0o604),
    "an unknown file of all": _mode("left-over", 0o666),
}  # fmt: skip


@pytest.mark.hostile
@pytest.mark.parametrize("name", LAYOUTS)
def test_an_unsafe_state_folder_is_refused_before_anything_is_written(
    tmp_path: Path, collector: Collector, name: str
) -> None:
    above = tmp_path / "above"
    above.mkdir(mode=0o700)
    machine = Machine(above / "state", collector)
    machine.spool.close()
    outside = tmp_path / "outside"
    outside.write_bytes(b"not yours")
    LAYOUTS[name](above / "state", outside)
    with pytest.raises(UnsafePath, match=rf"state-dir-unsafe: {above}") as refused:
        open_state(above / "state")
    assert refused.value.exit_code == UNSAFE
    assert "mode 0" in str(refused.value) or "link" in str(refused.value)
    assert outside.read_bytes() == b"not yours"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("name", ["", "spool.db", "identity.json"])
def test_a_file_that_belongs_to_somebody_else_is_refused(
    tmp_path: Path, collector: Collector, name: str
) -> None:
    machine = Machine(tmp_path / "state", collector)
    machine.spool.close()
    os.chown(machine.folder / name, 12345, 0)
    with pytest.raises(UnsafePath, match="belongs to user 12345"):
        open_state(machine.folder)


def test_a_sticky_folder_above_is_safe_enough(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    assert open_state(shared / "state", create=True) == shared / "state"


def test_the_state_folder_is_made_for_its_user_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        made = open_state(tmp_path / "state", create=True)
    finally:
        os.umask(old)
    assert stat.S_IMODE(made.stat().st_mode) == 0o700


def test_a_state_folder_that_is_missing_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(UnsafePath, match="there is no state folder"):
        open_state(tmp_path / "none")
    with pytest.raises(UnsafePath, match="cannot make the state folder"):
        open_state(tmp_path / "none" / "deeper", create=True)


@pytest.mark.parametrize("mode", [0o666, 0o660, 0o622])
def test_a_configuration_that_others_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    config = tmp_path / "agent.yaml"
    config.write_text("interval_s: 600\n")
    config.chmod(mode)
    with pytest.raises(UnsafePath, match=f"mode {mode:04o}"):
        load_settings(config, {})


def test_a_new_file_never_follows_a_link(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "there")
    with pytest.raises(FileExistsError):
        create_private(tmp_path / "link", b"new")
    write_whole(tmp_path / "link", b"new")
    assert (tmp_path / "there").read_bytes() == b"old"
    assert not (tmp_path / "link").is_symlink()


def test_a_file_written_whole_replaces_the_leavings_of_a_power_cut(tmp_path: Path) -> None:
    path = tmp_path / "identity.json"
    (tmp_path / ".identity.json.new").write_bytes(b"half")
    write_whole(path, b"whole")
    assert path.read_bytes() == b"whole"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["identity.json"]


def test_the_lock_is_taken_once_and_only_the_right_descriptor_counts_as_inherited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = take_lock(tmp_path)
    with pytest.raises(AlreadyRunning):
        take_lock(tmp_path)
    monkeypatch.setenv(LOCK_FD, str(lock.fd))
    assert take_lock(tmp_path).fd == lock.fd
    for other in ("0", "999999", "-1", "x", ""):
        monkeypatch.setenv(LOCK_FD, other)
        with pytest.raises(AlreadyRunning):
            take_lock(tmp_path)
    monkeypatch.delenv(LOCK_FD)
    lock.release()
    take_lock(tmp_path).release()


def test_the_system_folders_are_safe() -> None:
    check_path(Path("/etc/passwd"))


@pytest.mark.parametrize(
    "content", ["interval_s: 5", "interval_s: soon", "interval_s: [1, 2]", "interval_s: ''"]
)
def test_a_value_that_does_not_fit_is_named_with_an_example(tmp_path: Path, content: str) -> None:
    config = tmp_path / "agent.yaml"
    config.write_text(content)
    with pytest.raises(WrongSetting, match=r"interval_s \(.*agent.yaml\).*Example: interval_s: 900"):
        load_settings(config, {})
