"""`/api/v1/search`: what the page of findings shows, as JSON, and everything that fits as a file (docs/search.md)."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from typing import IO, Annotated, Any, Final, Literal

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response, StreamingResponse

from vonggac_collector.auth import Caller, web
from vonggac_collector.errors import Busy, Invalid
from vonggac_collector.queries import Queries
from vonggac_collector.reads.search import Found
from vonggac_collector.search.export import MAX_ROWS, MEDIA, Format, csv_pieces, json_pieces
from vonggac_collector.search.query import Kind
from vonggac_collector.search.results import Asking, SearchPage
from vonggac_contract.envelope import JSON_MEDIA, PROBLEM_MEDIA

router = APIRouter(prefix="/api/v1/search", tags=["people"])
MAX_LIMIT: Final = 500
MAX_QUERY: Final = 10_000
"""Characters that are read at all; what is longer than a search may be is refused by the search itself, by name."""
MAX_EXPORTS: Final = 2
"""Files in the making at once in a process; others are asked to come again."""
_PIECE: Final = 64 * 1024
_MAKING: Final = threading.BoundedSemaphore(MAX_EXPORTS)
_PROBLEM: Final[dict[str, Any]] = {PROBLEM_MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    401: {"description": "nobody is signed in", "content": _PROBLEM},
    422: {"description": "the search cannot be read: where, why, and what would fit", "content": _PROBLEM},
    503: {"description": "search does not answer, or makes other files", "content": _PROBLEM},
}
SHOWN: Final = (SearchPage,)

Text = Annotated[str, Query(max_length=MAX_QUERY, description="the search, as in docs/search.md")]
Asked = Annotated[Kind | Literal[""], Query(description="empty: the first kind that has anything")]
Sorted = Annotated[str, Query(max_length=40, description="a field, after a minus if it falls")]


@router.get(
    "",
    responses={
        200: {
            "description": "found",
            "content": {JSON_MEDIA: {"schema": {"$ref": "#/components/schemas/SearchPage"}}},
        },
        **_REFUSALS,
    },
)
def search(
    request: Request,
    q: Text = "",
    kind: Asked = "",
    sort: Sorted = "",
    after: Annotated[str, Query(max_length=4_000)] = "",
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 50,
) -> Response:
    """One page of what fits, with counts of every kind and the most frequent values."""
    caller = web.current_caller(request)
    page = request.app.state.queries.search(caller, Asking(q, kind, sort, after, limit))
    return Response(msgspec.json.encode(page), media_type=JSON_MEDIA)


@router.get(
    "/export",
    responses={
        200: {"description": "all that fits", "content": {m: {} for m in MEDIA.values()}},
        **_REFUSALS,
    },
)
def export(
    request: Request,
    q: Text = "",
    kind: Asked = "",
    sort: Sorted = "",
    format: Annotated[Format, Query()] = "csv",
) -> Response:
    """Exactly the rows that are counted, in the order of the pages."""
    caller = web.current_caller(request)
    queries = request.app.state.queries
    asking = Asking(q, kind, sort)
    if not _MAKING.acquire(blocking=False):
        raise Busy("other files are being made")
    try:
        file, found = _made(queries, caller, asking, format)
    finally:
        _MAKING.release()
    name = f"vonggac-{found.kind}-{queries.now():%Y%m%dT%H%M}Z.{format}"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Length": str(file.tell()),
        "X-Total-Count": str(found.total),
    }
    return StreamingResponse(_sent(file), 200, headers, MEDIA[format])


def _made(queries: Queries, caller: Caller, asking: Asking, format: Format) -> tuple[IO[bytes], Found]:
    """All of the file before any of it is sent: one that broke off would look like a whole one."""
    file = tempfile.TemporaryFile(prefix="vonggac-export-")  # noqa: SIM115  closed once it is sent
    try:
        with queries.export(caller, asking) as found:
            if found.total > MAX_ROWS:
                raise Invalid(
                    f"{found.total} rows are more than the {MAX_ROWS} of one file; narrow the search"
                )
            kind, rows = found.kind, found.rows
            file.writelines(
                csv_pieces(rows, kind)
                if format == "csv"
                else json_pieces(rows, kind, asking.text, found.total, queries.now())
            )
    except BaseException:
        file.close()
        raise
    return file, found


def _sent(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while piece := file.read(_PIECE):
            yield piece
