"""What a report, a heartbeat and a receipt have to hold, field by field (docs/wire.md, the sections of that name)."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from typing import Any

from tests.unit.contract.second.form import is_digest as digest

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):?(\d\d))", re.ASCII
)
SECTIONS = {"host", "os", "support", "kernel", "packages", "updates", "sockets", "tls", "accounts"}
OUTCOMES = {"pass", "fail", "partial", "unknown", "not-applicable"}
SEVERITIES = {"critical", "high", "medium", "low"}
DOMAINS = {"patching", "exposure", "tls", "configuration", "access", "logging", "protection"}


def text(most: int = 4096) -> Callable[[Any], bool]:
    return lambda v: isinstance(v, str) and len(v) <= most


def whole(v: Any) -> bool:
    return type(v) is int


def number(v: Any) -> bool:
    return type(v) in (int, float)


def counted(v: Any) -> bool:
    return type(v) is int and 1 <= v <= 2**53


def time(v: Any) -> bool:
    """An instant of the calendar in UTC too."""
    found = TIME.fullmatch(v)
    if found is None:
        return False
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    fraction, sign, hours, minutes = found.groups()[6:]
    zone = datetime.timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    if int(hours or 0) > 23 or int(minutes or 0) > 59:
        return False
    local = datetime.datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - its zone is beside it
    try:
        local += datetime.timedelta(microseconds=round(float(f"0.{fraction or 0}") * 1e6))
        local -= -zone if sign == "-" else zone
    except OverflowError:
        return False
    return True


def one_of(words: set[str]) -> Callable[[Any], bool]:
    return lambda v: isinstance(v, str) and v in words


def listed(kind: Callable[[Any], bool], most: int | None = None) -> Callable[[Any], bool]:
    return lambda v: isinstance(v, list) and (most is None or len(v) <= most) and all(map(kind, v))


def fields(
    needed: dict[str, Callable[[Any], bool]], other: dict[str, Callable[[Any], bool]] | None = None
) -> Callable[[Any], bool]:
    """An object with these fields, `other` may be left out; those it does not name are ignored."""
    every = needed | (other or {})
    return lambda v: (
        isinstance(v, dict)
        and needed.keys() <= v.keys()
        and all(every[n](v[n]) for n in every.keys() & v.keys())
    )


def anything(_: Any) -> bool:
    return True


def first_schema(v: Any) -> bool:
    return type(v) is int and v == 1


FINDING = fields(
    {"rule": text(120), "outcome": one_of(OUTCOMES), "severity": one_of(SEVERITIES), "domain": one_of(DOMAINS)},
    {
        "reason": text(80), "detail": text(400), "passed": whole, "of": whole,
        "evidence": listed(
            fields(
                {"fact": text(800), "expected": anything, "actual": anything},
                {"operator": text(2**53), "offenders": listed(anything, 20), "total": whole},
            )
        ),
    },
)  # fmt: skip
SECTION = fields(
    {},
    {"digest": digest, "content": anything, "unavailable": text(2**53), "detail": text(2**53),
     "withheld": listed(text(2**53))},
)  # fmt: skip
COMMAND = fields(
    {"name": text(), "argv": digest, "duration": number},
    {
        "exit_status": lambda v: v is None or whole(v),
        "truncated": lambda v: type(v) is bool,
        "reason": text(),
    },
)
REPORT_FIELDS = fields(
    {
        "agent_version": text(), "platform": text(), "rulebook": digest, "profile": text(), "started_at": time,
        "finished_at": time, "duration": number, "content": digest, "findings": listed(FINDING),
        "sections": lambda v: isinstance(v, dict) and v.keys() <= SECTIONS and all(map(SECTION, v.values())),
        "facts_known": whole,
        "facts_unavailable": listed(fields({"fact": text(), "reason": text()}, {"detail": text()})),
    },
    {
        "notices": listed(text()),
        "commands": listed(COMMAND),
        "dropped": fields({"first": counted, "last": counted, "previous": digest}),
    },
)  # fmt: skip
PLACE = {
    "schema": first_schema,
    "agent_id": lambda v: isinstance(v, str) and UUID.fullmatch(v) is not None,
    "epoch": counted,
}
STATEMENT = fields(
    PLACE
    | {
        "sequence": counted,
        "previous": lambda v: v is None or digest(v),
        "sealed_at": time,
        "report": REPORT_FIELDS,
    }
)
BEAT = fields(PLACE | {"counter": counted, "sequence": counted, "content": digest, "looked_at": time})
RECEIVED = fields(
    PLACE | {"digest": digest, "received_at": time, "profile": text(200), "rulebook": digest},
    {"sequence": whole, "counter": whole},
)
