"""Sends what the spool holds, oldest first, and lets go only of what a signed receipt names.

Decides what each answer means (docs/wire.md); the bytes travel by `link`, the rows are kept by `spool`, what the
receipt says about rules by `rulebooks`. When sending that failed is tried again is decided by `supervisor`; here
is only kept how long the collector asked to be left alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from vonggac_contract.decode import decode_as
from vonggac_contract.enrolment import PolicyRoot
from vonggac_contract.envelope import envelope_from_bytes
from vonggac_contract.errors import ContractError
from vonggac_contract.limits import KIB
from vonggac_contract.receipt import Receipt, open_receipt
from vonggac_rules.rulebook import MAX_RULEBOOK_BYTES

from . import boxkey, head, policy, rulebooks
from .errors import BadAnswer, Unreachable
from .failpoints import Failpoint, reach
from .identity import Identity
from .less import Less
from .link import Answer, Transport
from .spool import Spool
from .spool_rows import Beat, Link

ENVELOPES: Final = "/agent/v1/envelopes"
RULEBOOKS: Final = "/agent/v1/rulebooks"
BASE_S: Final = 30.0
"""To wait for a busy collector that does not say how long."""
CAP_S: Final = 3600.0
"""No collector keeps an agent waiting for longer."""
REFUSED_AGAIN: Final = timedelta(hours=24)
"""A refused envelope that the collector asks for again is sent at most once in this time."""
REFUSALS: Final = frozenset({400, 401, 403, 404, 409, 413, 415, 422})
OF_THE_MACHINE: Final = frozenset({401, 403, 404})
"""Refusals of this machine, key or address, whatever it sends: the other envelopes would be refused alike."""
FORKED: Final = frozenset({"seq-fork", "agent-quarantined"})
"""Codes after which nothing of this chain is sent any more."""
FORK: Final = "forked"
"""The note of the report that was refused as a fork: chain, sequence and digest."""
REVOKED: Final = "key-revoked"
"""The code after which nothing sealed by this key is sent any more (`rounds`); what is unsent stays so."""
LATER: Final = frozenset({"too-far-ahead"})
"""Codes of a refusal that ends when earlier envelopes are there."""
BUSY: Final = frozenset({429, 503})
WAITING: Final = "waiting, as the collector asked"
"""The trouble of a round in which nobody was asked."""


class Pending(msgspec.Struct, frozen=True):
    """The answer 202: kept, but the links `missing` (first, last) before it are not there."""

    status: str
    missing: tuple[int, int] | None = None


class Problem(msgspec.Struct, frozen=True):
    """What is read of problem+json (RFC 9457)."""

    type: str = ""
    title: str = ""
    detail: str = ""

    @property
    def code(self) -> str:
        """The last part of the problem's type."""
        return self.type.rpartition("/")[2].rpartition(":")[2]

    def __str__(self) -> str:
        return " ".join(f"{self.code} {self.detail or self.title}".split())[:400]


class Verdict(StrEnum):
    """What one answer means for the rest of the round."""

    RECEIVED = "received"
    PENDING = "pending"
    REFUSED = "refused"
    STOP = "stop"


class Outcome(NamedTuple):
    """A round of sending. `again`: something is left that waiting may mend. `code`: of the last refusal."""

    received: int
    refused: int
    again: bool
    trouble: str
    code: str = ""


