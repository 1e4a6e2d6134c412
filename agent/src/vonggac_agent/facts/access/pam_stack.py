"""pam.stack: the modules that one service runs. Lines are read by `pam`; here is where they stand.

The first folder that has a service's file counts, pam.d(5) and libpam's vendor folder.
"""

from __future__ import annotations

from typing import Final

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.pam import PamStack, PamStep

from ...host import Host
from ...untrusted import as_text, bounded
from . import pam
from .pam import Step

FOLDERS: Final = ("etc/pam.d", "usr/lib/pam.d", "usr/etc/pam.d")


def lines(host: Host, name: str) -> list[str] | None:
    """The lines of one file of pam.d, continued ones joined; None if it is absent."""
    for folder in FOLDERS:
        if host.exists(f"{folder}/{name}"):
            return pam.joined(host.lines(f"{folder}/{name}"))
    return None


def of_type(host: Host, service: str, kind: str) -> list[Step] | None:
    """The steps of one type; None without the service's file. Raises as `pam.stack`, and CouldNotLook."""
    return pam.stack(service, kind, lambda name: lines(host, name))


def shown(argument: str) -> str:
    """The argument without its value where its name says that this is a password or a key."""
    name, equals, _ = argument.partition("=")
    secret = any(part in name.lower() for part in ("pass", "secret", "pw", "key", "token"))
    return f"{name}=…" if equals and secret else argument


def look(host: Host) -> None:
    """Raises CouldNotLook(not-installed) where no folder of services is: then nothing is known of any."""
    if not any(host.exists(folder) for folder in FOLDERS):
        raise CouldNotLook(Reason.NOT_INSTALLED, "etc/pam.d is absent")


def gather(host: Host, selector: tuple[str, ...]) -> tuple[PamStack, str]:
    """Topic pam.stack, selector: the service. Raises CouldNotLook: not-supported for what is no name of a file,
    not-installed as `look`.
    """
    service = selector[0]
    if not service or "/" in service or service.startswith("."):
        raise CouldNotLook(Reason.NOT_SUPPORTED, f"{service[:80]!r} is no service of PAM")
    look(host)
    steps = pam.steps(service, lambda name: lines(host, name))
    found = [
        PamStep(
            bounded(s.type), bounded(s.control), bounded(s.module), [bounded(shown(a)) for a in s.arguments]
        )
        for s in (steps or [])[: limits.MAX_FACT_LIST]
    ]
    return PamStack(steps is not None, found), as_text(f"etc/pam.d/{service} and what it includes")
