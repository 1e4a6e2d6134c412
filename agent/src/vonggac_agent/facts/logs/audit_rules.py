"""audit.rules, audit.watch, audit.call: the rules of the audit trail as the next start loads them, and what they
record of one file and of one system call. How rules are read is in `audit_syntax`.

Source: augenrules(8): where rules.d holds rules, they become audit.rules; auditd.service runs either that or
`auditctl -R`.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from typing import Final

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.logs import AuditCall, AuditRule, AuditRules, AuditWatch

from ...host import Host
from ...untrusted import as_text, bounded
from ..base import must_be_mounted
from ..system import systemd
from . import audit_state, audit_syntax

FILE: Final = "etc/audit/audit.rules"
FOLDER: Final = "etc/audit/rules.d"
UNITS: Final = ("auditd.service", "audit-rules.service")
MAX_CHARACTERS: Final = 8 * limits.MIB
"""Of all files of rules.d together; the project's own figure."""
_SHOWN: Final = 64
"""System calls and conditions kept of one rule."""


def _lines(host: Host) -> Iterator[str]:
    names = audit_syntax.in_order(as_text(name) for name in host.names(FOLDER))
    if not names or _loads_file_only(host):
        yield from host.lines(FILE)
        return
    size = 0
    for name in names:
        for line in host.lines(f"{FOLDER}/{name}"):
            size += len(line) + 1
            # augenrules puts a lone -D first, so that it takes nothing away.
            if line.split() != ["-D"]:
                yield line
        if size > MAX_CHARACTERS:
            raise CouldNotLook(Reason.TOO_LARGE, f"{FOLDER} holds over {MAX_CHARACTERS} characters")


def _loads_file_only(host: Host) -> bool:
    """The service loads audit.rules as it is and runs no augenrules."""
    units = systemd.units(host)
    service = [systemd.sections(units.text(unit)).get("Service", {}) for unit in UNITS]
    started = [
        command for keys in service for key in ("execstart", "execstartpost") for command in keys.get(key, [])
    ]
    return any("auditctl -R" in c for c in started) and not any("augenrules" in c for c in started)


def installed(host: Host) -> bool:
    """A daemon that keeps the trail is there."""
    return any(host.exists(program) for program in audit_state.PROGRAMS)


def rules(host: Host) -> audit_syntax.Rules:
    """The host's rules, read once; none where no daemon is installed."""
    return host.once(
        "audit rules",
        lambda: audit_syntax.parse(_lines(host)) if installed(host) else audit_syntax.Rules(),
    )


def architectures(host: Host) -> tuple[str, ...]:
    """Sorts of system calls that programs can make here: on x86-64 those of 32 bits too, elsewhere the kernel's own."""
    if host.live:
        return ("b64", "b32") if os.uname().machine == "x86_64" else ("b64",)
    loaders = ("lib64/ld-linux-x86-64.so.2", "usr/lib/x86_64-linux-gnu", "usr/lib64/ld-linux-x86-64.so.2")
    return ("b64", "b32") if any(host.exists(loader) for loader in loaders) else ("b64",)


def _has_call(host: Host, call: str) -> bool:
    """Programs of this machine can make the call at all: arm64 and riscv64 lack the oldest ones."""
    if call not in audit_syntax.NOT_GENERIC:
        return True
    if host.live:
        return os.uname().machine not in ("aarch64", "riscv64", "loongarch64")
    loaders = ("lib/ld-linux-aarch64.so.1", "lib/ld-linux-riscv64-lp64d.so.1")
    return not any(host.exists(loader) for loader in loaders)


def gather(host: Host, selector: tuple[str, ...]) -> tuple[AuditRules, str]:
    """Topic audit.rules. Raises CouldNotLook(permission-denied): the folder is closed to ordinary users."""
    found = rules(host)
    return (
        AuditRules(
            installed=installed(host),
            rules=[_shown(line) for line in found.lines[: limits.MAX_FACT_LIST]],
            suppressed=audit_syntax.suppressed(found),
            enabled=found.enabled,
            failure=found.failure,
            backlog=found.backlog,
        ),
        "etc/audit/rules.d, audit.rules",
    )


def _shown(line: audit_syntax.AuditLine) -> AuditRule:
    return AuditRule(
        action=line.action,
        filter=line.list,
        path=bounded(line.path),
        permissions=list(line.permissions),
        architecture=bounded(line.architecture),
        calls=[bounded(call) for call in line.calls[:_SHOWN]],
        conditions=[bounded(condition) for condition in line.conditions[:_SHOWN]],
        key=bounded(line.key),
    )


def gather_watch(host: Host, selector: tuple[str, ...]) -> tuple[AuditWatch, str]:
    """Topic audit.watch, selector: the path. Links are followed up to its last part, as the kernel's watch does."""
    path = selector[0]
    if not path.startswith("/"):
        raise ValueError(f"{path[:255]!r} is no absolute path")
    there = host.exists(path) or host.lstat(path) is not None
    if not there:
        must_be_mounted(host, path)
    everybody, people = audit_syntax.of_path(_resolved(host), _real(host, path), architectures(host))
    return AuditWatch(exists=there, everybody=list(everybody), people=list(people)), "etc/audit"


def _resolved(host: Host) -> audit_syntax.Rules:
    def make() -> audit_syntax.Rules:
        found = rules(host)
        lines = tuple(
            line._replace(path=_real(host, line.path) if line.path.startswith("/") else line.path)
            for line in found.lines
        )
        return found._replace(lines=lines)

    return host.once("audit rules resolved", make)


def _real(host: Host, path: str) -> str:
    folder, _, name = posixpath.normpath(path).rpartition("/")
    if name in ("", ".", ".."):
        return "/"
    return posixpath.join(host.inside(folder), name)


def gather_call(host: Host, selector: tuple[str, ...]) -> tuple[AuditCall, str]:
    """Topic audit.call, selector: the system call's name."""
    wanted = architectures(host)
    found = audit_syntax.of_call(rules(host), selector[0], wanted)
    exists = _has_call(host, selector[0])
    return (
        AuditCall(
            exists=exists,
            everybody=not exists or found.everybody >= set(wanted),
            people=not exists or found.people >= set(wanted),
            refused=not exists or found.refused >= set(wanted),
            architectures=list(wanted),
        ),
        "etc/audit",
    )
