"""A small fleet for tests: what its machines say is made up, how it is sealed is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.load.agents import Agent, Sealed, Sealer
from tests.load.variety import kinds_of
from tests.unit.collector.machines import findings

from vonggac_contract.envelope import envelope_to_bytes
from vonggac_contract.receipt import Receipt, seal_receipt
from vonggac_contract.report import Report, Section, content_digest, section_digest

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
PUBLIC = KEY.public_key().public_bytes_raw()
IDS = [f"0b8a6a2e-6a52-4c8e-9c1e-{n:012}" for n in range(100)]


def a_report(rulebook: str = "0" * 64, profile: str = "level-3") -> Report:
    """One look: fourteen rules, two hundred packages."""
    contents = {
        "host": {"hostname": "vm", "machine_id": "m" * 64, "addresses": ["192.0.2.2"], "cpus": 2},
        "os": {"id": "debian", "version": "12", "name": "Debian GNU/Linux 12"},
        "packages": {"manager": "dpkg", "packages": [[f"goi-{n}", f"1.{n}-1", "amd64"] for n in range(200)]},
    }
    sections = {name: Section(section_digest(content), content) for name, content in contents.items()}
    sections["tls"] = Section(unavailable="not-installed", detail="no listener")
    found = findings({2, 5})
    content = content_digest(found, sections)
    return Report("0.1.0", "linux", rulebook, profile, NOW, NOW, 0.5, content, found, sections, 10, [])


def a_sealer(report: Report | None = None, *, kinds: int = 2, states: int = 4) -> Sealer:
    """Seals for agents of few kinds."""
    return Sealer(1, kinds_of(report or a_report(), 1, kinds=kinds, states=states))


def an_agent(number: int = 0) -> Agent:
    """One that its collector took."""
    agent = Agent(number)
    agent.enrolled(IDS[number])
    return agent


def a_receipt(agent: Agent, sealed: Sealed, key: Ed25519PrivateKey = KEY, **changed: object) -> bytes:
    """What a truthful collector answers; `changed`: fields of one that is not."""
    values = {
        "schema": 1,
        "agent_id": agent.id,
        "epoch": 1,
        "digest": sealed.digest,
        "received_at": sealed.looked_at + timedelta(seconds=4),
        "profile": "level-3",
        "rulebook": "0" * 64,
        "sequence": sealed.number if sealed.is_report else 0,
        "counter": 0 if sealed.is_report else sealed.number,
    }
    return envelope_to_bytes(seal_receipt(Receipt(**(values | changed)), key))  # type: ignore[arg-type]
