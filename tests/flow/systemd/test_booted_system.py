"""The harness itself: what boots is a whole system, apart from this machine, and nothing of it stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.flow.systemd.booted import CLONE, Booted, Failed, wait_until

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(300)]

NOTIFYING = """
[Service]
Type=notify
NotifyAccess=all
ExecStart=/usr/bin/python3 -c "import os, socket, time; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); \
s.sendto(b'READY=1', os.environ['NOTIFY_SOCKET']); time.sleep(600)"
"""


def left_of(pid: int) -> list[str]:
    """Processes, mounts and control groups on this machine that should be gone with the system."""
    left = [f"process {pid}"] if Path(f"/proc/{pid}").exists() else []
    mounted = Path("/proc/self/mounts").read_text().splitlines()
    left += [line for line in mounted if line.startswith("vonggac ")]
    return left + [str(path) for path in Path("/sys/fs/cgroup").glob("**/vonggac-test-*")]


def test_a_debian_system_boots_and_every_unit_of_it_runs(debian_root: Path) -> None:
    with Booted([debian_root]) as machine:
        assert machine.run("systemctl", "is-system-running").stdout.strip() == "running"
        assert machine.run("hostname").stdout.strip() == machine.hostname
        assert machine.run("cat", "/proc/1/comm").stdout.strip() == "systemd"
        assert machine.properties("ssh", "ActiveState") == {"ActiveState": "active"}
        assert "Server listening" in machine.journal("--unit=ssh")


def test_a_service_that_tells_when_it_is_ready_is_waited_for(debian_root: Path) -> None:
    with Booted([debian_root]) as machine:
        machine.write("/etc/systemd/system/thu.service", NOTIFYING)
        machine.run("systemctl", "start", "thu")
        assert machine.properties("thu", "ActiveState", "Type") == {"Type": "notify", "ActiveState": "active"}


def test_a_system_shares_no_namespace_with_this_machine_and_cannot_change_its_kernel(
    debian_root: Path,
) -> None:
    with Booted([debian_root]) as machine:
        for kind in ("mnt", "pid", "net", "uts", "ipc", "cgroup"):
            assert machine.run("readlink", f"/proc/1/ns/{kind}").stdout.strip() != os.readlink(
                f"/proc/self/ns/{kind}"
            )
        links = machine.run("cat", "/proc/net/dev").stdout.splitlines()[2:]
        assert [line.split(":")[0].strip() for line in links] == ["lo"]
        with pytest.raises(Failed, match="permission denied"):
            machine.run("sysctl", "-w", "kernel.panic=7")


def test_who_reads_the_log_of_the_kernel_waits_for_a_line_that_never_comes(debian_root: Path) -> None:
    with Booted([debian_root]) as machine:
        done = machine.run("timeout", "0.5", "cat", "/proc/kmsg", check=False)
        assert (done.returncode, done.stdout) == (124, "")


def test_what_one_system_writes_is_not_there_in_the_next(debian_root: Path) -> None:
    with Booted([debian_root]) as machine:
        machine.write("/etc/written-by-a-test", "x")
        machine.run("rm", "/etc/motd")
    with Booted([debian_root]) as machine:
        assert machine.run("test", "-e", "/etc/written-by-a-test", check=False).returncode == 1
        assert machine.run("test", "-e", "/etc/motd", check=False).returncode == 0


def test_nothing_is_left_when_a_system_ends(debian_root: Path) -> None:
    with Booted([debian_root]) as machine:
        pid = machine.pid
        assert left_of(pid) != []
    assert left_of(pid) == []


def test_nothing_is_left_when_the_process_that_booted_a_system_is_killed(debian_root: Path) -> None:
    text = "\n".join(
        (
            "import sys, time",
            "from pathlib import Path",
            "from tests.flow.systemd.booted import Booted",
            "with Booted([Path(sys.argv[1])]) as machine:",
            "    print(machine.pid, flush=True)",
            "    time.sleep(60)",
        )
    )
    boots = subprocess.Popen(
        [sys.executable, "-c", text, str(debian_root)], cwd=CLONE, stdout=subprocess.PIPE, text=True
    )
    assert boots.stdout is not None
    with boots, boots.stdout:
        pid = int(boots.stdout.readline())
        assert left_of(pid) != []
        boots.send_signal(signal.SIGKILL)
    wait_until(lambda: left_of(pid) == [], seconds=15)
