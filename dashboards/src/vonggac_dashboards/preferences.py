"""What a reader chose: language and theme, from the address, else from a cookie, else the default.

Both work without JavaScript and stay in the address where somebody put them, so that a shared link shows the same page.
"""

from __future__ import annotations

from typing import Final, Literal
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from .language import CODES, VIETNAMESE

Theme = Literal["auto", "light", "dark"]
THEMES: Final[tuple[Theme, ...]] = ("auto", "light", "dark")
LANGUAGE_COOKIE: Final = "vonggac-language"
THEME_COOKIE: Final = "vonggac-theme"
A_YEAR: Final = 365 * 24 * 3600


class Preferences(msgspec.Struct, frozen=True):
    """The language's code and the theme; `auto` follows the system."""

    language: str = VIETNAMESE
    theme: Theme = "auto"


def preferences_of(request: Request) -> Preferences:
    """The choice that holds for this request. What is not on offer is as good as not chosen."""
    query, cookies = request.query_params, request.cookies
    languages = (query.get("lang"), cookies.get(LANGUAGE_COOKIE))
    themes = (query.get("theme"), cookies.get(THEME_COOKIE))
    return Preferences(
        next((code for asked in languages for code in CODES if code == asked), VIETNAMESE),
        next((theme for asked in themes for theme in THEMES if theme == asked), "auto"),
    )


def remember(request: Request, response: Response, chosen: Preferences) -> None:
    """Keep in a cookie what the address chose."""
    kept = ((LANGUAGE_COOKIE, "lang", chosen.language), (THEME_COOKIE, "theme", chosen.theme))
    for cookie, parameter, value in kept:
        if request.query_params.get(parameter) == value:
            response.set_cookie(
                cookie,
                value,
                max_age=A_YEAR,
                httponly=True,
                samesite="lax",
                secure=request.url.scheme == "https",
            )


def here_with(path: str, query: list[tuple[str, str]], **changed: str) -> str:
    """The same page with some parameters changed; an empty value takes the parameter away."""
    kept = [(k, v) for k, v in query if k not in changed]
    added = [(k, v) for k, v in changed.items() if v]
    asked = urlencode(kept + added)
    return f"{path}?{asked}" if asked else path
