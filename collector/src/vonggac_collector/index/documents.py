"""From what the ledger says of a host to its documents. Pure; what comes from the machine is cut, and never trusted.

Fields are ECS's (see `search.fields`). Sections of a report hold whatever a machine sent, with fields that its owner
withheld left out: a value of another shape than declared counts as not there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import msgspec

from vonggac_collector.ledger.rows import (
    GOES_ON,
    Agent,
    Change,
    DailyScore,
    Failing,
    Host,
    Look,
    Placement,
    System,
    Unit,
)
from vonggac_collector.ledger.standings import HostStanding
from vonggac_collector.score.values import POINT
from vonggac_collector.search.fields import OWN, VERSION_ORDER
from vonggac_collector.search.query import Kind
from vonggac_collector.search.versions import order_of
from vonggac_contract.finding import SEVERITIES
from vonggac_contract.rule import Rule

from . import schema
from .document import digest_of
from .fold import to_text
from .interface import Event, Fields, HostState, Item, Score, Value

MAX_TEXT: Final = 1_000
"""Characters of one value: far under the 32,766 bytes that Elasticsearch takes of a keyword."""
MAX_ITEMS: Final = 20_000
"""Of one section; as many as a fact's list has (limits.MAX_FACT_LIST)."""
_ECS_OUTCOME: Final = {"fail": "failure", "partial": "failure", "unknown": "unknown", "pass": "success"}
_WEIGHT: Final[dict[str, int]] = {severity: len(SEVERITIES) - n for n, severity in enumerate(SEVERITIES)}
"""event.severity: 4 for critical down to 1 for low; ECS leaves the scale to the source."""


class Standing(msgspec.Struct, frozen=True):
    """A host with where it belongs. `path`: its unit and every unit above it, the root first.

    `kept`: what the last round kept of it; None before its first.
    """

    host: Host
    place: Placement
    path: Sequence[Unit]
    system: System | None
    level: int
    agent: Agent | None
    look: Look | None
    kept: HostStanding | None = None


def host_state(
    ticket: int,
    standing: Standing,
    failing: Sequence[Failing],
    section: Callable[[str], Any],
    rule_of: Callable[[str], Rule | None],
    *,
    digests: Mapping[str, str] | None = None,
    noted: str = "",
) -> HostState:
    """Every document of a host. `section`: the current content by name, as builtins; `digests`: theirs, if known.

    `noted`: of which inventory the index has the documents; that one's are left out.
    """
    host, unit = standing.host, standing.path[-1]
    common = _common(standing)
    outcomes = [f.outcome for f in failing]
    own: Fields = {
        "vonggac.failing": sum(o != "unknown" for o in outcomes),
        "vonggac.critical": sum(f.severity == "critical" and f.outcome != "unknown" for f in failing),
        "vonggac.unknown": outcomes.count("unknown"),
    }
    if standing.look is not None:
        own |= {
            "vonggac.looked": iso(standing.look.looked_at),
            schema.EPOCH: standing.look.epoch,
            schema.SEQUENCE: standing.look.sequence,
        }
    own |= _of_round(standing)
    if standing.agent is not None:
        # What lies beside a chain that is in order waits for earlier reports; a fork is quarantined.
        own["vonggac.missing"] = standing.agent.status == "active" and standing.agent.aside > 0
    version = None if standing.agent is None else _text(standing.agent.agent_version)
    if version is not None:
        own |= {"agent.version": version, VERSION_ORDER: order_of(version)}
    _put(own, "host.ip", _texts(_dict(section("host")).get("addresses")))
    system = [] if standing.system is None else [standing.system.name_vi, standing.system.name_en]
    text = to_text(
        [host.hostname, host.os, unit.name_vi, unit.name_en, *system],
        _names("hosts", {**common, **own}),
    )
    items = [_finding(f, rule_of(f.rule)) for f in failing]
    inventory = "" if digests is None else digest_of([common, text, {n: digests.get(n) for n in _SECTIONS}])
    same = inventory != "" and inventory == noted
    for name, make in _SECTIONS.items() if not same else ():
        items += make(section(name))
    # A machine may name a thing twice; the last one counts.
    once = tuple({i.key: i for i in items}.values())
    return HostState(host.id, ticket, common, own, text, once, inventory=inventory, same=same)


