"""The next epoch of this machine: a new key, which the one in force signs, and what the collector answers to that.

Asked for when the key is old, when somebody wants it, and after a fork, to learn what an officer decided (docs/wire.md,
Rotation). The identity before is in force until the new one takes its place, in one step. What was sealed before that
and never received is `stranded`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from vonggac_contract.decode import decode_as
from vonggac_contract.envelope import Envelope, envelope_from_bytes, envelope_to_bytes, keyid_of
from vonggac_contract.errors import ContractError
from vonggac_contract.limits import KIB
from vonggac_contract.rotation import SCHEMA, Rotation, open_rotated, open_rotation, seal_rotation

from . import head, identity, policy, rulebooks
from .errors import BadAnswer, StateDamaged, Unreachable
from .failpoints import Failpoint, reach
from .identity import Identity
from .link import Answer, Transport
from .log import log
from .safety import create_private, write_whole
from .seal import Chain
from .ship import ENVELOPES, FORK, REFUSALS, REVOKED, WAITING, Outcome, Pending, problem_of
from .spool import Spool

PATH: Final = "/agent/v1/rotate"
FILE: Final = "rotation.json"
"""The request, from before it is sent until its answer is in force: a lost answer is asked for with the same bytes."""
LAST: Final = "rotation-last.json"
"""The request by which this epoch began: a collector that went back to an earlier backup is asked with it once more."""
ASKED: Final = "rotation-asked"
"""Somebody wants a new key."""
SPREAD: Final = 0.1
"""Keys are changed up to this share of their time early, so that machines enrolled together do not march in step."""
REFUSED_AGAIN: Final = timedelta(hours=24)
"""A refused request is made again at most once in this time; the project's own figure."""


OVER: Final = frozenset({"key-in-use", REVOKED})
"""Codes after which the key that was asked for is given up. After any other refusal the collector may have it."""


class Told(msgspec.Struct, frozen=True):
    """What came of the last request that got no epoch. `undecided`: an officer has to decide about a fork."""

    at: datetime
    undecided: bool
    why: str = ""


class _Kept(NamedTuple):
    envelope: Envelope
    rotation: Rotation


def want(folder: Path) -> None:
    """Let the next round of sending ask for a new key."""
    with contextlib.suppress(FileExistsError):
        create_private(folder / ASKED, b"")


def is_old(who: Identity, days: int, now: datetime) -> bool:
    """Whether the key was in force long enough; never with `days` 0. A clock that ran ahead makes it no younger."""
    age = now - (who.key_since or who.enrolled.enrolled_at)
    early = SPREAD * int(who.keyid[:8], 16) / 2**32
    return days > 0 and not timedelta(days=-1) < age < timedelta(days=days * (1 - early))


def last_said(spool: Spool) -> Told | None:
    """What the collector said of the last request, if the machine still waits for its answer."""
    text = spool.note("rotation")
    return msgspec.json.decode(text, type=Told) if text else None


