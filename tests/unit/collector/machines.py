"""Machines that enrol and report as real ones do, with real keys and envelopes, but without looking at anything."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vonggac_contract.enrolment import EnrolmentRequest, open_enrolled
from vonggac_contract.envelope import (
    ENROLMENT,
    HEARTBEAT,
    REPORT,
    Envelope,
    envelope_from_bytes,
    envelope_to_bytes,
    seal,
)
from vonggac_contract.facts.base import FactKey
from vonggac_contract.finding import DOMAINS, SEVERITIES, Finding, Outcome
from vonggac_contract.receipt import Receipt, open_receipt
from vonggac_contract.report import (
    Heartbeat,
    Report,
    Section,
    Statement,
    content_digest,
    heartbeat_to_payload,
    section_digest,
    statement_to_payload,
)
from vonggac_contract.rotation import Rotation, seal_rotation
from vonggac_contract.rule import Compare, Profile, Rule, RulebookFile, Text, Value

WORDS = Text("chữ", "words")


def a_rulebook(*, rules: int = 14, version: str = "1") -> bytes:
    """Rules in every domain, two profiles: level 1 with the first half, level 3 with all."""
    made = [
        Rule(
            id=f"linux.test.rule-{n:02}",
            title=WORDS,
            why=WORDS,
            fix={"any": WORDS},
            severity=SEVERITIES[n % 4],
            domain=DOMAINS[n % 7],
            platform="linux",
            when=None,
            check=Compare(FactKey("host.identity", ()), "hostname", "exists", Value(True)),
            parameters={},
            maps={"tcvn14423": ["control"]},
        )
        for n in range(rules)
    ]
    low: dict[str, dict[str, Any]] = {r.id: {} for r in made[: max(1, rules // 2)]}
    profiles = [
        Profile("level-1", 1, WORDS, WORDS, low),
        Profile("level-3", 3, WORDS, WORDS, {r.id: {} for r in made}),
    ]
    return msgspec.json.encode(RulebookFile(1, version, made, profiles))


def findings(failing: set[int], *, rules: int = 14) -> list[Finding]:
    """One finding a rule of `a_rulebook`; those numbered in `failing` fail."""
    return [
        Finding(
            f"linux.test.rule-{n:02}",
            Outcome.FAIL if n in failing else Outcome.PASS,
            SEVERITIES[n % 4],
            DOMAINS[n % 7],
        )
        for n in range(rules)
    ]


class Machine:
    """One machine with its key and its end of the chain."""

    def __init__(self, hostname: str = "may-1", *, seed: int = 1) -> None:
        self.key = Ed25519PrivateKey.from_private_bytes(seed.to_bytes(32, "big"))
        self.hostname = hostname
        self.agent_id = ""
        self.epoch = 1
        self.sequence = 0
        self.previous: str | None = None
        self.content = ""
        self.counter = 0
        self.rulebook = ""
        self.profile = ""
        self.collector_key = b""

    @property
    def public_key(self) -> bytes:
        return self.key.public_key().public_bytes_raw()

    def request(self, token: str, now: datetime, **changes: Any) -> bytes:
        """A sealed enrolment request."""
        request = EnrolmentRequest(1, token, self.public_key, self.hostname, "m" * 64, "linux", "0.1.0", now)
        payload = msgspec.json.encode(msgspec.structs.replace(request, **changes))
        return envelope_to_bytes(seal(ENROLMENT, payload, self.key))

    def enrolled(self, body: bytes) -> None:
        """Take the collector's answer."""
        answer = open_enrolled(envelope_from_bytes(body), self.public_key)
        self.agent_id, self.epoch, self.sequence, self.previous = answer.agent_id, answer.epoch, 0, None
        self.rulebook, self.profile, self.collector_key = (
            answer.rulebook,
            answer.profile,
            answer.collector_key,
        )

    def rotation(self, now: datetime, *, seed: int, **changes: Any) -> bytes:
        """A request for the next epoch, with the key of that seed."""
        new = Ed25519PrivateKey.from_private_bytes(seed.to_bytes(32, "big"))
        public = new.public_key().public_bytes_raw()
        asked = Rotation(1, self.agent_id, self.epoch, self.sequence, self.previous, public, now)
        return envelope_to_bytes(seal_rotation(msgspec.structs.replace(asked, **changes), self.key, new))

    def rotated(self, body: bytes, *, seed: int) -> None:
        """Take the collector's answer."""
        self.key = Ed25519PrivateKey.from_private_bytes(seed.to_bytes(32, "big"))
        self.enrolled(body)

    def statement(
        self,
        now: datetime,
        failing: set[int] | None = None,
        *,
        sections: dict[str, Section] | None = None,
        **report: Any,
    ) -> Statement:
        """The next statement, not yet counted as sealed."""
        found = report.pop("findings", None) or findings(failing or set())
        if sections is None:
            content = {"hostname": self.hostname, "machine_id": "m" * 64}
            release = {"id": "debian", "version": "12", "name": "Debian GNU/Linux 12"}
            sections = {
                "host": Section(section_digest(content), content),
                "os": Section(section_digest(release), release),
            }
        values: dict[str, Any] = {
            "agent_version": "0.1.0",
            "platform": "linux",
            "rulebook": self.rulebook,
            "profile": self.profile,
            "started_at": now - timedelta(seconds=1),
            "finished_at": now,
            "duration": 1.0,
            "content": content_digest(found, sections),
            "findings": found,
            "sections": sections,
            "facts_known": 10,
            "facts_unavailable": [],
        }
        return Statement(
            1, self.agent_id, self.epoch, self.sequence + 1, self.previous, now, Report(**(values | report))
        )

    def report(self, now: datetime, failing: set[int] | None = None, **more: Any) -> bytes:
        """The next sealed report."""
        return self.seal(self.statement(now, failing, **more))

    def seal(self, statement: Statement) -> bytes:
        """Seal a statement and count it as the newest."""
        envelope = seal(REPORT, statement_to_payload(statement), self.key)
        self.sequence, self.previous, self.content = (
            statement.sequence,
            envelope.digest,
            statement.report.content,
        )
        return envelope_to_bytes(envelope)

    def heartbeat(self, now: datetime, **changes: Any) -> bytes:
        """The next sealed heartbeat."""
        self.counter += 1
        beat = Heartbeat(1, self.agent_id, self.epoch, self.counter, self.sequence, self.content, now)
        payload = heartbeat_to_payload(msgspec.structs.replace(beat, **changes))
        return envelope_to_bytes(seal(HEARTBEAT, payload, self.key))

    def receipt(self, body: bytes) -> Receipt:
        """Verify and read a receipt."""
        return open_receipt(envelope_from_bytes(body), self.collector_key)


def envelope_of(raw: bytes) -> Envelope:
    return envelope_from_bytes(raw)
