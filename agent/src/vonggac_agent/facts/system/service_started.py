"""service.started: every unit that is set to start, and on the running system every service that runs besides.

How units are read is in `systemd`. Units that the distribution pulls in for itself (static ones) are left out: nobody
switched them on and nobody can switch them off but by masking.

Source: systemd.unit(5) "[Install]", systemd-sysv-generator(8).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.system import ServicesStarted

from ...host import Host
from ...untrusted import as_text
from . import systemd

_LINKS: Final = (".wants", ".requires", ".upholds")


def gather(host: Host, selector: tuple[str, ...]) -> tuple[ServicesStarted, str]:
    """Topic service.started. Raises CouldNotLook: permission-denied where processes of others are hidden, and as
    `systemd.units_seen`.
    """
    units = systemd.units_seen(host)
    found = {units.real_name(name) for name in set(_candidates(host)) if _is_on(units, name)} | _running(host)
    return ServicesStarted(sorted(found)[: limits.MAX_FACT_LIST]), "unit files and links; proc/*/cgroup"


def _is_on(units: systemd.Units, name: str) -> bool:
    try:
        return units.enabled(name) == "enabled"
    except CouldNotLook as error:
        if error.reason is Reason.MALFORMED:  # aliases that lead nowhere, which systemd does not load either
            return False
        raise


def _candidates(host: Host) -> Iterator[str]:
    for folder in systemd.ADMINISTRATOR:
        for raw in host.names(folder):
            entry = as_text(raw)
            names = [entry]
            if entry.endswith(_LINKS):
                names = [as_text(name) for name in host.names(f"{folder}/{raw}")]
            for name in names:
                if systemd.is_name(name):
                    yield name
    for level in "2345":
        for name in host.names(f"etc/rc{level}.d"):
            unit = f"{as_text(name[3:])}.service"
            if name[:1] == "S" and name[1:3].isdigit() and systemd.is_name(unit):
                yield unit


def _running(host: Host) -> set[str]:
    try:
        return set(systemd.services_running(host))
    except CouldNotLook as error:
        if error.reason is Reason.NOT_SUPPORTED:  # a mounted root, or systemd does not run here
            return set()
        raise
