"""account.defaults: what accounts get that are made from now on. Sources: login.defs(5), useradd(8)."""

from __future__ import annotations

import re
from typing import Final

from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.accounts import AccountDefaults
from vonggac_contract.facts.files import Permission

from ...formats import assignments
from ...host import Host
from . import login_defs

USERADD: Final = "etc/default/useradd"
_BITS: Final[tuple[tuple[int, Permission], ...]] = (
    (0o400, "u+r"), (0o200, "u+w"), (0o100, "u+x"), (0o040, "g+r"), (0o020, "g+w"), (0o010, "g+x"),
    (0o004, "o+r"), (0o002, "o+w"), (0o001, "o+x"),
)  # fmt: skip
_MODE: Final = re.compile(r"0?[0-7]{3}")
_DAYS: Final = re.compile(r"[0-9]{1,6}")


def permissions(mode: str) -> list[Permission] | None:
    """The permissions of an octal mode; None if it is none."""
    if not _MODE.fullmatch(mode):
        return None
    bits = int(mode, 8)
    return [name for bit, name in _BITS if bits & bit]


def inactive(text: str) -> int | None:
    """INACTIVE of useradd's defaults; None where it is not set or -1 (never)."""
    value = next((e.value for e in reversed(assignments.parse(text, posix=True)) if e.key == "INACTIVE"), "")
    return int(value) if _DAYS.fullmatch(value) else None


def gather(host: Host, selector: tuple[str, ...]) -> tuple[AccountDefaults, str]:
    """Topic account.defaults. Raises CouldNotLook: not-installed without login.defs."""
    settings = login_defs.read(host)
    if not settings:
        raise CouldNotLook(Reason.NOT_INSTALLED, "etc/login.defs is absent or empty")
    return AccountDefaults(
        maximum_days=login_defs.number(settings, "PASS_MAX_DAYS"),
        minimum_days=login_defs.number(settings, "PASS_MIN_DAYS"),
        warning_days=login_defs.number(settings, "PASS_WARN_AGE"),
        inactive_days=inactive(host.text(USERADD) or ""),
        scheme=settings.get("ENCRYPT_METHOD", "").lower()[:32],
        home_permissions=permissions(settings.get("HOME_MODE", "")),
        fail_delay=login_defs.number(settings, "FAIL_DELAY"),
    ), f"etc/login.defs, {USERADD}"
