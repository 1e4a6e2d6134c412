"""How this machine stands with its collector, as a value: identity, last report, receipts, spool, clock, health.

Reads the state folder without the lock, so it may be asked while the service works. Printing is the work of `cli`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from vonggac_contract.envelope import envelope_from_bytes
from vonggac_contract.report import statement_from_envelope

from . import VERSION, head, identity, owned, policy, relay, revoked, rulebooks, skipped, waiting
from .errors import NotEnrolled
from .identity import Identity
from .messages import Said
from .reasons import Why
from .settings import Settings
from .ship import FORKED
from .spool import Spool, reading
from .spool_room import DROPPED
from .spool_rows import Beat, Link
from .state import open_state

CARRIED_FOR: Final = timedelta(days=31)
"""A machine whose newest receipt came on a medium is expected to have no line for as long; the project's own figure."""


def status(settings: Settings, now: datetime) -> dict[str, Any]:
    """The builtins of `status --json`. Raises UnsafePath, StateDamaged, SpoolFailing."""
    told: dict[str, Any] = {
        "agent_version": VERSION,
        "now": now,
        "enrolled": False,
        "command_facts": owned.standing(),
    }
    folder = open_state(settings.state_dir)
    told["state_dir"] = str(folder)
    waits = waiting.read(folder)
    told["waiting"] = waiting.told(waits) if waits is not None else None
    try:
        who = identity.read_identity(folder)
    except NotEnrolled:
        health = "yellow" if waits is not None and not waits.refused else "red"
        return told | {"health": health, "problems": [str(problem) for problem in problems(told)]}
    said, standing = rulebooks.judged_by(folder), policy.read(folder)
    named = said.rulebook if said else who.enrolled.rulebook
    through = relay.read(folder)
    told |= {
        "enrolled": True,
        "agent_id": who.enrolled.agent_id,
        "epoch": who.enrolled.epoch,
        "keyid": who.keyid,
        "key_since": who.key_since or who.enrolled.enrolled_at,
        "key_sealed": identity.is_sealed(folder, who.keyid),
        "unit": who.enrolled.unit,
        "collector": who.collector,
        "pinned_ca": bool(who.ca),
        "relay": through.url if through is not None else None,
        "profile": said.profile if said else who.enrolled.profile,
        "rulebook": {
            "digest": named,
            "at_hand": rulebooks.is_at_hand(folder, named) if standing is None else standing.good == named,
            "said_at": said.said_at if said else None,
        },
        "policy": None if standing is None else _policy(standing, now),
        "epoch_over": head.read(folder, who.chain).over,
        "withheld": list(settings.withhold),
        "skipped_looks": skipped.count(folder),
    }
    with reading(folder, max_bytes=settings.spool_bytes) as spool:
        if spool is None:
            return told | {
                "last_report": None,
                "health": "yellow",
                "problems": [str(problem) for problem in problems(told)],
            }
        told |= _spool_status(spool, who, settings)
    found = [str(problem) for problem in problems(told)]
    red = (
        told["epoch_over"]
        or told["revoked"]
        or told["quarantine"]
        or told["io_errors_untold"]
        or told["skipped_looks"]
    )
    return told | {"health": "red" if red else "yellow" if found else "green", "problems": found}


def _policy(standing: policy.Standing, now: datetime) -> dict[str, Any]:
    return {
        "root": standing.root_version,
        "rulebook": standing.good or None,
        "vouched": list(standing.vouched),
        "expires": standing.expires,
        "expired": standing.is_expired(now),
        "checked_at": standing.checked_at,
        "trouble": standing.trouble or None,
    }


def last_statement(settings: Settings) -> dict[str, Any] | None:
    """The last sealed report as it leaves this machine, None if there is none or its envelope was let go."""
    folder = open_state(settings.state_dir)
    who = identity.read_identity(folder)
    with reading(folder, max_bytes=settings.spool_bytes) as spool:
        tail = spool.tail(who.chain) if spool is not None else None
        if spool is None or tail is None:
            return None
        try:
            raw = spool.envelope(tail)
        except KeyError:
            return None
    builtins: dict[str, Any] = msgspec.to_builtins(statement_from_envelope(envelope_from_bytes(raw)))
    return builtins


