"""What was sealed in an epoch that is over and never received: sealed again in this one, before anything new is.

So happens where the answer to a rotation was lost while the machine went on looking, where a machine waited for an
officer after a fork, and where it was enrolled again. Which epoch is in force is known to `identity`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from msgspec.structs import replace

from vonggac_contract.envelope import envelope_from_bytes
from vonggac_contract.report import statement_from_envelope

from . import identity
from .identity import Identity
from .seal import seal_report
from .spool import Spool


def carry_over(folder: Path, spool: Spool, who: Identity, now: Callable[[], datetime]) -> None:
    """Seal it again, oldest first. Raises SpoolFull, SpoolFailing, StateDamaged; what is left is for the next time."""
    chain = who.chain
    left = spool.stranded(chain)
    if not left:
        return
    key = identity.read_key(folder, who.keyid)
    for link in left:
        report = statement_from_envelope(envelope_from_bytes(spool.envelope(link))).report
        told = (
            f"sealed again: it was report {link.sequence} of epoch {link.chain.epoch}, and not received there"
        )
        spool.add_report(
            chain,
            replace(report, notices=[*report.notices, told]),
            lambda r, n, previous: seal_report(r, chain, n, previous, now(), key),
            instead_of=link,
        )
