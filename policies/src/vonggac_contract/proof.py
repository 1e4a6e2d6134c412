"""Proof files: what a collector, or a machine, hands to an auditor, checked with public keys and nothing else.

A file says as much as is in it: a receipt proves delivery, a leaf with its path that the report is in the record that a
checkpoint signed, a consistency path that this record only grew since an earlier checkpoint (docs/wire.md, Proof file).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from .checkpoint import Checkpoint, Size, leaf_of, open_checkpoint
from .decode import bounded_json
from .envelope import REPORT, Envelope, envelope_from_bytes, verify
from .errors import BadProof, ContractError, Malformed, UnknownSchema
from .limits import KIB, MAX_WIRE_BYTES
from .merkle import MAX_PATH, verify_consistency, verify_inclusion
from .receipt import Receipt, open_receipt
from .report import Digest, statement_from_envelope

SCHEMA: Final = 1
MAX_PROOF_BYTES: Final = MAX_WIRE_BYTES + 64 * KIB
"""One envelope of any size, and the few kilobytes around it."""
MAX_KEY_BYTES: Final = 16 * KIB
"""Some hundred keys: an agent has one for each epoch."""
_BEGIN: Final = b"-----BEGIN PUBLIC KEY-----"
_Path = Annotated[list[Digest], msgspec.Meta(max_length=2 * MAX_PATH)]


class Leaf(msgspec.Struct, frozen=True):
    """The place of a report among all, counted from 0, and its path to the checkpoint's root, lowest first."""

    number: Size
    path: _Path