def _spool_status(spool: Spool, who: Identity, settings: Settings) -> dict[str, Any]:
    chain = who.chain
    quarantined = spool.quarantined(chain)
    number, size = spool.sizes()
    unsent, refused = spool.unsent(), spool.refused()
    faults = spool.counter("posture_spool_io_errors_total")
    gone, contact = revoked.read(spool, who), spool.note("last_contact")
    return {
        "state": "revoked" if gone is not None else "quarantined" if quarantined else "normal",
        "revoked": {"at": gone.at, "reason": gone.why} if gone is not None else None,
        "rotation": msgspec.json.decode(spool.note("rotation") or "null"),
        "quarantine": {"at": quarantined[0], "reason": quarantined[1]} if quarantined else None,
        "last_report": _link(spool.tail(chain)),
        "last_heartbeat": _beat(spool.beat(chain)),
        "last_contact": contact or None,
        "on_medium": bool(contact) and spool.note("carried_contact") == contact,
        "last_round": msgspec.json.decode(spool.note("last_round") or "null"),
        "not_before": spool.note("not_before") or None,
        "lacking": spool.note("lacking") or None,
        "clock_offset_s": float(spool.note("clock_offset_s")) if spool.note("clock_offset_s") else None,
        "spool": {
            "unsent": len(unsent),
            "oldest_unsent": unsent[0].sealed_at if unsent else None,
            "refused": [
                {"epoch": r.chain.epoch, "sequence": r.sequence, "reason": r.reason} for r in refused
            ],
            "kept_back": number,
            "held": number - len(unsent) - len(refused),
            "kept_back_bytes": size,
            "used_bytes": spool.used_bytes(),
            "limit_bytes": settings.spool_bytes,
        },
        "counters": {
            "posture_bad_ack_total": spool.counter("posture_bad_ack_total"),
            "posture_spool_io_errors_total": faults,
            DROPPED: spool.counter(DROPPED),
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


def problems(told: dict[str, Any]) -> list[Said]:
    """Everything that somebody should know or do, in plain words, from what `status` tells."""
    awaited = _awaited(told["waiting"])
    if not told["enrolled"]:
        error = NotEnrolled("no identity in {folder}", folder=told["state_dir"])
        return awaited or [Said("{error}; {hint}", error=error, hint=Said(error.hint))]
    if "spool" not in told:
        return [*awaited, Said("this machine was never looked at")]
    found = awaited
    if told["revoked"]:
        found.append(
            Said(
                "this machine's key was revoked ({at}: {why}); nothing is sent, what is unsent stays here; "
                "enrol again with a token made for this machine",
                at=told["revoked"]["at"],
                why=Why(told["revoked"]["reason"]),
            )
        )
    if told["epoch_over"]:
        found.append(
            Said(
                "the spool was damaged; looks begin again once the collector has given this machine its next epoch, "
                "for which the service asks over a line"
            )
        )
    quarantine, beat = told["quarantine"], told["last_heartbeat"]
    if quarantine:
        found.append(
            Said("quarantined since {at}: {why}", at=quarantine["at"], why=Why(quarantine["reason"]))
        )
    found += _not_going(told)
    found += _turn(told["rotation"])
    if beat and beat["state"] == "refused":
        found.append(Said("the last heartbeat was refused: {why}", why=Why(beat["reason"])))
    if told["lacking"]:
        found.append(
            Said(
                "the collector lacks reports {numbers}, which are no longer here; enrol this machine again",
                numbers=told["lacking"],
            )
        )
    found += _counted(told)
    found += _last_sending(told)
    offset = told["clock_offset_s"]
    if offset is not None and abs(offset) > 300:
        found.append(Said("this clock and the collector's differ by {seconds:.0f} s", seconds=offset))
    if told["command_facts"]["refused"]:
        found.append(Said("the list of commands is not used: {why}", why=told["command_facts"]["refused"]))
    found += _untrusted(told["policy"])
    if not told["rulebook"]["at_hand"]:
        found.append(Said("the rulebook the collector named is not here yet"))
    return found


def _awaited(waits: dict[str, Any] | None) -> list[Said]:
    if waits is None:
        return []
    if waits["refused"]:
        return [
            Said(
                "this machine was not let in: {why}; enrol again with a new token", why=Why(waits["refused"])
            )
        ]
    return [
        Said(
            "waiting for approval since {since:%Y-%m-%d %H:%M:%SZ}, until {until:%Y-%m-%d %H:%M:%SZ}", **waits
        )
    ]


def _not_going(told: dict[str, Any]) -> list[Said]:
    """Reports that there are none of yet, or that go nowhere for now."""
    found, held = [], told["spool"]["held"]
    if told["last_report"] is None and told["last_heartbeat"] is None:
        found.append(
            Said(
                "this machine was not looked at since it has this key; the service does so by itself, or now: "
                "vonggac-agent run --once"
            )
        )
    if held and told["quarantine"]:
        found.append(Said("{n} reports are held until an officer has decided", n=held))
    elif held:
        found.append(
            Said("{n} reports were held; they are sealed again and sent with the next round", n=held)
        )
    return found


def _last_sending(told: dict[str, Any]) -> list[Said]:
    """What the last round ran into, unless it is said already why nothing is sent."""
    last, beat = told["last_round"], told["last_heartbeat"]
    if not last or not last["trouble"] or told["revoked"]:
        return []
    trouble = Why(last["trouble"])
    if trouble.advice is not None and _is_carried(told):
        return []
    if (told["quarantine"] and trouble.code in FORKED) or (beat and beat["reason"] == trouble):
        return []
    if trouble.advice is None:
        return [Said("last sending: {trouble}", trouble=trouble)]
    return [Said("last sending: {trouble}; {advice}", trouble=trouble, advice=trouble.advice)]


def _is_carried(told: dict[str, Any]) -> bool:
    """Whether media take the place of a line."""
    if not told["on_medium"]:
        return False
    since: timedelta = told["now"] - datetime.fromisoformat(told["last_contact"])
    return since < CARRIED_FOR


def _turn(said: dict[str, Any] | None) -> list[Said]:
    """What stands between this machine and its next epoch, if it asked for one."""
    if said is None:
        return []
    if said["undecided"]:
        return [
            Said(
                "an officer has to decide about this; the machine asks whenever it sends, and goes on by itself"
            )
        ]
    return [
        Said(
            "no new key was given ({at}: {why}); it is asked for again after a day",
            at=said["at"],
            why=Why(said["why"]),
        )
    ]


def _untrusted(standing: dict[str, Any] | None) -> list[Said]:
    found = []
    if standing is not None and standing["trouble"]:
        found.append(
            Said(
                "the policy is not followed: {trouble}; the last good rules stay",
                trouble=Why(standing["trouble"]),
            )
        )
    if standing is not None and standing["expired"]:
        found.append(
            Said("what vouches for the rules expired at {at:%Y-%m-%d %H:%M:%SZ}", at=standing["expires"])
        )
    return found


def _counted(told: dict[str, Any]) -> list[Said]:
    refused, bad = len(told["spool"]["refused"]), told["counters"]["posture_bad_ack_total"]
    faults, looks = told["io_errors_untold"], told["skipped_looks"]
    counted = (
        (refused, Said("{n} reports were refused and are kept", n=refused)),
        (bad, Said("{n} answers were no receipt for what was sent (ever)", n=bad)),
        (faults, Said("{n} input or output errors of the spool's disk", n=faults)),
        (looks, Said("{n} looks could not be kept", n=looks)),
    )
    return [said for n, said in counted if n]
