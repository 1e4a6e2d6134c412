"""What the machine's owner keeps back: fields of report sections that never leave, and the evidence that quotes them.

Which fields is a setting (`withhold`, e.g. `accounts.last_login`). A section that lost fields names them; a finding
that quoted one keeps its outcome and says that its evidence is withheld.
"""

from __future__ import annotations

from typing import Any, Final, get_args, get_type_hints

import msgspec

from vonggac_contract.facts import TOPICS
from vonggac_contract.finding import Evidence, Finding
from vonggac_contract.report import SECTION_TOPICS

from .messages import Said

WITHHELD: Final = "(withheld by the machine's owner)"


def check_field(text: str) -> str:
    """Return `section.field` if there is such a field to withhold; raises ValueError saying what there is."""
    section, _, field = text.partition(".")
    if section not in SECTION_TOPICS:
        raise ValueError(
            Said("names no section of a report ({sections})", sections=", ".join(SECTION_TOPICS))
        )
    names = _field_names(TOPICS[SECTION_TOPICS[section]].value)
    if field not in names:
        raise ValueError(
            Said(
                "names no field of {section} that can be withheld ({fields})",
                section=section,
                fields=", ".join(sorted(names)),
            )
        )
    return text


def withheld_in(fields: tuple[str, ...], section: str) -> tuple[str, ...]:
    """The field names withheld from `section`, sorted."""
    return tuple(sorted(f.partition(".")[2] for f in fields if f.partition(".")[0] == section))


def without_fields(content: Any, fields: tuple[str, ...]) -> Any:
    """A section's builtins without the fields of these names, at any depth."""
    if isinstance(content, dict):
        return {k: without_fields(v, fields) for k, v in content.items() if k not in fields}
    if isinstance(content, list):
        return [without_fields(v, fields) for v in content]
    return content


def without_evidence(finding: Finding, fields: tuple[str, ...]) -> Finding:
    """The finding with every piece of evidence replaced that quotes a withheld field. The outcome stays."""
    evidence = [_hidden(piece, fields) for piece in finding.evidence]
    return msgspec.structs.replace(finding, evidence=evidence) if evidence != finding.evidence else finding


def _hidden(piece: Evidence, fields: tuple[str, ...]) -> Evidence:
    for withheld in fields:
        section, _, field = withheld.partition(".")
        # The evaluator writes `topic` or `topic{selector}`, then the field's path.
        topic = piece.fact.partition(" ")[0].partition("{")[0]
        if topic != SECTION_TOPICS[section]:
            continue
        main = TOPICS[topic].main or ""
        path = piece.fact.partition(" ")[2] or main
        if field in path.split("."):
            return msgspec.structs.replace(piece, actual=WITHHELD, offenders=[])
        if any(isinstance(offender, dict) and field in offender for offender in piece.offenders):
            offenders = [without_fields(offender, (field,)) for offender in piece.offenders]
            piece = msgspec.structs.replace(piece, offenders=offenders)
    return piece


def _field_names(struct: type[msgspec.Struct]) -> set[str]:
    """Names of the fields of `struct` and of Structs inside it; those carried as a bare array can't be left out."""
    names: set[str] = set()
    pending: list[Any] = [struct]
    while pending:
        hint = pending.pop()
        if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            if not hint.__struct_config__.array_like:
                hints = get_type_hints(hint)
                names |= hints.keys()
                pending.extend(hints.values())
        else:
            pending.extend(get_args(hint))
    return names
