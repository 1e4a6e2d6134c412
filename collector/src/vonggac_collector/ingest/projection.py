"""From a statement to the ledger's row of a look and its sections, and back to the statement. Pure."""

from __future__ import annotations

import zlib
from datetime import datetime
from typing import Any, Final

import msgspec

from vonggac_collector.ledger.rows import Envelope as EnvelopeRow
from vonggac_collector.ledger.rows import Look
from vonggac_collector.ledger.rows import Section as SectionRow
from vonggac_contract.decode import in_utc
from vonggac_contract.envelope import Envelope, envelope_from_bytes, envelope_to_bytes
from vonggac_contract.errors import Malformed
from vonggac_contract.report import Statement, statement_from_envelope

from .vector import Vector, pack_vector

_LEVEL: Final = 1
"""zlib's quickest: ingest is paid for by the sender's patience."""
_ZLIB: Final = b"\x78"
"""The first byte of what zlib packs with its largest window (RFC 1950 section 2.2); no map of MessagePack has it."""
_KEPT: Final = msgspec.msgpack.Decoder(Envelope)


def pack_json(value: Any) -> bytes:
    """JSON, packed with zlib."""
    return zlib.compress(msgspec.json.encode(value), _LEVEL)


def unpack_json(packed: bytes) -> Any:
    """The builtins of `pack_json`. Only for the ledger's own bytes."""
    return msgspec.json.decode(zlib.decompress(packed))


def pack_raw(raw: bytes, envelope: Envelope) -> bytes:
    """An envelope as sent. Written as this project's encoder writes it, the encoder gives its very bytes again: the
    same as MessagePack needs no base64. Any other is packed: that has nothing to find again, only signs that take six
    bits of eight.
    """
    if envelope_to_bytes(envelope) == raw:
        return msgspec.msgpack.encode(envelope)
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_HUFFMAN_ONLY)
    return packer.compress(raw) + packer.flush()


def unpack_raw(packed: bytes) -> bytes:
    """What `pack_raw` packed, as sent. Malformed for anything else."""
    try:
        if packed[:1] == _ZLIB:
            return zlib.decompress(packed)
        return envelope_to_bytes(_KEPT.decode(packed))
    except (zlib.error, msgspec.DecodeError) as e:
        raise Malformed(f"an envelope that is kept: {e}") from e


def envelope_of(row: EnvelopeRow) -> Envelope:
    """The envelope of a row; it was verified before it was kept."""
    return envelope_from_bytes(unpack_raw(row.raw))


def statement_of(row: EnvelopeRow) -> Statement:
    """What a kept envelope says."""
    return statement_from_envelope(envelope_of(row))


def project(
    statement: Statement, row: EnvelopeRow, vector: Vector, committed_at: datetime, flags: str
) -> Look:
    """The row of a committed statement whose answers `vector` holds."""
    report = statement.report
    outcomes_digest, packed = pack_vector(vector)
    finished_at = in_utc(report.finished_at)
    return Look(
        digest=row.digest,
        agent=row.agent,
        epoch=row.epoch,
        sequence=row.sequence,
        looked_at=min(finished_at, row.received_at),
        finished_at=finished_at,
        committed_at=committed_at,
        rulebook=report.rulebook,
        profile=report.profile,
        platform=report.platform,
        content=report.content,
        outcomes_digest=outcomes_digest,
        vector=packed,
        flags=flags,
        shelf=row.shelf,
    )


def section_rows(statement: Statement, looked_at: datetime, held: set[tuple[str, str]]) -> list[SectionRow]:
    """The rows of those sections that came with content that is not held."""
    return [
        SectionRow(statement.agent_id, name, s.digest, looked_at, pack_json(s.content))
        for name, s in statement.report.sections.items()
        if s.content is not None and (name, s.digest) not in held
    ]


def os_name(statement: Statement) -> str | None:
    """The operating system's name for people, if this report carries it."""
    section = statement.report.sections.get("os")
    content = section.content if section is not None else None
    name = content.get("name") if isinstance(content, dict) else None
    return name[:200] if isinstance(name, str) else None


def host_name(statement: Statement) -> str | None:
    """The host name, if this report carries it."""
    section = statement.report.sections.get("host")
    content = section.content if section is not None else None
    name = content.get("hostname") if isinstance(content, dict) else None
    return name[:255] if isinstance(name, str) and name else None
