"""processes: a program runs if the system runs it, whatever others call theirs."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.fuzz.machines import Answers, WrittenHost
from tests.unit.facts.roots import mounted, this_machine

from vonggac_agent.facts.system import processes
from vonggac_contract.facts import CouldNotLook

STATUS = "Name:\tx\nUid:\t{uid}\nNSpid:\t{pids}\n"
FOLDERS = "".join(f"40755 0 0 0 0 {path}\n" for path in ("/", "/usr", "/usr/sbin", "/usr/bin"))
PROGRAMS = FOLDERS + "".join(
    f"100755 0 0 9 0 /usr/{path}\n" for path in ("sbin/clamd", "bin/fail2ban-server")
)


def machine(init: str = "init", states: str = PROGRAMS, **process: str) -> WrittenHost:
    """One with a process 9 beside the first one."""
    told = {
        "comm": "clamd\n",
        "status": STATUS.format(uid="0\t0\t0\t0", pids="9"),
        "cgroup": "0::/\n",
        "cmdline": "clamd\0",
        **process,
    }
    exe = told.pop("exe", "/usr/sbin/clamd")
    answers: Answers = {
        "n/proc": b"1/9/self",
        "f/proc/1/comm": f"{init}\n".encode(),
        "l/proc/9/exe": exe.encode(),
        "s": f"{states}100755 0 0 9 0 /proc/9/exe\n100755 0 0 0 0 /usr/bin/python3.11\n".encode(),
        **{f"f/proc/9/{name}": text.encode() for name, text in told.items()},
    }
    return WrittenHost(answers, live=True)


def runs(host: WrittenHost, program: str = "clamd", unit: str = "clamav-daemon.service") -> bool:
    return processes.active(host, (program,), (unit,))


def test_roots_program_runs() -> None:
    assert runs(machine())
    assert runs(machine(status=STATUS.format(uid="101\t101\t101\t101", pids="9"))), "a system account's"
    assert not processes.active(machine(), ("no-such-program",), ())


@pytest.mark.parametrize(
    "process",
    [
        {"status": STATUS.format(uid="1000\t1000\t1000\t1000", pids="9")},
        {"status": STATUS.format(uid="1000\t0\t0\t0", pids="9")},
        {"status": STATUS.format(uid="0\t0\t0\t0", pids="9\t1")},
        {"status": ""},
        {"exe": "/usr/bin/sudo"},
        {"exe": "/usr/bin/sudo", "cmdline": "clamd\0/usr/sbin/clamd\0"},
        {"exe": "/usr/bin/python3.11", "cmdline": "clamd\0-c\0clamd\0"},
        {"exe": "/usr/sbin/clamd (deleted)"},
        {"states": FOLDERS + "100775 0 5 9 0 /usr/sbin/clamd\n"},
        {"states": FOLDERS + "100755 1000 0 9 0 /usr/sbin/clamd\n"},
        {"states": PROGRAMS.replace("40755 0 0 0 0 /usr/sbin", "41777 0 0 0 0 /usr/sbin")},
        {"states": PROGRAMS.replace("40755 0 0 0 0 /usr\n", "")},
    ],
    ids=str,
)
def test_the_name_alone_proves_nothing(process: dict[str, str]) -> None:
    assert not runs(machine(**process))


def test_a_script_runs_by_its_interpreter() -> None:
    given = "/usr/bin/python3\0-s\0/usr/bin/fail2ban-server\0-xf\0start\0"
    host = machine(comm="fail2ban-server\n", exe="/usr/bin/python3.11", cmdline=given)
    assert runs(host, "fail2ban-server", "fail2ban.service")


@pytest.mark.parametrize(
    ("init", "group", "expected"),
    [
        ("systemd", "/system.slice/clamav-daemon.service", True),
        ("systemd", "/system.slice/apache2.service", False),
        ("systemd", "/user.slice/user-1000.slice/user@1000.service/app.slice/clamav-daemon.service", False),
        ("systemd", "/system.slice/docker-0a.scope/system.slice/clamav-daemon.service", False),
        ("systemd", "/machine.slice/libpod-0a.scope/container", False),
        ("init", "/system.slice/clamav-daemon.service", False),
    ],
)
def test_the_control_group_of_its_own_service_tells_a_program(init: str, group: str, expected: bool) -> None:
    whose = STATUS.format(uid="1000\t1000\t1000\t1000", pids="9")
    assert runs(machine(init, cgroup=f"0::{group}\n", status=whose)) is expected


def test_an_alias_of_a_unit_is_the_unit() -> None:
    host = machine("systemd", cgroup="0::/system.slice/clamav-daemon.service\n", exe="")
    host._answers |= {
        "n/etc/systemd/system": b"clamd.service/clamav-daemon.service",
        "l/etc/systemd/system/clamd.service": b"/etc/systemd/system/clamav-daemon.service",
        "f/etc/systemd/system/clamav-daemon.service": b"",
    }
    assert runs(host, unit="clamd.service")


def test_where_processes_of_others_are_hidden_nothing_is_said() -> None:
    with pytest.raises(CouldNotLook, match="hidepid"):
        runs(WrittenHost({}, live=True))


def test_of_a_mounted_root_the_units_are_asked(tmp_path: Path) -> None:
    assert not processes.active(mounted(tmp_path, {"proc/1/comm": "clamd\n"}), ("clamd",), ("clamd.service",))


@contextmanager
def started(program: Path) -> Iterator[None]:
    """The program sleeps, and goes by its own name: a moment after exec."""
    with subprocess.Popen([program, "60"]) as process:
        try:
            until = time.monotonic() + 10
            while Path(f"/proc/{process.pid}/comm").read_text() != f"{program.name}\n":
                assert time.monotonic() < until
            yield
        finally:
            process.kill()


def test_a_copy_under_another_name_is_not_the_systems(tmp_path: Path) -> None:
    copy = tmp_path / "vonggac-no-such"
    shutil.copy("/bin/sleep", copy)
    with started(copy):
        assert not processes.active(this_machine(), (copy.name,), ())


@pytest.mark.skipif(bool(os.geteuid() or os.stat("/bin/sleep").st_uid), reason="needs a process of root's")
def test_a_program_of_the_system_runs_on_this_machine() -> None:
    with started(Path("/bin/sleep")):
        assert processes.active(this_machine(), ("sleep",), ())
