"""A collector in memory: the contract's table of answers, real keys and receipts, and ways to make it lie.

`Collector.ask` is the agent's `Transport`; `tests/flow/served.py` puts the same twin behind a real socket. Beside it: a
small rulebook, an enrolled state folder, and reports that differ as told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.unit.policy_twin import Repository

from vonggac_agent import identity, policy, rulebooks, skipped
from vonggac_agent.errors import BadAnswer
from vonggac_agent.identity import Identity
from vonggac_agent.link import MAX_ANSWER_BYTES, Answer
from vonggac_agent.seal import Chain, seal_heartbeat, seal_report
from vonggac_agent.spool import Spool
from vonggac_agent.spool_rows import Beat, Link
from vonggac_contract.delta import delta_from_envelope, rebuild
from vonggac_contract.enrolment import SCHEMA, Enrolled, open_request
from vonggac_contract.envelope import (
    DELTA,
    ENROLLED,
    HEARTBEAT,
    Envelope,
    envelope_from_bytes,
    envelope_to_bytes,
    keyid_of,
    seal,
    verify,
)
from vonggac_contract.errors import ContractError
from vonggac_contract.facts import FactKey
from vonggac_contract.finding import Finding, Outcome
from vonggac_contract.receipt import Receipt, seal_receipt
from vonggac_contract.report import (
    Report,
    Section,
    Statement,
    content_digest,
    follows,
    heartbeat_from_envelope,
    section_digest,
    statement_from_envelope,
)
from vonggac_contract.rule import SCHEMA as RULES_SCHEMA
from vonggac_contract.rule import Compare, Profile, Rule, RulebookFile, Text, Value

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
TOKEN = "vg1-abcdefghijklmnopqrstuvwx"
AGENT = "0b9e4a52-7c3d-4f61-9a58-2f4d6c1e8b70"
PROFILE = "test-level-3"


class Clock:
    """A clock that tests move. Calling it tells the time."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


def rulebook_bytes(version: str = "1") -> bytes:
    """A rulebook of two rules whose facts are cheap to look at."""

    def rule(name: str, fact: FactKey, field: str, wanted: Any) -> Rule:
        text = Text(f"Quy tắc {name}", f"Rule {name}")
        check = Compare(fact, field, "equals", Value(wanted))
        return Rule(name, text, text, {"any": text}, "high", "configuration", "linux", None, check, {}, {})

    rules = [
        rule("linux.test.passwd-owner", FactKey("file.stat", ("/etc/passwd",)), "owner", "root"),
        rule("linux.test.release", FactKey("os.release"), "id", "debian"),
    ]
    profile = Profile(PROFILE, 3, Text("Thử", "Test"), Text("Thử", "Test"), {r.id: {} for r in rules})
    return msgspec.json.encode(RulebookFile(RULES_SCHEMA, version, rules, [profile]), order="sorted")