def _of_round(standing: Standing) -> Fields:
    """What time changes: as the last round kept it, which tells the index when that differs (`standings.told`)."""
    kept = standing.kept
    if kept is None:
        return {}
    found: Fields = {"vonggac.silent": kept.silent}
    if kept.silent:
        found["vonggac.silent_since"] = iso(kept.looked_at or standing.host.expected_since)
    _put(found, "vonggac.score", None if kept.score is None else kept.score * 10 // POINT)
    return found


def _common(standing: Standing) -> Fields:
    host, unit, system = standing.host, standing.path[-1], standing.system
    found: Fields = {
        schema.AGENT: host.id,
        "host.name": _cut(host.hostname),
        "host.os.full": _cut(host.os),
        "host.os.type": _cut(host.platform),
        schema.UNIT: unit.code,
        schema.PATH: [u.code for u in standing.path],
        "organization.name": unit.name_vi,
        "vonggac.organization.name_en": unit.name_en,
        "vonggac.level": standing.level,
        "vonggac.sample": host.sample,
    }
    if system is not None:
        found["vonggac.system.id"] = system.id
        found["vonggac.system.name"] = system.name_vi
        found["vonggac.system.name_en"] = system.name_en
    if standing.agent is not None:
        status = standing.agent.status
        found["vonggac.agent"] = "quarantined" if status in GOES_ON else status
    return found


def _finding(failing: Failing, rule: Rule | None) -> Item:
    fields: Fields = {
        "rule.id": failing.rule,
        "rule.category": failing.domain,
        "event.kind": "state",
        "event.outcome": _ECS_OUTCOME[failing.outcome],
        "event.severity": _WEIGHT.get(failing.severity, 0),
        "vonggac.outcome": failing.outcome,
        "vonggac.severity": failing.severity,
        "vonggac.since": iso(failing.since),
    }
    _put(fields, "vonggac.reason", failing.reason or None)
    if failing.of:
        fields |= {"vonggac.passed": failing.passed, "vonggac.of": failing.of}
    texts = [failing.rule]
    if rule is not None:
        fields |= {"rule.name": rule.title.vi, "vonggac.rule.name_en": rule.title.en}
        texts += [rule.title.vi, rule.title.en]
    return _item("findings", [failing.rule], fields, texts)


def _packages(content: Any) -> Iterator[Item]:
    for entry in _list(_dict(content).get("packages")):
        if not isinstance(entry, list) or len(entry) < 3:
            continue
        name, version, architecture, source = (_text(v) for v in [*entry, None][:4])
        if name is not None:
            yield _package(name, version, architecture, source)


@lru_cache(maxsize=20_000)
def _package(name: str, version: str | None, architecture: str | None, source: str | None) -> Item:
    """Machines have the same packages, over and over."""
    fields: Fields = {"package.name": name}
    if version is not None:
        fields |= {"package.version": version, VERSION_ORDER: order_of(version)}
    _put(fields, "package.architecture", architecture)
    _put(fields, "vonggac.source", source)
    return _item("packages", [name, version, architecture], fields, [name])


def _ports(content: Any) -> Iterator[Item]:
    for entry in map(_dict, _list(_dict(content).get("sockets"))):
        port = _number(entry.get("port"))
        if port is None:
            continue
        fields: Fields = {"server.port": port}
        _put(fields, "network.transport", _text(entry.get("protocol")))
        _put(fields, "server.address", _text(entry.get("address")))
        _put(fields, "vonggac.reach", _text(entry.get("scope")))
        _put(fields, "process.name", _text(entry.get("process")))
        _put(fields, "user.name", _text(entry.get("user")))
        _put(fields, "package.name", _text(entry.get("package")))
        key = [fields.get(p) for p in ("network.transport", "server.address", "server.port", "process.name")]
        yield _item("ports", key, fields, [str(v) for v in key if v] + _some(fields, "package.name"))


def _certificates(content: Any) -> Iterator[Item]:
    for entry in map(_dict, _list(_dict(content).get("endpoints"))):
        port, certificate = _number(entry.get("port")), _dict(entry.get("certificate"))
        if port is None or not certificate:
            continue
        fields: Fields = {"server.port": port}
        for path, given in (
            ("server.address", _text(entry.get("address"))),
            ("process.name", _text(entry.get("process"))),
            ("tls.version", _text(entry.get("version"))),
            ("tls.server.subject", _text(certificate.get("subject"))),
            ("tls.server.issuer", _text(certificate.get("issuer"))),
            ("tls.server.x509.alternative_names", _texts(certificate.get("names"))),
            ("tls.server.not_before", _time(certificate.get("not_before"))),
            ("tls.server.not_after", _time(certificate.get("not_after"))),
            ("tls.server.x509.public_key_algorithm", _text(certificate.get("key_type"))),
            ("tls.server.x509.public_key_size", _number(certificate.get("key_bits"))),
            ("tls.server.hash.sha256", _text(certificate.get("sha256"))),
            ("vonggac.self_signed", _flag(certificate.get("self_signed"))),
            ("vonggac.trusted", _flag(entry.get("trusted"))),
        ):
            _put(fields, path, given)
        key = [entry.get("address"), port]
        texts = _some(fields, "tls.server.subject", "tls.server.issuer", "process.name")
        yield _item("certificates", key, fields, texts)


def _accounts(content: Any) -> Iterator[Item]:
    administrators = set(_texts(_dict(content).get("administrators")) or [])
    for entry in map(_dict, _list(_dict(content).get("accounts"))):
        name, uid = _text(entry.get("name")), _number(entry.get("uid"))
        if name is None:
            continue
        fields: Fields = {"user.name": name, "vonggac.administrator": name in administrators}
        _put(fields, "vonggac.uid", uid)
        _put(fields, "vonggac.login", _flag(entry.get("can_log_in")))
        _put(fields, "vonggac.password", _text(entry.get("password")))
        yield _item("accounts", [name, uid], fields, [name])


_SECTIONS: Final[dict[str, Callable[[Any], Iterator[Item]]]] = {
    "packages": _packages,
    "sockets": _ports,
    "tls": _certificates,
    "accounts": _accounts,
}


def event(change: Change, standing: Standing, rule: Rule | None) -> Event:
    """That a rule's outcome changed. Where the host belongs is as it was when this was written."""
    common = _common(standing)
    fields: Fields = {
        "@timestamp": iso(change.looked_at),
        "event.kind": "event",
        "event.outcome": _ECS_OUTCOME.get(change.after, "unknown"),
        "rule.id": change.rule,
        "vonggac.outcome": change.after,
        "vonggac.before": change.before,
        **{p: common[p] for p in schema.EVENTS if p in common},
    }
    _put(fields, "vonggac.reason", change.reason or None)
    if rule is not None:
        fields |= {"rule.category": rule.domain, "event.severity": _WEIGHT[rule.severity]}
    month = change.looked_at.astimezone(UTC).strftime("%Y.%m")
    return Event(identifier(change.agent, change.epoch, change.sequence, change.rule), month, fields)


def score(row: DailyScore, path: Sequence[Unit]) -> Score:
    """The document of a daily score. `path`: that of the unit, or of the unit that the system belongs to."""
    fields: Fields = {
        "@timestamp": iso(row.as_of),
        "vonggac.kind": row.kind,
        "vonggac.id": row.id,
        "vonggac.day": row.day.isoformat(),
        "vonggac.coverage": row.coverage,
        schema.PATH: [u.code for u in path],
    }
    if path:
        fields[schema.UNIT] = path[-1].code
    _put(fields, "vonggac.score", row.score)
    _put(fields, "vonggac.freshness", row.freshness)
    return Score(identifier(row.kind, row.id, row.day.isoformat()), fields)


def identifier(*parts: object) -> str:
    """32 hexadecimal digits that name a document: equal parts, equal name."""
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:32]


