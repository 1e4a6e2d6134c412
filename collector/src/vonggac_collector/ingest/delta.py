"""Which report a delta means: made again from an earlier one of the same machine; then it is like any other."""

from __future__ import annotations

from vonggac_collector.errors import Refused
from vonggac_collector.ledger.interface import Transaction
from vonggac_collector.ledger.rows import KeyHolder
from vonggac_contract.delta import delta_from_envelope, rebuild
from vonggac_contract.envelope import Envelope, Signature, verify

from .projection import envelope_of


def meant(tx: Transaction, envelope: Envelope, holder: KeyHolder) -> Envelope:
    """The report that a verified delta means, verified by the same key.

    Raises Refused (base-unknown), BadSignature, Malformed, NotRebuilt, TooLarge, UnknownSchema; nothing is written.
    """
    delta, agent = delta_from_envelope(envelope), holder.agent
    known = tx.chain.envelope(delta.digest)
    if known is not None and known.agent == agent.id:
        there = envelope_of(known)  # sent once more, as after a lost answer: nothing has to be made again
        if there.signatures == (Signature(envelope.keyid, delta.sig),):
            return there
    base = tx.chain.envelope(delta.base)
    if base is None or (base.agent, base.epoch, base.state) != (agent.id, agent.epoch, "committed"):
        # One answer for what is not here, is another machine's, or counts for nothing: none tells which.
        raise Refused("base-unknown", f"report {delta.base[:16]}… is none of this machine's chain here")
    report = rebuild(delta, envelope_of(base), envelope.keyid)
    verify(report, holder.public_key)
    return report
