"""Keeps one booted system: makes its root and its control group, starts its first process, and ends all of it.

Run by `booted` as root, in a mount namespace of its own, with a JSON object
`{"layers": [folder, …], "hostname": …, "machine_id": …}` as its argument. Says `ready PID` on standard output when the
first process (`first_process`) has given way to systemd. Ends everything when standard input closes, which also happens
when the test dies. Mounts, and all that the system wrote, live in the namespace and go with it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.flow.systemd.overlay import mount_layers, own_mounts, program

WORK = Path("/run")
"""Covered by a tmpfs of this namespace; what the machine has there is of no use here."""
ROOT = WORK / "root"
KERNEL_LOG = WORK / "kmsg"
GROUPS = WORK / "cgroup"
GROUP_PREFIX = "vonggac-test-"
DEADLINE_S = 20.0


def name_it(hostname: str, machine_id: str) -> None:
    """A name and an identity that no other machine has."""
    (ROOT / "etc/hostname").write_text(f"{hostname}\n")
    (ROOT / "etc/hosts").write_text(f"127.0.0.1 localhost\n::1 localhost\n127.0.1.1 {hostname}\n")
    (ROOT / "etc/machine-id").write_text(f"{machine_id}\n")


def silent_kernel_log() -> int:
    """A pipe that is open and says nothing: who reads the kernel's log there waits, as on a quiet kernel, proc(5).

    At the end of an empty file rsyslog would ask again at once. The number returned keeps it open.
    """
    os.mkfifo(KERNEL_LOG, 0o400)
    return os.open(KERNEL_LOG, os.O_RDWR | os.O_CLOEXEC)


def make_group() -> Path:
    """A control group (cgroup v2) for the system to live in. Those of keepers that were killed are removed."""
    GROUPS.mkdir()
    program("mount", "-t", "cgroup2", "vonggac", str(GROUPS))
    for left in GROUPS.glob(f"{GROUP_PREFIX}*"):
        if not Path("/proc", left.name.removeprefix(GROUP_PREFIX)).exists():
            remove_group(left)
    group = GROUPS / f"{GROUP_PREFIX}{os.getpid()}"
    group.mkdir()
    return group


def remove_group(group: Path) -> None:
    """Remove a control group and those inside it, as soon as their last process is gone. OSError if one stays."""
    until = time.monotonic() + DEADLINE_S
    for folder, _, _ in os.walk(group, topdown=False):
        while True:
            try:
                Path(folder).rmdir()
                break
            except FileNotFoundError:
                break
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)


def own_group() -> str:
    """The control group of this process, relative to what is mounted (cgroups(7), /proc/pid/cgroup)."""
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    return next(line.removeprefix("0::/") for line in lines if line.startswith("0::/"))


def enter(group: Path) -> None:
    """Move this process."""
    (group / "cgroup.procs").write_text("0")


def start(group: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start the first process in namespaces of its own. Returns who waits for it, and its number as seen from here."""
    before = GROUPS / own_group()
    enter(group)  # so that it is the root of what the new namespace sees
    waiting = subprocess.Popen(
        [
            *("setpriv", "--pdeathsig", "KILL"),
            *("unshare", "--fork", "--kill-child", "--pid", "--mount", "--uts", "--ipc", "--net", "--cgroup"),
            *(sys.executable, "-m", "tests.flow.systemd.first_process", str(ROOT), str(KERNEL_LOG)),
        ],
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
    )
    enter(before)
    children = Path(f"/proc/{waiting.pid}/task/{waiting.pid}/children")
    until = time.monotonic() + DEADLINE_S
    while waiting.poll() is None and time.monotonic() < until:
        numbers = children.read_text().split()
        if numbers and Path(f"/proc/{numbers[0]}/comm").read_text().strip() == "systemd":
            return waiting, int(numbers[0])
        time.sleep(0.01)
    waiting.kill()
    raise SystemExit("the first process did not come as far as systemd")


def main(orders: dict[str, Any]) -> int:
    """Make, start, wait for standard input to close, end."""
    own_mounts()
    program("mount", "-t", "tmpfs", "-o", "mode=0755", "vonggac", str(WORK))
    mount_layers([Path(layer) for layer in orders["layers"]], WORK / "written", ROOT)
    name_it(orders["hostname"], orders["machine_id"])
    silent_kernel_log()
    group = make_group()
    try:
        waiting, first = start(group)
        os.write(sys.stdout.fileno(), b"ready %d\n" % first)
        sys.stdin.buffer.read()
        if waiting.poll() is None:
            os.kill(first, signal.SIGKILL)
        waiting.wait(DEADLINE_S)
    finally:
        remove_group(group)
    return 0


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
