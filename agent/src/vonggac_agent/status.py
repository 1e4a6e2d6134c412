"""How this machine stands with its collector, as a value: identity, last report, receipts, spool, clock, health.

Reads the state folder without the lock, so it may be asked while the service works. Printing is the work of `cli`.
"""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from typing import Any

import msgspec

from vonggac_contract.envelope import envelope_from_bytes
from vonggac_contract.report import statement_from_envelope

from . import VERSION, identity, rulebooks, skipped
from .errors import NotEnrolled
from .identity import Identity
from .seal import Chain
from .settings import Settings
from .spool import FILE, Spool
from .spool_rows import Beat, Link
from .state import open_state


def status(settings: Settings, now: datetime) -> dict[str, Any]:
    """The builtins of `status --json`. Raises UnsafePath, StateDamaged, SpoolFailing."""
    told: dict[str, Any] = {"agent_version": VERSION, "now": now, "enrolled": False}
    folder = open_state(settings.state_dir)
    told["state_dir"] = str(folder)
    try:
        who = identity.read_identity(folder)
    except NotEnrolled as error:
        return told | {"health": "red", "problems": [f"{error}; {error.hint}"]}
    said = rulebooks.judged_by(folder)
    told |= {
        "enrolled": True,
        "agent_id": who.enrolled.agent_id,
        "epoch": who.enrolled.epoch,
        "keyid": who.keyid,
        "unit": who.enrolled.unit,
        "collector": who.collector,
        "pinned_ca": bool(who.ca),
        "profile": said.profile if said else who.enrolled.profile,
        "rulebook": {
            "digest": said.rulebook if said else who.enrolled.rulebook,
            "at_hand": rulebooks.is_at_hand(folder, said.rulebook if said else who.enrolled.rulebook),
            "said_at": said.said_at if said else None,
        },
        "withheld": list(settings.withhold),
        "skipped_looks": skipped.count(folder),
    }
    if not (folder / FILE).exists():
        return told | {
            "last_report": None,
            "health": "yellow",
            "problems": ["this machine was never looked at"],
        }
    with closing(Spool(folder, max_bytes=settings.spool_bytes, read_only=True)) as spool:
        told |= _spool_status(spool, who, settings)
    problems = _problems(told)
    red = told["quarantine"] or told["io_errors_untold"] or told["skipped_looks"]
    return told | {"health": "red" if red else "yellow" if problems else "green", "problems": problems}


def last_statement(settings: Settings) -> dict[str, Any] | None:
    """The last sealed report as it leaves this machine, None if there is none or its envelope was let go."""
    folder = open_state(settings.state_dir)
    who = identity.read_identity(folder)
    if not (folder / FILE).exists():
        return None
    with closing(Spool(folder, max_bytes=settings.spool_bytes, read_only=True)) as spool:
        tail = spool.tail(Chain(who.enrolled.agent_id, who.enrolled.epoch))
        if tail is None:
            return None
        try:
            raw = spool.envelope(tail)
        except KeyError:
            return None
    builtins: dict[str, Any] = msgspec.to_builtins(statement_from_envelope(envelope_from_bytes(raw)))
    return builtins


def _spool_status(spool: Spool, who: Identity, settings: Settings) -> dict[str, Any]:
    chain = Chain(who.enrolled.agent_id, who.enrolled.epoch)
    quarantined = spool.quarantined(chain)
    number, size = spool.sizes()
    unsent = spool.unsent()
    faults = spool.counter("posture_spool_io_errors_total")
    return {
        "state": "quarantined" if quarantined else "normal",
        "quarantine": {"at": quarantined[0], "reason": quarantined[1]} if quarantined else None,
        "last_report": _link(spool.tail(chain)),
        "last_heartbeat": _beat(spool.beat(chain)),
        "last_contact": spool.note("last_contact") or None,
        "last_round": msgspec.json.decode(spool.note("last_round") or "null"),
        "not_before": spool.note("not_before") or None,
        "clock_offset_s": float(spool.note("clock_offset_s")) if spool.note("clock_offset_s") else None,
        "spool": {
            "unsent": len(unsent),
            "oldest_unsent": unsent[0].sealed_at if unsent else None,
            "refused": [
                {"epoch": r.chain.epoch, "sequence": r.sequence, "reason": r.reason} for r in spool.refused()
            ],
            "kept_back": number,
            "kept_back_bytes": size,
            "used_bytes": spool.used_bytes(),
            "limit_bytes": settings.spool_bytes,
        },
        "counters": {
            "posture_bad_ack_total": spool.counter("posture_bad_ack_total"),
            "posture_spool_io_errors_total": faults,
        },
        "io_errors_untold": faults - int(spool.note("io_errors_told") or 0),
    }


def _link(link: Link | None) -> dict[str, Any] | None:
    if link is None:
        return None
    return {
        "sequence": link.sequence,
        "digest": link.digest,
        "content": link.content,
        "sealed_at": link.sealed_at,
        "state": link.state,
        "reason": link.reason,
    }


def _beat(beat: Beat | None) -> dict[str, Any] | None:
    if beat is None:
        return None
    return {
        "counter": beat.counter,
        "sequence": beat.sequence,
        "looked_at": beat.looked_at,
        "state": beat.state,
        "reason": beat.reason,
    }


def _problems(told: dict[str, Any]) -> list[str]:
    """Everything that somebody should know or do, in plain words."""
    problems = []
    if told["quarantine"]:
        problems.append(f"quarantined since {told['quarantine']['at']}: {told['quarantine']['reason']}")
    if told["spool"]["refused"]:
        problems.append(f"{len(told['spool']['refused'])} reports were refused and are kept")
    if told["last_heartbeat"] and told["last_heartbeat"]["state"] == "refused":
        problems.append(f"the last heartbeat was refused: {told['last_heartbeat']['reason']}")
    if told["counters"]["posture_bad_ack_total"]:
        problems.append(
            f"{told['counters']['posture_bad_ack_total']} answers were no receipt for what was sent (ever)"
        )
    if told["io_errors_untold"]:
        problems.append(f"{told['io_errors_untold']} input or output errors of the spool's disk")
    if told["skipped_looks"]:
        problems.append(f"{told['skipped_looks']} looks could not be kept")
    if told["last_round"] and told["last_round"]["trouble"]:
        problems.append(f"last sending: {told['last_round']['trouble']}")
    offset = told["clock_offset_s"]
    if offset is not None and abs(offset) > 300:
        problems.append(f"this clock and the collector's differ by {offset:.0f} s")
    if not told["rulebook"]["at_hand"]:
        problems.append("the rulebook the collector named is not here yet")
    return problems
