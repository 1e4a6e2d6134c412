"""What was seen on a machine, section by section, as tables that stay small: long lists are searched, not scrolled.

What does not have the declared shape is shown as unreadable. What each section holds is left to `sections`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from vonggac_collector.views import HostPage

from ..inert import visible
from ..language import Language, folded
from ..preferences import here_with
from .sections import SECTIONS, Head, titled
from .shared import asked_text

ROWS: Final = 20
"""Rows of one table; the page has to stay under 100 kB."""


class Part(msgspec.Struct, frozen=True):
    """One section as shown: facts above, rows below, or the reason why there is neither."""

    name: str
    title: str
    anchor: str = ""
    seen_at: datetime | None = None
    unavailable: str = ""
    detail: str = ""
    withheld: str = ""
    facts: Sequence[tuple[str, str]] = ()
    heads: Sequence[Head] = ()
    rows: Sequence[tuple[str, ...]] = ()
    count: int | None = None
    matches: int = 0
    searchable: bool = False
    find: str = ""
    all_link: str = ""
    open: bool = False


def inventory(language: Language, view: HostPage, path: str, query: list[tuple[str, str]]) -> list[Part]:
    """Every section of the report, known ones first and in reading order."""
    names = [n for n in SECTIONS if n in view.sections] + [n for n in view.sections if n not in SECTIONS]
    return [
        msgspec.structs.replace(_part(language, view, name, path, query), anchor=f"section-{i}")
        for i, name in enumerate(names)
    ]


def _part(language: Language, view: HostPage, name: str, path: str, query: list[tuple[str, str]]) -> Part:
    known = SECTIONS.get(name)
    given = view.sections[name]
    envelope = given if isinstance(given, dict) and given.keys() <= _ENVELOPE else {"content": given}
    base = Part(
        name=name,
        title=visible(titled(language, name)),
        seen_at=view.section_times.get(name),
        unavailable=str(envelope.get("unavailable") or ""),
        detail=str(envelope.get("detail") or ""),
        withheld=", ".join(str(w) for w in envelope.get("withheld") or ()),
    )
    content = envelope.get("content")
    if base.unavailable:
        return base
    if known is None or content is None:
        return msgspec.structs.replace(base, unavailable="malformed")
    try:
        made = known[1](language, content)
    except (msgspec.ValidationError, ValueError, OverflowError) as e:
        return msgspec.structs.replace(base, unavailable="malformed", detail=str(e)[:200])
    find = asked_text(dict(query).get(name))
    wanted = folded(find)
    rows = [r for r in made.rows if wanted in folded(r[0])] if find else made.rows
    return msgspec.structs.replace(
        base,
        facts=made.facts,
        heads=made.heads,
        rows=rows[:ROWS],
        count=len(made.rows) if made.heads else None,
        matches=len(rows),
        searchable=len(made.rows) > ROWS,
        find=find,
        all_link=here_with(path, query, **{name: ""}) + "#inventory",
        open=bool(find),
    )


_ENVELOPE: Final = frozenset({"digest", "content", "unavailable", "detail", "withheld"})
"""Fields of report.Section: a section may come with them around its content."""
