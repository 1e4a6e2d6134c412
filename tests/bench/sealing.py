"""Sealing and verifying a real report, beside bare Ed25519 over the same bytes; the size of envelopes on the wire."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vonggac_agent.host import Host
from vonggac_agent.report import build_report
from vonggac_agent.scan import scan_host, scan_saved
from vonggac_agent.seal import Chain, seal_heartbeat, seal_report
from vonggac_contract.envelope import REPORT, envelope_from_bytes, envelope_to_bytes, seal, verify
from vonggac_contract.facts import FactKey, Known
from vonggac_contract.facts.packages import PackageInventory
from vonggac_contract.report import Report, heartbeat_from_envelope, statement_from_envelope
from vonggac_rules.builtin import default_rulebook_bytes
from vonggac_rules.rulebook import load_rulebook

from .figures import Beside, Figure, in_turns

CHAIN = Chain("0b8a6a2e-6a52-4c8e-9c1e-0d2f5a7b9c11", 1)
PACKAGES = 500


def real_report() -> Report:
    """This machine's report by the profile of level 3."""
    return real_reports(3)[3]


def real_reports(*levels: int, packages: int = PACKAGES) -> dict[int, Report]:
    """This machine's report by the profile of each of the levels, the highest last, from one look. Its package list is
    cut, to 500 as on a plain server.
    """
    book = load_rulebook(default_rulebook_bytes())
    scan = scan_host(Host(Path("/"), now=datetime.now(UTC)), book, book.profile_for_level(levels[-1]).id)
    facts = dict(scan.snapshot.facts)
    key = FactKey("package.inventory")
    inventory = facts[key]
    if isinstance(inventory, Known) and isinstance(inventory.value, PackageInventory):
        cut = msgspec.structs.replace(inventory.value, packages=inventory.value.packages[:packages])
        facts[key] = msgspec.structs.replace(inventory, value=cut)
    snapshot = msgspec.structs.replace(scan.snapshot, facts=facts)
    return {n: build_report(scan_saved(snapshot, book, book.profile_for_level(n).id)) for n in levels}


def figures() -> Iterator[Figure]:
    """Bytes and rates."""
    report = real_report()
    key = Ed25519PrivateKey.generate()
    public = key.public_key()
    now = datetime.now(UTC)
    envelope = seal_report(report, CHAIN, 1, None, now, key)
    raw = envelope_to_bytes(envelope)
    yield Figure(f"report of {PACKAGES} packages, {len(report.findings)} findings", len(raw), "bytes", 20_000)
    beat = envelope_to_bytes(seal_heartbeat(CHAIN, 35_000, 300, report.content, now, key))
    yield Figure("heartbeat", len(beat), "bytes", 600)

    payload, public_raw = envelope_from_bytes(beat).payload, public.public_bytes_raw()
    sign, check = "bare Ed25519 sign", "bare Ed25519 verify"
    of_beat, of_report = (partial(public.verify, key.sign(p), p) for p in (payload, envelope.payload))
    beat_now = partial(seal_heartbeat, CHAIN, 35_000, 300, report.content, now, key)
    seal_now = partial(seal, REPORT, envelope.payload, key)
    yield _beside("seal a heartbeat", lambda: envelope_to_bytes(beat_now()), sign, partial(key.sign, payload))
    yield _beside(
        "seal a packed report",
        lambda: envelope_to_bytes(seal_now()),
        sign,
        partial(key.sign, envelope.payload),
    )
    yield _beside("read, verify and decode a heartbeat", lambda: _open(beat, public_raw), check, of_beat)
    yield _beside(
        "read and verify a report", lambda: verify(envelope_from_bytes(raw), public_raw), check, of_report
    )
    yield _beside(
        "read, verify, unpack and decode a report", lambda: _open(raw, public_raw), check, of_report
    )


def _beside(name: str, work: Callable[[], object], limit: str, bare: Callable[[], object]) -> Figure:
    ours, least = in_turns(work, bare)
    return Figure(name, ours, "/s", beside=Beside(limit, least))


def _open(raw: bytes, public: bytes) -> object:
    envelope = envelope_from_bytes(raw)
    verify(envelope, public)
    read = statement_from_envelope if envelope.payload_type == REPORT else heartbeat_from_envelope
    return read(envelope)
