"""The walk over the disk: finds what there is, once, in turns as in one go; nobody leads it elsewhere."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.facts.roots import NOW, mounted

from vonggac_agent.facts import gather
from vonggac_agent.facts.files import file_walk
from vonggac_agent.facts.files import walk as walk_module
from vonggac_agent.facts.files.file_walk import NOTE
from vonggac_agent.facts.files.walk import Walk
from vonggac_agent.host import Host
from vonggac_agent.notes import Notes
from vonggac_contract.facts import CouldNotLook, Fact, Known, Reason, Unavailable, fact_key
from vonggac_contract.facts.files import FileWalk

WALK = fact_key("file.walk")
PASSWD = {"etc/passwd": "root:x:0:0::/root:/bin/sh\n", "etc/group": "root:x:0:\n"}


def walked(host: Host) -> FileWalk:
    fact = gather(host, [WALK])[WALK]
    assert isinstance(fact, Known), fact
    assert isinstance(fact.value, FileWalk)
    return fact.value


def put(root: Path, name: str, mode: int, *, folder: bool = False, uid: int = 0) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if folder:
        path.mkdir()
    else:
        path.touch()
    if os.geteuid() == 0:
        os.chown(path, uid, 0)
    path.chmod(mode)


root_only = pytest.mark.skipif(os.geteuid() != 0, reason="owners can be set by root alone")


@root_only
def test_each_kind_is_found_with_owner_and_mode_and_nothing_else_is(tmp_path: Path) -> None:
    host = mounted(tmp_path, PASSWD)
    put(tmp_path, "srv/open", 0o666)
    put(tmp_path, "srv/drop", 0o777, folder=True)
    put(tmp_path, "tmp", 0o1777, folder=True)
    put(tmp_path, "srv/plain", 0o644)
    put(tmp_path, "opt/su", 0o4755)
    put(tmp_path, "opt/sg", 0o2755)
    put(tmp_path, "srv/lost", 0o600, uid=4242)
    put(tmp_path, "usr/bin/tool", 0o775)
    put(tmp_path, "usr/lib/x/y.so", 0o644, uid=4242)
    put(tmp_path, "usr/libexec2/z", 0o664)
    put(tmp_path, "root/.rhosts", 0o600)
    put(tmp_path, "usr/local/sbin", 0o775, folder=True)
    put(tmp_path, "usr/local/share", 0o775, folder=True)
    (tmp_path / "usr/bin/link").symlink_to("tool")
    (tmp_path / "bin").symlink_to("usr/bin")
    os.mkfifo(tmp_path / "srv/pipe", 0o666)
    os.mknod(tmp_path / "srv/disk", 0o600 | stat.S_IFBLK, os.makedev(8, 0))
    os.mknod(tmp_path / "srv/whiteout", 0o600 | stat.S_IFCHR, os.makedev(0, 0))
    os.mknod(tmp_path / "srv/inaccessible", stat.S_IFBLK, os.makedev(0, 0))
    os.mknod(tmp_path / "srv/urandom", 0o666 | stat.S_IFCHR, os.makedev(1, 9))
    for place in ("dev", "dev/shm", "devices"):
        put(tmp_path, place, 0o755, folder=True)
        os.mknod(tmp_path / place / "disk", 0o600 | stat.S_IFBLK, os.makedev(8, 0))
    found = walked(host)
    paths = {
        kind: [(f.path, f.owner, f.mode) for f in getattr(found, kind)]
        for kind in found.__struct_fields__
        if isinstance(getattr(found, kind), list) and kind != "unsearched"
    }
    assert paths == {
        "world_writable": [("/srv/open", "root", "0666")],
        "open_folders": [("/srv/drop", "root", "0777")],
        "unowned": [("/srv/lost", "4242", "0600"), ("/usr/lib/x/y.so", "4242", "0644")],
        "privileged": [("/opt/sg", "root", "2755"), ("/opt/su", "root", "4755")],
        "devices": [(f"/{place}/disk", "root", "0600") for place in ("dev/shm", "devices", "srv")],
        "system_writable": [
            ("/usr/bin/tool", "root", "0775"),
            ("/usr/lib/x/y.so", "4242", "0644"),
            ("/usr/local/sbin", "root", "0775"),
        ],
        "trust_files": [("/root/.rhosts", "root", "0600")],
    }
    assert (found.unreadable, found.unsearched) == (0, [])
    assert found.entries == sum(len(d) + len(f) for _, d, f in os.walk(tmp_path))


@root_only
def test_a_privileged_program_is_told_with_its_package(tmp_path: Path) -> None:
    host = mounted(tmp_path, PASSWD | {"var/lib/dpkg/info/sudo.list": "/usr\n/usr/bin\n/usr/bin/sudo\n"})
    put(tmp_path, "usr/bin/sudo", 0o4755)
    put(tmp_path, "usr/bin/backdoor", 0o4755)
    assert {f.path: f.package for f in walked(host).privileged} == {
        "/usr/bin/sudo": "sudo",
        "/usr/bin/backdoor": "",
    }
    shutil.rmtree(tmp_path / "var")
    assert {f.package for f in walked(host).privileged} == {None}


@root_only
def test_a_machine_with_many_accounts_is_walked_like_any_other(tmp_path: Path) -> None:
    put(tmp_path, "opt", 0o755, folder=True)
    put(tmp_path, "opt/x", 0o4755)
    many = "".join(f"u{n}:x:{n}:{n}:a name of some length:/home/u{n}:/bin/bash\n" for n in range(19_999))
    host = mounted(tmp_path, {"etc/passwd": "root:x:0:0::/root:/bin/sh\n" + many})
    assert len(many) > 1024 * 1024
    assert [found.owner for found in walked(host).privileged] == ["root"]


@root_only
def test_the_layers_of_containers_are_left_out_and_nothing_beside_them(tmp_path: Path) -> None:
    users = "an:x:1000:1000::/home/an:/bin/sh\nmai:x:1001:1001::/srv/mai:/bin/sh\n"
    host = mounted(tmp_path, PASSWD | {"etc/passwd": PASSWD["etc/passwd"] + users})
    put(tmp_path, "var/lib/docker/overlay2/a/diff/x", 0o666)
    put(tmp_path, "var/lib/containers/storage/x", 0o4755)
    put(tmp_path, "var/lib/docker2/x", 0o666)
    put(tmp_path, "srv/var/lib/docker/x", 0o666)
    for home, uid in (("home/an", 1000), ("srv/mai", 1001), ("home/none", 1002)):
        put(tmp_path, f"{home}/.local/share/containers/storage/overlay/x", 0o666, uid=uid)
        put(tmp_path, f"{home}/.local/share/docker/fuse-overlayfs/x", 0o4755, uid=uid)
        put(tmp_path, f"{home}/.local/share/containers/y", 0o666, uid=uid)
        os.chown(tmp_path / home, uid, uid)
    put(tmp_path, "usr/share/containers/x", 0o666)
    found = walked(host)
    assert [f.path for f in found.world_writable] == [
        "/home/an/.local/share/containers/y",
        "/home/none/.local/share/containers/storage/overlay/x",
        "/home/none/.local/share/containers/y",
        "/srv/mai/.local/share/containers/y",
        "/srv/var/lib/docker/x",
        "/usr/share/containers/x",
        "/var/lib/docker2/x",
    ]
    assert [f.path for f in found.privileged] == ["/home/none/.local/share/docker/fuse-overlayfs/x"]


@root_only
def test_lists_are_bounded_and_counts_are_not(tmp_path: Path) -> None:
    host = mounted(tmp_path, PASSWD)
    for n in range(file_walk.LISTED + 5):
        put(tmp_path, f"srv/{n:04}", 0o666)
    found = walked(host)
    assert len(found.world_writable) == file_walk.LISTED
    assert found.world_writable_total == file_walk.LISTED + 5


def test_an_ordinary_user_is_told_that_nobody_could_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    fact = gather(Host(now=NOW), [WALK])[WALK]
    assert isinstance(fact, Unavailable)
    assert fact.reason == Reason.PERMISSION_DENIED


def test_a_link_to_a_folder_is_not_followed_and_a_loop_does_no_harm(tmp_path: Path) -> None:
    host = mounted(tmp_path, PASSWD)
    (tmp_path / "etc/up").symlink_to("..")
    (tmp_path / "etc/out").symlink_to("/usr")
    assert walked(host).entries == 5


@pytest.mark.hostile
def test_a_folder_that_was_swapped_for_another_since_it_was_seen_is_not_walked(tmp_path: Path) -> None:
    (tmp_path / "inside/a").mkdir(parents=True)
    outside = tmp_path / "outside"
    (outside / "secret").mkdir(parents=True)
    seen: list[str] = []

    def visit(folder: str, entries: list[tuple[str, os.stat_result]]) -> None:
        seen.extend(name for name, _ in entries)
        if folder == "":
            (tmp_path / "inside/a").rename(tmp_path / "inside/b")
            outside.rename(tmp_path / "inside/a")

    missed: list[tuple[str, str]] = []
    walk = Walk(
        str(tmp_path / "inside"),
        frozenset({os.stat(tmp_path).st_dev}),
        visit,
        lambda path, _, why, __: missed.append((path, why)),
    )
    while walk.step():
        pass
    assert seen == ["a"]
    assert missed == [("/a", "closed")]


TREES = st.lists(
    st.lists(st.sampled_from(["a", "b", "a.b", "a-", "é", "z z"]), min_size=1, max_size=4),
    min_size=1,
    max_size=12,
)


@given(trees=TREES, turns=st.lists(st.integers(1, 5), min_size=1, max_size=10))
@settings(max_examples=60, deadline=None)
def test_left_off_anywhere_the_walk_visits_each_entry_once(
    trees: list[list[str]], turns: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("root")
    for parts in trees:
        (root / "/".join(parts)).mkdir(parents=True, exist_ok=True)
    devices = frozenset({os.stat(root).st_dev})
    wanted = sorted(os.path.join(d, n) for d, ds, fs in os.walk(root) for n in ds + fs)
    found: list[str] = []

    def visit(folder: str, entries: list[tuple[str, os.stat_result]]) -> None:
        found.extend(f"{root}{folder}/{name}" for name, _ in entries)

    after, more = None, True
    while more:
        walk = Walk(str(root), devices, visit, lambda *_: None, after=after)
        for _ in range(turns[0]):
            more = walk.step()
            if not more:
                break
        turns = [*turns[1:], turns[0]]
        after = walk.last
    assert sorted(found) == wanted


@root_only
def test_in_turns_the_walk_finds_what_it_finds_in_one_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, state = tmp_path / "root", tmp_path / "state"
    root.mkdir()
    state.mkdir()
    mounted(root, PASSWD)
    for n in range(40):
        put(root, f"srv/{n % 7}/{n}", 0o666)
    whole = walked(Host(root, now=NOW))
    # The time of each turn is used up after three folders.
    monkeypatch.setattr(
        file_walk, "to_the_end", lambda walk, deadline: not all(walk.step() for _ in range(3))
    )
    host = Host(root, now=NOW, notes=Notes(state))
    told = []
    for _ in range(100):
        fact = gather(host, [WALK])[WALK]
        told.append(fact)
        if isinstance(fact, Known):
            break
        assert fact.reason == Reason.TIMED_OUT
        assert "goes on from there" in fact.detail
    assert len(told) > 3
    assert msgspec.to_builtins(told[-1].value) == msgspec.to_builtins(whole)  # type: ignore[union-attr]
    assert Notes(state).read(NOTE) is None


def test_a_damaged_note_costs_a_walk_from_the_beginning(tmp_path: Path) -> None:
    root, state = tmp_path / "root", tmp_path / "state"
    root.mkdir()
    state.mkdir()
    mounted(root, PASSWD)
    Notes(state).write(NOTE, b'{"last": 7')
    assert walked(Host(root, now=NOW, notes=Notes(state))).entries == 3


def fill(folder: Path, names: int, length: int) -> None:
    """15 folders of 250 characters inside one another, then so many side by side."""
    folder.mkdir()
    here = os.open(folder, os.O_RDONLY)
    for _ in range(15):
        os.mkdir("d" * 250, dir_fd=here)
        here, above = os.open("d" * 250, os.O_RDONLY, dir_fd=here), here
        os.close(above)
    for n in range(names):
        os.mkdir(f"{n:0{length}}", dir_fd=here)
    os.close(here)


@pytest.fixture
def memory_disk() -> Iterator[Path]:
    """A folder in a tmpfs(5), where there is one, because it is filled with many."""
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shm if shm.is_dir() else None) as folder:
        yield Path(folder)


def peak_of(root: Path) -> tuple[int, list[tuple[int, str]]]:
    """Bytes that the walk takes at most, and what is missed: folders inside one another, and why."""
    missed: list[tuple[int, str]] = []
    tracemalloc.start()
    try:
        walk = Walk(
            str(root),
            frozenset({os.stat(root).st_dev}),
            lambda *_: None,
            lambda path, _, why, __: missed.append((path.count("/"), why)),
        )
        while walk.step():
            pass
        return tracemalloc.get_traced_memory()[1], missed
    finally:
        tracemalloc.stop()


@pytest.mark.hostile
@pytest.mark.parametrize("length", [5, 200])
def test_a_user_who_makes_folders_takes_no_more_memory_than_is_granted_and_hides_only_those(
    length: int, memory_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(memory_disk / "his", 6_000, length)
    monkeypatch.setattr(walk_module, "CHUNK", walk_module.CHUNK // 12)
    at_once = walk_module.CHUNK * 2_500  # one part: names, lstat(2) of each, and what is packed of them
    whole, missed = peak_of(memory_disk)
    counted = 6_000 * (length + 1 + 20 + walk_module.WAITING_BYTES)
    assert missed == []
    assert (
        0.5 * counted < whole < 1.15 * counted + at_once
    )  # what is counted is what is taken, lists grow by 1/8
    monkeypatch.setattr(walk_module, "MAX_WAITING", counted // 3)
    bounded, missed = peak_of(memory_disk)
    assert missed == [(16, "large")]
    assert bounded < 1.15 * counted // 3 + at_once


def test_the_time_is_asked_within_a_folder_which_then_waits_as_if_nobody_had_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk_module, "CHUNK", 10)
    root, state = tmp_path / "root", tmp_path / "state"
    state.mkdir()
    root.mkdir()
    mounted(root, PASSWD)
    for n in range(35):
        put(root, f"srv/{n:02}", 0o666)
    put(root, "zzz/last", 0o666)
    whole = walked(Host(root, now=NOW))
    now = [0.0]

    class Clock:
        """Each look at it takes a second; a turn has so many."""

        def monotonic(self) -> float:
            now[0] += 1
            return now[0]

    def turns(*seconds: float) -> list[Fact]:
        told: list[Fact] = []
        for turn in seconds:
            now[0] = 0
            host = Host(root, now=NOW, notes=Notes(state))
            host.deadline = turn
            try:
                told.append(Known(file_walk.gather(host, ())[0], "", 0))
            except CouldNotLook as error:
                told.append(Unavailable(error.reason, error.detail, 0))
        return told

    monkeypatch.setattr(walk_module, "time", Clock())
    monkeypatch.setattr(file_walk, "time", Clock())
    monkeypatch.setattr(Host, "in_time", lambda _: None)
    late = turns(4.5, 100)  # the root, etc, and half of srv
    assert isinstance(late[0], Unavailable)
    assert late[0].detail == "5 entries walked; the next look goes on from there"
    assert msgspec.to_builtins(late[1].value) == msgspec.to_builtins(whole)  # type: ignore[union-attr]
    # Where a whole turn is too short for the folder, it is given up, and the walk comes to its end.
    short = turns(4.5, 3.5, 100)[-1]
    assert isinstance(short, Known)
    assert [(miss.path, miss.why) for miss in short.value.unsearched if miss.path == "/srv"] == [
        ("/srv", "large")
    ]
    assert "/zzz/last" in [f.path for f in short.value.world_writable]


@root_only
@pytest.mark.hostile
def test_a_folder_whose_name_is_no_text_is_no_place_to_stumble_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, state = tmp_path / "root", tmp_path / "state"
    root.mkdir()
    state.mkdir()
    mounted(root, PASSWD)
    for name in (b"\xff", b"a", b"\xe1\xbb\xb1", b"\xf0\x9f\x98\x80"):
        os.makedirs(os.fsencode(root) + b"/srv/" + name + b"/\xfe/x")
    whole = walked(Host(root, now=NOW))
    monkeypatch.setattr(file_walk, "to_the_end", lambda walk, _: not walk.step())
    host = Host(root, now=NOW, notes=Notes(state))
    told = [gather(host, [WALK])[WALK] for _ in range(25)]
    assert {fact.reason for fact in told if isinstance(fact, Unavailable)} == {Reason.TIMED_OUT}
    assert next(fact.value for fact in told if isinstance(fact, Known)) == whole


@pytest.mark.hostile
def test_nothing_more_of_a_home_is_opened_once_its_share_is_used_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk_module, "HOME_ENTRIES", 20)
    for n in range(20):
        (tmp_path / f"home/an/{n}/inside").mkdir(parents=True)
    opened: list[str] = []
    missed: list[str] = []
    really_open = os.open

    def open_and_tell(path: str, flags: int) -> int:
        opened.append(path.removeprefix(str(tmp_path)))
        return really_open(path, flags)

    devices = frozenset({os.stat(tmp_path).st_dev})
    walk = Walk(
        str(tmp_path),
        devices,
        lambda *_: None,
        lambda path, _, why, home: missed.append(f"{path} {why} {home}"),
        homes=frozenset({"/home/an"}),
    )
    monkeypatch.setattr(os, "open", open_and_tell)
    while walk.step():
        pass
    assert opened == ["", "/home", "/home/an"]
    assert sorted(missed) == sorted(f"/home/an/{n} large /home/an" for n in range(20))
