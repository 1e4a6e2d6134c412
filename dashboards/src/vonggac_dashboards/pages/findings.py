"""`/findings`: show me exactly these. One box over findings, machines, packages, ports, certificates and accounts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from fastapi import APIRouter
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from vonggac_collector.errors import IndexFailed
from vonggac_collector.search.fields import COMMON, FIELDS, Field
from vonggac_collector.search.query import KINDS, Kind
from vonggac_collector.search.results import MOST, Asking, Beside, Facet, FacetValue, SearchPage
from vonggac_collector.search.syntax import Unfit, read

from ..inert import inert_name, visible
from ..language import Language, translatable
from ..rendering import named_within
from ..search_words import EXAMPLES, complaint
from ..search_words import FIELDS as FIELD_WORDS
from ..search_words import KINDS as KIND_WORDS
from ..words import word
from .forms import whole_number
from .found import COLUMNS, cells
from .session import Visit, visit
from .shared import Part

router = APIRouter(include_in_schema=False)
PATH: Final = "/findings"
ROWS: Final = 30
"""Of one page, which has to stay under 100 kB."""
FACET_VALUES: Final = 8
MAX_KEPT: Final = 10_000
"""Characters of a text that come back as they were typed."""
_MARKED: Final = 120
"""Characters that are shown before what is wrong, and after it."""
_SHORT: Final = {"unit": translatable("Unit"), "host": translatable("Host")}
_OF_HOSTS: Final = frozenset(f.name for f in COMMON)
_FACET_WORDS: Final = {
    "outcome": "outcome",
    "severity": "severity",
    "domain": "domain",
    "reach": "scope",
    "password": "password",
}

_FLAG_WORDS: Final = {"true": "yes", "false": "no"}


class Choice(msgspec.Struct, frozen=True):
    """A link with its word and count, or as far as was counted; None says that there is nothing to count."""

    name: Markup
    link: str
    count: int | None = None
    chosen: bool = False
    more: bool = False


class Head(msgspec.Struct, frozen=True):
    """A column's head. `link` sorts by it; `sorted`: how it is sorted now, empty if it is not."""

    name: str
    numeric: bool
    link: str = ""
    sorted: str = ""


def address(**asked: str) -> str:
    """The address of a search; what is empty is left out."""
    given = urlencode({k: v for k, v in asked.items() if v})
    return f"{PATH}?{given}" if given else PATH


def tabs(language: Language, view: SearchPage) -> list[Choice]:
    """The kinds, each with how many of it fit."""
    return [
        Choice(
            Markup.escape(language.gettext(KIND_WORDS[k.kind])),
            address(q=view.text, kind=k.kind),
            k.count,
            k.kind == view.kind,
            k.count == MOST and k.kind != view.kind,
        )
        for k in view.kinds
    ]


def facets(language: Language, view: SearchPage) -> list[tuple[str, list[Choice]]]:
    """The most frequent values by field; each a link that narrows the search to it, or takes it out again."""
    return [
        (head_word(language, f.field), [_choice(language, view, f, v) for v in f.values[:FACET_VALUES]])
        for f in sorted(view.facets, key=lambda f: f.field in _OF_HOSTS)
        if len(f.values) > 1 or any(v.chosen for v in f.values)
    ]


def _choice(language: Language, view: SearchPage, facet: Facet, value: FacetValue) -> Choice:
    name = inert_name(value.value)
    if value.unit is not None:
        name = named_within(language, value.unit)
    elif facet.field in _FACET_WORDS:
        name = inert_name(word(language, _FACET_WORDS[facet.field], value.value))
    elif value.value in _FLAG_WORDS and FIELDS[view.kind][facet.field].type == "flag":
        name = Markup.escape(language.gettext(_FLAG_WORDS[value.value]))
    return Choice(name, address(q=value.text, kind=view.kind, sort=view.sort), value.count, value.chosen)


def heads(language: Language, view: SearchPage) -> Iterator[Head]:
    """The columns' heads. A head sorts from the least, and once more from the most."""
    for name, sort in COLUMNS[view.kind]:
        field = FIELDS[view.kind].get(sort)
        said = head_word(language, name)
        if field is None or not field.sorts:
            yield Head(said, _numeric(FIELDS[view.kind].get(name)))
            continue
        first = "-" if sort == "weight" else ""
        now = next((n for n in ("-", "") if view.sort == n + sort), None)
        turned = first if now is None else "" if now else "-"
        yield Head(
            said,
            name != "severity" and _numeric(field),
            address(q=view.text, kind=view.kind, sort=turned + sort),
            "" if now is None else "descending" if now else "ascending",
        )


def head_word(language: Language, field: str) -> str:
    """What a field is called above its values."""
    return language.gettext(_SHORT.get(field) or FIELD_WORDS[field])


def _numeric(field: Field | None) -> bool:
    return field is not None and field.type == "number"


def corrections(text: str, error: Unfit) -> list[str]:
    """Texts that can be read, each with what is wrong put right or left out."""
    before, wrong, after = text[: error.start], text[error.start : error.end], text[error.end :]
    given = str(error.values["given"])
    made = []
    if error.why == "no-field":
        made = [before + fit + ":" + after for fit in error.fits]
    elif error.why in ("not-a-value", "not-a-flag"):
        made = [before + wrong.replace(given, fit) + after for fit in error.fits[:4]]
    elif error.why == "no-value":
        made = [before + wrong.rstrip(",:") + ":" + fit + after for fit in error.fits[:4]]
    elif error.why == "needs-comparison":
        made = [before + wrong.replace(":", sign, 1) + after for sign in (":>", ":<")]
    elif error.why == "open-quote":
        made = [text + '"']
    made.append((before + after).strip())
    return [m for m in dict.fromkeys(made) if m and _readable(m)]


