"""Exports as machines make them, and as nobody should: put into a folder that stands for a medium."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

from tests.unit.collector.machines import Machine

from vonggac_contract.box import BoxKey, close_box
from vonggac_contract.envelope import envelope_to_bytes
from vonggac_contract.media import SCHEMA, Export, Part, manifest_name, part_name, seal_export

BOX = BoxKey(b"b" * 32)


def put_export(
    medium: Path,
    machine: Machine,
    parts: list[list[bytes]],
    now: datetime,
    *,
    number: int = 1,
    public: bytes = BOX.public,
    **changes: object,
) -> str:
    """An export with those envelopes; its name. `changes`: of the manifest."""
    name = f"{hashlib.sha256(machine.public_key).hexdigest()[:16]}-{number:016x}"
    counted = []
    for n, envelopes in enumerate(parts, 1):
        raw = close_box(b"\n".join(envelopes), public)
        (medium / part_name(name, n)).write_bytes(raw)
        counted.append(Part(len(raw), hashlib.sha256(raw).hexdigest()))
    values = {
        "schema": SCHEMA,
        "agent_id": machine.agent_id,
        "epoch": machine.epoch,
        "name": name,
        "made_at": now,
        "first": 1,
        "parts": tuple(counted),
        **changes,
    }
    manifest = envelope_to_bytes(seal_export(Export(**values), machine.key))  # type: ignore[arg-type]
    (medium / manifest_name(name)).write_bytes(close_box(manifest, public))
    return name
