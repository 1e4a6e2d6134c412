"""Verifying a chain, by the section of that name in docs/wire.md."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

from tests.unit.contract.second.fields import BEAT, RECEIVED, STATEMENT
from tests.unit.contract.second.form import (
    HEARTBEAT,
    KIB,
    MIB,
    RECEIPT,
    REFUSALS,
    REPORT,
    digest_of_value,
    envelope_of,
    need,
    opened,
    strict_json,
    unpacked,
)


class Item(NamedTuple):
    """An envelope as it was sent, and the answer to it if that was kept."""

    envelope: bytes
    receipt: bytes | None = None


class Epoch(NamedTuple):
    """What came in an epoch, in its order, under its key."""

    number: int
    key: bytes
    items: list[Item]


def check_chain(agent: str, collector: bytes, epochs: list[Epoch]) -> tuple[int, int, str] | None:
    """None if the chain is whole; else where the first thing is that breaks it: number of the epoch, place in it
    from 0, and `envelope` or `receipt`.
    """
    for epoch in epochs:
        chain = Chain(agent, epoch)
        for place, item in enumerate(epoch.items):
            what = "envelope"
            try:
                name, wanted = chain.follow(item.envelope)
                what = "receipt"
                if item.receipt is not None:
                    chain.answered(item.receipt, collector, name, wanted)
            except REFUSALS:
                return epoch.number, place, what
    return None


class Chain:
    """The links of one epoch so far."""

    def __init__(self, agent: str, epoch: Epoch) -> None:
        self._agent = agent
        self._epoch = epoch
        self._links: dict[str, int] = {}
        self._contents: dict[int, str] = {}
        self._at = 0
        self._head: str | None = None

    def follow(self, raw: bytes) -> tuple[str, tuple[int, int]]:
        """The envelope's digest, and the sequence and counter that a receipt for it has."""
        envelope = envelope_of(strict_json(raw, 4 * MIB, 4 * MIB))
        need(envelope.signatures[0][0] == hashlib.sha256(self._epoch.key).hexdigest())
        if envelope.kind == HEARTBEAT:
            beat = strict_json(opened(envelope, HEARTBEAT, self._epoch.key), 4 * KIB)
            need(BEAT(beat) and self._is_mine(beat) and beat["sequence"] in self._contents)
            need(beat["content"] == self._contents[beat["sequence"]])
            return envelope.digest, (0, beat["counter"])
        said = strict_json(unpacked(opened(envelope, REPORT, self._epoch.key)), 32 * MIB)
        if envelope.digest not in self._links:
            self._take(said, envelope.digest)
        return envelope.digest, (self._links[envelope.digest], 0)

    def _is_mine(self, said: dict[str, Any]) -> bool:
        return bool(said["agent_id"] == self._agent and said["epoch"] == self._epoch.number)

    def _take(self, said: dict[str, Any], name: str) -> None:
        need(STATEMENT(said) and self._is_mine(said))
        report = said["report"]
        parts = {n: s.get("digest", s.get("unavailable", "")) for n, s in report["sections"].items()}
        for section in report["sections"].values():
            if section.get("content") is not None:
                need(section.get("digest") == digest_of_value(section["content"]))
        decided = [
            [f["rule"], f["outcome"], f.get("reason", ""), f.get("passed", 0), f.get("of", 0)]
            for f in report["findings"]
        ]
        need(report["content"] == digest_of_value([decided, parts]))
        after, previous = said["sequence"] - 1, said["previous"]
        if (dropped := report.get("dropped")) is not None:
            need(2 <= dropped["first"] <= dropped["last"] == after and previous is not None)
            after, previous = dropped["first"] - 1, dropped["previous"]
        need(after == self._at and previous == self._head)
        self._at = self._links[name] = said["sequence"]
        self._contents[self._at] = report["content"]
        self._head = name

    def answered(self, raw: bytes, collector: bytes, name: str, numbers: tuple[int, int]) -> None:
        """The receipt is the collector's, and for that envelope."""
        told = strict_json(
            opened(envelope_of(strict_json(raw, 4 * MIB, 4 * MIB)), RECEIPT, collector), 16 * KIB
        )
        need(RECEIVED(told) and self._is_mine(told) and told["digest"] == name)
        need((told.get("sequence", 0), told.get("counter", 0)) == numbers)