class Collector:
    """The other side. `committed`, `pending` and `heartbeats` are what it would hold; `asked` every question."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.key = Ed25519PrivateKey.from_private_bytes(b"c" * 32)
        self.rulebook = rulebook_bytes()
        self.profile = PROFILE
        self.repository: Repository | None = None
        """Without one, its word alone names the rulebook."""
        self.agents: dict[str, tuple[bytes, Chain]] = {}
        self.committed: dict[Chain, dict[int, str]] = {}
        self.pending: dict[Chain, dict[int, str]] = {}
        self.statements: dict[str, Statement] = {}
        self.reports: dict[str, Envelope] = {}
        """What was sent, whole, by digest."""
        self.knows_deltas = True
        self.deltas: list[Envelope] = []
        """Those that came, taken or not."""
        self.heartbeats: dict[Chain, int] = {}
        self.forks: list[tuple[Chain, int, str, str]] = []
        self.asked: list[tuple[str, str, bytes]] = []
        self.lies: list[Callable[[Answer], Answer]] = []
        """Each is applied to one answer, in order; the collector has done its work before."""
        self.refusals: list[Answer] = []
        """Each is given instead of one answer to an envelope, in order; nothing is kept."""

    @property
    def public(self) -> bytes:
        """The key that agents pin."""
        return self.key.public_key().public_bytes_raw()

    @property
    def rulebook_digest(self) -> str:
        """The digest of the rulebook in force."""
        return hashlib.sha256(self.rulebook).hexdigest()

    def ask(
        self, method: str, path: str, body: bytes | None = None, *, limit: int = MAX_ANSWER_BYTES
    ) -> Answer:
        """Answer as the contract says, then lie if told to."""
        self.asked.append((method, path, body or b""))
        if path == "/agent/v1/envelopes" and self.refusals:
            answer = self.refusals.pop(0)
        else:
            answer = self._answer(path, body or b"")
            if self.lies:
                answer = self.lies.pop(0)(answer)
        if len(answer.body) > limit:
            raise BadAnswer(f"an answer of more than {limit} bytes")
        return answer

    def _answer(self, path: str, body: bytes) -> Answer:
        if self.repository is not None and (raw := self.repository.answer(path)) is not None:
            return Answer(200, {}, raw)
        if path == f"/agent/v1/rulebooks/{self.rulebook_digest}":
            return Answer(200, {}, self.rulebook)
        try:
            if path == "/agent/v1/enrol":
                return self._enrol(envelope_from_bytes(body))
            if path == "/agent/v1/envelopes":
                return self._take(envelope_from_bytes(body))
        except ContractError as error:
            return problem(422, error.code, str(error))
        return problem(404, "not-found", "there is no such thing here")

    def _enrol(self, envelope: Envelope) -> Answer:
        request = open_request(envelope)
        if request.token != TOKEN:
            return problem(401, "token-refused", "the token is not valid")
        keyid = keyid_of(request.public_key)
        if keyid not in self.agents:
            epochs = [chain.epoch for _, chain in self.agents.values()]
            self.agents[keyid] = (request.public_key, Chain(AGENT, max(epochs, default=0) + 1))
        chain = self.agents[keyid][1]
        enrolled = Enrolled(
            SCHEMA, chain.agent_id, chain.epoch, request.public_key, self.public, "H01.01", self.profile,
            self.rulebook_digest, self.clock(), None if self.repository is None else self.repository.pin,
        )  # fmt: skip
        return Answer(200, {}, envelope_to_bytes(seal(ENROLLED, msgspec.json.encode(enrolled), self.key)))

    def _take(self, envelope: Envelope) -> Answer:
        known = self.agents.get(envelope.keyid)
        if known is None:
            return problem(401, "unknown-key", "no machine is enrolled with this key")
        public, chain = known
        verify(envelope, public)
        if envelope.payload_type == DELTA:
            self.deltas.append(envelope)
            delta = delta_from_envelope(envelope)
            base = self.reports.get(delta.base)
            if not self.knows_deltas:
                return problem(422, "unknown-schema", "payload type … is not known here")
            if base is None or delta.base not in self.committed[chain].values():
                return problem(422, "base-unknown", "none of this machine's chain here")
            envelope = rebuild(delta, base, envelope.keyid)
            verify(envelope, public)
        if envelope.payload_type == HEARTBEAT:
            beat = heartbeat_from_envelope(envelope)
            head = max(self.committed.get(chain, {0: ""}))
            if beat.sequence > head:
                return _pending(head + 1, beat.sequence)
            self.heartbeats[chain] = max(self.heartbeats.get(chain, 0), beat.counter)
            return self._receipt(chain, envelope.digest, counter=beat.counter)
        statement = statement_from_envelope(envelope)
        if (statement.agent_id, statement.epoch) != tuple(chain):
            return problem(403, "agent-mismatch", "the statement speaks for another machine")
        self.reports[envelope.digest] = envelope
        return self._link(chain, statement, envelope.digest)

    def _link(self, chain: Chain, statement: Statement, digest: str) -> Answer:
        committed = self.committed.setdefault(chain, {})
        pending = self.pending.setdefault(chain, {})
        sequence = statement.sequence
        held = committed.get(sequence) or pending.get(sequence)
        if held is not None and held != digest:
            self.forks.append((chain, sequence, held, digest))
            return problem(409, "seq-fork", f"another report has number {sequence}")
        head = max(committed, default=0)
        self.statements[digest] = statement
        if sequence <= head:
            return self._receipt(chain, digest, sequence=sequence)
        after, previous = follows(statement)
        if after > head:
            pending[sequence] = digest
            return _pending(head + 1, sequence - 1)
        if previous != committed.get(head):
            self.forks.append((chain, sequence, committed.get(head, ""), statement.previous or ""))
            return problem(409, "seq-fork", f"report {sequence} names another one before it")
        committed[sequence] = digest
        while pending and follows(self.statements[pending[number := min(pending)]])[0] == max(committed):
            committed[number] = pending.pop(number)
        return self._receipt(chain, digest, sequence=sequence)

    def _receipt(self, chain: Chain, digest: str, *, sequence: int = 0, counter: int = 0) -> Answer:
        return Answer(
            200, {}, envelope_to_bytes(self.sealed(chain, digest, sequence=sequence, counter=counter))
        )

    def sealed(self, chain: Chain, name: str, **other: Any) -> Envelope:
        """A receipt for the envelope with digest `name`, other fields as told."""
        receipt = Receipt(
            1, chain.agent_id, chain.epoch, name, self.clock(), self.profile, self.rulebook_digest
        )  # fmt: skip
        return seal_receipt(msgspec.structs.replace(receipt, **other), self.key)


def problem(status: int, code: str, detail: str, **headers: str) -> Answer:
    """A refusal as problem+json."""
    body = {"type": f"urn:vonggac:problem:{code}", "title": code, "status": status, "detail": detail}
    return Answer(status, {"content-type": "application/problem+json", **headers}, msgspec.json.encode(body))


def _pending(first: int, last: int) -> Answer:
    return Answer(202, {}, msgspec.json.encode({"status": "pending", "missing": [first, last]}))


class Machine:
    """An enrolled machine: its state folder, identity, key and spool."""

    def __init__(self, folder: Path, collector: Collector, *, max_bytes: int = 1 << 24) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self.folder = folder
        self.collector = collector
        self.max_bytes = max_bytes
        self.key = identity.key_for_enrolment(folder, None)
        public = self.key.public_key().public_bytes_raw()
        self.chain = Chain(AGENT, 1)
        collector.agents[keyid_of(public)] = (public, self.chain)
        enrolled = Enrolled(
            SCHEMA, AGENT, 1, public, collector.public, "H01.01", collector.profile,
            collector.rulebook_digest, collector.clock(),
            None if collector.repository is None else collector.repository.pin,
        )  # fmt: skip
        self.identity = Identity(1, "http://127.0.0.1:1", "", keyid_of(public), enrolled)
        identity.write_identity(folder, self.identity)
        policy.begin(folder, enrolled.policy)
        skipped.prepare(folder)
        rulebooks.keep(folder, collector.rulebook_digest, collector.rulebook)
        said = rulebooks.JudgedBy(collector.profile, collector.rulebook_digest, collector.clock())
        rulebooks.note_judged_by(folder, said)
        self.spool = self.open()

    def open(self) -> Spool:
        """The spool, opened anew."""
        return Spool(self.folder, max_bytes=self.max_bytes)

    def report(self, name: str = "a", **sections: Any) -> Link:
        """Seal a report whose content depends on `name`."""
        return self.spool.add_report(
            self.chain,
            report_of(name, **sections),
            lambda report, number, previous: seal_report(
                report, self.chain, number, previous, self.collector.clock(), self.key
            ),
        )

    def heartbeat(self) -> Beat:
        """Seal a heartbeat that names the last report."""
        tail = self.spool.tail(self.chain)
        assert tail is not None
        now = self.collector.clock()
        return self.spool.add_heartbeat(
            self.chain,
            tail.sequence,
            now,
            lambda counter: seal_heartbeat(self.chain, counter, tail.sequence, tail.content, now, self.key),
        )


def report_of(name: str, **sections: Any) -> Report:
    """A report with one finding and sections as given; `name` stands in a section of its own."""
    contents = {"host": {"hostname": name}, **sections}
    parts = {k: Section(digest=section_digest(v), content=v) for k, v in contents.items()}
    findings = [Finding("linux.test.release", Outcome.PASS, "high", "configuration")]
    return Report(
        "0.1.0", "linux", "0" * 64, PROFILE, NOW, NOW, 0.5, content_digest(findings, parts), findings,
        parts, 1, [],
    )  # fmt: skip
