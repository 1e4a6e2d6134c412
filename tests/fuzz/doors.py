"""Doors behind a signature: what is fuzzed is signed by whom it names, as a machine or a holder of a key could.

Else no input came past the signature. A medium's files, an enrolled machine and a holder of keys are made in memory.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import re
from collections.abc import Callable
from types import CodeType
from typing import Any, Final

import msgspec
from tests.fuzz.machines import SEPARATOR
from tests.fuzz.reach import leads_to
from tests.unit.collector.carrying import BOX
from tests.unit.collector.conftest import KEY, NOW, Desk, plant
from tests.unit.collector.machines import Machine, a_rulebook
from tests.unit.policy_twin import Repository, a_key
from tuf.api.metadata import Root, Targets

from vonggac_collector.boxes import Boxes
from vonggac_collector.ledger.memory import MemoryLedger
from vonggac_collector.media import take_in
from vonggac_contract import checkpoint, delta, enrolment, media, receipt, rotation, sealed
from vonggac_contract.box import MAX_BOX_BYTES, OVERHEAD, close_box
from vonggac_contract.envelope import (
    BOX_KEY,
    CHECKPOINT,
    DELTA,
    ENROLLED,
    ENROLMENT,
    EXPORT,
    HEARTBEAT,
    RECEIPT,
    REPORT,
    ROTATION,
    envelope_to_bytes,
    pack,
    seal,
)
from vonggac_contract.errors import ContractError, Malformed, NotRebuilt
from vonggac_contract.report import Heartbeat
from vonggac_media.folder import Folder
from vonggac_rules import repository
from vonggac_rules.errors import RuleError

PUBLIC: Final = KEY.public_key().public_bytes_raw()
AGENT: Final = b"00000000-0000-4000-8000-000000000000"
"""Stands for the id of the machine that is enrolled."""
SEALED: Final = {b"R": REPORT, b"H": HEARTBEAT}
"""What the machine seals of a line that begins so; any other line is no envelope of its own."""
FIRST: Final = seal(REPORT, pack(b'{"findings":[%b]}' % b",".join(b'"rule-%d"' % n for n in range(500))), KEY)
"""A report that deltas are told by."""
SIGNED: Final[tuple[tuple[str, Callable[..., Any]], ...]] = (
    (RECEIPT, receipt.open_receipt),
    (CHECKPOINT, checkpoint.open_checkpoint),
    (BOX_KEY, media.open_box_key),
    (EXPORT, media.open_export),
    (ENROLLED, enrolment.open_enrolled),
    (ROTATION, rotation.open_rotation),
    (ENROLMENT, enrolment.open_request),
)
READERS: Final = frozenset[CodeType]().union(*(leads_to(read, (read.__module__,)) for _, read in SIGNED))
DELTAS_READ: Final = frozenset[CodeType]().union(
    *(leads_to(read, (delta.__name__,)) for read in (delta.delta_from_envelope, delta.rebuild))
)
CHECKS: Final = leads_to(repository.checked_offline, (repository.__name__,))


def box(data: bytes) -> bool:
    """As a box, and as what is in one that goes through a relay."""
    try:
        BOX.open(data)
    except ContractError:
        taken = False
    else:
        taken = True
    try:
        asked, body = sealed.request_from_content(BOX.open(close_box(data, BOX.public)))
        assert sealed.request_from_content(sealed.request_to_content(asked, body)) == (asked, body)
    except ContractError:
        return taken
    return True


def told(data: bytes) -> bool:
    """As what a machine signs as a delta, and as the patch of one; a report made of it is taken."""
    with contextlib.suppress(ContractError):
        delta.delta_from_envelope(seal(DELTA, data, KEY))
    said = delta.Delta(1, FIRST.digest, "0" * 64, bytes(64), data)
    try:
        delta.rebuild(said, FIRST, FIRST.keyid)
    except NotRebuilt:
        return True
    except ContractError:
        return False
    return True


def signed(data: bytes) -> bool:
    """The last byte says which document it is, of those that somebody signs."""
    kind, read = SIGNED[data[-1] % len(SIGNED)] if data else SIGNED[0]
    keys = (KEY, a_key("new")) if kind == ROTATION else (KEY,)
    try:
        envelope = seal(kind, data[:-1], *keys)
        read(envelope) if kind == ENROLMENT else read(envelope, PUBLIC)
    except ContractError:
        return False
    return True


def policy(data: bytes) -> bool:
    """Roots from the first on, then targets, each signed by all keys that the twin knows."""
    parts = data.split(SEPARATOR)
    try:
        roots = [_by_all(raw, Root) for raw in parts[:-1]]
        repository.checked_offline(roots, _by_all(parts[-1], Targets), NOW)
    except (ContractError, RuleError):
        return False
    return True


def _by_all(raw: bytes, kind: type[Any]) -> bytes:
    metadata = repository.read(raw, kind)
    for name in ("an", "binh", "dung"):
        repository.sign(metadata, a_key(name))
    return repository.to_bytes(metadata)


class _Medium(Folder):
    """Files in memory."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def names(self) -> list[str]:
        return sorted(self.files)

    def read(self, name: str, limit: int) -> bytes:
        if name not in self.files:
            raise FileNotFoundError(name)
        return self.files[name]