def iso(moment: datetime) -> str:
    """In UTC with milliseconds, as far as Elasticsearch keeps them."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _item(kind: Kind, key: Sequence[object], fields: Fields, texts: Sequence[str]) -> Item:
    text = to_text(texts, _names(kind, fields, own=True))
    named = identifier(kind, *key)[:16]
    digest = digest_of([named, text, {p: v for p, v in fields.items() if p not in schema.HERE}])
    return Item(named, kind, fields, text, digest)


def _names(kind: Kind, fields: Fields, *, own: bool = False) -> dict[str, list[str]]:
    """The values of the fields that are searched by their words."""
    found = {}
    for field in OWN[kind] if own else schema.named(kind):
        value = fields.get(field.path) if field.type == "name" else None
        if value is not None:
            found[field.name] = value if isinstance(value, list) else [str(value)]
    return found


def _put(fields: Fields, path: str, value: Value | None) -> None:
    if value is not None and value != []:
        fields[path] = value


def _some(fields: Fields, *paths: str) -> list[str]:
    return [str(fields[p]) for p in paths if p in fields]


def _cut(text: str) -> str:
    return text[:MAX_TEXT]


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value[:MAX_ITEMS] if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    return _cut(value) if isinstance(value, str) and value else None


def _texts(value: Any) -> list[str] | None:
    found = [_cut(v) for v in _list(value)[:100] if isinstance(v, str) and v]
    return found or None


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53 else None


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _time(value: Any) -> str | None:
    """A time or day that was sent as text, in the form that documents have."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return iso(moment.replace(tzinfo=moment.tzinfo or UTC))
    except (ValueError, OverflowError):
        return None
