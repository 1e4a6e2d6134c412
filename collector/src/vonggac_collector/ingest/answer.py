"""What an agent is answered. A receipt is sealed only when asked for, and only after the ledger's COMMIT returned."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vonggac_collector.errors import PROBLEM_TYPE, PROBLEMS
from vonggac_collector.ledger.interface import Transaction
from vonggac_contract.envelope import (
    ENVELOPE_MEDIA,
    JSON_MEDIA,
    PROBLEM_MEDIA,
    RECEIPT,
    envelope_to_bytes,
    pre_authentication_encoding,
    seal,
)

_MAX_DETAIL: Final = 500


Outcome = Literal["accepted", "duplicate", "pending", "refused"]


class Answer:
    """`status` of HTTP, `code` of the refusal or "", the agent concerned if that is certain, and the body.

    `outcome`: what became of what was sent; `duplicate` said nothing new, and changed nothing.

    `body` of a receipt raises RuntimeError as long as its transaction is not committed.
    """

    def __init__(
        self, status: int, media_type: str, body: Callable[[], bytes], *, code: str = "", agent: str = ""
    ) -> None:
        self.status = status
        self.media_type = media_type
        self.code = code
        self.agent = agent
        self.outcome: Outcome = "refused" if code else "pending" if status == 202 else "accepted"
        self._make = body
        self._body: bytes | None = None

    def body(self) -> bytes:
        """The bytes to send; always the same ones."""
        if self._body is None:
            self._body = self._make()
        return self._body


def sealed(
    tx: Transaction,
    payload_type: str,
    payload: bytes,
    key: Ed25519PrivateKey,
    *,
    agent: str,
    repeated: bool = False,
) -> Answer:
    """200 with `payload` sealed by the collector. `repeated`: what was sent is here already."""

    def body() -> bytes:
        if not tx.committed:
            raise RuntimeError("an answer was asked for before its transaction was committed")
        return envelope_to_bytes(seal(payload_type, payload, key))

    answer = Answer(200, ENVELOPE_MEDIA, body, agent=agent)
    answer.outcome = "duplicate" if repeated else "accepted"
    return answer


def pending(first: int, last: int, *, agent: str) -> Answer:
    """202: kept, or to be sent again, once the sequences `first` to `last` are here."""
    body = msgspec.json.encode({"status": "pending", "missing": [first, last]})
    return Answer(202, JSON_MEDIA, lambda: body, agent=agent)


def waiting(keyid: str, until: datetime) -> Answer:
    """202: that key waits for somebody to approve it, until then at most."""
    body = msgspec.json.encode({"status": "waiting", "keyid": keyid, "until": until})
    return Answer(202, JSON_MEDIA, lambda: body)


def undecided(*, agent: str) -> Answer:
    """202: a fork, and no officer has decided yet."""
    body = msgspec.json.encode({"status": "undecided"})
    return Answer(202, JSON_MEDIA, lambda: body, agent=agent)


def problem_body(code: str, detail: str, **more: Any) -> bytes:
    """RFC 9457 problem details of that code."""
    problem = PROBLEMS[code]
    return msgspec.json.encode(
        {
            "type": PROBLEM_TYPE + code,
            "title": problem.title,
            "status": problem.status,
            "detail": detail[:_MAX_DETAIL],
            "hint": problem.hint,
            **more,
        }
    )


def refusal(code: str, detail: str, *, agent: str = "", **more: Any) -> Answer:
    """The refusal of that code."""
    body = problem_body(code, detail, **more)
    return Answer(PROBLEMS[code].status, PROBLEM_MEDIA, lambda: body, code=code, agent=agent)


def receipt_digest(payload: bytes) -> str:
    """The digest of the envelope that carries that receipt."""
    return hashlib.sha256(pre_authentication_encoding(RECEIPT, payload)).hexdigest()
