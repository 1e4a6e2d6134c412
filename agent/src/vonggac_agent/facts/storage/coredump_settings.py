"""coredump.settings: whether the memory of a program that crashed is written to disk, and how much of it.

Sources: limits.conf(5) of pam_limits: limits.conf, then limits.d in the order of names, the last line for `*` counts,
`-` sets soft and hard; core is in KiB. coredump.conf(5): Storage=, ProcessSizeMax= with K, M, G to the base of 1024.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Literal, cast

from vonggac_contract import limits
from vonggac_contract.facts.storage import CoredumpSettings

from ...formats import lines
from ...host import Host
from ..system import dropins, systemd

LIMITS: Final = ("etc/security/limits.conf", "usr/etc/security/limits.conf")
LIMITS_FOLDERS: Final = ("etc/security/limits.d", "usr/etc/security/limits.d")
COLLECTOR: Final = ("usr/lib/systemd/systemd-coredump", "lib/systemd/systemd-coredump")
Storage = Literal["none", "external", "journal"]
_SIZE: Final = re.compile(r"([0-9]{1,15})\s*([KMGTPE]?)(?:i?B)?", re.IGNORECASE)
_UNLIMITED: Final = ("unlimited", "infinity", "-1")


def hard_limit(texts: Iterable[str]) -> int | None:
    """The hard limit of core files for everybody, in KiB; None if no line sets one, or to unlimited."""
    found: int | None = None
    for text in texts:
        for _, line in lines.significant(text, inline=True):
            fields = line.split()
            if len(fields) >= 4 and fields[0] == "*" and fields[1] in ("hard", "-") and fields[2] == "core":
                value = fields[3]
                found = None if value in _UNLIMITED or not re.fullmatch("[0-9]{1,12}", value) else int(value)
    return found


def size(text: str) -> int | None:
    """Bytes of `2G`, `0`, `512 MiB`; None for what is no size, systemd.syntax(7)."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        return None
    power = " KMGTPE".index(match[2].upper() or " ")
    return min(int(match[1]) << (10 * power), limits.MAX_SAFE_INTEGER)


def conf(texts: Iterable[str]) -> tuple[Storage, int | None]:
    """(Storage=, ProcessSizeMax= in bytes) of coredump.conf and its drop-ins in order, read as one file."""
    told = systemd.last_values(texts, "Coredump")
    storage = told.get("storage", "").lower()
    known = storage if storage in ("none", "external", "journal") else "external"
    return cast(Storage, known), size(told.get("processsizemax", ""))


def gather(host: Host, selector: tuple[str, ...]) -> tuple[CoredumpSettings, str]:
    """Topic coredump.settings."""
    limits_files = [next((path for path in LIMITS if host.exists(path)), LIMITS[0])]
    limits_files += dropins.files(host, LIMITS_FOLDERS)
    conf_files = dropins.configuration(host, "systemd/coredump.conf")
    storage, largest = conf(host.text(path) or "" for path in conf_files)
    value = CoredumpSettings(
        hard_limit=hard_limit(host.text(path) or "" for path in limits_files),
        collector=any(host.exists(program) for program in COLLECTOR),
        storage=storage,
        size_max=largest,
    )
    return value, "etc/security/limits.conf, systemd/coredump.conf"
