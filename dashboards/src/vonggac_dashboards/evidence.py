"""What decided a finding, as people read it: where it was looked, what was asked, what was there, and the offenders.

Names of settings, files and kernel parameters stay as they are; truth values, times, fields and missing values become
words. The words of a condition are the work of `vonggac_rules.explain`; nothing here is markup.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

from vonggac_contract.finding import Evidence
from vonggac_rules.explain import asked

from .format import day_text, moment_text
from .inert import words_of
from .language import VIETNAMESE, Language
from .places import PLACES
from .words import FIELDS, SCOPES

KEYED: Final = re.compile(r"(?P<topic>[a-z.]+)\{[a-z]+: (?P<key>[^{}]*)\}(?: (?P<field>\w+))?")
COUNTED: Final = re.compile(r"(?P<some>\d{1,7})/(?P<all>\d{1,7})")
TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z")
QUANTIFIERS: Final = frozenset({"each", "any", "none"})
NAMING: Final = ("name", "who", "path")
"""Fields that name an entry, the best first; a listener is named by address, port and protocol."""
SELF_SIGNED: Final = FIELDS["certificate.self_signed"]
OF_A_CERTIFICATE: Final = ("subject", "not_after", "signature")


def place(language: Language, fact: str) -> str:
    """Where was looked: a place that has words, a file with its field, a kernel parameter, else the name as it is."""
    if fact in PLACES:
        return language.gettext(PLACES[fact])
    keyed = KEYED.fullmatch(fact)
    if keyed is not None:
        field = FIELDS.get(keyed["field"] or "")
        return f"{keyed['key']}: {language.gettext(field)}" if field else keyed["key"]
    return fact.removeprefix("sshd.effective ")


def value(language: Language, given: object) -> str:
    """A value: truth as yes and no, a time in Vietnam's, nothing as words."""
    if given is None:
        return language.gettext("not set")
    if given is True:
        return language.gettext("yes")
    if given is False:
        return language.gettext("no")
    if given in ("", []):
        return language.gettext("none")
    if isinstance(given, list) and not any(isinstance(v, dict | list) for v in given):
        return ", ".join(value(language, v) for v in given)
    if isinstance(given, str) and TIME.fullmatch(given):
        return _moment(language, given)
    return words_of(given)


def expected(language: Language, piece: Evidence) -> str:
    """What was asked, in words."""
    if piece.operator == "exists":
        return language.gettext("must be there")
    if piece.operator == "absent":
        return language.gettext("must not be there")
    if piece.operator in ("is", "equals") and isinstance(piece.expected, bool | None):
        return value(language, piece.expected)
    if piece.operator in QUANTIFIERS:
        names = {field: language.gettext(said) for field, said in FIELDS.items()}
        return asked(piece.operator, str(piece.expected), _code(language), names)
    if piece.operator == "equals":
        return value(language, piece.expected)
    return asked(piece.operator, value(language, piece.expected), _code(language))


def actual(language: Language, piece: Evidence) -> str:
    """What was there, in words."""
    counted = COUNTED.fullmatch(piece.actual) if isinstance(piece.actual, str) else None
    if counted is None or piece.operator not in QUANTIFIERS:
        return value(language, piece.actual)
    if counted["all"] == "0":
        return language.gettext("there is no entry")
    some, whole = {"n": counted["some"]}, int(counted["all"])
    return language.ngettext("%(n)s of %(num)s entry", "%(n)s of %(num)s entries", whole) % {
        **some,
        "num": counted["all"],
    }


def _code(language: Language) -> Literal["vi", "en"]:
    return "vi" if language.code == VIETNAMESE else "en"


def offender(language: Language, entry: object, piece: Evidence) -> str:
    """One entry that does not fit: what names it, then what the rule read of it."""
    if not isinstance(entry, dict):
        return value(language, entry)
    rest = {k: v for k, v in entry.items() if v not in (None, "", []) and not _is_asked(k, v, piece)}
    head = _named(rest)
    said = [_field(language, k, v) for k, v in rest.items()]
    return " — ".join(part for part in (head, ", ".join(said)) if part)


def _named(fields: dict[str, Any]) -> str:
    """The entry's name, with the fields that make it taken out of `fields`."""
    if "address" in fields and "port" in fields:
        address, port = str(fields.pop("address")), fields.pop("port")
        protocol = fields.pop("protocol", None)
        host = f"[{address}]" if ":" in address else address
        return f"{host}:{port}" + (f"/{protocol}" if protocol else "")
    key = next((k for k in (*NAMING, *fields) if k in fields), None)
    return "" if key is None else words_of(fields.pop(key))


def _is_asked(field: str, given: object, piece: Evidence) -> bool:
    """Whether the entry only repeats what all offenders have in common, since nothing else was asked."""
    return isinstance(given, bool) and piece.expected in (f"{field} is True", f"{field} is False")


def _field(language: Language, name: str, given: object) -> str:
    said = FIELDS.get(name)
    word = language.gettext(said) if said else name
    if isinstance(given, dict):
        return f"{word}: " + _certificate(language, given)
    if given is True:
        return word
    if name == "scope" and given in SCOPES:
        return language.gettext(SCOPES[str(given)])
    return f"{word}: {value(language, given)}" if given is False else f"{word} {value(language, given)}"


def _certificate(language: Language, fields: Mapping[str, Any]) -> str:
    """A certificate by what decides most: whose it is, until when, how it is signed, its key."""
    parts = [value(language, fields[k]) for k in OF_A_CERTIFICATE if k in fields]
    if "key_type" in fields:
        parts.append(" ".join(str(fields[k]) for k in ("key_type", "key_bits") if k in fields))
    if fields.get("self_signed") is True:
        parts.append(language.gettext(SELF_SIGNED))
    return ", ".join(parts) or words_of(dict(fields))


def _moment(language: Language, text: str) -> str:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    midnight = (at.hour, at.minute, at.second) == (0, 0, 0)
    return day_text(language, at.date()) if midnight else moment_text(language, at)
