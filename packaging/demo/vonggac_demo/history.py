"""The sample country's history: what each sample machine sealed, day by day, taken in by the collector's own ingest.

Nothing is written past the road that real reports take: enrolment with a token, a key for each machine, rules
decided by the engine, envelopes sealed and chained, accepted at the time they would have come.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vonggac_agent.report import build_report, section_digests, without_known_sections
from vonggac_agent.seal import Chain, seal_heartbeat, seal_report
from vonggac_collector import rollup
from vonggac_collector.board import BoardMaker
from vonggac_collector.enrolment import enrol
from vonggac_collector.ingest.accept import accept
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.rulebooks import Shelf
from vonggac_collector.score.parameters import load_parameters
from vonggac_contract.enrolment import SCHEMA, EnrolmentRequest, open_enrolled
from vonggac_contract.envelope import ENROLMENT, envelope_from_bytes, envelope_to_bytes, seal

from .country import SampleHost
from .machines import Workshop, changes_of, life_of

Progress = Callable[[str, int, int], None]

REPORT_AGAIN: Final = timedelta(days=45)
"""After so long something has moved that no fault is about: a login, a certificate, a password."""


class Member(msgspec.Struct):
    """A sample machine as the demonstration remembers it between runs. `key`: its 32 secret bytes."""

    hostname: str
    agent_id: str
    key: bytes
    profile: str
    sequence: int = 0
    previous: str | None = None
    content: str = ""
    counter: int = 0
    sections: dict[str, str] = {}
    reported: datetime | None = None


class Sent(NamedTuple):
    """One envelope and when the collector gets it."""

    at: datetime
    raw: bytes


class World(NamedTuple):
    """What every sample machine is made with."""

    workshop: Workshop
    start: datetime
    """The first day of the history, midnight UTC."""


def join(
    ledger: Ledger, host: SampleHost, token: str, now: datetime, collector_key: Ed25519PrivateKey
) -> Member:
    """Enrol one sample machine with a token, as a person would."""
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    request = EnrolmentRequest(SCHEMA, token, public, host.hostname, "", "linux", "0.1.0", now)
    sealed = seal(ENROLMENT, msgspec.json.encode(request), key)
    answer = enrol(ledger, envelope_to_bytes(sealed), now=now, collector_key=collector_key)
    if answer.status != 200:
        raise RuntimeError(f"{host.hostname} was refused: {answer.code}")
    enrolled = open_enrolled(envelope_from_bytes(answer.body()), public)
    return Member(host.hostname, enrolled.agent_id, key.private_bytes_raw(), enrolled.profile)


def days_of(host: SampleHost, world: World, after: datetime, now: datetime) -> Iterator[tuple[int, datetime]]:
    """Day numbers and times at which the host looks, after `after` and until `now`."""
    silent_from = now - timedelta(days=host.silent_days) if host.silent_days else now
    minute = host.seed % 120
    for day in range((now - world.start).days + 1):
        at = world.start + timedelta(days=day, hours=1, minutes=minute)
        if after < at <= min(silent_from, now - timedelta(hours=1)):
            yield day, at
    # Heard of late, as a machine that looks every quarter of an hour is.
    if silent_from == now:
        for ago in (50 + host.seed % 7, host.seed % 5):
            if after < now - timedelta(minutes=ago):
                yield (now - world.start).days, now - timedelta(minutes=ago)


def seal_history(
    host: SampleHost, member: Member, world: World, after: datetime, now: datetime
) -> tuple[Member, list[Sent]]:
    """What the machine seals after `after` until `now`: a report when something changed, else a heartbeat."""
    key = Ed25519PrivateKey.from_private_bytes(member.key)
    chain = Chain(member.agent_id, 1)
    spans = life_of(host, world.workshop.failings(host))
    changes = changes_of(spans)
    sent: list[Sent] = []
    for day, at in days_of(host, world, after, now):
        fresh = member.reported is not None and at - member.reported < REPORT_AGAIN
        if fresh and day not in changes:
            member.counter += 1
            beat = seal_heartbeat(chain, member.counter, member.sequence, member.content, at, key)
            sent.append(Sent(at + timedelta(seconds=4), envelope_to_bytes(beat)))
            continue
        report = build_report(world.workshop.scan(host, spans, day, at, member.profile))
        shorter = without_known_sections(report, member.sections)
        envelope = seal_report(
            shorter, chain, member.sequence + 1, member.previous, at + timedelta(seconds=2), key
        )
        member.sequence += 1
        member.reported = at
        member.previous = envelope.digest
        member.content = report.content
        member.sections = section_digests(report)
        sent.append(Sent(at + timedelta(seconds=4), envelope_to_bytes(envelope)))
    return member, sent


_WORLD: dict[str, World] = {}


def _work(job: tuple[SampleHost, Member, datetime, datetime]) -> tuple[Member, list[Sent]]:
    host, member, after, now = job
    return seal_history(host, member, _WORLD["world"], after, now)


def extend(
    ledger: Ledger, world: World, pairs: list[tuple[SampleHost, Member]], after: datetime, now: datetime,
    collector_key: Ed25519PrivateKey, progress: Progress,
) -> list[Member]:  # fmt: skip
    """Take in all after `after` until `now`, publish each day; returns the members as they are then."""
    _WORLD["world"] = world
    members: list[Member] = []
    jobs = [(host, member, after, now) for host, member in pairs]
    # Machines are taken in one after the other as they are sealed: what counts is when each envelope was received.
    with multiprocessing.get_context("fork").Pool(1) as pool:
        for done, (member, sent) in enumerate(pool.imap(_work, jobs, chunksize=4), 1):
            members.append(member)
            with ledger.batch():
                for one in sent:
                    answer = accept(ledger, one.raw, now=one.at, collector_key=collector_key, peer="sample")
                    if answer.status != 200:
                        raise RuntimeError(f"a sample envelope was refused: {answer.code}")
            progress("reports", done, len(jobs))
    maker = BoardMaker(ledger, Shelf(ledger), load_parameters())
    first = rollup.day_of(after)
    days = (rollup.day_of(now) - first).days + 1
    for day in range(days):
        rollup.publish_day(ledger, first + timedelta(days=day), now, maker=maker)
        progress("scores", day + 1, days)
    return members
