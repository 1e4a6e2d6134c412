"""What the fleet seals from parts packed before is what the agent would have sealed, and what the collector takes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.load.agents import Agent
from tests.load.bodies import Body, mark
from tests.unit.collector.conftest import KEY, Desk, plant
from tests.unit.load.fleet import NOW, a_report, a_sealer, an_agent

from vonggac_collector.enrolment import enrol
from vonggac_collector.ledger.memory import MemoryLedger
from vonggac_collector.verification import verify_ledger
from vonggac_contract.decode import unpack_gzip
from vonggac_contract.enrolment import open_enrolled
from vonggac_contract.envelope import envelope_from_bytes, verify
from vonggac_contract.report import (
    content_digest,
    section_digest,
    statement_from_envelope,
    statement_to_payload,
)

STATES = 4


def test_a_report_is_byte_for_byte_what_the_agent_packs_of_the_same_statement() -> None:
    sealer, agent = a_sealer(), an_agent(1)
    for look in range(2 * STATES):
        sealed = sealer.report(agent, NOW + timedelta(minutes=look))
        envelope = envelope_from_bytes(sealed.raw)
        verify(envelope, sealer.key(agent).public_key().public_bytes_raw())
        statement = statement_from_envelope(envelope)
        assert unpack_gzip(envelope.payload) == unpack_gzip(statement_to_payload(statement))
        report = statement.report
        assert report.content == content_digest(report.findings, report.sections)
        for section in report.sections.values():
            assert section.content is None or section.digest == section_digest(section.content)
        assert ("host" in {n for n, s in report.sections.items() if s.content}) == (look == 0)


def test_the_collector_takes_a_fleets_chains_through_every_state_and_misses_nothing() -> None:
    ledger = MemoryLedger()
    plant(ledger)
    desk = Desk(ledger)
    token = desk.token()
    agents = [Agent(n) for n in range(3)]
    for agent in agents:
        sealer = a_sealer()
        raw = sealer.request(agent, token, NOW)
        answer = enrol(ledger, raw, now=NOW, collector_key=KEY)
        public = sealer.key(agent).public_key().public_bytes_raw()
        enrolled = open_enrolled(envelope_from_bytes(answer.body()), public)
        agent.enrolled(enrolled.agent_id)
    sealer = a_sealer(a_report(enrolled.rulebook, enrolled.profile))
    for look in range(2 * STATES):
        now = NOW + timedelta(minutes=15 * look)
        for agent in agents:
            assert desk.accept(sealer.report(agent, now).raw, now).status == 200
            assert desk.accept(sealer.heartbeat(agent, now).raw, now).status == 200
    with ledger.read() as tx:
        newest = [tx.chain.newest_look(a.id, now) for a in agents]
    assert [look.flags for look in newest if look] == ["", "", ""]
    assert len({a.id for a in agents}) == 3
    checked = verify_ledger(ledger)
    assert (checked.envelopes, checked.faults) == (6 * STATES, [])


@pytest.mark.parametrize("size", [0, 1, 399, 400, 5_000, 60_000])
def test_a_body_unpacks_to_its_text_with_everything_told(size: int) -> None:
    body = Body({"a": mark("first"), "b": "x" * size, "c": [mark("second"), {"d": mark("first")}]})
    payload = body.payload({"first": b"1", "second": b'"\xc4\x91"'})
    assert unpack_gzip(payload) == b'{"a":1,"b":"' + b"x" * size + b'","c":["\xc4\x91",{"d":1}]}'


def test_more_than_a_stored_block_holds_is_refused() -> None:
    with pytest.raises(ValueError, match="65536 bytes differ"):
        Body([mark("a")]).payload({"a": b"1" * 65_534})
