"""What pages show of units, systems and hosts, in values small enough to be kept: figures, and a tally of what lies
behind them. Pure.

A tally of an agency comes from its board; that of a unit above from the tallies of the units beneath it, and says
exactly what a board of all their hosts would say (`tallies` has the value, `ledger.standings` the rows).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from vonggac_contract.finding import Outcome

from .board import Board, HostAt
from .instants import from_microseconds
from .ledger.standings import Head, HostStanding, Standing, StandingKind, order_of
from .score.gain import agency_gains
from .score.parts import deductions_of, gains_of, part_of, points_of, together
from .score.system import by_cause, unassigned_weight
from .score.values import Deduction, GroupScore
from .tallies import OUTCOMES, Counts, Tally, Unassigned, Unknown, pack

FAILING: Final = frozenset({Outcome.FAIL, Outcome.PARTIAL})
FORMAT: Final = 2
"""Raised when what is kept, or what it is worked out by, changes: everything is made again then."""
GAINS: Final = 20
"""Fixes that are kept for showing."""
FIRST: Final = 5
"""Hosts that are kept of each rule that fails or is not known in an agency."""
_SECOND: Final = 1_000_000
_PLACES: Final = {id(outcome): place for place, outcome in enumerate(OUTCOMES)}
"""An outcome is hashed in Python, its identity is not."""


def failing(host: HostAt) -> tuple[int, int]:
    """How many rules the host fails or meets only in part, and how many of these are critical."""
    if host.judged is None:
        return 0, 0
    found = [r.severity for r in host.judged.input.rules if r.outcome in FAILING]
    return len(found), found.count("critical")


def host_standing(board: Board, host: HostAt) -> HostStanding:
    """A host as lists show it; heartbeats after its look are left to who shows it, unless it fell silent."""
    number, critical = failing(host)
    silent = board.is_silent(host)
    looked_at = None if host.look is None else host.look.looked_at
    return HostStanding(
        host=host.host.id,
        unit=host.place.unit,
        system=host.place.system if host.place.system in board.systems else None,
        hostname=host.host.hostname,
        os=host.host.os,
        sample=host.host.sample,
        score=None if host.judged is None else host.judged.score.score,
        silent=silent,
        failing=number,
        critical=critical,
        looked_at=host.looked_at if silent else looked_at,
    )


def told(host: HostStanding) -> tuple[object, ...]:
    """What the index has of it: nothing that changes with every hour (docs/search.md)."""
    return host.silent, host.silent and host.looked_at, host.score


def in_order(hosts: Iterable[HostStanding]) -> list[HostStanding]:
    """Silent ones first, then the worst."""
    return sorted(hosts, key=lambda h: (order_of(h), h.hostname, h.host))


class Account(msgspec.Struct, frozen=True):
    """A unit or system with what is kept of it."""

    head: Head
    tally: Tally


def agency_account(board: Board, code: str, kind: StandingKind = "unit", fingerprint: str = "") -> Account:
    """What a unit has itself, with no regard to units beneath it."""
    score, hosts = board.agencies[code], board.hosts_of.get(code, [])
    given = [h.judged.input for h in hosts if h.judged is not None]
    gains = agency_gains(board.agency_inputs[code], given, board.now, board.parameters)
    silent, critical = sum(map(board.is_silent, hosts)), sum(failing(h)[1] for h in hosts)
    unassigned = None
    if score.unassigned is not None:
        levels = [s.level for s in board.agency_inputs[code].systems]
        number = sum(h.expected for h in board.agency_inputs[code].unassigned)
        unassigned = Unassigned(score.unassigned, number, unassigned_weight(levels, board.parameters))
    tally = Tally(
        part_of(score, gains),
        [Deduction(d.kind, d.what, d.points, hosts=d.hosts) for d in by_cause(score)],
        [(g.rule, len(g.hosts), g.points) for g in gains if g.points > 0][:GAINS],
        _counts(hosts),
        _unknown(hosts),
        sorted({("" if h.judged is None else h.judged.judge.rulebook, h.profile) for h in hosts}),
        unassigned,
        _first(board, hosts),
    )
    return Account(_head(kind, code, code, fingerprint, score, silent, critical, board), tally)


def system_heads(board: Board, code: str, fingerprint: str = "") -> list[Head]:
    """The figures of the unit's systems."""
    found = []
    for score in board.agencies[code].systems if code in board.agencies else ():
        hosts = [h for h in board.hosts_of.get(code, []) if h.place.system == score.system]
        silent, critical = sum(map(board.is_silent, hosts)), sum(failing(h)[1] for h in hosts)
        found.append(_head("system", score.system, code, fingerprint, score, silent, critical, board))
    return found