class Proof(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a proof file holds. `digest`: the report's; `envelope`: as it was sent, if it is still kept.

    `since`: an earlier checkpoint, and `consistency` the path from it to `checkpoint`.
    """

    schema: int
    digest: Digest | None = None
    envelope: Envelope | None = None
    receipt: Envelope | None = None
    leaf: Leaf | None = None
    checkpoint: Envelope | None = None
    since: Envelope | None = None
    consistency: _Path | None = None


class Proved(msgspec.Struct, frozen=True):
    """What holds. `sealed`: agent, epoch and sequence, under the machine's own signature; `grown_from`: how many leaves
    an earlier checkpoint signed, which are the beginning of this one's.
    """

    digest: str | None = None
    sealed: tuple[str, int, int] | None = None
    receipt: Receipt | None = None
    number: int | None = None
    checkpoint: Checkpoint | None = None
    grown_from: int | None = None


def proof_to_bytes(proof: Proof) -> bytes:
    """The file."""
    return msgspec.json.format(msgspec.json.encode(proof), indent=1) + b"\n"


def proof_from_bytes(raw: bytes) -> Proof:
    """Read a file; nothing in it is believed yet. Raises TooLarge, Malformed, UnknownSchema, BadSignature."""
    value = bounded_json(raw, maximum=MAX_PROOF_BYTES, longest=MAX_WIRE_BYTES)
    if not isinstance(value, dict):
        raise Malformed("a proof file is an object")
    if value.get("schema") != SCHEMA:
        raise UnknownSchema(f"proof schema {value.get('schema')!r:.40}; this release reads {SCHEMA}")
    sealed = {
        n: _envelope(n, value.pop(n)) for n in ("envelope", "receipt", "checkpoint", "since") if n in value
    }
    try:
        return msgspec.structs.replace(msgspec.convert(value, Proof), **sealed)
    except msgspec.ValidationError as e:
        raise Malformed(f"proof file: {e}") from e


def _envelope(name: str, value: Any) -> Envelope:
    with _about(name):
        return envelope_from_bytes(msgspec.json.encode(value))


def check_proof(
    proof: Proof, collector_key: bytes, *, agent_key: bytes | None = None, kept: Proof | None = None
) -> Proved:
    """Check all that the file holds, in the order of its fields; raises the first thing that fails.

    `agent_key`: of the machine that sealed the report; `kept`: a file with the checkpoint that an auditor kept.
    """
    if proof.digest is None and proof.checkpoint is None:
        raise BadProof("the file holds nothing to prove: neither a report's digest nor a checkpoint")
    sealed = _sealed(proof, agent_key)
    receipt = _receipt(proof, collector_key, sealed)
    checkpoint = None
    if proof.checkpoint is not None:
        with _about("checkpoint"):
            checkpoint = open_checkpoint(proof.checkpoint, collector_key)
    number = _leaf(proof, checkpoint)
    if proof.digest is not None and receipt is None and number is None:
        raise BadProof(
            "the file holds neither a receipt nor a leaf: nothing says that the report was received"
        )
    since = _growth(proof, collector_key, checkpoint)
    grown_from = None if since is None else since.tree_size
    if kept is not None:
        grown_from = _held_to(kept, collector_key, since, checkpoint)
    return Proved(proof.digest, sealed, receipt, number, checkpoint, grown_from)


def _sealed(proof: Proof, agent_key: bytes | None) -> tuple[str, int, int] | None:
    """Nothing of the report is read before its signature was verified; without the key nothing is."""
    if proof.envelope is None:
        if agent_key is not None:
            raise BadProof("the file holds no report, so an agent's key has nothing to verify")
        return None
    if proof.envelope.payload_type != REPORT or proof.envelope.digest != proof.digest:
        raise BadProof("the report is another one than the digest names")
    if agent_key is None:
        return None
    with _about("report"):
        verify(proof.envelope, agent_key)
        said = statement_from_envelope(proof.envelope)
    return said.agent_id, said.epoch, said.sequence


def _receipt(proof: Proof, collector_key: bytes, sealed: tuple[str, int, int] | None) -> Receipt | None:
    if proof.receipt is None:
        return None
    with _about("receipt"):
        receipt = open_receipt(proof.receipt, collector_key)
    if receipt.digest != proof.digest:
        raise BadProof("the receipt is for another report")
    if sealed not in (None, (receipt.agent_id, receipt.epoch, receipt.sequence)):
        raise BadProof("the receipt names another place in the chain than the report")
    return receipt


def _leaf(proof: Proof, checkpoint: Checkpoint | None) -> int | None:
    if proof.leaf is None:
        return None
    if checkpoint is None or proof.digest is None:
        raise BadProof("a leaf needs a report's digest and a checkpoint")
    with _about("leaf"):
        verify_inclusion(
            leaf_of(proof.digest),
            proof.leaf.number,
            checkpoint.tree_size,
            [bytes.fromhex(p) for p in proof.leaf.path],
            bytes.fromhex(checkpoint.root),
        )
    return proof.leaf.number


def _growth(proof: Proof, collector_key: bytes, checkpoint: Checkpoint | None) -> Checkpoint | None:
    """The earlier checkpoint that the file shows growth from."""
    if proof.since is None and proof.consistency is None:
        return None
    if proof.since is None or proof.consistency is None or checkpoint is None:
        raise BadProof("consistency needs two checkpoints and the path between them")
    with _about("earlier checkpoint"):
        since = open_checkpoint(proof.since, collector_key)
    with _about("consistency"):
        verify_consistency(
            since.tree_size,
            checkpoint.tree_size,
            bytes.fromhex(since.root),
            bytes.fromhex(checkpoint.root),
            [bytes.fromhex(p) for p in proof.consistency],
        )
    return since


def _held_to(
    kept: Proof, collector_key: bytes, since: Checkpoint | None, checkpoint: Checkpoint | None
) -> int:
    """The kept checkpoint is this one, or the one that growth was shown from."""
    if kept.checkpoint is None or checkpoint is None:
        raise BadProof("one of the two files holds no checkpoint")
    with _about("kept checkpoint"):
        mine = open_checkpoint(kept.checkpoint, collector_key)
    if mine.tree_size == checkpoint.tree_size:
        if mine.root != checkpoint.root:
            raise BadProof(
                "the collector signed two histories: as many reports as in the kept checkpoint, others"
            )
        return mine.tree_size
    if mine.tree_size > checkpoint.tree_size:
        raise BadProof("the file's checkpoint is older than the kept one", hint="Ask for a newer proof.")
    if since is None or since.tree_size != mine.tree_size:
        raise BadProof(
            "nothing in the file shows how the record grew since the kept checkpoint",
            hint="Ask for it: `vonggac-collector ledger prove` and `ledger checkpoint` take --since KEPT.",
        )
    if since.root != mine.root:
        raise BadProof("the collector signed two histories: the kept checkpoint is not in the one it shows")
    return mine.tree_size


@contextmanager
def _about(name: str) -> Iterator[None]:
    try:
        yield
    except ContractError as e:
        raise type(e)(f"{name}: {e}", hint=e.hint) from e


def public_key_to_pem(key: bytes) -> bytes:
    """32 raw bytes as a PEM file (SubjectPublicKeyInfo, RFC 8410), which `openssl pkey -pubin` reads as well."""
    return Ed25519PublicKey.from_public_bytes(key).public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )


def public_keys_from_pem(raw: bytes) -> list[bytes]:
    """The 32 bytes of each key in a file, one at least. Raises Malformed."""
    if len(raw) > MAX_KEY_BYTES:
        raise Malformed("a public key's file is smaller")
    parts = raw.split(_BEGIN)[1:]
    if not parts:
        raise Malformed("not a public key's PEM file")
    return [_key(_BEGIN + part) for part in parts]


def _key(pem: bytes) -> bytes:
    try:
        key = load_pem_public_key(pem)
    except (ValueError, TypeError) as e:
        raise Malformed("not a public key's PEM file") from e
    if not isinstance(key, Ed25519PublicKey):
        raise Malformed("the key is no Ed25519 key")
    return key.public_bytes_raw()
