"""One agent of the fleet: its key, its end of the chain, and what it sealed that has no receipt yet."""

from __future__ import annotations

import hashlib
import uuid
from collections import deque
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vonggac_agent.seal import Chain, seal_heartbeat
from vonggac_contract.enrolment import SCHEMA, EnrolmentRequest
from vonggac_contract.envelope import ENROLMENT, REPORT, Envelope, envelope_to_bytes, seal

from .variety import Kind, State

SEALING: Final = timedelta(seconds=1)
"""Between the end of a look and its sealing."""


class Sealed(NamedTuple):
    """One envelope as it is sent. `number`: a report's sequence, a heartbeat's counter."""

    is_report: bool
    number: int
    digest: str
    looked_at: datetime
    raw: bytes


class Agent:
    """A few hundred bytes: the key is made again from the fleet's seed, what is said is the kind's."""

    __slots__ = ("_id", "_previous", "counter", "failures", "number", "sequence", "unsent")

    def __init__(self, number: int) -> None:
        self.number = number
        self._id = b""
        self._previous = b""
        self.sequence = 0
        self.counter = 0
        self.failures = 0
        self.unsent: deque[Sealed] | None = None

    @property
    def id(self) -> str:
        """As the collector called it; "" before that."""
        return str(uuid.UUID(bytes=self._id)) if self._id else ""

    def enrolled(self, agent_id: str) -> None:
        """The collector took it."""
        self._id = uuid.UUID(agent_id).bytes

    def keep(self, sealed: Sealed) -> None:
        """Keep it until there is a receipt; anything new takes the place of a heartbeat that was not sent."""
        kept = self.unsent = deque() if self.unsent is None else self.unsent
        if kept and not kept[-1].is_report:
            kept.pop()
        kept.append(sealed)

    def forget_first(self) -> None:
        """The oldest has its receipt, or was refused."""
        if self.unsent is not None:
            self.unsent.popleft()
            if not self.unsent:
                self.unsent = None


class Sealer:
    """Seals for every agent of a fleet. `seed`: of keys and kinds."""

    def __init__(self, seed: int, kinds: list[Kind]) -> None:
        self._seed = seed
        self._kinds = kinds

    def key(self, agent: Agent) -> Ed25519PrivateKey:
        """The agent's own key, always the same for the same seed."""
        secret = hashlib.sha256(f"{self._seed}-{agent.number}".encode()).digest()
        return Ed25519PrivateKey.from_private_bytes(secret)

    def request(self, agent: Agent, token: str, now: datetime) -> bytes:
        """A request to be enrolled."""
        key = self.key(agent)
        public = key.public_key().public_bytes_raw()
        name = hostname_of(agent.number)
        request = EnrolmentRequest(
            SCHEMA, token, public, name, machine_id_of(agent.number), "linux", "0.1.0", now
        )
        return envelope_to_bytes(seal(ENROLMENT, msgspec.json.encode(request), key))

    def report(self, agent: Agent, looked_at: datetime) -> Sealed:
        """The next link: something changed."""
        agent.sequence += 1
        state = self._state(agent)
        who = state.who(hostname_of(agent.number), machine_id_of(agent.number))
        body = self._kind(agent).first if agent.sequence == 1 else state.body
        told = {
            "agent_id": f'"{agent.id}"'.encode(),
            "epoch": b"1",
            "sequence": b"%d" % agent.sequence,
            "previous": f'"{agent._previous.hex()}"'.encode() if agent._previous else b"null",
            "sealed_at": msgspec.json.encode(looked_at + SEALING),
            "looked_at": msgspec.json.encode(looked_at),
            "content": f'"{state.content(who)}"'.encode(),
            **who._asdict(),
        }
        envelope = seal(REPORT, body.payload(told), self.key(agent))
        agent._previous = bytes.fromhex(envelope.digest)
        return _sealed(True, agent.sequence, envelope, looked_at)

    def heartbeat(self, agent: Agent, looked_at: datetime) -> Sealed:
        """Nothing changed since the newest report, of which there is one."""
        agent.counter += 1
        state = self._state(agent)
        content = state.content(state.who(hostname_of(agent.number), machine_id_of(agent.number)))
        chain = Chain(agent.id, 1)
        envelope = seal_heartbeat(chain, agent.counter, agent.sequence, content, looked_at, self.key(agent))
        return _sealed(False, agent.counter, envelope, looked_at)

    def _kind(self, agent: Agent) -> Kind:
        return self._kinds[agent.number % len(self._kinds)]

    def _state(self, agent: Agent) -> State:
        ring = self._kind(agent).ring
        return ring[(agent.sequence - 1) % len(ring)]


def _sealed(is_report: bool, number: int, envelope: Envelope, looked_at: datetime) -> Sealed:
    return Sealed(is_report, number, envelope.digest, looked_at, envelope_to_bytes(envelope))


def hostname_of(number: int) -> str:
    """The machine's name."""
    return f"may-{number:06d}"


def machine_id_of(number: int) -> str:
    """As the agent tells it: a keyed digest."""
    return hashlib.sha256(f"machine {number}".encode()).hexdigest()
