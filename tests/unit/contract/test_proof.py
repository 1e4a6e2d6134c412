"""Proof files: what is right is proved in full, and no field of one can be changed without its being refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.unit.contract.test_merkle import nodes_of
from tests.unit.contract.test_wire_golden import (
    AGENT,
    AGENT_ID,
    AGENT_PUBLIC,
    COLLECTOR,
    COLLECTOR_PUBLIC,
    FOLDER,
    NOW,
    read,
)

from vonggac_contract import merkle
from vonggac_contract.checkpoint import Checkpoint, open_checkpoint, seal_checkpoint
from vonggac_contract.envelope import HEARTBEAT, REPORT, envelope_from_bytes, seal
from vonggac_contract.errors import BadProof, BadSignature, ContractError, Malformed, TooLarge, UnknownSchema
from vonggac_contract.proof import (
    MAX_PROOF_BYTES,
    Leaf,
    Proof,
    check_proof,
    proof_from_bytes,
    proof_to_bytes,
    public_key_to_pem,
    public_keys_from_pem,
)
from vonggac_contract.receipt import Receipt, seal_receipt

REPORT_ENVELOPE = envelope_from_bytes(read("report.v1.json"))
DIGESTS = [bytes([n]) * 32 for n in range(11)]
DIGESTS[4] = bytes.fromhex(REPORT_ENVELOPE.digest)
NODES = nodes_of(DIGESTS)
RECEIPT = Receipt(1, AGENT_ID, 1, REPORT_ENVELOPE.digest, NOW, "tcvn14423-level3", "d" * 64, sequence=1)


def signed(size: int, root: bytes | None = None) -> Checkpoint:
    return Checkpoint(
        1, size, (root or merkle.root(size, NODES)).hex(), datetime(2026, 11, 24, tzinfo=UTC), None
    )


def kept(size: int, root: bytes | None = None) -> Proof:
    return Proof(1, checkpoint=seal_checkpoint(signed(size, root), COLLECTOR))


def whole(size: int = 11, since: int = 6) -> Proof:
    path, grew = merkle.inclusion_path(4, size, NODES), merkle.consistency_path(since, size, NODES)
    return Proof(
        1,
        digest=REPORT_ENVELOPE.digest,
        envelope=REPORT_ENVELOPE,
        receipt=seal_receipt(RECEIPT, COLLECTOR),
        leaf=Leaf(4, [p.hex() for p in path]),
        checkpoint=kept(size).checkpoint,
        since=kept(since).checkpoint,
        consistency=[p.hex() for p in grew],
    )


def test_a_whole_proof_says_who_sealed_what_when_it_was_received_and_where_it_lies() -> None:
    proof = proof_from_bytes(proof_to_bytes(whole()))
    assert proof == whole()
    proved = check_proof(proof, COLLECTOR_PUBLIC, agent_key=AGENT_PUBLIC, kept=kept(6))
    assert proved.sealed == (AGENT_ID, 1, 1)
    assert proved.receipt == RECEIPT
    assert (proved.number, proved.checkpoint, proved.grown_from) == (4, signed(11), 6)


def test_the_golden_proof_is_proved_and_still_written_so() -> None:
    raw = (FOLDER / "proof.v1.json").read_bytes()
    proved = check_proof(proof_from_bytes(raw), COLLECTOR_PUBLIC, agent_key=AGENT_PUBLIC, kept=kept(6))
    assert (proved.number, proved.grown_from) == (4, 6)
    assert [*json.loads(raw)] == [*json.loads(proof_to_bytes(whole()))]


def test_each_part_is_proved_by_itself() -> None:
    every = whole()
    only = msgspec.structs.replace
    receipt = only(every, leaf=None, checkpoint=None, since=None, consistency=None)
    assert check_proof(receipt, COLLECTOR_PUBLIC).receipt == RECEIPT
    leaf = only(every, envelope=None, receipt=None, since=None, consistency=None)
    assert check_proof(leaf, COLLECTOR_PUBLIC).number == 4
    growth = Proof(1, checkpoint=every.checkpoint, since=every.since, consistency=every.consistency)
    assert check_proof(growth, COLLECTOR_PUBLIC).grown_from == 6
    assert check_proof(kept(11), COLLECTOR_PUBLIC).checkpoint == signed(11)
    assert check_proof(kept(11), COLLECTOR_PUBLIC, kept=kept(11)).grown_from == 11


def changed(value: Any) -> list[Any]:
    """The value with one thing in it different, for each thing there is: a character, a number, an entry."""
    if isinstance(value, dict):
        return [value | {k: c} for k in value for c in changed(value[k])]
    if isinstance(value, list):
        found = [[*value[:n], c, *value[n + 1 :]] for n in range(len(value)) for c in changed(value[n])]
        found += [value[:n] + value[n + 1 :] for n in range(len(value))]
        # A second copy of a signature says nothing new.
        return [*found, [*value, value[0]]] if isinstance(value[0], str) else found
    if isinstance(value, str):
        at = sorted({0, len(value) // 2, len(value) - 1})
        return [value[:n] + ("1" if value[n] != "1" else "2") + value[n + 1 :] for n in at]
    return [value + 1, value - 1, value * 2 + 1]


@pytest.mark.hostile
def test_whatever_is_changed_in_a_proof_it_is_refused() -> None:
    good = json.loads(proof_to_bytes(whole()))
    tried = 0
    for bad in changed(good):
        raw = json.dumps(bad).encode()
        try:
            check_proof(proof_from_bytes(raw), COLLECTOR_PUBLIC, agent_key=AGENT_PUBLIC, kept=kept(6))
        except ContractError:
            tried += 1
        else:
            pytest.fail(f"was taken: {raw[:2_000]!r}")
    assert tried > 80


@pytest.mark.hostile
@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"receipt": None, "leaf": None}, "neither a receipt nor a leaf"),
        ({"envelope": None}, "no report, so an agent's key"),
        ({"envelope": seal(REPORT, b"another", AGENT)}, "another one than the digest names"),
        ({"envelope": seal(HEARTBEAT, b"{}", AGENT)}, "another one than the digest names"),
        ({"receipt": seal_receipt(RECEIPT, AGENT)}, "receipt: no signature by key"),
        (
            {"receipt": seal_receipt(msgspec.structs.replace(RECEIPT, digest="0" * 64), COLLECTOR)},
            "for another report",
        ),
        ({"receipt": seal_receipt(msgspec.structs.replace(RECEIPT, sequence=2), COLLECTOR)}, "another place"),
        ({"checkpoint": None}, "a leaf needs a report's digest and a checkpoint"),
        ({"checkpoint": seal_checkpoint(signed(11), AGENT)}, "checkpoint: no signature by key"),
        ({"checkpoint": kept(10).checkpoint}, "leaf: "),
        ({"leaf": Leaf(5, whole().leaf.path)}, "leaf: "),  # type: ignore[union-attr]
        ({"since": None}, "two checkpoints and the path"),
        ({"consistency": None}, "two checkpoints and the path"),
        ({"since": kept(6, b"0" * 32).checkpoint}, "consistency: "),
        ({"since": kept(7).checkpoint}, "consistency: "),
        ({"since": seal_checkpoint(signed(6), AGENT)}, "earlier checkpoint: no signature by key"),
        ({"since": whole().receipt}, "earlier checkpoint: .* is no checkpoint"),
    ],
)
def test_the_first_thing_that_fails_is_named(changes: dict[str, Any], what: str) -> None:
    with pytest.raises(ContractError, match=what):
        check_proof(msgspec.structs.replace(whole(), **changes), COLLECTOR_PUBLIC, agent_key=AGENT_PUBLIC)


@pytest.mark.hostile
def test_a_history_that_is_not_the_kept_ones_is_refused() -> None:
    other = b"\1" * 32
    for file, mine, what in (
        (whole(), kept(11, other), "signed two histories: as many"),
        (whole(), kept(6, other), "two histories: the kept checkpoint is not in"),
        (whole(), kept(7), "nothing in the file shows how the record grew"),
        (kept(11), kept(6), "nothing in the file shows how the record grew"),
        (kept(6), kept(11), "older than the kept one"),
        (kept(6), Proof(1, digest="0" * 64), "holds no checkpoint"),
    ):
        with pytest.raises(BadProof, match=what):
            check_proof(file, COLLECTOR_PUBLIC, kept=mine)
    forged = Proof(1, checkpoint=seal_checkpoint(signed(11), AGENT))
    with pytest.raises(BadSignature, match="kept checkpoint: no signature"):
        check_proof(whole(), COLLECTOR_PUBLIC, kept=forged)
    with pytest.raises(BadProof, match="nothing to prove"):
        check_proof(Proof(1), COLLECTOR_PUBLIC)


@pytest.mark.hostile
def test_files_that_are_no_proofs_are_refused() -> None:
    long = {"schema": 1, "digest": "0" * 64, "leaf": {"number": 1, "path": ["0" * 64] * 129}}
    for raw, error in (
        (b"[]", Malformed),
        (b"{}", UnknownSchema),
        (b'{"schema":2}', UnknownSchema),
        (b'{"schema":1,"digest":"x"}', Malformed),
        (b'{"schema":1,"schema":1}', Malformed),
        (b'{"schema":1,"envelope":7}', Malformed),
        (b'{"schema":1,"leaf":{"number":-1,"path":[]}}', Malformed),
        (json.dumps(long).encode(), Malformed),
        (b" " * (MAX_PROOF_BYTES + 1), TooLarge),
    ):
        with pytest.raises(error, match=r"."):
            proof_from_bytes(raw)


@pytest.mark.hostile
@pytest.mark.parametrize("schema", [0, 2])
def test_a_checkpoint_of_another_schema_is_refused_by_name(schema: int) -> None:
    sealed = seal_checkpoint(msgspec.structs.replace(signed(3), schema=schema), COLLECTOR)
    with pytest.raises(UnknownSchema, match="checkpoint schema"):
        open_checkpoint(sealed, COLLECTOR_PUBLIC)


def test_public_keys_are_files_that_others_read_too() -> None:
    pem = public_key_to_pem(AGENT_PUBLIC)
    assert pem == AGENT.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert public_keys_from_pem(b"# whose\n" + pem + b"#\n" + public_key_to_pem(COLLECTOR_PUBLIC)) == [
        AGENT_PUBLIC,
        COLLECTOR_PUBLIC,
    ]
    other = (
        generate_private_key(SECP256R1())
        .public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    for wrong in (b"", b"x", other, pem[:-40], pem + b" " * 20_000):
        with pytest.raises(Malformed, match="key"):
            public_keys_from_pem(wrong)
