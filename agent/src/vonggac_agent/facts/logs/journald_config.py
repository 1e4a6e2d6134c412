"""journald.config: what systemd-journald is set to, drop-ins included. How time spans are read is in `journald`.

Sources: journald.conf(5) (sizes in bytes, or with K, M, G, T, P, E to the base 1024), journalctl(1) --setup-keys.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from vonggac_contract import limits
from vonggac_contract.facts.logs import JournaldConfig

from ...host import Host
from . import journald, logging_state

_SIZE: Final = re.compile(r"(\d{1,15})\s*([KMGTPE]?)B?")
_POWERS: Final = " KMGTPE"
_YES: Final = frozenset(("1", "yes", "y", "true", "t", "on"))
_NO: Final = frozenset(("0", "no", "n", "false", "f", "off"))
BURST: Final = 10_000
INTERVAL_S: Final = 30
"""RateLimitBurst= and RateLimitIntervalSec= where nothing is said."""


def size(text: str) -> int | None:
    """Bytes, at most what JSON carries exactly (RFC 7493); None for what journald would not take."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        return None
    return min(int(match[1]) << 10 * _POWERS.index(match[2] or " "), limits.MAX_SAFE_INTEGER)


def switch(text: str, default: bool) -> bool:
    """A boolean, systemd.syntax(7); `default` for anything else."""
    word = text.strip().lower()
    return True if word in _YES else False if word in _NO else default


def compresses(text: str) -> bool:
    """Compress= takes a boolean or, from what size on, a number of bytes."""
    return switch(text, default=True) or size(text) is not None


def limits_rate(settings: Mapping[str, str]) -> bool:
    """A service that floods the journal is cut off: neither value is 0."""
    burst = settings.get("ratelimitburst", "")
    interval = settings.get("ratelimitintervalsec") or settings.get("ratelimitinterval") or ""
    try:
        seconds = journald.span(interval) if interval else float(INTERVAL_S)
    except ValueError:
        seconds = float(INTERVAL_S)
    return seconds != 0 and (int(burst) if re.fullmatch(r"\d{1,9}", burst) else BURST) != 0


def _sealing_key(host: Host) -> bool:
    """A sealing key lies beside the journal (journalctl --setup-keys makes it)."""
    return any(host.exists(f"var/log/journal/{machine}/fss") for machine in host.names("var/log/journal"))


def gather(host: Host, selector: tuple[str, ...]) -> tuple[JournaldConfig, str]:
    """Topic journald.config."""
    if not any(host.exists(path) for path in logging_state.JOURNALD):
        return JournaldConfig(installed=False), logging_state.JOURNALD[0]
    told = logging_state.told(host, "journald.conf", "Journal")
    forward = told.get("forwardtosyslog", "")
    return (
        JournaldConfig(
            installed=True,
            storage=journald.storage(told, has_folder=host.exists("var/log/journal")),
            compress=compresses(told.get("compress", "yes")),
            seal=switch(told.get("seal", ""), default=True),
            sealing_key=_sealing_key(host),
            forward_to_syslog=switch(forward, default=True) if forward else None,
            system_max_use=size(told.get("systemmaxuse", "")),
            system_keep_free=size(told.get("systemkeepfree", "")),
            max_retention_days=journald.retention_days(told),
            rate_limit=limits_rate(told),
        ),
        "journald.conf and drop-ins; var/log/journal",
    )
