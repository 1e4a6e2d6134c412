"""Chains of one agent by seeded chance, in whose making something may be done to one envelope (`harms` says what).

Nothing of the product is in it, so that what it makes is not what the product would make by the same mistake.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import random
from collections.abc import Callable
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.unit.contract.second.chain import Epoch, Item
from tests.unit.contract.second.form import HEARTBEAT, RECEIPT, REPORT, digest_of_value

AGENT: Final = "0b8a6a2e-6a52-4c8e-9c1e-0d2f5a7b9c11"
OTHER: Final = "77777777-6a52-4c8e-9c1e-0d2f5a7b9c11"


def key_of(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


KEYS: Final = {1: key_of("epoch 1"), 2: key_of("epoch 2")}
COLLECTOR: Final = key_of("collector")
STRANGER: Final = key_of("stranger")
"""Nobody enrolled it."""
NEIGHBOUR: Final = key_of("neighbour")
"""The key of `OTHER`."""


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def keyid(key: Ed25519PrivateKey) -> str:
    return hashlib.sha256(public(key)).hexdigest()


def signed_bytes(kind: str, payload: bytes) -> bytes:
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload)


def sealed(kind: str, payload: bytes, key: Ed25519PrivateKey) -> dict[str, Any]:
    sig = base64.b64encode(key.sign(signed_bytes(kind, payload))).decode()
    return {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": kind,
        "signatures": [{"keyid": keyid(key), "sig": sig}],
    }


def name_of(envelope: dict[str, Any]) -> str:
    signed = signed_bytes(envelope["payloadType"], base64.b64decode(envelope["payload"]))
    return hashlib.sha256(signed).hexdigest()


class Doing:
    """What is done to one envelope, and at which step of making it. `None`: the step as it is."""

    def __init__(self, **steps: Callable[..., Any]) -> None:
        self._steps = steps

    def step(self, name: str, value: Any, *more: Any) -> Any:
        found = self._steps.get(name)
        return value if found is None else found(value, *more)


PLAIN: Final = Doing()
Made = list[tuple[int, list[Item]]]


class Maker:
    """One chain: reports and heartbeats in one or two epochs; some repeated, some with the answer to them."""

    def __init__(self, chance: random.Random, doing: Doing = PLAIN) -> None:
        self.chance = chance
        self.parts: Made = []
        sizes = [chance.choice((1, 1, 2, 3)) for _ in range(chance.choice((1, 1, 2)))]
        self._target = chance.randrange(sum(sizes))
        self._doing = doing
        self._links = 0
        for epoch, links in enumerate(sizes, 1):
            self.parts.append((epoch, []))
            self._epoch(epoch, links)

    def epochs(self) -> list[Epoch]:
        return [Epoch(number, public(KEYS[number]), items) for number, items in self.parts]

    def _epoch(self, epoch: int, links: int) -> None:
        previous, counter = None, 0
        items = self.parts[-1][1]
        sequence = 0
        for _ in range(links):
            gone = self.chance.choice((0, 0, 0, 2)) if sequence else 0
            sequence += 1 + gone
            doing = self._doing if self._links == self._target else PLAIN
            self._links += 1
            made = self.statement(epoch, sequence, "e" * 64 if gone else previous)
            if gone:
                first = sequence - gone
                made["report"]["dropped"] = {"first": first, "last": sequence - 1, "previous": previous}
            said = doing.step("statement", made, self.chance)
            content, number = said["report"].get("content"), said.get("sequence", sequence)
            raw = doing.step("json", json.dumps(said, ensure_ascii=False).encode(), self.chance)
            packed = doing.step("packed", gzip.compress(raw, 1, mtime=0), raw)
            envelope = doing.step("sealed", sealed(REPORT, packed, KEYS[epoch]), self.chance, epoch)
            previous = name_of(envelope)
            items.append(self.item(envelope, epoch, (number, 0), doing))
            for _ in range(self.chance.choice((0, 0, 1, 2))):
                counter += 1
                beat = {
                    "schema": 1, "agent_id": AGENT, "epoch": epoch, "counter": counter, "sequence": number,
                    "content": content, "looked_at": "2026-11-23T08:30:00.5+07:00",
                }  # fmt: skip
                beat = doing.step("beat", beat, self.chance)
                raw = doing.step("beat json", json.dumps(beat).encode(), self.chance)
                envelope = doing.step("beat sealed", sealed(HEARTBEAT, raw, KEYS[epoch]), self.chance, epoch)
                items.append(self.item(envelope, epoch, (0, counter), doing))
            if self.chance.randrange(4) == 0:
                items.append(self.chance.choice(items))

    def statement(self, epoch: int, sequence: int, previous: str | None) -> dict[str, Any]:
        host = {
            "hostname": f"máy-{sequence}",
            "memory": 1.5e-5,
            "ünïcode": ['\b\x1f/"\\', -0.0, 1e22, 7, None, True],
        }
        sections: dict[str, Any] = {
            "host": {"digest": digest_of_value(host), "content": host},
            "packages": {"digest": "5" * 64},
            "tls": {"unavailable": "not-supported", "detail": "no socket", "withheld": ["subject"]},
        }
        evidence = {"fact": "sshd.effective permitrootlogin", "expected": ["no"], "actual": self.chance.random(),
                    "operator": "one_of", "offenders": [{"n": 1}], "total": 1}  # fmt: skip
        findings = [
            {"rule": "linux.test.rule-00", "outcome": self.chance.choice(("pass", "fail")), "severity": "high",
             "domain": "access", "evidence": [evidence]},
            {"rule": "linux.test.rule-01", "outcome": "partial", "severity": "low", "domain": "tls", "reason": "",
             "passed": 3, "of": 4, "detail": "…"},
        ]  # fmt: skip
        report = {
            "agent_version": "0.1.0", "platform": "linux", "rulebook": "d" * 64, "profile": "level-3",
            "started_at": "2026-11-23T08:15:00Z", "finished_at": "2026-11-23T08:15:01.25Z", "duration": 1.25,
            "content": "", "findings": findings, "sections": sections, "facts_known": 3,
            "facts_unavailable": [{"fact": "tls.listener", "reason": "not-supported", "detail": ""}],
            "notices": ["1 look was skipped"],
            "commands": [{"name": "raid", "argv": "a" * 64, "duration": 1, "exit_status": None, "truncated": False}],
        }  # fmt: skip
        report["content"] = content_of(report)
        return {
            "schema": 1, "agent_id": AGENT, "epoch": epoch, "sequence": sequence, "previous": previous,
            "sealed_at": "2026-11-23T08:15:02Z", "report": report,
        }  # fmt: skip

    def item(self, envelope: dict[str, Any], epoch: int, numbers: tuple[int, int], doing: Doing) -> Item:
        """The envelope as text, half of the time with its receipt."""
        raw = doing.step("text", json.dumps(envelope, separators=(",", ":")).encode(), self.chance)
        if self.chance.randrange(2) and doing is PLAIN:
            return Item(raw)
        told = {
            "schema": 1, "agent_id": AGENT, "epoch": epoch, "digest": name_of(envelope),
            "received_at": "2026-11-23T08:16:00Z", "profile": "level-3", "rulebook": "d" * 64,
            "sequence": numbers[0], "counter": numbers[1],
        }  # fmt: skip
        told = doing.step("receipt", told, self.chance)
        answer = doing.step("receipt json", json.dumps(told).encode(), self.chance)
        answer = doing.step("receipt sealed", sealed(RECEIPT, answer, COLLECTOR), self.chance, epoch)
        return Item(raw, doing.step("receipt text", json.dumps(answer).encode(), self.chance))


def content_of(report: dict[str, Any]) -> str:
    decided = [
        [f["rule"], f["outcome"], f.get("reason", ""), f.get("passed", 0), f.get("of", 0)]
        for f in report["findings"]
    ]
    parts = {n: s.get("digest", s.get("unavailable", "")) for n, s in report["sections"].items()}
    return digest_of_value([decided, parts])
