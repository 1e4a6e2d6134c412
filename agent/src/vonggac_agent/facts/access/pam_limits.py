"""pam.limits: limits of sessions, limits.conf(5); limits.d is read after the file, in the order of its names."""

from __future__ import annotations

import re
from typing import Final, Literal

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.pam import LimitEntry, PamLimits

from ...formats.lines import significant
from ...host import Host
from ...untrusted import bounded

MAIN: Final = "etc/security/limits.conf"
VENDOR: Final = "usr/etc/security/limits.conf"
FOLDERS: Final = ("usr/etc/security/limits.d", "etc/security/limits.d")
MAX_FILES: Final = 500
_NUMBER: Final = re.compile(r"-?[0-9]{1,15}")
_TYPES: Final[dict[str, Literal["soft", "hard", "-"]]] = {"soft": "soft", "hard": "hard", "-": "-"}


def parse(text: str) -> list[LimitEntry]:
    """The lines that pam_limits takes: domain, type, item, value. Raises ValueError for a file of too many lines."""
    found: list[LimitEntry] = []
    for line in significant(text, inline=True):
        words = line.text.split()
        if len(words) < 4 or words[1].lower() not in _TYPES:
            continue
        value = words[3].lower()
        if value in ("unlimited", "infinity"):
            value = "-1"
        if _NUMBER.fullmatch(value):
            kind = _TYPES[words[1].lower()]
            found.append(LimitEntry(bounded(words[0]), kind, bounded(words[2].lower()), int(value)))
    return found


def gather(host: Host, selector: tuple[str, ...]) -> tuple[PamLimits, str]:
    """Topic pam.limits."""
    paths: dict[str, str] = {}
    for folder in FOLDERS:
        paths |= {n: f"{folder}/{n}" for n in host.names(folder, limit=MAX_FILES) if n.endswith(".conf")}
    main = MAIN if host.exists(MAIN) else VENDOR
    entries = [e for path in [main, *(paths[n] for n in sorted(paths))] for e in parse(host.text(path) or "")]
    if len(entries) > limits.MAX_FACT_LIST:
        raise CouldNotLook(Reason.TOO_LARGE, f"over {limits.MAX_FACT_LIST} limits")
    return PamLimits(entries), f"{main}, limits.d"
