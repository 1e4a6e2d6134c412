"""Style, script and fonts: read once, served from memory under an address that changes with their content."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec
from fastapi import APIRouter
from starlette.responses import Response

from vonggac_collector.errors import NotFound

PREFIX: Final = "/static"
TYPES: Final = {
    "style.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "mark.svg": "image/svg+xml",
    **{
        f"fonts/be-vietnam-pro-{subset}-{weight}.woff2": "font/woff2"
        for subset in ("vietnamese", "latin", "latin-ext", "tabular")
        for weight in (400, 600, 700)
    },
}
"""Every file that is served and its media type; a name from the address is only ever looked up here."""

router = APIRouter(include_in_schema=False)


class Asset(msgspec.Struct, frozen=True):
    """One file and its digest, which is its entity tag."""

    content: bytes
    digest: str


@cache
def asset(name: str) -> Asset:
    """The file `name`. Raises KeyError if it is not one of TYPES."""
    if name not in TYPES:
        raise KeyError(name)
    content = files("vonggac_dashboards").joinpath("static", *name.split("/")).read_bytes()
    return Asset(content, hashlib.sha256(content).hexdigest()[:16])


def address(name: str) -> str:
    """The address of a file, with its digest, so that it may be cached for ever. Raises KeyError."""
    return f"{PREFIX}/{name}?v={asset(name).digest}"


@router.get(PREFIX + "/{name:path}")
async def serve(name: str) -> Response:
    """One file of TYPES. Raises NotFound."""
    if name not in TYPES:
        raise NotFound
    found = asset(name)
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable",
        "ETag": f'"{found.digest}"',
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'",
    }
    return Response(found.content, 200, headers, TYPES[name])
