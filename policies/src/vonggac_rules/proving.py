"""`vonggac-rules verify-proof`: what a proof file proves, in a sentence each; offline, with public keys only."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from vonggac_contract.envelope import keyid_of
from vonggac_contract.errors import BadSignature, ContractError
from vonggac_contract.proof import (
    MAX_KEY_BYTES,
    MAX_PROOF_BYTES,
    Proof,
    Proved,
    check_proof,
    proof_from_bytes,
    public_keys_from_pem,
)

from .explain import Language
from .trace import inert
from .unproved import unproved

GOOD, REFUSED = 0, 1
_NOT: Final[dict[Language, str]] = {"vi": "không chứng minh được", "en": "not proved"}
_SAID: Final[dict[Language, dict[str, str]]] = {
    "vi": {
        "digest": "Báo cáo {digest}.",
        "sealed": "Máy {0} đã niêm phong báo cáo số {2} của kỳ {1} bằng khóa của chính nó.",
        "unsealed": "Máy nào đã niêm phong thì chưa được kiểm: cần --agent-key.",
        "receipt": "Máy chủ thu thập xác nhận đã nhận lúc {at}: báo cáo số {sequence} của kỳ {epoch}, máy {agent}.",
        "leaf": "Báo cáo nằm trong sổ ở vị trí {number} (đếm từ 0), dưới mốc của {size} báo cáo.",
        "checkpoint": "Mốc được máy chủ thu thập ký lúc {at}: {size} báo cáo, gốc {root}.",
        "grown": "{size} báo cáo của mốc trước vẫn nguyên vẹn ở đầu sổ: không bớt, không sửa, không đổi chỗ.",
    },
    "en": {
        "digest": "Report {digest}.",
        "sealed": "Machine {0} sealed report {2} of epoch {1} with its own key.",
        "unsealed": "Which machine sealed it was not checked: that takes --agent-key.",
        "receipt": "The collector confirms it received report {sequence} of epoch {epoch} of machine {agent} at {at}.",
        "leaf": "The report is number {number} of the record, counted from 0, under a checkpoint of {size} reports.",
        "checkpoint": "The collector signed the checkpoint at {at}: {size} reports, root {root}.",
        "grown": "The {size} reports of the earlier checkpoint are its beginning: none gone, changed or moved.",
    },
}


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Those of `verify-proof`."""
    command.add_argument("file", type=Path, help="proof file, of a collector or of a machine")
    command.add_argument(
        "--collector-key", type=Path, required=True, metavar="FILE", help="the collector's public key, PEM"
    )
    command.add_argument(
        "--agent-key",
        type=Path,
        metavar="FILE",
        help="public keys of the machine that sealed the report, PEM",
    )
    command.add_argument(
        "--checkpoint",
        type=Path,
        metavar="KEPT",
        help="a checkpoint's file that you kept: the record has to go on from it",
    )
    command.add_argument("--lang", choices=("vi", "en"), default="vi", help="language (default vi)")


def verify_proof(args: argparse.Namespace) -> int:
    """Says what is proved; 1 with the first thing that fails."""
    given = {
        path: _read(path, maximum)
        for path, maximum in (
            (args.file, MAX_PROOF_BYTES),
            (args.checkpoint, MAX_PROOF_BYTES),
            (args.collector_key, MAX_KEY_BYTES),
            (args.agent_key, MAX_KEY_BYTES),
        )
        if path is not None
    }
    try:
        proof = proof_from_bytes(given[args.file])
        agent_key = None
        if args.agent_key is not None:
            agent_key = _key_of(proof, public_keys_from_pem(given[args.agent_key]))
        proved = check_proof(
            proof,
            public_keys_from_pem(given[args.collector_key])[0],
            agent_key=agent_key,
            kept=None if args.checkpoint is None else proof_from_bytes(given[args.checkpoint]),
        )
    except ContractError as e:
        said, hint = unproved(e, args.lang)
        sys.stderr.write(f"vonggac-rules: {_NOT[args.lang]}: {inert(said)}\n  {inert(hint)}\n")
        return REFUSED
    sys.stdout.writelines(f"{inert(sentence)}\n" for sentence in sentences(proved, args.lang))
    return GOOD


def _key_of(proof: Proof, keys: list[bytes]) -> bytes:
    """The machine's key that sealed the report. Raises BadSignature if it is none of these."""
    if proof.envelope is None:
        return keys[0]
    sealed_by = proof.envelope.keyid
    found = next((key for key in keys if keyid_of(key) == sealed_by), None)
    if found is None:
        raise BadSignature(
            f"report: sealed by key {sealed_by[:16]}…, which is not in the file of the machine's keys"
        )
    return found


def sentences(proved: Proved, language: Language) -> list[str]:
    """One for each thing that holds."""
    said = _SAID[language]
    found = []
    if proved.digest is not None:
        found.append(said["digest"].format(digest=proved.digest))
        found.append(said["unsealed"] if proved.sealed is None else said["sealed"].format(*proved.sealed))
    if proved.receipt is not None:
        r = proved.receipt
        about = {"agent": r.agent_id, "epoch": r.epoch, "sequence": r.sequence}
        found.append(said["receipt"].format(at=r.received_at.isoformat(), **about))
    if proved.checkpoint is not None:
        c = proved.checkpoint
        if proved.number is not None:
            found.append(said["leaf"].format(number=proved.number, size=c.tree_size))
        found.append(said["checkpoint"].format(at=c.at.isoformat(), size=c.tree_size, root=c.root))
    if proved.grown_from is not None:
        found.append(said["grown"].format(size=proved.grown_from))
    return found


def _read(path: Path, maximum: int) -> bytes:
    with path.open("rb") as stream:
        return stream.read(maximum + 1)