def _readable(text: str) -> bool:
    try:
        read(text)
    except Unfit:
        return False
    return True


def refused(language: Language, text: str, kind: str, error: Unfit) -> dict[str, Any]:
    """What the template needs to show what is wrong, where, and what would fit."""
    after = text[error.end : error.end + _MARKED]
    others: list[Kind] = [k for k in KINDS if k in error.fits] if error.why == "too-wide" else []
    return {
        "said": complaint(language, error),
        "at": error.start + 1,
        "before": text[max(0, error.start - _MARKED) : error.start],
        "wrong": text[error.start : error.end][:_MARKED],
        "after": after,
        "corrections": [(c, address(q=c, kind=kind)) for c in corrections(text, error)],
        "kinds": [(language.gettext(KIND_WORDS[k]), address(q=text, kind=k)) for k in others],
        "fits": [] if others else [visible(f) for f in error.fits],
    }


def help_rows(language: Language, kind: Kind) -> list[tuple[str, str, str]]:
    """(field, what it is, its values) of a kind."""
    return [
        (
            f.name,
            language.gettext(FIELD_WORDS[f.name]),
            ", ".join(f.values) or _KINDS_OF_VALUE["tenths" if f.tenths else f.type],
        )
        for f in FIELDS[kind].values()
        if f.name != "weight"
    ]


_KINDS_OF_VALUE: Final = {
    "number": "1 · >1 · 1..9",
    "tenths": "<50 · 57.3..80",
    "time": ">30d · <2026-11-30",
    "flag": "true, false",
    "version": "3.0.9-1 · <3.0",
    "unit": "01, 48",
    "term": "a · a* · a,b",
    "name": 'a · "a b" · a*',
}


def context(language: Language, view: SearchPage, before: int) -> dict[str, Any]:
    """What the template needs of what was found. `before`: rows on the pages before this one."""
    asked = {"q": view.text, "kind": view.kind, "sort": view.sort}
    exported = "/api/v1/search/export?" + urlencode({k: v for k, v in asked.items() if v})
    following = before + len(view.rows)
    part = Part(
        before + 1,
        following,
        view.total,
        address(**asked) + "#rows" if before else "",
        address(**asked, after=view.after, before=str(following)) + "#rows" if view.after else "",
    )
    return {
        "tabs": tabs(language, view),
        "facets": facets(language, view),
        "heads": list(heads(language, view)),
        "rows": [cells(language, view.kind, row) for row in view.rows],
        "part": part,
        "exports": [(f.upper(), f"{exported}&format={f}") for f in ("csv", "json")],
        "beside": [(_beside(language, b), b.text) for b in view.beside],
        "without": [(n.term, address(q=n.text, kind=view.kind)) for n in view.without],
    }


def _beside(language: Language, beside: Beside) -> str:
    kind = language.gettext(KIND_WORDS[beside.kind])
    if beside.negated:
        return language.gettext("Only on machines that have no such thing, among %(kind)s:") % {"kind": kind}
    return language.gettext("Only on machines that have such a thing, among %(kind)s:") % {"kind": kind}


def _nothing(kind: Kind | str) -> dict[str, Any]:
    return {"tabs": [], "facets": [], "view": None, "error": None, "failed": False, "kind": kind}


def _page(visitor: Visit, text: str, kind: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    language = visitor.language
    shown: Kind = next((k for k in KINDS if k == values.get("kind", kind)), "findings")
    return visitor.answer(
        "findings.html",
        status=status,
        **{
            **_nothing(kind),
            "text": text,
            "examples": [(e, language.gettext(what), address(q=e)) for e, what in EXAMPLES],
            "help": help_rows(language, shown),
            "help_kind": language.gettext(KIND_WORDS[shown]),
            **values,
        },
    )


@router.get(PATH)
def findings(request: Request) -> HTMLResponse:
    """What fits a text, in the caller's units. A text that cannot be read comes back with what is wrong with it."""
    visitor = visit(request)
    asked = request.query_params
    text = asked.get("q", "")[:MAX_KEPT]
    kind: Kind | Any = next((k for k in KINDS if k == asked.get("kind")), "")
    sort = asked.get("sort", "")
    if sort.removeprefix("-") not in {f.name for f in FIELDS[kind].values() if f.sorts} if kind else sort:
        sort = ""
    try:
        view = visitor.queries.search(visitor.caller, Asking(text, kind, sort, asked.get("after", ""), ROWS))
    except Unfit as e:
        return _page(visitor, text, kind, status=422, error=refused(visitor.language, text, kind, e))
    except IndexFailed:
        # The collector answers and counts the refusal; this is what a person sees of it.
        request.state.page = _page(visitor, text, kind, status=503, failed=True)
        raise
    before = whole_number(asked.get("before", ""), 0, view.total) or 0 if asked.get("after") else 0
    values = context(visitor.language, view, before)
    sample = any(r.sample for r in view.rows)
    return _page(visitor, text, view.kind, as_of=view.as_of, sample=sample, view=view, **values)
