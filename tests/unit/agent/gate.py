"""The twin of a collector whose tokens want approval."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from tests.unit.agent.twin import Clock, Collector, problem

from vonggac_agent import enrol
from vonggac_agent.link import Answer
from vonggac_contract.enrolment import EnrolmentRequest, open_request
from vonggac_contract.envelope import Envelope, envelope_from_bytes, keyid_of


class Gate(Collector):
    """`decided`: by key id, True or the reason of a refusal."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.decided: dict[str, bool | str] = {}

    def _enrol(self, envelope: Envelope) -> Answer:
        keyid = keyid_of(open_request(envelope).public_key)
        said = self.decided.get(keyid)
        if said is True:
            return super()._enrol(envelope)
        if said is not None:
            return problem(403, "enrolment-refused", str(said))
        until = self.clock() + timedelta(days=14)
        body = {"status": "waiting", "keyid": keyid, "until": until}
        return Answer(202, {}, msgspec.json.encode(body))

    def requests(self) -> list[EnrolmentRequest]:
        return [open_request(envelope_from_bytes(b)) for _, p, b in self.asked if p == enrol.PATH]
