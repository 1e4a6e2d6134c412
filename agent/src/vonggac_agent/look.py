"""One look for the service: scan, build the report, and seal it or, if nothing changed, a heartbeat.

The scan is the work of `scan`, facts looked at once a day of `daily`, the report's form of `report`, the numbering and
keeping of `spool`, sending of `ship`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vonggac_contract.report import Report

from . import daily, policy, rulebooks, skipped
from .failpoints import Failpoint, reach
from .fitting import MAX_PACKED
from .host import Host, is_caged
from .identity import Identity
from .notes import Notes
from .report import build_report
from .scan import scan_host
from .seal import seal_heartbeat, seal_report
from .settings import Settings
from .spool import Spool
from .spool_rows import Link


class Looked(NamedTuple):
    """What a look came to: kind is report or heartbeat, `number` its sequence or counter."""

    kind: str
    number: int
    digest: str
    findings: int


def look(
    folder: Path,
    spool: Spool,
    identity: Identity,
    key: Ed25519PrivateKey,
    settings: Settings,
    now: Callable[[], datetime],
) -> Looked:
    """Look once, seal what was seen. Raises SpoolFull, SpoolFailing, StateDamaged: then the look was not kept."""
    book, profile, notice = rulebooks.in_force(folder)
    scan = scan_host(
        Host(now=now(), notes=Notes(folder), caged=is_caged()),
        book,
        profile,
        disabled=settings.disabled_facts,
        gather=lambda host, keys: daily.gather(folder, host, keys),
    )
    told = skipped.count(folder)
    faults = spool.counter("posture_spool_io_errors_total") - int(spool.note("io_errors_told") or 0)
    lacking = spool.note("lacking") if spool.note("lacking") != spool.note("lacking_told") else ""
    salvaged = spool.note("salvaged")
    vouching = policy.notices(folder, now())
    news = policy.codes(vouching) != spool.note("policy_told")
    notices = (*_notices(notice, told, faults, lacking), *([salvaged] if salvaged else []), *vouching)
    # Half of the spool: sealed it is a third longer, and there is room beside it.
    packed = min(MAX_PACKED, settings.spool_bytes // 2)
    report = build_report(scan, withhold=settings.withhold, notices=notices, packed=packed)
    reach(Failpoint.LOOKED)
    chain = identity.chain
    tail = spool.tail(chain)
    # A heartbeat leaves no trace with a collector that does not have the report it names; a report waits there.
    if (
        tail is not None
        and not (told or faults or lacking or news or salvaged)
        and is_unchanged(report, tail)
    ):
        return _heartbeat(spool, tail, report, key)
    link = spool.add_report(
        chain, report, lambda r, n, previous: seal_report(r, chain, n, previous, now(), key)
    )
    if told:
        skipped.add(folder, -told)
        reach(Failpoint.SKIPS_TOLD)
    if lacking:
        spool.write_notes(lacking_told=lacking)
    if salvaged:
        spool.write_notes(salvaged="")
    if news:
        spool.write_notes(policy_told=policy.codes(vouching))
    if faults:
        spool.write_notes(io_errors_told=str(spool.counter("posture_spool_io_errors_total")))
    reach(Failpoint.NOTICES_TOLD)
    return Looked("report", link.sequence, link.digest, len(report.findings))


def is_unchanged(report: Report, tail: Link) -> bool:
    """Whether a heartbeat says all there is: same content, judged by the same profile of the same rulebook."""
    return (report.content, report.profile, report.rulebook) == (tail.content, tail.profile, tail.rulebook)


def _heartbeat(spool: Spool, tail: Link, report: Report, key: Ed25519PrivateKey) -> Looked:
    beat = spool.add_heartbeat(
        tail.chain,
        tail.sequence,
        report.finished_at,
        lambda counter: seal_heartbeat(
            tail.chain, counter, tail.sequence, tail.content, report.finished_at, key
        ),
    )
    return Looked("heartbeat", beat.counter, beat.digest, len(report.findings))


def _notices(notice: str, told: int, faults: int, lacking: str) -> tuple[str, ...]:
    """What the agent has to own up to in this report."""
    notices = [notice] if notice else []
    if told:
        notices.append(f"{told} looks could not be kept: no space for, or errors of, the spool")
    if faults:
        notices.append(f"{faults} input or output errors of the spool's disk since the last report")
    if lacking:
        notices.append(f"the collector lacks reports {lacking}, which are no longer here; their receipts are")
    return tuple(notices)
