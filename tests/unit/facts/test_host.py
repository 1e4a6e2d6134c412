"""Reading stays inside the root, inside the bounds, and says why it could not."""

import ctypes
import os
import socket
import time
from pathlib import Path

import pytest
from tests.unit.facts.roots import NOW, Link, mounted, this_machine

from vonggac_agent.host import MAX_LINKS, Host
from vonggac_contract.facts import CouldNotLook, Reason


def test_a_file_is_read_up_to_the_limit_and_not_over_it(tmp_path: Path) -> None:
    host = mounted(tmp_path, {"f": "12345678"})
    assert host.read("f", limit=9) == b"12345678"
    assert host.read("/f", limit=8) == b"12345678"
    with pytest.raises(CouldNotLook, match="too-large"):
        host.read("f", limit=7)


def test_what_is_absent_is_none_or_empty(tmp_path: Path) -> None:
    host = mounted(tmp_path, {"etc/f": ""})
    assert host.read("etc/nothing") is None
    assert host.read("etc/f/below") is None
    assert host.text("nothing") is None
    assert host.lines("nothing") == []
    assert host.names("nothing") == []
    assert host.stat("nothing") is None
    assert host.lstat("nothing") is None
    assert host.readlink("nothing") is None
    assert host.open("nothing") is None
    assert not host.exists("nothing")


def test_links_are_followed_inside_the_root(tmp_path: Path) -> None:
    outside = tmp_path / "secret"
    outside.write_text("outside")
    host = mounted(
        tmp_path / "root",
        {
            "etc/real": "inside",
            "etc/absolute": Link("/etc/real"),
            "etc/relative": Link("real"),
            "etc/upwards": Link("../../../../../etc/real"),
            "etc/escape": Link(str(outside)),
            "etc/escape-up": Link("../../secret"),
            "bin": Link("usr/bin"),
            "usr/bin/program": "program",
            "folder": Link("/etc"),
        },
    )
    for name in ("absolute", "relative", "upwards"):
        assert host.text(f"etc/{name}") == "inside"
    assert host.text("etc/escape") is None
    assert host.text("etc/escape-up") is None
    assert host.text("bin/program") == "program"
    assert host.text("folder/../etc/real") == "inside"
    assert host.text("../../../secret") is None
    assert host.names("folder") == host.names("etc")
    assert host.resolve("bin/program") == host.root / "usr/bin/program"
    assert host.resolve("etc/escape-up") == host.root / "secret"
    assert host.readlink("bin") == "usr/bin"
    dangling = host.lstat("etc/escape")
    assert dangling is not None
    assert host.stat("etc/escape") is None


def test_a_loop_of_links_is_refused_and_a_long_chain_is_not(tmp_path: Path) -> None:
    chain: dict[str, str | bytes | Link] = {f"l{n}": Link(f"l{n + 1}") for n in range(MAX_LINKS)}
    host = mounted(tmp_path, {**chain, f"l{MAX_LINKS}": "end", "loop": Link("loop"), "over": Link("l0")})
    assert host.text("l0") == "end"
    with pytest.raises(CouldNotLook, match=r"malformed.*links"):
        host.text("over")
    with pytest.raises(CouldNotLook, match=r"malformed.*links"):
        host.resolve("loop")


@pytest.mark.hostile
def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    host = mounted(tmp_path, {"etc/f": ""})
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        for name in ("fifo", "socket", "etc"):
            with pytest.raises(CouldNotLook, match=r"malformed.*not a regular file"):
                host.read(name)
    with pytest.raises(CouldNotLook, match=r"malformed.*not a regular file"):
        this_machine().read("/dev/null")


@pytest.mark.hostile
def test_names_that_are_no_text_can_be_listed_and_opened(tmp_path: Path) -> None:
    odd = os.fsencode(tmp_path) + b"/\xff\xfe\x1b[31m"
    with open(odd, "wb") as file:
        file.write(b"\xff\0ok")
    host = Host(tmp_path, now=NOW)
    (name,) = host.names("/")
    assert host.text(name) == r"\xff\x00ok"
    assert host.names("/", limit=1) == [name]
    (tmp_path / "second").touch()
    with pytest.raises(CouldNotLook, match="too-large"):
        host.names("/", limit=1)


def test_lines_end_at_line_feeds_only(tmp_path: Path) -> None:
    host = mounted(tmp_path, {"f": "a\r\nb\u2028c\x0bd\n\ne"})
    assert host.lines("f") == ["a", "b\u2028c\x0bd", "", "e"]


