"""Becomes the first process of a booted system, in the namespaces that `keeper` made and with the root it mounted.

Mounts what systemd expects of a container manager (systemd.io, "The Container Interface"), makes ROOT the root, and
gives way to systemd. What belongs to the machine underneath and has no namespace (kernel settings, its log, its clock,
its modules) can be read at most.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.flow.systemd.overlay import program

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2", "ptmx": "pts/ptmx"}
NOT_OURS = ("sys_module", "sys_time", "sys_rawio", "syslog")
"""Capabilities (capabilities(7), as setpriv(1) writes them) that would reach past the namespaces."""


def mount(*arguments: str) -> None:
    """mount(8)."""
    program("mount", *arguments)


def furnish(root: Path, log: Path) -> None:
    """Mount everything below `root`; `log` stands in for the log of the kernel."""
    mount("-t", "proc", "-o", "nosuid,nodev,noexec", "proc", f"{root}/proc")
    for name in ("sys", "sysrq-trigger"):
        if (root / "proc" / name).exists():
            mount("--bind", f"{root}/proc/{name}", f"{root}/proc/{name}")
            mount("-o", "remount,bind,ro", f"{root}/proc/{name}")
    if (root / "proc/kmsg").exists():
        mount("--bind", str(log), f"{root}/proc/kmsg")
    mount("-t", "sysfs", "-o", "ro,nosuid,nodev,noexec", "sysfs", f"{root}/sys")
    mount("-t", "cgroup2", "-o", "nosuid,nodev,noexec", "cgroup2", f"{root}/sys/fs/cgroup")
    for name, mode in (("run", "0755"), ("tmp", "1777"), ("dev", "0755")):
        mount("-t", "tmpfs", "-o", f"nosuid,mode={mode}", "tmpfs", f"{root}/{name}")
    for name in DEVICES:
        (root / "dev" / name).touch()
        mount("--bind", f"/dev/{name}", f"{root}/dev/{name}")
    for name, target in LINKS.items():
        (root / "dev" / name).symlink_to(target)
    for name in ("pts", "shm"):
        (root / "dev" / name).mkdir()
    mount("-t", "devpts", "-o", "newinstance,ptmxmode=0666,mode=0620,gid=5", "devpts", f"{root}/dev/pts")
    mount("-t", "tmpfs", "-o", "nosuid,nodev,mode=1777", "tmpfs", f"{root}/dev/shm")


def move_into(root: Path) -> None:
    """Make `root` the root of this namespace (pivot_root(2)) and let go of the one before."""
    before = root / "run/before"
    before.mkdir()
    program("pivot_root", str(root), str(before))
    os.chdir("/")
    program("umount", "-l", "/run/before")
    os.rmdir("/run/before")


def main(root: Path, log: Path) -> None:
    """Never returns."""
    os.umask(0o022)
    program("ip", "link", "set", "lo", "up")
    furnish(root, log)
    move_into(root)
    without = ",".join(f"-{name}" for name in NOT_OURS)
    environment = {"container": "vonggac-test", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    argv = ["setpriv", f"--bounding-set={without}", "--inh-caps=-all", "/lib/systemd/systemd"]
    os.execve("/usr/bin/setpriv", argv, environment)  # noqa: S606 - a fixed program gives way to systemd


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
