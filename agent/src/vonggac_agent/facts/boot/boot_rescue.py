"""boot.rescue: whether the shell of single-user mode and of a failed start asks for root's password.

Sources: systemd's rescue.service and emergency.service; systemd-sulogin-shell and its SYSTEMD_SULOGIN_FORCE
(systemd, "ENVIRONMENT.md"); sulogin(8); inittab(5) for machines without systemd. An account of root's that is locked
lets nobody in, which is more than asking; one without a password is account.users' business.
"""

from __future__ import annotations

from typing import Final

from vonggac_contract.facts.boot import BootRescue

from ...formats import lines
from ...host import Host
from ..system import systemd

UNITS: Final = ("rescue.service", "emergency.service")
INITTAB: Final = "etc/inittab"


def unit_asks(texts: list[str]) -> bool:
    """A unit with its drop-ins: the shell is sulogin's, and nothing forces it open."""
    service = systemd.sections(*texts).get("Service", {})
    commands = service.get("execstart", [])
    settings = " ".join(service.get("environment", [])).replace('"', " ").replace("'", " ").split()
    variables = dict(setting.partition("=")[::2] for setting in settings)  # the last of a name counts
    forced = variables.get("SYSTEMD_SULOGIN_FORCE", "").lower() in ("1", "yes", "y", "true", "t", "on")
    through = bool(commands) and all(
        "sulogin" in c and "--force" not in c and " -e" not in c for c in commands
    )
    return through and not forced


def inittab_asks(text: str) -> bool | None:
    """Single-user mode of an inittab (`~~:S:wait:/sbin/sulogin`); None if it has no such line."""
    fields = [line.split(":", 3) for _, line in lines.significant(text)]
    programs = [f[3] for f in fields if len(f) == 4 and "S" in f[1] and f[2] == "wait"]
    return all("sulogin" in program for program in programs) if programs else None


def gather(host: Host, selector: tuple[str, ...]) -> tuple[BootRescue, str]:
    """Topic boot.rescue."""
    units = systemd.units(host)
    there = [unit for unit in UNITS if units.enabled(unit) not in ("absent", "masked")]
    if there or any(units.exists(unit) for unit in UNITS):
        asks = all(unit_asks(units.texts(unit)) for unit in there)
        return BootRescue(found=bool(there), asks=asks), ", ".join(UNITS)
    told = inittab_asks(host.text(INITTAB) or "")
    return BootRescue(found=told is not None, asks=told is not False), INITTAB
