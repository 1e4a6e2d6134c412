"""Golden envelopes: what earlier releases sealed must verify and decode for ever.

`python -m tests.unit.contract.test_wire_golden` writes the files of a new schema version; those of a released one are
never written again.
"""

from __future__ import annotations

import contextlib
import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from backports import zstd
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vonggac_contract.box import BoxKey
from vonggac_contract.checkpoint import Checkpoint, open_checkpoint, seal_checkpoint
from vonggac_contract.decode import unpack_gzip
from vonggac_contract.delta import delta_from_envelope, make_delta, rebuild
from vonggac_contract.enrolment import Enrolled, EnrolmentRequest, open_enrolled, open_request
from vonggac_contract.envelope import (
    ENROLLED,
    ENROLMENT,
    HEARTBEAT,
    REPORT,
    envelope_from_bytes,
    envelope_to_bytes,
    keyid_of,
    seal,
    verify,
)
from vonggac_contract.errors import BadSignature, Malformed, NotRebuilt, UnknownSchema
from vonggac_contract.finding import Evidence, Finding, Outcome
from vonggac_contract.media import (
    BoxKeyNotice,
    Export,
    Part,
    open_box_key,
    open_export,
    seal_box_key,
    seal_export,
)
from vonggac_contract.receipt import Receipt, open_receipt, seal_receipt
from vonggac_contract.report import (
    FactHealth,
    Heartbeat,
    Report,
    Section,
    Statement,
    content_digest,
    heartbeat_from_envelope,
    heartbeat_to_payload,
    section_digest,
    statement_from_envelope,
    statement_from_raw,
    statement_to_payload,
)
from vonggac_contract.rotation import Rotation, open_rotation, seal_rotation
from vonggac_contract.sealed import answer_from_bytes, answer_to_bytes

FOLDER = Path(__file__).parents[2] / "fixtures" / "wire"
AGENT = Ed25519PrivateKey.from_private_bytes(b"a" * 32)
COLLECTOR = Ed25519PrivateKey.from_private_bytes(b"c" * 32)
AGENT_PUBLIC = AGENT.public_key().public_bytes_raw()
COLLECTOR_PUBLIC = COLLECTOR.public_key().public_bytes_raw()
AGENT_ID = "0b8a6a2e-6a52-4c8e-9c1e-0d2f5a7b9c11"
NOW = datetime(2026, 11, 23, 8, 15, tzinfo=UTC)
OS = {"id": "debian", "version": "12", "codename": "bookworm", "name": "Debian 12", "family": "debian"}
FINDINGS = [
    Finding(
        "linux.ssh.root-login",
        Outcome.FAIL,
        "high",
        "access",
        evidence=[Evidence("sshd.effective permitrootlogin", ["no"], "yes", "one_of")],
    ),
    Finding(
        "linux.log.retention", Outcome.UNKNOWN, "medium", "logging", "permission-denied", "etc/rsyslog.conf"
    ),
]
SECTIONS = {
    "os": Section(section_digest(OS), OS),
    "tls": Section(unavailable="not-supported", detail="no socket"),
}
REPORT_VALUE = Report(
    "0.1.0", "linux", "d" * 64, "tcvn14423-level3", NOW, NOW + timedelta(seconds=1), 0.75,
    content_digest(FINDINGS, SECTIONS), FINDINGS, SECTIONS, 40, [FactHealth("tls.listener", "not-supported", "")],
)  # fmt: skip
STATEMENT = Statement(1, AGENT_ID, 1, 1, None, NOW + timedelta(seconds=2), REPORT_VALUE)
BEAT = Heartbeat(1, AGENT_ID, 1, 9, 1, REPORT_VALUE.content, NOW)
REQUEST = EnrolmentRequest(1, "t" * 32, AGENT_PUBLIC, "máy-chủ", "", "linux", "0.1.0", NOW)
CHECKPOINT = Checkpoint(1, 3, "5" * 64, NOW, "6" * 64)
MANIFEST = Export(1, AGENT_ID, 1, "0123456789abcdef-fedcba9876543210", NOW, 7, (Part(1190, "d" * 64),))
NOTICE = BoxKeyNotice(1, NOW, BoxKey(b"k" * 32).public)
ANSWER = Enrolled(1, AGENT_ID, 1, AGENT_PUBLIC, COLLECTOR_PUBLIC, "01", "tcvn14423-level3", "d" * 64, NOW)