def without_privileges() -> None:
    """Give up every capability, so that file modes hold for root too: capset(2), version 3, all sets empty."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)()
    if ctypes.CDLL(None, use_errno=True).capset(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def test_who_may_not_look_is_told_so(tmp_path: Path) -> None:
    host = mounted(tmp_path, {"secret/f": "x"})
    (tmp_path / "secret").chmod(0)
    child = os.fork()
    if child == 0:
        refused = 0
        try:
            without_privileges()
            for look in (host.read, host.open, host.stat, host.names):
                try:
                    look("secret" if look == host.names else "secret/f")
                except CouldNotLook as error:
                    refused += error.reason is Reason.PERMISSION_DENIED
        finally:
            os._exit(refused)
    _, ended = os.waitpid(child, 0)
    (tmp_path / "secret").chmod(0o755)
    assert os.waitstatus_to_exitcode(ended) == 4


def test_nothing_is_read_once_the_time_is_used_up(tmp_path: Path) -> None:
    host = mounted(tmp_path, {"f": "x"})
    host.deadline = time.monotonic() - 1
    for look in (host.read, host.names, host.stat, host.readlink):
        with pytest.raises(CouldNotLook, match="timed-out"):
            look("f")


def test_shared_work_is_done_once_and_a_refusal_is_remembered(tmp_path: Path) -> None:
    host = mounted(tmp_path, {"f": "x"})
    calls: list[str] = []

    def good() -> str:
        calls.append("good")
        return "value"

    def bad() -> str:
        calls.append("bad")
        raise CouldNotLook(Reason.TOO_LARGE, "no")

    assert [host.once("a", good), host.once("a", good)] == ["value", "value"]
    for _ in range(2):
        with pytest.raises(CouldNotLook, match="too-large: no"):
            host.once("b", bad)
    assert calls == ["good", "bad"]

    def damaged() -> str:
        calls.append("damaged")
        raise ValueError("not a database")

    for _ in range(2):
        with pytest.raises(CouldNotLook, match="malformed: not a database"):
            host.once("c", damaged)
    assert calls == ["good", "bad", "damaged"]


def test_a_program_is_run_within_its_bounds() -> None:
    host = this_machine()
    assert host.run(("echo", "a b"), timeout=10, limit=100) == b"a b\n"
    assert host.run(("/bin/cat", "/dev/null"), timeout=10, limit=0) == b""
    assert host.run(("env",), timeout=10, limit=1000) == b"LC_ALL=C\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\n"
    with pytest.raises(CouldNotLook, match="too-large"):
        host.run(("echo", "12345"), timeout=10, limit=5)
    with pytest.raises(CouldNotLook, match="not-installed"):
        host.run(("no-such-program-here",), timeout=10, limit=5)
    with pytest.raises(CouldNotLook, match=r"malformed: .*ls ended with 2.*nothing-there"):
        host.run(("ls", "/nothing-there"), timeout=10, limit=100)


def test_a_program_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    script = tmp_path / "slow"
    script.write_text(f"#!/bin/sh\nsleep 300 &\necho $! > {tmp_path}/child\nwait\n")
    script.chmod(0o755)
    started = time.monotonic()
    with pytest.raises(CouldNotLook, match="timed-out"):
        this_machine().run((str(script),), timeout=0.5, limit=100)
    assert time.monotonic() - started < 10
    child = int((tmp_path / "child").read_text())
    for _ in range(100):
        try:
            state = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            break
        if state == "Z":
            break
        time.sleep(0.02)
    else:
        pytest.fail("the child of an ended program still runs")


def test_a_mounted_root_runs_no_program(tmp_path: Path) -> None:
    with pytest.raises(CouldNotLook, match="not-supported"):
        mounted(tmp_path, {}).run(("echo",), timeout=1, limit=1)


def test_a_pattern_matches_names_inside_the_root_and_hidden_ones_only_by_a_dot(tmp_path: Path) -> None:
    for name in ("etc/a/x.conf", "etc/b/x.conf", "etc/b/y.conf", "etc/c/z", "etc/.d/x.conf", "etc/b/.x.conf"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    host = Host(tmp_path, now=NOW)
    assert host.glob("/etc/*/x.conf") == ["/etc/a/x.conf", "/etc/b/x.conf"]
    assert host.glob("/etc/b/?.conf") == ["/etc/b/x.conf", "/etc/b/y.conf"]
    assert host.glob("etc/.*/x*") == ["/etc/.d/x.conf"]
    assert host.glob("/etc/no/such") == ["/etc/no/such"]
    assert host.glob("/no/*") == []
    assert host.glob("/../*") == ["/../etc"]
    with pytest.raises(CouldNotLook, match="matches over 1 paths"):
        host.glob("/etc/b/*", limit=1)


def caged(monkeypatch: pytest.MonkeyPatch, machine: Path) -> Host:
    """This machine as a service sees it that looks through `machine`."""
    monkeypatch.setattr("vonggac_agent.host.MACHINE", f"{machine}/.")
    return Host(now=NOW, caged=True)


def test_from_a_cage_the_machine_is_looked_at_where_the_first_process_has_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mounted(
        tmp_path / "root",
        {
            "etc/hostname": "may",
            "etc/absolute": Link("/etc/hostname"),
            "tmp/of-others": "x",
            "etc/mtab": Link("/proc/mounts"),
            "proc/1/comm": "systemd",
            "proc/mounts": "none",
            "proc/self": Link("1"),
        },
    )
    host = caged(monkeypatch, tmp_path / "root")
    assert (host.live, host.text("/etc/absolute"), host.text("etc/mtab")) == (True, "may", "none")
    assert (host.names("/tmp"), host.text("proc/self/comm")) == (["of-others"], "systemd")
    assert host.glob("/etc/*name") == ["/etc/hostname"]
    assert (host.inside("etc/absolute"), host.inside("/")) == ("/etc/hostname", "/")
    assert host.readlink("etc/absolute") == "/etc/hostname"
    # A mounted root is looked at as ever, whoever looks.
    assert Host(tmp_path / "root", now=NOW, caged=True).prefix == str(tmp_path / "root")


def test_through_this_very_root_a_cage_sees_what_is_seen_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    host, free = caged(monkeypatch, Path("/proc/self/root")), this_machine()
    for path in ("etc/passwd", "/bin/sh", "/proc/self/status", "/etc/mtab", "/dev/null", "/"):
        seen, there = host.stat(path), free.stat(path)
        assert seen is not None
        assert there is not None
        assert (seen.st_dev, seen.st_mode) == (there.st_dev, there.st_mode)
    assert host.readlink("/proc/self/exe") == free.readlink("/proc/self/exe")
    assert host.names("/etc") == free.names("/etc")
    assert host.inside("/bin/sh") == free.inside("/bin/sh")
