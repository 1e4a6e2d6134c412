"""Which programs run, by the names of their processes; for a mounted root, which of their units are set to start.

Topics logging.state, audit.state and malware.protection ask here; unit files are read by `systemd`.

Source: proc(5) `/proc/[pid]/comm`: at most 15 characters, chosen by the process itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason

from ...host import Host
from . import systemd

COMM_LENGTH = 15
"""TASK_COMM_LEN is 16 with its terminating NUL, proc(5)."""


def names(host: Host) -> frozenset[str]:
    """Names of all running processes, cut to 15 characters. Raises CouldNotLook where others' processes are hidden."""
    return host.once("processes.names", lambda: _names(host))


def _names(host: Host) -> frozenset[str]:
    if host.text("proc/1/comm", limit=4096) is None:
        raise CouldNotLook(
            Reason.PERMISSION_DENIED, "processes of others are hidden (proc mounted with hidepid)"
        )
    return frozenset(
        (host.text(f"proc/{name}/comm", limit=4096) or "").rstrip("\n")
        for name in host.names("proc", limit=limits.MAX_FACT_LIST * 10)
        if name.isdigit()
    )


def active(host: Host, programs: Iterable[str], units: Iterable[str]) -> bool:
    """One of `programs` runs now; for a mounted root, one of `units` is enabled."""
    if host.live:
        running = names(host)
        return any(program[:COMM_LENGTH] in running for program in programs)
    known = systemd.units(host)
    return any(known.enabled(unit) == "enabled" for unit in units)
