"""One look: plan, gather, decide. A value comes out; printing it is for `display`, sending it for `report` and on.

What is asked of the machine is known to `plan`, how it is looked at to `facts`, what it means to `vonggac_rules`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from vonggac_contract import limits
from vonggac_contract.decode import bounded_json
from vonggac_contract.facts import Fact, FactKey, Known, Reason, Unavailable
from vonggac_contract.finding import SEVERITIES, Finding, Outcome, Severity
from vonggac_contract.report import CommandRun
from vonggac_contract.snapshot import Snapshot, snapshot_from_value
from vonggac_rules.evaluate import decide
from vonggac_rules.rulebook import Rulebook

from .errors import AgentError
from .host import Host
from .plan import PLATFORM, plan, split_disabled

OPEN: frozenset[Outcome] = frozenset({Outcome.FAIL, Outcome.PARTIAL, Outcome.UNKNOWN})
"""Outcomes that leave something to do: what could not be looked at is not clean."""


class Scan(msgspec.Struct, frozen=True):
    """One look and what was decided. Times are UTC; `wall_s` by a clock that cannot be set."""

    snapshot: Snapshot
    rulebook: Rulebook
    profile: str
    findings: list[Finding]
    started_at: datetime
    finished_at: datetime
    wall_s: float
    commands: list[CommandRun] = []
    """What was run of the owner's list of commands."""


Gather = Callable[[Host, Iterable[FactKey]], dict[FactKey, Fact]]
"""Looks at a host for each key; never raises for what the machine holds."""


def scan_host(
    host: Host,
    rulebook: Rulebook,
    profile: str,
    *,
    disabled: tuple[str, ...] = (),
    gather: Gather | None = None,
) -> Scan:
    """Look at `host` for everything the profile needs, and decide. Raises UnknownProfile.

    Facts of the `disabled` topics are Unavailable(disabled-by-owner). `gather`: how to look, None: at everything anew.
    """
    from . import facts as gatherers

    started = time.monotonic()
    wanted, refused = split_disabled(plan(rulebook, profile), disabled)
    found = (gather or gatherers.gather)(host, wanted)
    found |= {key: Unavailable(Reason.DISABLED_BY_OWNER, "named in disabled_facts") for key in refused}
    snapshot = Snapshot(host.now, PLATFORM, found)
    findings = decide(rulebook, profile, snapshot)
    wall = time.monotonic() - started
    ended = host.now + timedelta(seconds=wall)
    return Scan(snapshot, rulebook, profile, findings, host.now, ended, round(wall, 6), host.commands)


def scan_saved(snapshot: Snapshot, rulebook: Rulebook, profile: str) -> Scan:
    """Decide a saved look again; `now` is its own time. Raises UnknownProfile."""
    started = time.monotonic()
    findings = decide(rulebook, profile, snapshot)
    wall = round(time.monotonic() - started, 6)
    return Scan(snapshot, rulebook, profile, findings, snapshot.taken_at, snapshot.taken_at, wall)


def read_snapshot(path: Path) -> Snapshot:
    """Read a file that `--save-facts` wrote. Raises AgentError or ContractError."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(limits.MAX_UNPACKED_BYTES + 1)
    except OSError as error:
        raise AgentError(
            "cannot read {path}: {reason}",
            hint="Name a file written by `scan --save-facts`.",
            path=path,
            reason=error.strerror,
        ) from error
    snapshot = snapshot_from_value(bounded_json(raw, maximum=limits.MAX_UNPACKED_BYTES))
    if snapshot.taken_at.tzinfo is None:
        return msgspec.structs.replace(snapshot, taken_at=snapshot.taken_at.replace(tzinfo=UTC))
    return snapshot


def read_rulebook(path: Path) -> Rulebook:
    """Read a compiled rulebook, or compile a folder of packs in memory. Raises AgentError, ContractError."""
    from vonggac_rules.rulebook import MAX_RULEBOOK_BYTES, load_rulebook

    if path.is_dir():
        from vonggac_rules.pack import compile_pack, load_pack

        return load_rulebook(compile_pack(load_pack(path), "local", {}))
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_RULEBOOK_BYTES + 1)
    except OSError as error:
        raise AgentError(
            "cannot read {path}: {reason}",
            hint="Name a rulebook.json or a folder of rules.",
            path=path,
            reason=error.strerror,
        ) from error
    return load_rulebook(raw)


def reaches(findings: list[Finding], severity: Severity) -> bool:
    """Whether a finding that leaves something to do is of `severity` or worse."""
    worse = SEVERITIES[: SEVERITIES.index(severity) + 1]
    return any(f.outcome in OPEN and f.severity in worse for f in findings)


def scan_to_json(scan: Scan, timing: dict[str, float]) -> dict[str, Any]:
    """The builtins of `scan --json` (docs/commands.md)."""
    facts = scan.snapshot.facts
    return {
        "host": host_of(scan.snapshot),
        "rulebook": {"digest": scan.rulebook.digest, "version": scan.rulebook.version},
        "profile": scan.profile,
        "taken_at": scan.snapshot.taken_at,
        "findings": [{"evidence": [], **msgspec.to_builtins(f)} for f in scan.findings],
        "facts": {
            "known": sum(isinstance(f, Known) for f in facts.values()),
            "unavailable": [
                {"fact": str(key), "reason": str(fact.reason), "detail": fact.detail}
                for key, fact in sorted(facts.items(), key=lambda kv: kv[0])
                if isinstance(fact, Unavailable)
            ],
        },
        "commands": msgspec.to_builtins(scan.commands),
        "timing": timing,
    }


def host_of(snapshot: Snapshot) -> dict[str, Any]:
    """Who the machine says it is: what is known of identity and release."""
    host: dict[str, Any] = {"platform": snapshot.platform}
    identity = snapshot.facts.get(FactKey("host.identity"))
    release = snapshot.facts.get(FactKey("os.release"))
    if isinstance(identity, Known):
        host |= msgspec.to_builtins(identity.value)
    if isinstance(release, Known):
        host["os"] = msgspec.to_builtins(release.value)
    return host


def spent(started: float) -> dict[str, float]:
    """What this process used since `started` (time.monotonic()): wall and processor seconds, peak resident bytes.

    Processor time counts from the start of the process and includes programs it ran.
    """
    times = os.times()
    return {
        "wall_s": round(time.monotonic() - started, 6),
        "cpu_s": round(times.user + times.system + times.children_user + times.children_system, 6),
        "peak_rss_bytes": _peak_rss(),
    }


def _peak_rss() -> int:
    """VmHWM of proc(5): of this program alone, where getrusage(2) would count what the launcher had."""
    with open("/proc/self/status", "rb") as stream:
        for line in stream:
            if line.startswith(b"VmHWM:"):
                return int(line.split()[1]) * 1024
    raise ValueError("no VmHWM in /proc/self/status")
