"""audit.state: whether the kernel's audit trail is kept, and by how many rules.

Source: auditd(8), audit.rules(7), augenrules(8): audit.rules is made from rules.d, so equal lines count once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from vonggac_contract.facts.logs import AuditState

from ...host import Host
from ..system import processes

PROGRAMS: Final = ("usr/sbin/auditd", "sbin/auditd")
UNITS: Final = ("auditd.service",)
RULE_MARKS: Final = ("-a", "-A", "-w")
"""auditctl(8): rules for system calls and watches of files; other lines set the trail up."""


def rules(lines: Iterable[str]) -> set[str]:
    """The different rules among `lines`, blanks folded."""
    folded = (" ".join(line.split()) for line in lines)
    return {line for line in folded if line.partition(" ")[0] in RULE_MARKS}


def gather(host: Host, selector: tuple[str, ...]) -> tuple[AuditState, str]:
    """Topic audit.state. Raises CouldNotLook(permission-denied): its folder is closed to ordinary users."""
    if not any(host.exists(program) for program in PROGRAMS):
        return AuditState(installed=False, active=False, rules=0), PROGRAMS[0]
    found = rules(host.lines("etc/audit/audit.rules"))
    for name in host.names("etc/audit/rules.d"):
        if name.endswith(".rules"):
            found |= rules(host.lines(f"etc/audit/rules.d/{name}"))
    active = processes.active(host, ("auditd",), UNITS)
    return AuditState(installed=True, active=active, rules=len(found)), "etc/audit, processes"