NEXT = Ed25519PrivateKey.from_private_bytes(b"n" * 32)
ROTATED = Rotation(1, AGENT_ID, 1, 1, "7" * 64, NEXT.public_key().public_bytes_raw(), NOW)


def golden() -> dict[str, bytes]:
    report = envelope_from_bytes(read("report.v1.json"))
    receipt = Receipt(1, AGENT_ID, 1, report.digest, NOW, "tcvn14423-level3", "d" * 64, sequence=1)
    later = msgspec.structs.replace(STATEMENT, sequence=2, previous=report.digest)
    delta = make_delta(seal(REPORT, statement_to_payload(later), AGENT), report, AGENT)
    assert delta is not None
    return {
        "report.v1.json": envelope_to_bytes(seal(REPORT, statement_to_payload(STATEMENT), AGENT)),
        "delta.v1.json": envelope_to_bytes(delta),
        "heartbeat.v1.json": envelope_to_bytes(seal(HEARTBEAT, heartbeat_to_payload(BEAT), AGENT)),
        "receipt.v1.json": envelope_to_bytes(seal_receipt(receipt, COLLECTOR)),
        "enrolment.v1.json": envelope_to_bytes(seal(ENROLMENT, msgspec.json.encode(REQUEST), AGENT)),
        "enrolled.v1.json": envelope_to_bytes(seal(ENROLLED, msgspec.json.encode(ANSWER), COLLECTOR)),
        "checkpoint.v1.json": envelope_to_bytes(seal_checkpoint(CHECKPOINT, COLLECTOR)),
        "rotation.v1.json": envelope_to_bytes(seal_rotation(ROTATED, AGENT, NEXT)),
        "export.v1.json": envelope_to_bytes(seal_export(MANIFEST, AGENT)),
        "boxkey.v1.json": envelope_to_bytes(seal_box_key(NOTICE, COLLECTOR)),
        "answer.v1.json": answer_to_bytes(b"box", 503, b"body", COLLECTOR, retry_after=7).partition(b"\n")[0],
    }


