"""Which programs run as part of this system; for a mounted root, which of their units are set to start.

A name alone proves nothing: a process chooses it, and so does any container. It counts in a control group of its own
service, which only root can put it into (see `systemd`), or as root or a system account, in this machine's own process
numbers, from a program that only root can change. Unit files are read by `systemd`.

Sources: proc(5): `/proc/[pid]/comm`, at most 15 characters; `status`, Uid and NSpid; `exe`; `cmdline`.
"""

from __future__ import annotations

import os
import posixpath
import re
import stat as stat_bits
from collections.abc import Collection
from pathlib import PurePosixPath
from typing import Final

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason

from ...host import Host
from ...untrusted import as_text
from ..access import login_defs
from . import systemd

COMM_LENGTH: Final = 15
"""TASK_COMM_LEN is 16 with its terminating NUL, proc(5)."""
UID_MIN: Final = 1000
"""login.defs(5): first number of an ordinary account where UID_MIN is not set."""
_INTERPRETER: Final = re.compile(r"(?:python|perl|ruby)[0-9.]*")
"""Programs that run others, which are their first argument: fail2ban-server, denyhosts and psad are scripts."""


def active(host: Host, programs: Collection[str], units: Collection[str]) -> bool:
    """One of `programs` runs now, as a part of the system; for a mounted root, one of `units` is enabled.

    Raises CouldNotLook(permission-denied) where others' processes are hidden.
    """
    known = systemd.units(host)
    if not host.live:
        return any(known.enabled(unit) == "enabled" for unit in units)
    named = host.once("processes.named", lambda: _named(host))
    running = [pid for program in programs for pid in named.get(program[:COMM_LENGTH], ())]
    if not running:
        return False
    if systemd.is_running(host):
        services = {known.real_name(unit) for unit in units}
        if any(_unit(host, pid) in services for pid in running):
            return True
    return any(_of_the_system(host, pid, programs) for pid in running)


def _named(host: Host) -> dict[str, list[str]]:
    """Numbers of processes by their name."""
    if host.text("proc/1/comm", limit=4096) is None:
        raise CouldNotLook(
            Reason.PERMISSION_DENIED, "processes of others are hidden (proc mounted with hidepid)"
        )
    found: dict[str, list[str]] = {}
    for pid in host.names("proc", limit=limits.MAX_FACT_LIST * 10):
        if pid.isdigit():
            name = (host.text(f"proc/{pid}/comm", limit=4096) or "").rstrip("\n")
            found.setdefault(name, []).append(pid)
    return found


def _unit(host: Host, pid: str) -> str | None:
    return systemd.unit_of(host.text(f"proc/{pid}/cgroup", limit=64 * limits.KIB) or "")


def _of_the_system(host: Host, pid: str, programs: Collection[str]) -> bool:
    lines = (host.text(f"proc/{pid}/status", limit=64 * limits.KIB) or "").split("\n")
    status = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
    lowest = login_defs.number(login_defs.read(host), "UID_MIN") or UID_MIN
    uids = status.get("Uid", [])
    # All four: who starts a set-user-ID program has a name to choose as well.
    if not uids or not all(uid.isdecimal() and int(uid) < lowest for uid in uids):
        return False
    if len(status.get("NSpid", ())) > 1:  # in a container
        return False
    program = host.readlink(f"proc/{pid}/exe")
    if program is None or not _is_roots(host, program, f"proc/{pid}/exe"):
        return False
    if _INTERPRETER.fullmatch(posixpath.basename(program)):
        given = (host.read(f"proc/{pid}/cmdline", limit=64 * limits.KIB) or b"").split(b"\0")[1:]
        program = next((as_text(word) for word in given if not word.startswith(b"-")), "")
        if not program.startswith("/") or not _is_roots(host, program, program):
            return False
    return posixpath.basename(program) in programs


def _is_roots(host: Host, path: str, opened: str) -> bool:
    """What is `opened` is this machine's file at `path`, which only root can change or put another one in place of."""
    found, running = host.stat(path), host.stat(opened)
    if found is None or running is None or not os.path.samestat(found, running):
        return False
    folders = [host.stat(str(folder)) for folder in PurePosixPath(path).parents]
    return all(status is not None and _only_roots(status) for status in (found, *folders))


def _only_roots(status: os.stat_result) -> bool:
    return status.st_uid == 0 and not status.st_mode & (stat_bits.S_IWOTH | stat_bits.S_IWGRP)
