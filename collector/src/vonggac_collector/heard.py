"""What is kept of an agent's heartbeats, held against their envelopes and against the audit log. Pure.

Of each day there is the newest envelope, signed: who adds a day needs one of that day. The other quarters of its mask,
and late heartbeats, keep none: only that they could have come is asked for. What an honest collector has as well whose
clock was ahead for a while, or whose machine was set back to a snapshot, is no fault but told (`odd_times`).
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import Final

from vonggac_contract.decode import in_utc
from vonggac_contract.envelope import envelope_from_bytes, verify
from vonggac_contract.errors import ContractError
from vonggac_contract.report import Heartbeat, heartbeat_from_envelope

from .ingest.quarters import LATE, NO_QUARTERS, QUARTER, has_quarter, quarter_of
from .instants import FAR
from .ledger.rows import HeartbeatDay, LateHeartbeat
from .remaking import Epoch, Present

_SLACK: Final = timedelta(minutes=15)
"""Clocks of several web processes, and what was on its way when an epoch ended; the project's own figure."""


def wrong_heard(present: Present, epochs: list[Epoch]) -> str:
    """What is wrong with an agent's heartbeats, its status and epoch; "" if nothing is."""
    agent = present.agent
    if not epochs:
        return ""  # Its keys are by no row of the audit log, which is said once of all such agents.
    last = epochs[-1]
    status = "active" if last.quarantined_at is None else last.decided or "quarantined"
    if last.revoked_at is not None:
        status = "revoked"
    if (agent.status, agent.epoch, agent.enrolled_at) != (status, last.number, epochs[0].since):
        return f"its row is not what the audit log says: {status} in epoch {last.number}"
    rows: list[HeartbeatDay | LateHeartbeat] = [*present.days, *present.late]
    if {r.epoch for r in rows} - {e.number for e in epochs}:
        return "it has heartbeats of an epoch in which it was not enrolled"
    for late in present.late:
        if late.received_at - late.looked_at <= LATE:
            return f"the heartbeat of {_when(late)} is kept as late and was not"
    of = {e.number: e for e in epochs}
    for day in present.days:
        found = _of_day(present, present.keys.get(of[day.epoch].keyid), day)
        if found:
            return f"the heartbeats of {day.day}: {found}"
    return ""


def odd_times(present: Present, epochs: list[Epoch]) -> str:
    """What an agent's heartbeats have of times at which they should not have come; "" if nothing.

    A collector whose clock was ahead, and was corrected, has them of before an enrolment of then, of after a quarantine
    that came later, and of the future. Earlier releases kept, of a machine that was set back to a snapshot, the
    envelope with the highest counter, not the newest.
    """
    rows: list[HeartbeatDay | LateHeartbeat] = [*present.days, *present.late]
    ends = {a.number: b.since for a, b in pairwise(epochs)}
    for epoch in epochs:
        ended = (ends.get(epoch.number), epoch.quarantined_at, epoch.revoked_at, present.now)
        over = [t for t in ended if t is not None]
        until = min(over, default=FAR)
        for row in rows:
            if row.epoch == epoch.number and not epoch.since - _SLACK <= row.received_at <= until + _SLACK:
                return f"the heartbeat of {_when(row)} came when epoch {row.epoch} had not begun, or was over"
    for day in present.days:
        what = _odd_quarters(day, epochs[0].since) if epochs else ""
        if what:
            return f"the heartbeats of {day.day}: {what}"
    return ""


def _when(row: HeartbeatDay | LateHeartbeat) -> str:
    return row.looked_at.isoformat(timespec="seconds")


def _of_day(present: Present, key: bytes | None, row: HeartbeatDay) -> str:
    if key is None:
        return "the key of that epoch is missing"
    try:
        envelope = envelope_from_bytes(row.raw)
        verify(envelope, key)
        beat = heartbeat_from_envelope(envelope)
        looked_at = min(in_utc(beat.looked_at), row.received_at)
    except ContractError as e:
        return f"the envelope of the newest is damaged: {e}"
    if (beat.agent_id, beat.epoch, beat.counter) != (row.agent, row.epoch, row.counter):
        return "the envelope of the newest is another heartbeat's"
    if looked_at != row.looked_at or looked_at.date() != row.day or row.received_at - looked_at > LATE:
        return "the newest is of another time than its envelope says"
    if len(row.mask) != len(NO_QUARTERS) or not has_quarter(row.mask, quarter_of(row.looked_at)):
        return "the quarter of the newest is not marked"
    return _wrong_report(present, beat)


def _odd_quarters(row: HeartbeatDay, enrolled_at: datetime) -> str:
    bits = int.from_bytes(row.mask, "little")
    if bits.bit_length() - 1 > quarter_of(row.looked_at) + LATE // QUARTER:
        return "quarters after the newest are marked"
    first = (bits & -bits).bit_length()
    ended = datetime.combine(row.day, time(), UTC) + first * QUARTER
    return "quarters before it was enrolled are marked" if ended + LATE + _SLACK < enrolled_at else ""


def _wrong_report(present: Present, beat: Heartbeat) -> str:
    """What a heartbeat follows was here when it came: so the end of a chain is missed that was cut together with its
    head.
    """
    agent = present.agent
    if beat.epoch == agent.epoch and beat.sequence > agent.head_sequence:
        return f"the newest follows report {beat.sequence}, which is not here: the chain ends in {agent.head_sequence}"
    for look in present.looks:
        if (look.epoch, look.sequence) == (beat.epoch, beat.sequence) and look.content != beat.content:
            return f"the newest names another content of report {beat.sequence}"
    whole = not present.base and present.kept_since is None
    ends = [x.sequence for x in present.looks if x.epoch == beat.epoch]
    if whole and beat.epoch < agent.epoch and beat.sequence > max(ends, default=0):
        return f"the newest follows report {beat.sequence} of epoch {beat.epoch}, which is not here"
    return ""
