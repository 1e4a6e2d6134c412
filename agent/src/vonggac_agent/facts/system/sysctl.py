"""sysctl: one kernel parameter as the running kernel has it. What etc/sysctl.d asks for is not looked at.

Names: sysctl(8), sysctl.d(5): the first separator, `.` or `/`, decides; with `.` a `/` inside a name stands for a dot.
"""

from __future__ import annotations

import re
from typing import Final

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.system import Sysctl

from ...host import Host
from ...untrusted import bounded

ROOT: Final = "proc/sys"
_PART: Final = re.compile(r"[A-Za-z0-9_.:@+-]+")
_NUMBER: Final = re.compile(r"-?[0-9]{1,17}")


def path_of(key: str) -> str:
    """The file of parameter `key`. Raises ValueError for a key that is no name of a parameter."""
    separator = next((c for c in key if c in "./"), "")
    parts = key.split("/") if separator == "/" else [p.replace("/", ".") for p in key.split(".")]
    if len(key) > 256 or len(parts) < 2 or not all(_PART.fullmatch(p) and p.strip(".") for p in parts):
        raise ValueError(f"{key[:256]!r} is no kernel parameter's name")
    return "/".join((ROOT, *parts))


def parse(text: str) -> Sysctl:
    """The value with its white space folded, and as a number if it is one that JSON carries exactly (RFC 7493)."""
    value = " ".join(text.split())
    number = int(value) if _NUMBER.fullmatch(value) else None
    if number is not None and abs(number) > limits.MAX_SAFE_INTEGER:
        number = None
    return Sysctl(value=bounded(value), number=number)


def gather(host: Host, selector: tuple[str, ...]) -> tuple[Sysctl, str]:
    """Topic sysctl, selector: the parameter's name."""
    path = path_of(selector[0])
    text = host.text(path, limit=64 * limits.KIB)
    if text is None:
        raise CouldNotLook(Reason.NOT_SUPPORTED, f"this kernel has no {selector[0]}")
    return parse(text), path
