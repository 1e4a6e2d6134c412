"""The walk over the disk: finds what there is, once, in turns as in one go; nobody leads it elsewhere."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.facts.roots import NOW, mounted

from vonggac_agent.facts import gather
from vonggac_agent.facts.files import file_walk
from vonggac_agent.facts.files.file_walk import NOTE, local_mounts
from vonggac_agent.facts.files.walk import Walk
from vonggac_agent.host import Host
from vonggac_agent.notes import Notes
from vonggac_contract.facts import Known, Reason, Unavailable, fact_key
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
    (tmp_path / "usr/bin/link").symlink_to("tool")
    os.mkfifo(tmp_path / "srv/pipe", 0o666)
    os.mknod(tmp_path / "srv/disk", 0o600 | stat.S_IFBLK, os.makedev(8, 0))
    os.mknod(tmp_path / "srv/whiteout", 0o600 | stat.S_IFCHR, os.makedev(0, 0))
    os.mknod(tmp_path / "srv/inaccessible", stat.S_IFBLK, os.makedev(0, 0))
    os.mknod(tmp_path / "srv/urandom", 0o666 | stat.S_IFCHR, os.makedev(1, 9))
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
        "devices": [("/srv/disk", "root", "0600")],
        "system_writable": [("/usr/bin/tool", "root", "0775"), ("/usr/lib/x/y.so", "4242", "0644")],
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
    many = "".join(f"u{n}:x:{n}:{n}:a name of some length:/home/u{n}:/bin/bash\n" for n in range(20_000))
    host = mounted(tmp_path, {"etc/passwd": "root:x:0:0::/root:/bin/sh\n" + many})
    assert len(many) > 1024 * 1024
    assert [found.owner for found in walked(host).privileged] == ["root"]


@root_only
def test_the_layers_of_containers_are_left_out_and_nothing_beside_them(tmp_path: Path) -> None:
    host = mounted(tmp_path, PASSWD)
    put(tmp_path, "var/lib/docker/overlay2/a/diff/x", 0o666)
    put(tmp_path, "var/lib/containers/storage/x", 0o4755)
    put(tmp_path, "var/lib/docker2/x", 0o666)
    put(tmp_path, "srv/var/lib/docker/x", 0o666)
    found = walked(host)
    assert [f.path for f in found.world_writable] == ["/srv/var/lib/docker/x", "/var/lib/docker2/x"]
    assert found.privileged == []


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
        lambda path, _, why: missed.append((path, why)),
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
    Notes(state).write(NOTE, b'{"after": 7')
    assert walked(Host(root, now=NOW, notes=Notes(state))).entries == 3


def test_local_file_systems_and_the_root_are_walked() -> None:
    lines = [
        "22 1 254:1 / / rw shared:1 - overlay overlay rw",
        "23 22 0:5 / /proc rw - proc proc rw",
        "24 22 8:1 / /srv/my\\040data rw,nosuid - ext4 /dev/sda1 rw",
        "25 22 0:9 / /mnt/nas rw - nfs4 nas:/x rw",
        "26 22 0:10 / /tmp rw - tmpfs tmpfs rw",
        "a line that is none",
        "27 22 0:11 / /broken - ",
    ]
    assert local_mounts(lines) == ["/", "/srv/my data", "/tmp"]
