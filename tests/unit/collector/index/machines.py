"""Hosts as the ledger has them, made up by seed, and what is asked of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from vonggac_collector.index.documents import Standing, host_state
from vonggac_collector.index.interface import HostState
from vonggac_collector.ledger.rows import Agent, Failing, Host, Look, Placement, System, Unit
from vonggac_collector.ledger.standings import HostStanding
from vonggac_collector.score.values import POINT
from vonggac_collector.search.fields import FIELDS, OUTCOMES, Field
from vonggac_collector.search.query import KINDS, Having, Is, Kind, Query, Range, Sort, Starts, Term, Word
from vonggac_contract.finding import DOMAINS, SEVERITIES
from vonggac_contract.rule import Rule, Text

NOW = datetime(2026, 11, 26, 3, 0, 0, 123_000, tzinfo=UTC)
DAY = timedelta(days=1)
ROOT = Unit("vn", None, "root", "Việt Nam", "Viet Nam", False, NOW)
TITLES = {
    "linux.ssh.root-login": Text("Đăng nhập SSH bằng root bị tắt", "SSH root login is off"),
    "linux.tls.expired": Text("Chứng thư còn hạn", "Certificates are valid"),
    "linux.files.shadow": Text("Tệp shadow kín", "The shadow file is closed"),
    "linux.updates.security": Text("Bản vá an ninh đã cài", "Security updates are installed"),
}
NAMES = ("máy-chủ", "WEB-01", "đường-truyền", "duong", "db.so-y-te.vn", "Phòng Nội vụ", "x")
PACKAGES = ("openssl", "openssl-dev", "nginx", "bash", "Đ-gói", "x_y")


def rule_of(rule: str) -> Rule | None:
    """What a rulebook says of it; nothing of one that no rulebook has."""
    title = TITLES.get(rule)
    if title is None:
        return None
    return Rule(rule, title, title, {"any": title}, "high", "access", "linux", None, None, {}, {})  # type: ignore[arg-type]


def a_tree(seed: int, units: int = 9) -> list[Unit]:
    """The root and units under it, each after the one above."""
    rng = random.Random(seed)
    made = [ROOT]
    for n in range(units):
        above = rng.choice(made)
        name = rng.choice(("Sở Y tế", "Ủy ban", "Trung tâm Đo đạc"))
        made.append(Unit(f"u{n}", above.code, "agency", name, f"Office {n}", False, NOW))
    return made


def path_of(tree: Sequence[Unit], code: str) -> list[Unit]:
    """From the root down to the unit."""
    by_code = {u.code: u for u in tree}
    found = [by_code[code]]
    while found[0].parent is not None:
        found.insert(0, by_code[found[0].parent])
    return found


def agent_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012x}"


def a_state(
    number: int = 1,
    ticket: int = 1,
    *,
    path: Sequence[Unit] = (ROOT,),
    failing: Sequence[Failing] = (),
    sections: dict[str, Any] | None = None,
    hostname: str = "may-1",
    level: int = 3,
    kept: HostStanding | None = None,
) -> HostState:
    """The state of host `number`."""
    identifier, unit = agent_id(number), path[-1].code
    system = (
        System("hsyt", unit, "Hồ sơ sức khỏe", "Health records", level, False, NOW) if level > 2 else None
    )
    return host_state(
        ticket,
        Standing(
            Host(identifier, hostname, "linux", "Debian GNU/Linux 12 (bookworm)", "m" * 64, NOW, False),
            Placement(identifier, unit, None if system is None else system.id, 1, None, NOW),
            path,
            system,
            level,
            Agent(identifier, "active", 1, 1, "d" * 64, "c" * 64, "0.1.0", NOW),
            a_look(identifier, NOW - number * DAY),
            kept,
        ),
        failing,
        (sections or {}).get,
        rule_of,
    )


def a_standing(score: int | None, silent_since: datetime | None = None) -> HostStanding:
    """What a round kept of a host, as far as documents have something of it. `score`: in points."""
    points = None if score is None else score * POINT
    silent = silent_since is not None
    return HostStanding("", "", None, "", "", False, points, silent, 0, 0, silent_since)


def a_look(agent: str, looked_at: datetime) -> Look:
    """Its newest look, as far as documents have something of it."""
    return Look(
        digest="d" * 64,
        agent=agent,
        epoch=1,
        sequence=1,
        looked_at=looked_at,
        finished_at=looked_at,
        committed_at=looked_at,
        rulebook="b" * 64,
        profile="level-3",
        platform="linux",
        content="c" * 64,
        outcomes_digest="o" * 64,
        vector=b"",
        flags="",
        shelf="2026-11-L3",
    )


def fails(*rules: str, outcome: str = "fail", severity: str = "high") -> list[Failing]:
    """Rules that a host fails."""
    return [Failing("", r, outcome, "", 0, 0, severity, "access", NOW - DAY, 1, 1) for r in rules]


def a_random_state(rng: random.Random, number: int, ticket: int, tree: Sequence[Unit]) -> HostState:
    """Some host, somewhere in the tree."""
    failing = [
        Failing(
            "",
            rule,
            rng.choice(OUTCOMES),
            rng.choice(("", "timed-out")),
            rng.randrange(3),
            rng.randrange(4),
            rng.choice(SEVERITIES),
            rng.choice(DOMAINS),
            NOW - rng.randrange(400) * DAY,
            1,
            1,
        )
        for rule in rng.sample([*TITLES, "local.rule"], rng.randrange(5))
    ]
    return a_state(
        number,
        ticket,
        path=path_of(tree, rng.choice(tree).code),
        failing=failing,
        sections=some_sections(rng),
        hostname=rng.choice(NAMES) + rng.choice(("", "-2")),
        level=rng.randrange(1, 6),
        kept=rng.choice(
            (None, a_standing(rng.randrange(101)), a_standing(None, NOW - rng.randrange(14, 99) * DAY))
        ),
    )


def some_sections(rng: random.Random) -> dict[str, Any]:
    """An inventory as a machine sends it: what is withheld is not there, and some of it makes no sense."""
    names = rng.sample(PACKAGES, rng.randrange(len(PACKAGES)))
    return {
        "host": {"hostname": "ignored", "addresses": [f"10.0.{rng.randrange(3)}.{rng.randrange(9)}"]},
        "packages": {
            "packages": [[n, f"{rng.randrange(3)}.1-{n}", "amd64", ""] for n in names] + ["nonsense"]
        },
        "sockets": {
            "sockets": [
                {"protocol": "tcp", "address": "0.0.0.0", "port": port, "scope": "any", "process": "nginx"}
                for port in rng.sample((22, 80, 443, 3389), rng.randrange(4))
            ]
            + [{"protocol": "udp"}]
        },
        "tls": {
            "endpoints": [
                {
                    "address": "0.0.0.0",
                    "port": 443,
                    "version": "TLSv1.3",
                    "trusted": rng.choice((True, False, None)),
                    "certificate": {
                        "subject": f"CN=cổng-{rng.randrange(3)}.vn",
                        "issuer": "CN=Đơn vị cấp",
                        "not_after": (NOW + rng.randrange(-50, 400) * DAY).isoformat(),
                        "self_signed": rng.random() < 0.5,
                    },
                }
            ][: rng.randrange(2)]
        },
        "accounts": {
            "accounts": [
                {"name": n, "uid": rng.randrange(2_000), "can_log_in": rng.random() < 0.5, "password": "set"}
                for n in rng.sample(("root", "An", "bình"), rng.randrange(4))
            ],
            "administrators": ["root"],
        },
    }


_VALUES: dict[str, Sequence[Any]] = {
    "outcome": OUTCOMES,
    "severity": SEVERITIES,
    "rule": [*TITLES, "local.rule"],
    "host": ["may", "máy chủ", "WEB", "web 01", "đường", "duong truyen", "2", ""],
    "os": ["debian", "GNU Linux", "linux debian"],
    "package": PACKAGES,
    "address": ["10.0.1.1", "10", "0.0.0.0"],
    "subject": ["cong 1", "CN"],
    "issuer": ["đơn vị", "don"],
    "user": ["root", "An", "an"],
    "transport": ["tcp", "udp"],
}
_WORDS = (
    "web",
    "so y te",
    "sở y tế",
    "duong",
    "Đường",
    "ssh",
    "ROOT",
    "openssl",
    "openssl-dev",
    "cổng",
    "",
    "12",
    "zz",
    "ngin",
)


def a_random_query(rng: random.Random, tree: Sequence[Unit], asked: Kind | None = None) -> Query:
    """Some question, mostly one that something fits."""
    kind = rng.choice(KINDS) if asked is None else asked
    terms: tuple[Term, ...] = tuple(_a_term(rng, kind, tree) for _ in range(rng.randrange(3)))
    if rng.random() < 0.4:
        terms += (_having(rng, tree),)
    sorts = [f.name for f in FIELDS[kind].values() if f.sorts]
    sort = rng.choice((None, Sort(rng.choice(sorts), rng.random() < 0.5)))
    return Query(kind, terms, sort)


def _having(rng: random.Random, tree: Sequence[Unit]) -> Having:
    """Something that a host has beside, of any kind."""
    kind = rng.choice(KINDS)
    terms = tuple(_a_term(rng, kind, tree) for _ in range(rng.randrange(1, 3)))
    return Having(kind, terms, rng.random() < 0.3)


def _a_term(rng: random.Random, kind: Kind, tree: Sequence[Unit]) -> Word | Is | Starts | Range:
    negated = rng.random() < 0.3
    if rng.random() < 0.3:
        return Word(rng.choice(_WORDS), rng.random() < 0.3, negated)
    field = rng.choice(list(FIELDS[kind].values()))
    if field.type == "time" or (field.type in ("number", "version") and rng.random() < 0.7):
        low, high = _an_end(rng, field), _an_end(rng, field)
        return Range(field.name, low, high, rng.random() < 0.5, rng.random() < 0.5, negated)
    if field.type in ("term", "name") and rng.random() < 0.3:
        return Starts(field.name, str(_a_value(rng, field, tree))[: rng.randrange(1, 6)], negated)
    return Is(field.name, tuple(_a_value(rng, field, tree) for _ in range(rng.randrange(1, 3))), negated)


def _an_end(rng: random.Random, field: Field) -> Any:
    if rng.random() < 0.3:
        return None
    if field.type == "time":
        return NOW + rng.randrange(-300, 300) * DAY
    ends: Sequence[Any] = (
        ("0.1", "0.1.0", "1", "1.1-z", "2.1~") if field.type == "version" else (0, 1, 2, 22, 500, 1_024)
    )
    return rng.choice(ends)


def _a_value(rng: random.Random, field: Field, tree: Sequence[Unit]) -> Any:
    if field.type == "unit":
        return rng.choice(tree).code
    if field.type == "flag":
        return rng.random() < 0.5
    if field.type == "number":
        return rng.choice((1, 2, 3, 22, 443, 500, 3389))
    return rng.choice(_VALUES.get(field.name, field.values or ["x", "hsyt", "0.1.0", "amd64"]))