class _Open(Boxes):
    """Boxes that are closed with no key: `box` is the target of those that are."""

    def __init__(self) -> None:
        """Without keys."""

    def open(self, box: bytes) -> bytes:
        """As it came."""
        if len(box) > MAX_BOX_BYTES:
            raise Malformed("no box")
        return box[OVERHEAD:]


def export(data: bytes) -> bool:
    """A manifest, then its parts: sealed by an enrolled machine, and the sizes and digests made to fit."""
    ledger = MemoryLedger()
    plant(ledger)
    machine = Desk(ledger).enrol(Machine())
    manifest, *contents = data.replace(AGENT, machine.agent_id.encode()).split(SEPARATOR)
    parts = [bytes(OVERHEAD) + b"\n".join(_line(machine, line) for line in c.split(b"\n")) for c in contents]
    name = f"{hashlib.sha256(machine.public_key).hexdigest()[:16]}-{1:016x}"
    payload = _fitted(manifest, parts)
    files = {media.part_name(name, n): part for n, part in enumerate(parts, 1)}
    files[media.manifest_name(name)] = bytes(OVERHEAD) + envelope_to_bytes(seal(EXPORT, payload, machine.key))
    came = take_in(ledger, _Medium(files), _Open(), KEY, lambda: NOW, "fuzz")
    return any(m.taken for m in came.machines) and not came.refused


def _line(machine: Machine, line: bytes) -> bytes:
    kind = SEALED.get(line[:1])
    if kind is None:
        return line
    payload = gzip.compress(line[1:], 1, mtime=0) if kind == REPORT else line[1:]
    return envelope_to_bytes(seal(kind, payload, machine.key))


def _fitted(manifest: bytes, parts: list[bytes]) -> bytes:
    """With the sizes and digests of the parts in the order in which the manifest names any."""
    left = iter(parts)

    def fit(found: re.Match[bytes]) -> bytes:
        part = next(left, None)
        if part is None:
            return found[0]
        digest = hashlib.sha256(part).hexdigest()
        return b'{"size":%d,"digest":"%s"}' % (len(part), digest.encode())

    return re.sub(rb'\{"size":\d+,"digest":"[0-9a-f]{64}"\}', fit, manifest)


def _export() -> bytes:
    """An export with a report and two heartbeats, in two parts."""
    machine = Machine()
    machine.agent_id, machine.rulebook, machine.profile = AGENT.decode(), "0" * 64, "level-3"
    statement = machine.statement(NOW, {1, 2})
    beat = msgspec.json.encode(Heartbeat(1, machine.agent_id, 1, 1, 1, statement.report.content, NOW))
    report, beats = b"R" + msgspec.json.encode(statement), b"\n".join([b"H" + beat] * 2)
    key = hashlib.sha256(machine.public_key).hexdigest()[:16]
    part = media.Part(OVERHEAD, "0" * 64)
    said = media.Export(1, AGENT.decode(), 1, f"{key}-{1:016x}", NOW, 1, (part, part))
    return SEPARATOR.join([msgspec.json.encode(said), report, beats])


def _policy() -> bytes:
    twin = Repository(NOW)
    twin.publish(a_rulebook())
    return SEPARATOR.join([twin.files["1.root.json"], twin.files["2.targets.json"]])


def _signed() -> list[bytes]:
    at, uuid, digest = NOW, AGENT.decode(), "0" * 64
    new = a_key("new").public_key().public_bytes_raw()
    said: tuple[Any, ...] = (
        receipt.Receipt(1, uuid, 1, digest, at, "level-3", digest, 1, 0),
        checkpoint.Checkpoint(1, 1, digest, at, None),
        media.BoxKeyNotice(1, at, BOX.public),
        media.Export(1, uuid, 1, f"{'0' * 16}-{'0' * 16}", at, 1, ()),
        enrolment.Enrolled(1, uuid, 1, PUBLIC, PUBLIC, "vn", "level-3", digest, at),
        rotation.Rotation(1, uuid, 1, 0, None, new, at),
        enrolment.EnrolmentRequest(1, digest, PUBLIC, "may-1", digest, "linux", "0.1.0", at),
    )
    return [msgspec.json.encode(document) + bytes([number]) for number, document in enumerate(said)]


def _deltas() -> list[bytes]:
    later = seal(REPORT, pack(b'{"findings":[%b]}' % b",".join(b'"rule-%d"' % n for n in range(1, 501))), KEY)
    made = delta.make_delta(later, FIRST, KEY)
    return [] if made is None else [made.payload, delta.delta_from_envelope(made).patch]


ASKED: Final = sealed.request_to_content(sealed.Asked("POST", "/agent/v1/reports"), b"{}")
BOXES: Final = (ASKED, close_box(ASKED, BOX.public))
EXPORTS: Final = (_export(),)
POLICIES: Final = (_policy(),)
DELTAS: Final = tuple(_deltas())
DOCUMENTS: Final = tuple(_signed())
SNAPSHOTS: Final = (
    b'{"schema":1,"taken_at":"2026-11-23T03:00:00Z","platform":"linux","facts":['
    b'{"topic":"kernel.module","selector":{"name":"cramfs"},"state":"known","value":{"usable":true}},'
    b'{"topic":"sudo.rules","state":"unavailable","reason":"timed-out"}]}',
)
