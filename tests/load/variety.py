"""What the machines of a fleet say: one real report, varied by seed into kinds of machines, each going through states.

A kind's states follow each other in a ring; from one to the next a few rules change, every second time packages too.
"""

from __future__ import annotations

import hashlib
import random
from typing import Any, Final, NamedTuple

import msgspec

from vonggac_agent.report import section_digests, without_known_sections
from vonggac_contract.finding import Finding, Outcome
from vonggac_contract.report import Report, Section, Statement, content_digest, section_digest

from .bodies import Body, mark

KINDS: Final = 16
STATES: Final = 6
_HOST: Final = "host"
_OWN: Final = ("hostname", "machine_id")
"""What in the section `host` is each machine's own."""
_UNSTABLE: Final = 0.15
"""How many of a kind's rules are decided otherwise than on the machine that was looked at."""
_CHANGED_RULES: Final = (1, 2, 3)
_CHANGED_PACKAGES: Final = 3


class Who(NamedTuple):
    """What a machine says of itself, and the digest of its section `host`: all JSON."""

    hostname: bytes
    machine_id: bytes
    host_digest: bytes


class State:
    """One state of a kind. Its body holds the sections that differ from the state before it."""

    def __init__(self, report: Report, before: Report) -> None:
        self._host = report.sections[_HOST].content
        marked = _marked(report)
        self.body = _body(without_known_sections(marked, section_digests(_marked(before))))
        decided = [(f.rule, f.outcome, f.reason, f.passed, f.of) for f in report.findings]
        parts = {name: s.digest or s.unavailable for name, s in marked.sections.items()}
        start, self._end = msgspec.json.encode([decided, parts], order="sorted").split(b'"@@host_digest@@"')
        self._start = hashlib.sha256(start)

    def who(self, hostname: str, machine_id: str) -> Who:
        """The machine of that name."""
        content = {**self._host, "hostname": hostname, "machine_id": machine_id}
        return Who(*(msgspec.json.encode(v) for v in (hostname, machine_id, section_digest(content))))

    def content(self, who: Who) -> str:
        """The report's content digest, as `vonggac_contract.report.content_digest` makes it."""
        found = self._start.copy()
        found.update(who.host_digest + self._end)
        return found.hexdigest()


class Kind(NamedTuple):
    """A kind of machines: the body of their first report, with every section, and the ring of their states."""

    first: Body
    ring: list[State]


def kinds_of(report: Report, seed: int, *, kinds: int = KINDS, states: int = STATES) -> list[Kind]:
    """ValueError if the report does not say whose it is."""
    if not isinstance(report.sections.get(_HOST, Section()).content, dict):
        raise ValueError("the look at this machine does not say whose it is")
    found = []
    for kind in range(kinds):
        chance = random.Random(f"{seed}-{kind}")
        ring = [_kind(report, chance)]
        for state in range(1, states):
            ring.append(_changed(ring[-1], chance, packages=state % 2 == 0))
        made = [State(each, ring[place - 1]) for place, each in enumerate(ring)]
        found.append(Kind(_body(_marked(ring[0])), made))
    return found


def _kind(report: Report, chance: random.Random) -> Report:
    findings = [_turned(f) if chance.random() < _UNSTABLE else f for f in report.findings]
    kept = chance.uniform(0.6, 1.0)
    return _with(report, findings, lambda packages: [p for p in packages if chance.random() < kept])


def _changed(report: Report, chance: random.Random, *, packages: bool) -> Report:
    decided = [n for n, f in enumerate(report.findings) if f.outcome in (Outcome.PASS, Outcome.FAIL)]
    turned = set(chance.sample(decided, min(len(decided), chance.choice(_CHANGED_RULES))))
    findings = [_turned(f) if n in turned else f for n, f in enumerate(report.findings)]
    if not packages:
        return _with(report, findings, None)

    def upgraded(found: list[list[str]]) -> list[list[str]]:
        chosen = set(chance.sample(range(len(found)), min(len(found), _CHANGED_PACKAGES)))
        return [[p[0], p[1] + "+u1", *p[2:]] if n in chosen else p for n, p in enumerate(found)]

    return _with(report, findings, upgraded)


def _turned(finding: Finding) -> Finding:
    other = {Outcome.PASS: Outcome.FAIL, Outcome.FAIL: Outcome.PASS}.get(finding.outcome, finding.outcome)
    return msgspec.structs.replace(finding, outcome=other)


def _with(report: Report, findings: list[Finding], packages: Any) -> Report:
    sections = dict(report.sections)
    held = sections.get("packages", Section()).content
    if packages is not None and isinstance(held, dict):
        content = {**held, "packages": packages(held["packages"])}
        sections["packages"] = Section(section_digest(content), content)
    content_is = content_digest(findings, sections)
    return msgspec.structs.replace(report, findings=findings, sections=sections, content=content_is)


def _marked(report: Report) -> Report:
    """The report with marks for what is each machine's own."""
    host: dict[str, Any] = report.sections[_HOST].content
    content = {k: mark(k) if k in _OWN else v for k, v in host.items()}
    sections = {**report.sections, _HOST: Section(mark("host_digest"), content)}
    return msgspec.structs.replace(report, sections=sections, content=mark("content"))


def _body(report: Report) -> Body:
    statement = msgspec.to_builtins(Statement(1, "", 1, 1, None, report.started_at, report))
    for name in ("agent_id", "epoch", "sequence", "previous", "sealed_at"):
        statement[name] = mark(name)
    statement["report"] |= {"started_at": mark("looked_at"), "finished_at": mark("looked_at")}
    return Body(statement)