def read(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


def test_the_golden_report_verifies_and_decodes() -> None:
    envelope = envelope_from_bytes(read("report.v1.json"))
    verify(envelope, AGENT_PUBLIC)
    assert statement_from_envelope(envelope) == STATEMENT


def test_the_golden_heartbeat_verifies_and_decodes() -> None:
    envelope = envelope_from_bytes(read("heartbeat.v1.json"))
    verify(envelope, AGENT_PUBLIC)
    assert heartbeat_from_envelope(envelope) == BEAT


def test_the_golden_delta_tells_the_report_after_the_golden_one() -> None:
    envelope, base = envelope_from_bytes(read("delta.v1.json")), envelope_from_bytes(read("report.v1.json"))
    verify(envelope, AGENT_PUBLIC)
    delta = delta_from_envelope(envelope)
    assert delta.base == base.digest
    prefix = zstd.ZstdDict(unpack_gzip(base.payload), is_raw=True).as_prefix
    later = msgspec.structs.replace(STATEMENT, sequence=2, previous=base.digest)
    assert statement_from_raw(zstd.decompress(delta.patch, zstd_dict=prefix)) == later
    with contextlib.suppress(NotRebuilt):  # by a zlib that packs otherwise
        meant = rebuild(delta, base, envelope.keyid)
        verify(meant, AGENT_PUBLIC)
        assert statement_from_envelope(meant) == later


def test_the_golden_receipt_names_the_golden_report() -> None:
    receipt = open_receipt(envelope_from_bytes(read("receipt.v1.json")), COLLECTOR_PUBLIC)
    assert receipt.digest == envelope_from_bytes(read("report.v1.json")).digest
    assert (receipt.agent_id, receipt.epoch, receipt.sequence) == (AGENT_ID, 1, 1)


def test_the_golden_enrolment_and_its_answer_open() -> None:
    assert open_request(envelope_from_bytes(read("enrolment.v1.json"))) == REQUEST
    assert open_enrolled(envelope_from_bytes(read("enrolled.v1.json")), AGENT_PUBLIC) == ANSWER


def test_the_golden_rotation_opens() -> None:
    assert open_rotation(envelope_from_bytes(read("rotation.v1.json")), AGENT_PUBLIC) == ROTATED


def test_the_golden_checkpoint_opens() -> None:
    assert open_checkpoint(envelope_from_bytes(read("checkpoint.v1.json")), COLLECTOR_PUBLIC) == CHECKPOINT


def test_the_golden_manifest_and_key_for_boxes_open() -> None:
    assert open_export(envelope_from_bytes(read("export.v1.json")), AGENT_PUBLIC) == MANIFEST
    assert open_box_key(envelope_from_bytes(read("boxkey.v1.json")), COLLECTOR_PUBLIC) == NOTICE


def test_the_golden_answer_is_for_its_box_and_body() -> None:
    said, body = answer_from_bytes(read("answer.v1.json") + b"\nbody", b"box", COLLECTOR_PUBLIC)
    assert (said.status, said.retry_after, body) == (503, 7, b"body")


def test_this_release_still_writes_the_golden_bytes() -> None:
    # Releases and zlib versions may pack differently: then the golden file stays and only its statement is compared.
    for name, raw in golden().items():
        kept, made = envelope_from_bytes(read(name)), envelope_from_bytes(raw)
        if name == "report.v1.json":
            assert statement_from_envelope(kept) == statement_from_envelope(made)
        elif name == "delta.v1.json":
            assert delta_from_envelope(kept).base == delta_from_envelope(made).base
        else:
            assert kept == made, name


def test_a_field_of_a_newer_agent_does_not_stop_an_older_collector() -> None:
    value = msgspec.to_builtins(STATEMENT)
    value["report"]["from_the_future"] = {"x": 1}
    value["report"]["findings"][0]["also_new"] = 2
    envelope = seal(REPORT, gzip.compress(msgspec.json.encode(value), mtime=0), AGENT)
    assert statement_from_envelope(envelope).report.findings[0].rule == "linux.ssh.root-login"


@pytest.mark.hostile
@pytest.mark.parametrize("schema", [0, 2, "1", None, True])
def test_an_unknown_schema_version_is_refused_by_name(schema: object) -> None:
    value = msgspec.to_builtins(STATEMENT) | {"schema": schema}
    if schema is True:
        with pytest.raises((UnknownSchema, Malformed), match=r"."):
            statement_from_envelope(seal(REPORT, gzip.compress(msgspec.json.encode(value)), AGENT))
        return
    with pytest.raises(UnknownSchema, match="schema"):
        statement_from_envelope(seal(REPORT, gzip.compress(msgspec.json.encode(value)), AGENT))


@pytest.mark.hostile
def test_an_enrolment_sealed_by_another_key_than_it_names_is_refused() -> None:
    stolen = seal(ENROLMENT, msgspec.json.encode(REQUEST), COLLECTOR)
    with pytest.raises(BadSignature, match="no signature by key"):
        open_request(stolen)


@pytest.mark.hostile
def test_an_answer_for_another_key_or_a_receipt_of_another_collector_is_refused() -> None:
    with pytest.raises(Malformed, match="another key"):
        open_enrolled(envelope_from_bytes(read("enrolled.v1.json")), COLLECTOR_PUBLIC)
    with pytest.raises(BadSignature, match=keyid_of(AGENT_PUBLIC)[:16]):
        open_receipt(envelope_from_bytes(read("receipt.v1.json")), AGENT_PUBLIC)


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for file, content in golden().items():
        path = FOLDER / file
        if path.exists():
            raise SystemExit(f"{path} is of a released version and is not written again")
        path.write_bytes(content)