class Turn:
    """One round's request, if there is a reason for one, after everything was sent. `now` gives UTC."""

    def __init__(
        self, folder: Path, spool: Spool, who: Identity, transport: Transport, now: Callable[[], datetime]
    ) -> None:
        self._folder = folder
        self._spool = spool
        self._who = who
        self._transport = transport
        self._now = now
        self._chain = who.chain
        self._code = ""

    def run(self, sent: Outcome, *, days: int) -> Outcome:
        """What the round came to. `sent`: what sending did before; `days`: see `is_old`."""
        over = head.read(self._folder, self._chain).over
        if sent.trouble == WAITING or (sent.again and not sent.code and not over):
            return sent  # the collector was not reached, or wants to be left alone
        if sent.code == "unknown-key":
            return self._remind(sent)
        kept = self._kept()
        # The answer to it was lost: the collector no longer takes what the key before seals.
        taken = kept is not None and sent.code == REVOKED
        forked = self._spool.quarantined(self._chain) is not None
        asked = (self._folder / ASKED).exists()
        wanted = forked or over or kept is not None or asked or is_old(self._who, days, self._now())
        ready, due = forked or over or self._is_all_received(), asked or self._is_due()
        if not taken and not (wanted and ready and due):
            return sent
        try:
            again, why = self._ask(kept, taken=taken)
        except (Unreachable, BadAnswer) as error:
            return sent._replace(again=True, trouble=str(error))
        if taken and not why:
            return Outcome(sent.received, 0, True, "")
        return sent._replace(
            again=sent.again or again, trouble=why or sent.trouble, code=self._code or sent.code
        )

    def _remind(self, sent: Outcome) -> Outcome:
        """A collector that does not know this key may have gone back to before its epoch: it is asked once more, and
        sent the reports before it that it lacks. What it answers changes nothing here.
        """
        try:
            envelope = envelope_from_bytes((self._folder / LAST).read_bytes())
        except (FileNotFoundError, ContractError):
            return sent
        if envelope.signatures[-1].keyid != self._who.keyid:
            return sent
        before = Chain(self._chain.agent_id, self._chain.epoch - 1)
        with contextlib.suppress(Unreachable, BadAnswer, ContractError):
            answer = self._transport.ask("POST", PATH, envelope_to_bytes(envelope))
            if answer.status == 202:
                missing = decode_as(answer.body, Pending, maximum=4 * KIB).missing or (1, 0)
                for link in self._spool.between(before, *missing):
                    self._transport.ask("POST", ENVELOPES, self._spool.envelope(link))
                self._transport.ask("POST", PATH, envelope_to_bytes(envelope))
        return sent._replace(again=True)

    def _is_all_received(self) -> bool:
        beat = self._spool.beat(self._chain)
        return not self._spool.unsent() and (beat is None or beat.state != "unsent")

    def _is_due(self) -> bool:
        said = last_said(self._spool)
        return said is None or said.undecided or not timedelta(0) <= self._now() - said.at < REFUSED_AGAIN

    def _ask(self, kept: _Kept | None, *, taken: bool) -> tuple[bool, str]:
        """Whether to ask again soon, and what stands in the way, "" if nothing does."""
        end = self._head()
        if kept is None or not (taken or end == (kept.rotation.sequence, kept.rotation.digest)):
            kept = self._make(*end, kept)
        answer = self._transport.ask("POST", PATH, envelope_to_bytes(kept.envelope))
        reach(Failpoint.TURN_ANSWERED)
        if answer.status == 200:
            self._take(kept, answer)
            return False, ""
        if answer.status == 202:
            return self._wait(answer)
        problem = problem_of(answer)
        if answer.status not in REFUSALS or not problem.code:
            return True, f"{answer.status} {problem}"
        if problem.code in OVER:
            (self._folder / FILE).unlink(missing_ok=True)
            identity.drop_key(self._folder, keyid_of(kept.rotation.public_key))
        (self._folder / ASKED).unlink(missing_ok=True)
        self._code = problem.code
        return self._note(False, f"{answer.status} {problem}")

    def _head(self) -> tuple[int, str | None]:
        """The report that was refused as a fork, by which the collector knows this side; else the newest received."""
        forked = msgspec.json.decode(self._spool.note(FORK) or "[]", type=list[int | str])
        if forked[:2] == [*self._chain]:
            return int(forked[2]), str(forked[3])
        known = head.read(self._folder, self._chain)
        return (known.sequence, known.digest) if known.over else self._spool.head(self._chain)

    def _wait(self, answer: Answer) -> tuple[bool, str]:
        try:
            pending = decode_as(answer.body, Pending, maximum=4 * KIB)
        except ContractError as error:
            raise BadAnswer("202 that can't be read: {error}", error=error) from error
        (self._folder / ASKED).unlink(missing_ok=True)
        if pending.status == "undecided":
            return self._note(True, "")
        return self._note(False, "the collector waits for earlier reports that it does not have")

    def _note(self, undecided: bool, why: str) -> tuple[bool, str]:
        said = Told(self._now(), undecided, why)
        self._spool.write_notes(rotation=msgspec.json.encode(said).decode())
        return False, why

    def _make(self, sequence: int, digest: str | None, before: _Kept | None) -> _Kept:
        """A request with a new key, or with that of the one before; on the disk before it is sent."""
        old = identity.read_key(self._folder, self._who.keyid)
        if before is not None:
            new = identity.read_key(self._folder, keyid_of(before.rotation.public_key))
        else:
            new = identity.new_key(self._folder, self._who.keyid)
        public = new.public_key().public_bytes_raw()
        rotation = Rotation(SCHEMA, *self._chain, sequence, digest, public, self._now())
        kept = _Kept(seal_rotation(rotation, old, new), rotation)
        write_whole(self._folder / FILE, envelope_to_bytes(kept.envelope))
        reach(Failpoint.TURN_KEPT)
        return kept

    def _kept(self) -> _Kept | None:
        """The request that was made in this epoch; one of an epoch before is cleared away with the keys it left."""
        try:
            envelope = envelope_from_bytes((self._folder / FILE).read_bytes())
        except FileNotFoundError:
            return None
        except ContractError as error:
            raise StateDamaged("{path}: {error}", path=self._folder / FILE, error=error) from error
        if envelope.keyid == self._who.keyid:
            key = identity.read_key(self._folder, self._who.keyid)
            with contextlib.suppress(ContractError):
                rotation = open_rotation(envelope, key.public_key().public_bytes_raw())
                if identity.has_key(self._folder, keyid_of(rotation.public_key)):
                    return _Kept(envelope, rotation)
        self._clear(envelope)
        return None

    def _take(self, kept: _Kept, answer: Answer) -> None:
        """The answer is the identity from now on. Raises BadAnswer for one that is not for this request."""
        before = self._who
        try:
            pinned = before.enrolled.collector_key
            enrolled = open_rotated(envelope_from_bytes(answer.body), kept.rotation, pinned)
        except ContractError as error:
            self._spool.count("posture_bad_ack_total")
            raise BadAnswer("200 without a next epoch: {error}", error=error) from error
        # A turn changes key and epoch, never where trust in the policy began: whoever has the collector could move it.
        pin = before.enrolled.policy or enrolled.policy
        enrolled = msgspec.structs.replace(enrolled, policy=pin)
        policy.begin(self._folder, pin)
        now, keyid = self._now(), keyid_of(enrolled.public_key)
        rulebooks.note_judged_by(self._folder, rulebooks.JudgedBy(enrolled.profile, enrolled.rulebook, now))
        self._who = msgspec.structs.replace(before, keyid=keyid, enrolled=enrolled, key_since=now)
        identity.write_identity(self._folder, self._who)
        self._clear(kept.envelope)
        log("info", "rotated", epoch=enrolled.epoch, keyid=keyid)

    def _clear(self, envelope: Envelope) -> None:
        """The request is over; the one by which this epoch began is kept."""
        identity.forget_others(self._folder, self._who.keyid)
        (self._folder / ASKED).unlink(missing_ok=True)
        if envelope.signatures[-1].keyid == self._who.keyid:
            write_whole(self._folder / LAST, envelope_to_bytes(envelope))
        (self._folder / FILE).unlink(missing_ok=True)
        self._spool.write_notes(rotation="")
