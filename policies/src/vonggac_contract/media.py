"""What is carried on removable media: files by names of our own, and two documents, an export's manifest and the key
for boxes.

A name is made here and compared here; none is ever read from a document. An export is whole if its manifest, which is
written last, and every part that it counts are there as they were written; else none of it is taken. How files get on
and off a medium is the work of `vonggac_media`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Annotated, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .box import MAX_BOX_BYTES, MAX_BOX_CONTENT, OVERHEAD, PUBLIC_BYTES, box_keyid_of
from .decode import decode_as
from .envelope import BOX_KEY, EXPORT, Envelope, seal, verify
from .errors import Malformed, UnknownSchema
from .limits import KIB, MIB
from .report import AgentId, Digest, Sequence
from .signed import open_signed

SCHEMA: Final = 1
MAX_PARTS: Final = 1_000
"""Of one export; the project's own figure."""
MAX_EXPORT_BYTES: Final = MAX_PARTS // 2 * MAX_BOX_CONTENT
"""Of envelopes: two parts in a row hold more than one could, so half of all parts' room always fits."""
MAX_MANIFEST_BYTES: Final = 256 * KIB
MAX_RECEIPTS: Final = 4_000
"""Carried back to one machine at once; the project's own figure."""
MAX_RECEIPTS_BYTES: Final = 8 * MIB
"""Receipts take some 900 bytes each."""

ExportName = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}-[0-9a-f]{16}\Z")]
_NAMES: Final = re.compile(r"vonggac-([0-9a-f]{16}-[0-9a-f]{16})(?:-([0-9]{4})\.box|\.manifest)")


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of an export: bytes, and their SHA-256."""

    size: Annotated[int, msgspec.Meta(ge=OVERHEAD, le=MAX_BOX_BYTES)]
    digest: Digest


class Export(msgspec.Struct, frozen=True):
    """The manifest of an export, sealed with the machine's key. `name` is that of its files; `first`: the lowest
    sequence of `epoch` that is in it, 0 if none is; `made_at`: what the machine's clock said, and decides nothing.
    """

    schema: int
    agent_id: AgentId
    epoch: Sequence
    name: ExportName
    made_at: datetime
    first: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    parts: Annotated[tuple[Part, ...], msgspec.Meta(max_length=MAX_PARTS)]


class BoxKeyNotice(msgspec.Struct, frozen=True):
    """The collector's word about the key that boxes are closed for, sealed with its signing key. Of two the one with
    the later `made_at` is in force.
    """

    schema: int
    made_at: datetime
    public_key: bytes

    @property
    def keyid(self) -> str:
        """Names the key in boxes."""
        return box_keyid_of(self.public_key)


def seal_export(export: Export, key: Ed25519PrivateKey) -> Envelope:
    """Sign with the machine's key."""
    return seal(EXPORT, msgspec.json.encode(export), key)


def open_export(envelope: Envelope, public_key: bytes) -> Export:
    """Verify with the machine's key, then read. Raises BadSignature, Malformed, TooLarge, UnknownSchema."""
    if envelope.payload_type != EXPORT:
        raise Malformed(f"{envelope.payload_type} is no manifest of an export")
    verify(envelope, public_key)
    export = decode_as(envelope.payload, Export, maximum=MAX_MANIFEST_BYTES)
    if export.schema != SCHEMA:
        raise UnknownSchema(f"export schema {export.schema}; this release reads {SCHEMA}")
    return export


def seal_box_key(notice: BoxKeyNotice, key: Ed25519PrivateKey) -> Envelope:
    """Sign with the collector's key."""
    return seal(BOX_KEY, msgspec.json.encode(notice), key)


def open_box_key(envelope: Envelope, collector_key: bytes) -> BoxKeyNotice:
    """Verify with the pinned key, then read. Raises BadSignature, Malformed, UnknownSchema."""
    notice = open_signed(envelope, BOX_KEY, BoxKeyNotice, collector_key, schema=SCHEMA, what="key for boxes")
    if len(notice.public_key) != PUBLIC_BYTES or notice.made_at.tzinfo is None:
        raise Malformed("a key for boxes has 1,216 bytes, and its time a zone")
    return notice


def manifest_name(export: str) -> str:
    """The file name of an export's manifest."""
    return f"vonggac-{export}.manifest"


def part_name(export: str, number: int) -> str:
    """The file name of an export's part, counted from 1."""
    return f"vonggac-{export}-{number:04}.box"


def receipts_name(agent_id: str) -> str:
    """The file name of what a machine is brought back: receipts' envelopes, one a line."""
    return f"vonggac-{agent_id}.receipts"


def box_key_name(collector_keyid: str) -> str:
    """The file name of that collector's key for boxes."""
    return f"vonggac-{collector_keyid[:16]}.boxkey"


def rulebook_name(digest: str) -> str:
    """The file name of a rulebook."""
    return f"vonggac-{digest}.rulebook"


def policy_name(name: str) -> str:
    """The file name of metadata of the policy repository, such as `timestamp.json`."""
    return f"vonggac-policy-{name}"


def exports_among(names: Iterable[str]) -> dict[str, tuple[bool, int]]:
    """The exports that files of these names are of: whether there is a manifest, and how many parts."""
    found: dict[str, tuple[bool, int]] = {}
    for name in names:
        match = _NAMES.fullmatch(name)
        if match is not None:
            manifest, parts = found.get(match[1], (False, 0))
            found[match[1]] = (manifest, parts + 1) if match[2] else (True, parts)
    return found


def packed(envelopes: Iterable[bytes]) -> Iterator[bytes]:
    """The contents of an export's parts: envelopes one a line, in their order, as many as fit."""
    lines: list[bytes] = []
    size = 0
    for raw in envelopes:
        if lines and size + len(raw) + 1 > MAX_BOX_CONTENT:
            yield b"\n".join(lines)
            lines, size = [], 0
        lines.append(raw)
        size += len(raw) + 1
    if lines:
        yield b"\n".join(lines)
