"""What an auditor is handed: the proof that a report is in the record, a checkpoint, and that the record only grew."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vonggac_contract import merkle
from vonggac_contract.checkpoint import Checkpoint, open_checkpoint
from vonggac_contract.envelope import RECEIPT, envelope_from_bytes, seal
from vonggac_contract.errors import BadProof
from vonggac_contract.proof import SCHEMA, Leaf, Proof

from .errors import Invalid
from .ingest.projection import envelope_of
from .instants import written
from .ledger.interface import Ledger, Transaction
from .ledger.leaves import Signed
from .tiles import node_in

_WAIT: Final = (
    "Wait for the next checkpoint, up to an hour, and ask again; `serve` or `work` must be running."
)


def prove_report(
    ledger: Ledger, key: Ed25519PrivateKey, report: str | tuple[str, int, int], *, since: Proof | None = None
) -> Proof:
    """That the report (its digest; or agent, epoch and sequence) is under the newest checkpoint.

    Of one that retention dropped the leaf alone is proved. `since`: as in `prove_growth`. Raises Invalid if it has no
    leaf under a checkpoint, and what `prove_growth` raises.
    """
    with ledger.read() as tx:
        leaf = tx.leaves.by_digest(report) if isinstance(report, str) else tx.leaves.at(*report)
        newest = _newest(tx)
        if leaf is None or leaf.number >= newest.tree_size:
            name = report if isinstance(report, str) else "{} epoch {} report {}".format(*report)
            if not (tx.chain.envelope(report) if isinstance(report, str) else tx.chain.at(*report)):
                raise Invalid(f"{name} is no report here", hint="The machine's page names those that are.")
            raise Invalid(
                f"{name} is not under a checkpoint; one is taken every hour over the reports committed by then",
                hint=_WAIT,
            )
        proof = _grown(tx, key, newest, since)
        path = merkle.inclusion_path(leaf.number, newest.tree_size, node_in(tx.leaves.tile))
        row = tx.chain.envelope(leaf.digest)
    receipt = None if row is None or row.receipt is None else seal(RECEIPT, row.receipt, key)
    return Proof(
        SCHEMA,
        digest=leaf.digest,
        envelope=None if row is None else envelope_of(row),
        receipt=receipt,
        leaf=Leaf(leaf.number, [p.hex() for p in path]),
        checkpoint=proof.checkpoint,
        since=proof.since,
        consistency=proof.consistency,
    )


def prove_growth(ledger: Ledger, key: Ed25519PrivateKey, *, since: Proof | None = None) -> Proof:
    """The newest checkpoint, and that it goes on from the one in `since`, which somebody kept.

    Raises Invalid if there is none; BadSignature if the kept one is not this collector's; BadProof if the record is not
    the one it signed.
    """
    with ledger.read() as tx:
        return _grown(tx, key, _newest(tx), since)


def _newest(tx: Transaction) -> Signed:
    newest = tx.leaves.newest()
    if newest is None:
        raise Invalid("no checkpoint was taken yet; the worker takes one every hour", hint=_WAIT)
    return newest


def _grown(tx: Transaction, key: Ed25519PrivateKey, newest: Signed, since: Proof | None) -> Proof:
    checkpoint = envelope_from_bytes(newest.raw)
    if since is None:
        return Proof(SCHEMA, checkpoint=checkpoint)
    if since.checkpoint is None:
        raise BadProof("the kept file holds no checkpoint")
    kept = open_checkpoint(since.checkpoint, key.public_key().public_bytes_raw())
    node = node_in(tx.leaves.tile)
    if kept.tree_size > newest.tree_size or merkle.root(kept.tree_size, node).hex() != kept.root:
        raise _another(kept, newest)
    path = merkle.consistency_path(kept.tree_size, newest.tree_size, node)
    return Proof(SCHEMA, checkpoint=checkpoint, since=since.checkpoint, consistency=[p.hex() for p in path])


def _another(kept: Checkpoint, newest: Signed) -> BadProof:
    return BadProof(
        f"this record is not the one that the kept checkpoint of {written(kept.at)} signed "
        f"({kept.tree_size} reports, here {newest.tree_size})",
        hint="Was the collector restored from an older backup? Then its audit log says so: look for `restored`.",
    )
