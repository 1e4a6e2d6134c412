"""What the collector takes in on SQLite, beside verifying one signature and one synchronised commit."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import apsw
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vonggac_agent.seal import Chain, seal_heartbeat, seal_report
from vonggac_collector import rulebooks
from vonggac_collector.auth import Caller
from vonggac_collector.enrolment import create_token, enrol
from vonggac_collector.ingest.accept import accept
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.sql.ledger import open_ledger
from vonggac_collector.structure import NewUnit, add_units
from vonggac_contract.enrolment import SCHEMA, EnrolmentRequest, open_enrolled
from vonggac_contract.envelope import ENROLMENT, envelope_from_bytes, envelope_to_bytes, seal
from vonggac_contract.finding import Outcome
from vonggac_contract.report import Report, content_digest
from vonggac_rules.builtin import default_rulebook_bytes

from .figures import Beside, Figure
from .sealing import real_report

AGENTS = 100
ROUNDS = 5
CALLER = Caller("bench", "bench", "administrator", "vn")


def figures() -> Iterator[Figure]:
    """Changed reports and heartbeats a second, one process, each with a commit of its own."""
    report = real_report()
    now = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as folder:
        ledger = open_ledger(f"sqlite:///{folder}/ledger.db", upgrade=True)
        key = Ed25519PrivateKey.generate()
        rulebooks.publish(ledger, default_rulebook_bytes(), now=now, actor="bench")
        add_units(ledger, [NewUnit("vn", "", "root", "Việt Nam", "")], now=now, actor="bench")
        agents = [enrolled(ledger, key, now) for _ in range(AGENTS)]
        rounds = [sealed_round(agents, report, number, now) for number in range(1, ROUNDS + 1)]
        raws = [raw for each in rounds for raw in each]
        floor = Beside("verify and one commit each", per_second(raws, bare(Path(folder), agents[0][1])))

        def take(raw: bytes) -> None:
            answer = accept(ledger, raw, now=now + timedelta(minutes=1), collector_key=key)
            if answer.status != 200:
                raise RuntimeError(f"refused: {answer.code}")
            answer.body()

        yield Figure(f"changed reports of {len(raws[0]):,} bytes", per_second(raws, take), "/s", beside=floor)
        beats = [
            envelope_to_bytes(
                seal_heartbeat(
                    Chain(agent, 1), counter, ROUNDS, _changed(report, ROUNDS).content, now, secret
                )
            )
            for counter in range(1, ROUNDS + 1)
            for agent, secret in agents
        ]
        floor = Beside("verify and one commit each", per_second(beats, bare(Path(folder), agents[0][1])))
        yield Figure("heartbeats", per_second(beats, take), "/s", beside=floor)
        ledger.close()


def enrolled(ledger: Ledger, key: Ed25519PrivateKey, now: datetime) -> tuple[str, Ed25519PrivateKey]:
    """One agent with a key of its own."""
    token, _ = create_token(ledger, CALLER, "vn", None, 1, now + timedelta(hours=1), now)
    secret = Ed25519PrivateKey.generate()
    public = secret.public_key().public_bytes_raw()
    request = EnrolmentRequest(SCHEMA, token, public, "bench", "", "linux", "0", now)
    raw = envelope_to_bytes(seal(ENROLMENT, msgspec.json.encode(request), secret))
    answer = enrol(ledger, raw, now=now, collector_key=key)
    return open_enrolled(envelope_from_bytes(answer.body()), public).agent_id, secret


def sealed_round(
    agents: list[tuple[str, Ed25519PrivateKey]], report: Report, sequence: int, now: datetime
) -> list[bytes]:
    """The reports of one round, each the link after the round before."""
    found = []
    changed = _changed(report, sequence)
    for agent, secret in agents:
        envelope = seal_report(changed, Chain(agent, 1), sequence, _HEADS.get(agent), now, secret)
        _HEADS[agent] = envelope.digest
        found.append(envelope_to_bytes(envelope))
    return found


_HEADS: dict[str, str] = {}


def _changed(report: Report, sequence: int) -> Report:
    """Another outcome in each round: what a machine that changed would say."""
    first = report.findings[0]
    outcome = Outcome.FAIL if sequence % 2 else Outcome.PASS
    findings = [msgspec.structs.replace(first, outcome=outcome), *report.findings[1:]]
    content = content_digest(findings, report.sections)
    return msgspec.structs.replace(report, findings=findings, content=content)


def bare(folder: Path, secret: Ed25519PrivateKey) -> Callable[[bytes], None]:
    """Verify one signature, commit the bytes with the disk synchronised: what no collector can do without."""
    public = secret.public_key()
    message = b"x" * 10_000
    signature = secret.sign(message)
    connection = apsw.Connection(str(folder / f"bare-{time.monotonic_ns()}.db"))
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "full")
    connection.execute("create table envelopes (id integer primary key, raw blob)")

    def work(raw: bytes) -> None:
        public.verify(signature, message)
        connection.execute("insert into envelopes (raw) values (?)", (raw,))

    return work


def per_second(items: list[bytes], work: Callable[[bytes], None]) -> float:
    """The median rate over five parts of `items`."""
    rates = []
    part = len(items) // ROUNDS
    for start in range(0, part * ROUNDS, part):
        began = time.perf_counter()
        for item in items[start : start + part]:
            work(item)
        rates.append(part / (time.perf_counter() - began))
    return statistics.median(rates)
