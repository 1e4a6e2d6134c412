"""service.running: the services that have a process now, told by their control groups (see `systemd`)."""

from __future__ import annotations

from vonggac_contract import limits
from vonggac_contract.facts.system import ServicesRunning

from ...host import Host
from ...untrusted import bounded
from . import systemd


def gather(host: Host, selector: tuple[str, ...]) -> tuple[ServicesRunning, str]:
    """Topic service.running. Without systemd as the first process it cannot be told."""
    names = sorted(bounded(name) for name in systemd.services_running(host))
    return ServicesRunning(names[: limits.MAX_FACT_LIST]), "proc/*/cgroup"
