"""Templates into answers: one environment per language, everything escaped, and the headers every page carries.

Pages give a read model and its name; nothing here reads the ledger.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache, partial
from typing import Any, Final

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from vonggac_collector.views import UnitLink

from . import evidence, format, static_files
from .charts import marks, score_bar
from .inert import MAX_ENTRY, inert, inert_name, visible
from .instructions import instructions
from .language import CODES, Language, language
from .preferences import THEMES, Preferences, Theme, here_with, preferences_of, remember
from .topics import topic_of
from .words import profile_name, word

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "script-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
"""CSP level 3: nothing from elsewhere, nothing inline."""
HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Viewer(msgspec.Struct, frozen=True):
    """Who is signed in, as the header shows them, and the token their forms carry."""

    name: str
    role: str
    may_enrol: bool
    csrf: str


class Frame(msgspec.Struct, frozen=True):
    """What stands around every page."""

    language: Language
    theme: Theme
    path: str
    query: list[tuple[str, str]]
    viewer: Viewer | None
    as_of: datetime | None
    sample: bool

    def here(self, **changed: str) -> str:
        """This page with some parameters changed."""
        return here_with(self.path, self.query, **changed)

    def languages(self) -> list[tuple[str, bool]]:
        """Codes on offer, and which one holds."""
        return [(code, code == self.language.code) for code in CODES]

    def themes(self) -> list[tuple[str, bool]]:
        """Themes on offer, and which one holds."""
        return [(theme, theme == self.theme) for theme in THEMES]


@cache
def environment(code: str) -> Environment:
    """The templates in one language. Raises FileNotFoundError for a language that is not there."""
    chosen = language(code)
    made = Environment(
        loader=PackageLoader("vonggac_dashboards"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    install: Callable[..., None] = made.install_gettext_callables  # type: ignore[attr-defined]
    install(chosen.gettext, chosen.ngettext, newstyle=True)
    in_language: dict[str, Callable[..., object]] = {
        "actual": evidence.actual,
        "age": format.age,
        "change": format.change,
        "day": format.day,
        "exact_points": format.exact_points,
        "expected": evidence.expected,
        "grade": marks.grade_badge,
        "instructions": instructions,
        "mark": marks.mark,
        "moment": format.moment,
        "number": format.number,
        "offender": evidence.offender,
        "parameter": format.parameter,
        "percent": format.percent,
        "place": evidence.place,
        "profile_name": profile_name,
        "score": format.score,
        "severity": marks.severity,
        "size": format.size,
    }
    made.filters.update({name: partial(function, chosen) for name, function in in_language.items()})
    made.filters["inert"] = inert
    made.filters["inert_name"] = inert_name
    made.filters["inert_entry"] = partial(inert, most=MAX_ENTRY)
    made.filters["named"] = lambda thing: inert_name(chosen.pick(thing.name_vi, thing.name_en))
    made.filters["named_within"] = partial(named_within, chosen)
    made.filters["visible"] = visible
    made.filters["topic"] = topic_of
    made.filters["text_of"] = chosen.text_of
    made.globals.update(
        {
            "asset": static_files.address,
            "name_of": lambda thing: chosen.pick(thing.name_vi, thing.name_en),
            "title_of": lambda thing: chosen.pick(thing.title_vi, thing.title_en),
            "pick": chosen.pick,
            "symbols": marks.symbols,
            "score_bar": score_bar.score_bar,
            "word": partial(word, chosen),
        }
    )
    return made


def named_within(language: Language, unit: UnitLink) -> Markup:
    """A unit by its name and that of the unit above."""
    names = (language.pick(unit.name_vi, unit.name_en), language.pick(unit.within_vi, unit.within_en))
    return inert_name(" · ".join(n for n in names if n))


def frame_of(request: Request, viewer: Viewer | None, as_of: datetime | None, sample: bool) -> Frame:
    """The frame for a request."""
    chosen = preferences_of(request)
    query = [(k, v) for k, v in request.query_params.multi_items() if k not in ("lang", "theme")]
    return Frame(language(chosen.language), chosen.theme, request.url.path, query, viewer, as_of, sample)


def render(template: str, frame: Frame, **values: Any) -> str:
    """The page as text. Raises jinja2.TemplateError where a template and its values do not fit."""
    return environment(frame.language.code).get_template(template).render(frame=frame, **values)


def answer(
    request: Request,
    template: str,
    *,
    viewer: Viewer | None = None,
    as_of: datetime | None = None,
    sample: bool = False,
    status: int = 200,
    **values: Any,
) -> HTMLResponse:
    """The page as an answer, with the strict policy, and the reader's choice kept."""
    frame = frame_of(request, viewer, as_of, sample)
    headers = HEADERS | {"Content-Language": frame.language.code}
    response = HTMLResponse(render(template, frame, **values), status, headers)
    remember(request, response, Preferences(frame.language.code, frame.theme))
    return response
