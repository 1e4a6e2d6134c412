"""How the tests look at a page: signed in or not, at a width, in a language and a theme, noting whatever goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from fastapi import FastAPI
from playwright.sync_api import Browser, Page
from tests.unit.dashboards import sample

from vonggac_collector.auth import web

WIDTHS = (390, 1280)
VIEWS = tuple((code, theme) for code in ("vi", "en") for theme in ("light", "dark"))
PAGES = {
    "overview": "/",
    "unit": "/units/48/so-khcn",
    "host": f"/hosts/{sample.HOST_ID}",
    "rules": "/rules",
    "policy": "/policy",
    "rule": "/rules/linux.ssh.root-login",
    "enrol": "/enrol?unit=48",
    "search": "/findings",
    "search among packages": "/findings?kind=packages&q=openssl",
    "search among hosts": "/findings?kind=hosts&q=level:>1",
    "search across kinds": "/findings?q=outcome:fail+port:22+-package:bash",
    "search among certificates": "/findings?kind=certificates",
    "search of nothing": "/findings?q=kh%C3%B4ng-c%C3%B3+level:5",
    "search that cannot be read": "/findings?q=outcome:fail+sevrity:high",
    "deductions of a unit": "/units/48/so-khcn?show=deductions",
    "deductions of a host": f"/hosts/{sample.HOST_ID}?show=deductions",
    "unit with one host": "/units/alone",
    "unit of a local profile": "/units/local",
    "host of a local profile": "/hosts/local",
    "host with a fork": "/hosts/forked",
    "rule of a local profile": "/rules/local",
    "not found": "/units/absent",
}
_WATCH = "addEventListener('securitypolicyviolation', e => console.error('CSP: ' + e.violatedDirective + e.blockedURI))"


@dataclass(frozen=True)
class Site:
    """Where the pages are served, and a session that opens them."""

    address: str
    app: FastAPI
    secret: str


@dataclass
class Visit:
    """An open page, and what it complained about."""

    page: Page
    complaints: list[str] = field(default_factory=list)


@contextmanager
def visit(
    chromium: Browser,
    site: Site,
    width: int,
    *,
    signed_in: bool = True,
    script: bool = True,
    scheme: str = "light",
) -> Iterator[Visit]:
    """A browser window of its own."""
    context = chromium.new_context(
        viewport={"width": width, "height": 900},
        java_script_enabled=script,
        color_scheme="dark" if scheme == "dark" else "light",
        base_url=site.address,
    )
    if signed_in:
        context.add_cookies([{"name": web.PLAIN_COOKIE, "value": site.secret, "url": site.address}])
    context.add_init_script(_WATCH)
    opened = Visit(context.new_page())
    noted = opened.complaints
    opened.page.on("console", lambda m: noted.append(m.text) if m.type in ("error", "warning") else None)
    opened.page.on("pageerror", lambda e: noted.append(str(e)))
    opened.page.on("requestfailed", lambda r: noted.append(f"failed: {r.url}"))
    opened.page.on("dialog", lambda d: noted.append(f"dialog: {d.message}"))
    opened.page.on(
        "request",
        lambda r: None if r.url.startswith((site.address, "data:")) else noted.append(f"asks {r.url}"),
    )
    yield opened
    context.close()


def with_choice(path: str, code: str, theme: str) -> str:
    """The address of a page in a language and a theme."""
    return f"{path}{'&' if '?' in path else '?'}lang={code}&theme={theme}"
