"""Receipts that the spool keeps, as proof files. Reads the state folder without the lock, like `status`."""

from __future__ import annotations

from vonggac_contract.envelope import envelope_from_bytes
from vonggac_contract.proof import SCHEMA, Proof

from . import identity
from .errors import AgentError
from .seal import Chain
from .settings import Settings
from .spool import reading
from .spool_room import KEPT_LINKS
from .state import open_state


def receipt_proof(settings: Settings, sequence: int | None, epoch: int | None) -> Proof:
    """Of that report, or of the newest received one, of that epoch or the present one.

    Raises AgentError if no receipt is kept, NotEnrolled, UnsafePath, StateDamaged, SpoolFailing.
    """
    folder = open_state(settings.state_dir)
    enrolled = identity.read_identity(folder).enrolled
    chain = Chain(enrolled.agent_id, epoch or enrolled.epoch)
    with reading(folder, max_bytes=settings.spool_bytes) as spool:
        found = spool.receipted(chain, sequence) if spool is not None else None
    if found is None:
        raise AgentError(
            "no receipt for report {number} of epoch {epoch} is kept here",
            hint="The receipts of the newest {kept} reports are kept; `vonggac-agent status` names the last report.",
            number=sequence or "-",
            epoch=chain.epoch,
            kept=KEPT_LINKS,
        )
    digest, receipt, report = found
    return Proof(
        SCHEMA,
        digest=digest,
        envelope=None if report is None else envelope_from_bytes(report),
        receipt=envelope_from_bytes(receipt),
    )
