"""One thing that was found, as the cells of a row: columns by kind, and what each shows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final
from urllib.parse import quote

import msgspec
from markupsafe import Markup

from vonggac_collector.search.query import Kind
from vonggac_collector.search.results import FoundRow

from ..charts.marks import mark, severity
from ..format import NOTHING, moment, number
from ..inert import inert_name
from ..language import Language
from ..rendering import named_within
from ..words import word

COLUMNS: Final[dict[Kind, tuple[tuple[str, str], ...]]] = {
    "findings": (
        ("rule", "rule"),
        ("severity", "weight"),
        ("outcome", ""),
        ("host", "host"),
        ("unit", ""),
        ("since", "since"),
    ),
    "hosts": (
        ("host", "host"),
        ("unit", ""),
        ("os", ""),
        ("system", ""),
        ("level", "level"),
        ("score", "score"),
        ("failing", "failing"),
        ("critical", "critical"),
        ("looked", "looked"),
    ),
    "packages": (
        ("package", "package"),
        ("version", "version"),
        ("architecture", ""),
        ("host", "host"),
        ("unit", ""),
    ),
    "ports": (
        ("port", "port"),
        ("address", ""),
        ("reach", ""),
        ("process", "process"),
        ("package", ""),
        ("host", "host"),
        ("unit", ""),
    ),
    "certificates": (
        ("subject", "subject"),
        ("issuer", ""),
        ("expires", "expires"),
        ("port", "port"),
        ("key", ""),
        ("host", "host"),
        ("unit", ""),
    ),
    "accounts": (
        ("user", "user"),
        ("uid", "uid"),
        ("login", ""),
        ("administrator", ""),
        ("password", ""),
        ("host", "host"),
        ("unit", ""),
    ),
}
"""The fields that are shown, each with the field that its head sorts by; empty: none does."""


class Cell(msgspec.Struct, frozen=True):
    """What a cell shows. `wide`: on a telephone it has a line of its own."""

    content: Markup
    numeric: bool = False
    wide: bool = False


def cells(language: Language, kind: Kind, row: FoundRow) -> list[Cell]:
    """The row's cells, in the order of COLUMNS."""
    return [_cell(language, kind, name, row) for name, _ in COLUMNS[kind]]


def _cell(language: Language, kind: Kind, name: str, row: FoundRow) -> Cell:
    made = _SPECIAL.get(name)
    if made is not None:
        return Cell(made(language, row), name in _NUMBERS, name in _WIDE)
    value = row.fields.get(name)
    if value is None:
        return Cell(Markup.escape(NOTHING), kind != "ports" and name in _NUMBERS)
    if isinstance(value, bool):
        return Cell(Markup.escape(language.gettext("yes") if value else language.gettext("no")))
    if isinstance(value, int):
        text = str(value) if name in ("port", "uid") else number(language, value)
        return Cell(Markup.escape(text), numeric=name in _NUMBERS)
    return Cell(inert_name(value), wide=name in _WIDE)


def _rule(language: Language, row: FoundRow) -> Markup:
    rule = str(row.fields.get("rule", ""))
    title = inert_name(language.pick(row.title_vi, row.title_en) or rule)
    return Markup(
        '<a href="/hosts/{}?rule={}#chosen">{}</a><br><a class="small soft" href="/rules/{}"><code>{}</code></a>'
    ).format(quote(row.host, safe=""), quote(rule, safe=""), title, quote(rule, safe=""), inert_name(rule))


def _outcome(language: Language, row: FoundRow) -> Markup:
    shown = mark(language, str(row.fields.get("outcome", "")))
    if row.of:
        shown += Markup(' <span class="small soft">{} / {}</span>').format(row.passed, row.of)
    reason = row.fields.get("reason")
    if reason:
        shown += Markup('<br><span class="small soft">{}</span>').format(
            inert_name(word(language, "reason", str(reason)))
        )
    return shown


def _severity(language: Language, row: FoundRow) -> Markup:
    return severity(language, str(row.fields.get("severity", "")))


def _host(language: Language, row: FoundRow) -> Markup:
    shown = Markup('<a href="/hosts/{}">{}</a>').format(
        quote(row.host, safe=""), inert_name(row.hostname or row.host)
    )
    if row.sample:
        shown += Markup(' <span class="sample">{}</span>').format(language.gettext("sample data"))
    return shown


def _unit(language: Language, row: FoundRow) -> Markup:
    return Markup('<a href="/units/{}">{}</a>').format(quote(row.unit.code), named_within(language, row.unit))


def _system(language: Language, row: FoundRow) -> Markup:
    name = language.pick(row.system_vi, row.system_en) or str(row.fields.get("system", ""))
    return inert_name(name) if name else Markup.escape(NOTHING)


def _time(name: str) -> Callable[[Language, FoundRow], Markup]:
    def shown(language: Language, row: FoundRow) -> Markup:
        value = row.fields.get(name)
        return moment(language, datetime.fromisoformat(value) if isinstance(value, str) else None)

    return shown


def _looked(language: Language, row: FoundRow) -> Markup:
    if not row.fields.get("silent"):
        return _time("looked")(language, row)
    return _silent(language) + _time("silent-since")(language, row)


def _score(language: Language, row: FoundRow) -> Markup:
    """It is that of the last look: of a machine that fell silent it counts nothing any more."""
    value = row.fields.get("score")
    shown = Markup.escape(number(language, value, 1) if isinstance(value, float) else NOTHING)
    return _silent(language) + shown if row.fields.get("silent") else shown


def _silent(language: Language) -> Markup:
    return mark(language, "unknown", language.gettext("Silent")) + Markup(" ")


def _reach(language: Language, row: FoundRow) -> Markup:
    return inert_name(word(language, "scope", str(row.fields.get("reach", ""))) or NOTHING)


def _port(_language: Language, row: FoundRow) -> Markup:
    transport = row.fields.get("transport")
    return inert_name(f"{row.fields.get('port', '')}" + (f"/{transport}" if transport else ""))


def _key(_language: Language, row: FoundRow) -> Markup:
    return inert_name(" ".join(str(row.fields[n]) for n in ("key", "bits") if n in row.fields) or NOTHING)


def _password(language: Language, row: FoundRow) -> Markup:
    return inert_name(word(language, "password", str(row.fields.get("password", ""))) or NOTHING)


_SPECIAL: Final[dict[str, Callable[[Language, FoundRow], Markup]]] = {
    "rule": _rule,
    "outcome": _outcome,
    "severity": _severity,
    "host": _host,
    "unit": _unit,
    "system": _system,
    "since": _time("since"),
    "looked": _looked,
    "score": _score,
    "expires": _time("expires"),
    "reach": _reach,
    "port": _port,
    "key": _key,
    "password": _password,
}
_WIDE: Final = frozenset({"host", "unit", "since", "looked", "expires", "os", "system", "issuer"})
_NUMBERS: Final = frozenset({"level", "score", "failing", "critical", "uid"})