def account_above(
    code: str, accounts: Sequence[Account], looked: datetime | None, fingerprint: str = ""
) -> Account:
    """What a unit has with all beneath it: `accounts` of what it has itself and of each unit directly beneath it.

    `looked`: the median of all their hosts' looks, which can't be told from theirs.
    """
    heads, tallies = [a.head for a in accounts], [a.tally for a in accounts]
    part = together(t.part for t in tallies)
    gains = [g for g in gains_of(part) if g[2] > 0][:GAINS]
    unknown: dict[str, Unknown] = {}
    for tally in tallies:
        for reason, more in tally.unknown.items():
            known = unknown.get(reason, Unknown(0, {}))
            rules = dict(Counter(known.rules) + Counter(more.rules))
            unknown[reason] = Unknown(known.hosts + more.hosts, rules)
    tally = Tally(
        part,
        deductions_of(part),
        gains,
        _added(t.counts for t in tallies),
        unknown,
        sorted({judge for t in tallies for judge in t.judges}),
    )
    head = Head(
        kind="unit",
        id=code,
        unit=code,
        fingerprint=fingerprint,
        score=points_of(part),
        weight=part.weight,
        expected=sum(h.expected for h in heads),
        heard=sum(h.heard for h in heads),
        silent=sum(h.silent for h in heads),
        critical=sum(h.critical for h in heads),
        looked=looked,
    )
    return Account(head, tally)


def kept(account: Account) -> Standing:
    """As the ledger keeps it."""
    return Standing(**msgspec.structs.asdict(account.head), body=pack(account.tally))


def median(looks: Sequence[int]) -> datetime | None:
    """The median of looks (seconds since 1970, sorted); of two middle ones the older, as in `Coverage.freshness_s`."""
    return from_microseconds(looks[(len(looks) - 1) // 2] * _SECOND) if looks else None


def _head(
    kind: StandingKind,
    identifier: str,
    unit: str,
    fingerprint: str,
    score: GroupScore,
    silent: int,
    critical: int,
    board: Board,
) -> Head:
    age, covered = score.coverage.freshness_s, score.coverage
    looked = None if age is None else from_microseconds((board.now - age) * _SECOND)
    return Head(
        kind, identifier, unit, fingerprint, score.score, score.weight, covered.expected, covered.heard,
        silent, critical, looked,
    )  # fmt: skip


def _counts(hosts: Iterable[HostAt]) -> dict[str, Counts]:
    found: dict[str, list[int]] = {}
    for host in hosts:
        for verdict in host.judged.input.rules if host.judged is not None else ():
            numbers = found.get(verdict.rule)
            if numbers is None:
                numbers = found[verdict.rule] = [0] * len(OUTCOMES)
            numbers[_PLACES[id(verdict.outcome)]] += 1
    return {rule: Counts(*found[rule]) for rule in sorted(found)}


def _added(several: Iterable[dict[str, Counts]]) -> dict[str, Counts]:
    found: dict[str, list[int]] = {}
    for counts in several:
        for rule, more in counts.items():
            numbers = msgspec.structs.astuple(more)
            known = found.get(rule)
            found[rule] = (
                [*numbers] if known is None else [a + b for a, b in zip(known, numbers, strict=True)]
            )
    return {rule: Counts(*found[rule]) for rule in sorted(found)}


def _unknown(hosts: Iterable[HostAt]) -> dict[str, Unknown]:
    rules: dict[str, Counter[str]] = {}
    where: Counter[str] = Counter()
    for host in hosts:
        unknown = [
            (v.reason, v.rule)
            for v in (host.judged.input.rules if host.judged is not None else ())
            if v.outcome is Outcome.UNKNOWN
        ]
        where.update({reason for reason, _ in unknown})
        for reason, rule in unknown:
            rules.setdefault(reason, Counter())[rule] += 1
    return {reason: Unknown(where[reason], dict(counts)) for reason, counts in rules.items()}


def _first(board: Board, hosts: Sequence[HostAt]) -> dict[str, list[str]]:
    by_id = {h.host.id: h for h in hosts}
    wrong: dict[str, list[str]] = {}
    unknown: dict[str, list[str]] = {}
    for host in in_order(host_standing(board, h) for h in hosts):
        judged = by_id[host.host].judged
        for verdict in judged.input.rules if judged is not None else ():
            into = (
                wrong
                if verdict.outcome in FAILING
                else unknown
                if verdict.outcome is Outcome.UNKNOWN
                else None
            )
            if into is not None and len(named := into.setdefault(verdict.rule, [])) < FIRST:
                named.append(host.host)
    return {
        rule: (wrong.get(rule, []) + unknown.get(rule, []))[:FIRST] for rule in sorted({*wrong, *unknown})
    }
