"""By which profile and rulebook a host is judged from now on: the collector's word, told in every receipt. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from vonggac_collector.ledger.rows import KeyHolder
from vonggac_contract.receipt import SCHEMA, Receipt

LEVELS: Final = (1, 2, 3, 4, 5)
_DECODER: Final = msgspec.json.Decoder(dict[str, str])


def profile_for(override: str | None, level: int, levels: bytes) -> str:
    """The host's own profile if it has one, else that of its system's level (`levels`: JSON, level -> profile)."""
    return override or _DECODER.decode(levels)[str(level)]


def receipt_payload(
    holder: KeyHolder, digest: str, received_at: datetime, *, sequence: int = 0, counter: int = 0
) -> bytes:
    """What a receipt says, not yet sealed."""
    receipt = Receipt(
        schema=SCHEMA,
        agent_id=holder.agent.id,
        epoch=holder.agent.epoch,
        digest=digest,
        received_at=received_at,
        profile=profile_for(holder.profile, holder.level, holder.levels or b"{}"),
        rulebook=holder.rulebook or "",
        sequence=sequence,
        counter=counter,
    )
    return msgspec.json.encode(receipt)
