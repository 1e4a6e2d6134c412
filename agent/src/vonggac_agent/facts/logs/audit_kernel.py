"""audit.kernel: the audit trail as the running kernel has it. What the next start will load is told by `audit_rules`.

Source: auditctl(8) -s and -l; only root in the first namespaces gets an answer, so that a container cannot tell.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.logs import AuditKernel

from ... import programs
from ...host import Host
from ...untrusted import as_text

SECONDS: Final = 5.0
_STATES: Final[dict[int, Literal["off", "on", "locked"]]] = {0: "off", 1: "on", 2: "locked"}
_PAIR: Final = re.compile(r"\b([a-z_]+)[ =](\d{1,10})\b")


def status(text: str) -> dict[str, int]:
    """Names and numbers of `auditctl -s`, one a line or, before audit 2.3, all in one; ValueError without them."""
    found = {name: int(number) for name, number in _PAIR.findall(text)}
    if found.get("enabled") not in _STATES:
        raise ValueError("auditctl does not say whether the trail is on")
    return found


def rules(text: str) -> int:
    """How many rules `auditctl -l` lists."""
    return sum(line.startswith(("-a", "-w", "LIST_RULES:")) for line in text.split("\n"))


def _ask(host: Host, argv: tuple[str, ...]) -> str:
    try:
        return as_text(host.run(argv, timeout=SECONDS, limit=limits.MAX_COMMAND_OUTPUT_BYTES))
    except CouldNotLook as error:
        if error.reason is not Reason.MALFORMED:
            raise
        raise CouldNotLook(
            Reason.NOT_SUPPORTED, f"the kernel tells this process nothing: {error.detail}"
        ) from None


def gather(host: Host, selector: tuple[str, ...]) -> tuple[AuditKernel, str]:
    """Topic audit.kernel. Raises CouldNotLook: not-installed (no auditctl), not-supported (a container, no right)."""
    told = status(_ask(host, programs.AUDIT_STATUS))
    return (
        AuditKernel(
            state=_STATES[told["enabled"]],
            rules=rules(_ask(host, programs.AUDIT_RULES)),
            daemon=told.get("pid", 0) > 0,
            backlog_limit=told.get("backlog_limit"),
            lost=told.get("lost"),
        ),
        "auditctl -s, auditctl -l",
    )