class Shipper:
    """One round. `now` gives UTC; `chance` a number in [0, 1)."""

    def __init__(
        self,
        folder: Path,
        spool: Spool,
        identity: Identity,
        transport: Transport,
        now: Callable[[], datetime],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._folder = folder
        self._spool = spool
        self._identity = identity
        self._transport = transport
        self._now = now
        self._chance = chance
        self._chain = identity.chain
        self._less = Less(folder, spool, identity.keyid, now)
        self._sent: set[str] = set()
        self._received = 0
        self._refused = 0
        self._trouble = self._code = ""
        self._wait: float | None = None
        self._signed_at: datetime | None = None

    def run(self) -> Outcome:
        """Send everything there is to send. Nothing is raised for what the other side does."""
        if not self._is_due():
            return Outcome(0, 0, True, WAITING)
        reach(Failpoint.SHIPPING)
        try:
            again = self._round()
        except (Unreachable, BadAnswer) as error:
            self._trouble = str(error)
            again = True
        self._note_end(again)
        return Outcome(self._received, self._refused, again, self._trouble, self._code)

    def _round(self) -> bool:
        """True if something is left to send."""
        known = head.read(self._folder, self._chain)
        unsent = self._spool.unsent()
        items: list[Link | Beat] = [*(head.reaching(unsent, known) if known.over else unsent)]
        beat = self._spool.beat(self._chain)
        if beat is not None and beat.state == "unsent" and not self._spool.quarantined(self._chain):
            items.append(beat)
        for item in items:
            verdict = self._send_in_order(item)
            if verdict is Verdict.PENDING:
                self._trouble = "the collector waits for earlier reports that it does not take"
            if verdict in (Verdict.STOP, Verdict.PENDING):
                return True
        self._fetch_rulebook()
        boxkey.fetch(self._folder, self._identity.enrolled.collector_key, self._transport, self._now())
        return bool(self._spool.unsent())

    def _send_in_order(self, item: Link | Beat) -> Verdict:
        """Send it; if the collector misses what comes before it, send that, oldest first, and it once more."""
        verdict, missing = self._send(item)
        if verdict is not Verdict.PENDING or missing is None:
            return verdict
        # A heartbeat comes after the report it names, a report after the one before it.
        last = item.sequence if isinstance(item, Beat) else item.sequence - 1
        held = self._spool.between(item.chain, missing[0], min(missing[1], last))
        self._note_lacking(max(1, missing[0]), held[0].sequence if held else last + 1)
        reach(Failpoint.ASKED_AGAIN)
        for earlier in held:
            if earlier.digest in self._sent or not self._may_go_again(earlier):
                continue
            if self._send(earlier)[0] is Verdict.STOP:
                return Verdict.STOP
            reach(Failpoint.SENT_AGAIN)
        return self._send(item)[0]

    def _note_lacking(self, first: int, here: int) -> None:
        """The collector went back and asks for what is no longer here: said by `status` and by the next report."""
        if first < here:
            self._spool.write_notes(lacking=f"{first}-{here - 1}")

    def _may_go_again(self, link: Link) -> bool:
        """A refused envelope goes out again only when it is asked for; if it was refused for itself, once a day."""
        if not link.tried_at or link.reason[:3] in {str(status) for status in OF_THE_MACHINE}:
            return True
        return self._now() - datetime.fromisoformat(link.tried_at) >= REFUSED_AGAIN

    def _send(self, item: Link | Beat) -> tuple[Verdict, tuple[int, int] | None]:
        raw = self._spool.envelope(item)
        if isinstance(item, Link) and self._spool.waits_behind(item):
            self._spool.mark_offered(item)
        reach(Failpoint.TAKEN)
        answer = self._ask_with_less(item, raw) or self._transport.ask("POST", ENVELOPES, raw)
        self._sent.add(item.digest)
        reach(Failpoint.SENT)
        if answer.status == 200:
            return self._take_receipt(item, answer), None
        if answer.status == 202:
            return self._read_pending(item, answer)
        return self._take_refusal(item, answer), None

    def _ask_with_less(self, item: Link | Beat, raw: bytes) -> Answer | None:
        """The answer to what differs from an earlier report; None if the whole one has to be sent."""
        if isinstance(item, Beat) or item.chain != self._chain:
            return None
        sent = self._less.delta_for(item, raw)
        if sent is None:
            return None
        try:
            answer = self._transport.ask("POST", ENVELOPES, sent)
        except (Unreachable, BadAnswer):
            self._less.note_unanswered(item)
            raise
        code = problem_of(answer).code if answer.status >= 300 else ""
        if answer.status in {200, 202} | BUSY | OF_THE_MACHINE or code in FORKED:
            return answer
        self._less.note_refused(code)
        return None

    def _take_refusal(self, item: Link | Beat, answer: Answer) -> Verdict:
        problem = problem_of(answer)
        self._trouble, self._code = f"{answer.status} {problem}", problem.code
        if answer.status in REFUSALS and problem.code in FORKED:
            if problem.code == "seq-fork" and isinstance(item, Link):
                self._spool.write_notes(**{FORK: _fork_note(item)})
            self._spool.quarantine(item.chain, self._trouble, self._now())
            return Verdict.STOP
        if answer.status in REFUSALS and problem.code not in LATER | {REVOKED}:
            self._spool.mark_refused(item, self._trouble, self._now())
            self._refused += 1
            return Verdict.STOP if answer.status in OF_THE_MACHINE else Verdict.REFUSED
        if answer.status in BUSY:
            self._wait = _retry_after(answer)
        return Verdict.STOP

    def _take_receipt(self, item: Link | Beat, answer: Answer) -> Verdict:
        try:
            receipt = self._open_receipt(item, answer.body)
        except (ContractError, BadAnswer) as error:
            self._note_bad(item)
            raise BadAnswer("200 without a receipt for what was sent: {error}", error=error) from error
        reach(Failpoint.RECEIPT_READ)
        self._spool.mark_received(item, answer.body)
        self._received += 1
        said = rulebooks.JudgedBy(receipt.profile, receipt.rulebook, receipt.received_at)
        rulebooks.note_judged_by(self._folder, said)
        reach(Failpoint.JUDGED)
        self._signed_at = receipt.received_at
        offset = (receipt.received_at - self._now()).total_seconds()
        self._spool.write_notes(clock_offset_s=f"{offset:.3f}")
        reach(Failpoint.CLOCK_NOTED)
        return Verdict.RECEIVED

    def _open_receipt(self, item: Link | Beat, body: bytes) -> Receipt:
        """The receipt, if it is by the pinned key and names exactly this envelope. Raises ContractError, BadAnswer."""
        receipt = open_receipt(envelope_from_bytes(body), self._identity.enrolled.collector_key)
        number = (item.sequence, 0) if isinstance(item, Link) else (0, item.counter)
        named = (receipt.agent_id, receipt.epoch, receipt.digest, receipt.sequence, receipt.counter)
        if named != (*item.chain, item.digest, *number):
            raise BadAnswer("the receipt is for another envelope")
        if receipt.received_at.tzinfo is None:
            raise BadAnswer("the receipt's time has no zone")
        return receipt

    def _read_pending(self, item: Link | Beat, answer: Answer) -> tuple[Verdict, tuple[int, int] | None]:
        try:
            pending = decode_as(answer.body, Pending, maximum=4 * KIB)
        except ContractError as error:
            self._note_bad(item)
            raise BadAnswer("202 that can't be read: {error}", error=error) from error
        return Verdict.PENDING, pending.missing

    def _note_bad(self, item: Link | Beat) -> None:
        """An answer that is none: counted, and whatever was sent for it goes whole the next time."""
        self._spool.count("posture_bad_ack_total")
        if isinstance(item, Link):
            self._less.note_unanswered(item)

    def _fetch_rulebook(self) -> None:
        said, pin = rulebooks.judged_by(self._folder), self._identity.enrolled.policy
        if said is None:
            return
        if pin is not None:
            self._follow_policy(pin, said)
        elif not rulebooks.is_at_hand(self._folder, said.rulebook):
            fetch_rulebook(self._folder, self._transport, said.rulebook)

    def _follow_policy(self, pin: PolicyRoot, said: rulebooks.JudgedBy) -> None:
        """Trouble with the policy keeps no report back: it is in `policy`, and the next round asks again."""
        now = self._now()
        if policy.is_due(policy.of_pin(self._folder, pin), said.rulebook, now):
            from .following import follow  # its library takes longer to import than a round takes

            try:
                follow(
                    self._folder, self._transport, pin, said.rulebook, now=now, floor=self._signed_at
                )  # fmt: skip
            except OSError as error:
                self._trouble = f"the policy was not kept: {error.strerror}"

    def _is_due(self) -> bool:
        text = self._spool.note("not_before")
        if not text:
            return True
        left = datetime.fromisoformat(text) - self._now()
        # A clock that was set back must not silence the agent: no wait is longer than CAP_S.
        return left <= timedelta(0) or left > timedelta(seconds=CAP_S)

    def _note_end(self, again: bool) -> None:
        notes = {
            "last_round": msgspec.json.encode(
                {
                    "at": self._now(),
                    "received": self._received,
                    "refused": self._refused,
                    "trouble": self._trouble,
                }
            ).decode(),
            "not_before": "",
        }
        if not again:
            notes["lacking"] = ""
        if self._received:
            notes["last_contact"] = self._now().isoformat()
        if self._wait is not None:
            wait = min(CAP_S, self._wait * (1 + 0.25 * self._chance()))
            notes["not_before"] = (self._now() + timedelta(seconds=wait)).isoformat()
        self._spool.write_notes(**notes)
        reach(Failpoint.ROUND_NOTED)


def _fork_note(link: Link) -> str:
    return msgspec.json.encode([*link.chain, link.sequence, link.digest]).decode()


def fetch_rulebook(folder: Path, transport: Transport, digest: str) -> None:
    """Fetch and keep the rulebook of this digest. Raises Unreachable, BadAnswer."""
    answer = transport.ask("GET", f"{RULEBOOKS}/{digest}", limit=MAX_RULEBOOK_BYTES)
    if answer.status != 200:
        raise BadAnswer(
            "rulebook {digest}: {status} {problem}",
            digest=digest[:16],
            status=answer.status,
            problem=problem_of(answer),
        )
    reach(Failpoint.RULEBOOK_READ)
    try:
        rulebooks.keep(folder, digest, answer.body)
    except (ContractError, ValueError) as error:
        raise BadAnswer("rulebook {digest}: {error}", digest=digest[:16], error=error) from error


def problem_of(answer: Answer) -> Problem:
    """What an answer that is no success says; the start of its body if it is no problem+json."""
    try:
        return decode_as(answer.body, Problem, maximum=64 * KIB)
    except ContractError:
        start = answer.body[:200].decode("utf-8", "backslashreplace")
        return Problem(detail=" ".join(start.split()))


def _retry_after(answer: Answer) -> float:
    """Seconds of Retry-After (RFC 9110 section 10.2.3, the form with seconds); BASE_S if there is none."""
    text = answer.headers.get("retry-after", "")
    return min(CAP_S, float(text)) if text.isdecimal() and len(text) < 10 else BASE_S
