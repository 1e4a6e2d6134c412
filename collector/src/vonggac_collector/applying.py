"""What becomes of a machine that asks with a token that wants approval: it waits, and is told so until it is decided.

Who decides is `approval`'s; who was let in is answered as anybody enrolled is (`enrolment`).
"""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta
from typing import Final

from vonggac_contract.enrolment import EnrolmentRequest

from .errors import Refused
from .ingest.answer import Answer, waiting
from .ledger.applicants import Applicant
from .ledger.interface import Transaction
from .ledger.rows import Token

PATIENCE: Final = timedelta(days=14)
"""How long a machine waits for somebody to decide; the project's own figure."""
OFTEN: Final = timedelta(minutes=1)
"""Who asks more often is answered without a write; the project's own figure."""
REFUSED: Final = "enrolment-refused"


def ask(
    tx: Transaction, request: EnrolmentRequest, keyid: str, token: Token, now: datetime, peer: str
) -> Answer:
    """Let the machine wait, or go on waiting. Raises Refused: it was refused, or nobody decided in time.

    Asking again costs no further use of the token, and changes nothing of what the machine said of itself at first.
    """
    found = tx.applicants.get(keyid)
    address = peer[:100]
    if found is None:
        found = Applicant(
            keyid=keyid,
            public_key=request.public_key,
            token=token.id,
            unit=token.unit,
            hostname=request.hostname,
            machine_id=request.machine_id,
            platform=request.platform,
            agent_version=request.agent_version[:200],
            address=address,
            requested_at=now,
            asked_at=now,
            expires_at=now + PATIENCE,
            state="waiting",
        )
        tx.applicants.add(found)
    elif found.state == "refused":
        raise Refused(REFUSED, found.reason)
    elif found.state == "approved" or not hmac.compare_digest(found.token, token.id):
        raise Refused("key-in-use", "this key asked with another token, or was let in before")
    elif token.revoked:
        raise Refused("token-refused", "the token was revoked")
    elif found.expires_at <= now:
        raise Refused(REFUSED, f"nobody decided within {PATIENCE.days} days")
    elif now - found.asked_at >= OFTEN:
        tx.applicants.asked(keyid, now, address)
    return waiting(keyid, found.expires_at)
