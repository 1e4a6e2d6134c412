"""Speaks to the cluster: the connection, what its errors mean, and bulk requests of bounded size.

The library's synchronous client: the worker is a thread that does one thing after the other, and pages are answered by
threads as well, so nothing would await.
"""

from __future__ import annotations

import base64
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import msgspec
from elasticsearch import ApiError, Elasticsearch, TransportError

from vonggac_collector.errors import IndexFailed, IndexMissing

TIMEOUT_S: Final = 30.0
"""For one request. A bulk that takes longer has an unknown outcome, and is sent again under the same ids."""
MAX_BULK_DOCUMENTS: Final = 2_000
MAX_BULK_BYTES: Final = 4 * 1024 * 1024
"""Of one request: far under http.max_content_length (100 MB), little for the indexing pressure (10 % of the heap)."""
ATTEMPTS: Final = 6
_FIRST_WAIT_S: Final = 0.1
_BUSY: Final = frozenset({429, 502, 503, 504})
_BLOCKED: Final = "cluster_block_exception"
_GONE: Final = frozenset({"index_not_found_exception", "alias_not_found_exception"})
_MAX_REASON: Final = 300
T = TypeVar("T")


class Access(msgspec.Struct, frozen=True):
    """How to reach the cluster. An API key comes before name and password; secrets are never shown or logged."""

    url: str
    ca: Path | None = None
    username: str = ""
    password: str = ""
    api_key: str = ""
    timeout_s: float = TIMEOUT_S

    def __repr__(self) -> str:
        return f"Access({self.url})"


class Operation(msgspec.Struct, frozen=True):
    """One document to write or delete, under an external version where there is one. `owner`: whose it is."""

    action: Literal["index", "create", "delete"]
    index: str
    id: str
    owner: str
    version: int | None = None
    source: bytes = b""

    def lines(self) -> list[bytes]:
        """As a bulk request has it."""
        head: dict[str, Any] = {"_index": self.index, "_id": self.id}
        if self.version is not None:
            head |= {"version": self.version, "version_type": "external_gte"}
        if self.action != "delete":
            # Or a document that is written while its index is away would make another, with guessed fields.
            head["require_alias"] = True
        line = msgspec.json.encode({self.action: head})
        return [line] if self.action == "delete" else [line, self.source]


class Written(msgspec.Struct):
    """What became of operations: conflicts with a higher version by (index, id); refusals for good by owner."""

    conflicts: set[tuple[str, str]]
    refused: dict[str, str]


def connect(access: Access) -> Elasticsearch:
    """A client that has not connected yet. It never retries by itself: what may be done again is decided here."""
    more: dict[str, Any] = {}
    if access.api_key:
        more["api_key"] = access.api_key
    elif access.username:
        # Not `basic_auth`, which takes ASCII only; the charset is that of RFC 7617, section 2.1.
        login = base64.b64encode(f"{access.username}:{access.password}".encode()).decode()
        more["headers"] = {"authorization": f"Basic {login}"}
    if access.ca is not None:
        more["ca_certs"] = str(access.ca)
    return Elasticsearch(
        [access.url], request_timeout=access.timeout_s, max_retries=0, retry_on_timeout=False, **more
    )


@contextmanager
def index_errors() -> Iterator[None]:
    """Turn the cluster's errors into IndexMissing or IndexFailed."""
    try:
        yield
    except ApiError as e:
        kind = str(e.error)
        if e.status_code == 404 and kind in _GONE:
            raise IndexMissing(_reason(e)) from e
        if e.status_code in (401, 403) and kind != _BLOCKED:
            raise IndexFailed(f"the cluster refuses these credentials ({e.status_code})") from e
        raise IndexFailed(_reason(e)) from e
    except TransportError as e:
        raise IndexFailed(f"the cluster does not answer: {e.message[:_MAX_REASON]}") from e


def search_together(client: Elasticsearch, searches: Sequence[tuple[str, dict[str, Any]]]) -> Sequence[Any]:
    """The answers to several searches, each of an alias, in one request. Raises IndexFailed, IndexMissing."""
    if not searches:
        return []
    with index_errors():
        answer = client.msearch(
            searches=[part for alias, body in searches for part in ({"index": alias}, body)]
        )
    return checked(answer["responses"])


def checked(answers: Sequence[Any]) -> Sequence[Any]:
    """The parts of an answer to several questions, of which each may be an error. Raises IndexFailed, IndexMissing."""
    for error in (each["error"] for each in answers if each.get("error")):
        why = str(error.get("reason") or error.get("type", ""))[:_MAX_REASON]
        raise IndexMissing(why) if error.get("type") in _GONE else IndexFailed(why)
    return answers


def while_busy(work: Callable[[], T], *, sleep: Callable[[float], None] = time.sleep) -> T:
    """Do it, and again after growing pauses while the cluster is busy. Raises IndexFailed if it stays so."""
    for attempt in range(1, ATTEMPTS):
        try:
            return work()
        except IndexFailed as e:
            if _status(e) not in _BUSY or _is_blocked(str(e)):
                raise
        sleep(_pause_s(attempt))
    return work()


def _pause_s(attempt: int) -> float:
    return _FIRST_WAIT_S * 2.0 ** (attempt - 1) * random.uniform(0.5, 1.5)  # noqa: S311  spreads, guards nothing


def _status(error: IndexFailed) -> int:
    """The cluster's HTTP status; 0 if it did not answer."""
    cause = error.__cause__
    return cause.status_code if isinstance(cause, ApiError) else 0


def send(
    client: Elasticsearch, operations: Sequence[Operation], *, sleep: Callable[[float], None] = time.sleep
) -> Written:
    """Write all of it. Raises IndexFailed if the cluster stays busy or is blocked, IndexMissing if an alias is gone."""
    written = Written(set(), {})
    for chunk in chunks(operations):
        _send(client, chunk, written, sleep)
    return written


def chunks(operations: Sequence[Operation]) -> Iterator[list[Operation]]:
    """In order, each within MAX_BULK_DOCUMENTS and, but for one that is larger by itself, MAX_BULK_BYTES."""
    chunk: list[Operation] = []
    size = 0
    for operation in operations:
        own = len(operation.source) + 300
        if chunk and (len(chunk) >= MAX_BULK_DOCUMENTS or size + own > MAX_BULK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(operation)
        size += own
    if chunk:
        yield chunk


def _send(
    client: Elasticsearch, chunk: list[Operation], written: Written, sleep: Callable[[float], None]
) -> None:
    waiting, why = chunk, ""
    for attempt in range(ATTEMPTS):
        if attempt:
            sleep(_pause_s(attempt))
        try:
            with index_errors():
                lines: list[Any] = [line for o in waiting for line in o.lines()]
                answer = client.bulk(operations=lines)
        except IndexFailed as e:
            status = _status(e)
            if status == 413:
                _halve(client, waiting, written, sleep)
                return
            if status not in _BUSY or _is_blocked(str(e)):
                raise
            why = str(e)
            continue
        waiting, why = _sort_out(waiting, answer["items"], written)
        if not waiting:
            return
    raise IndexFailed(f"the cluster is busy: {why}")


def _halve(
    client: Elasticsearch, chunk: list[Operation], written: Written, sleep: Callable[[float], None]
) -> None:
    if len(chunk) == 1:
        written.refused[chunk[0].owner] = (
            f"document {chunk[0].id} of {len(chunk[0].source)} bytes is too large"
        )
        return
    middle = len(chunk) // 2
    _send(client, chunk[:middle], written, sleep)
    _send(client, chunk[middle:], written, sleep)


def _sort_out(
    sent: list[Operation], items: list[dict[str, Any]], written: Written
) -> tuple[list[Operation], str]:
    """Note what is decided; returns what has to be sent again, and why."""
    again, why = [], ""
    for operation, item in zip(sent, items, strict=True):
        said = next(iter(item.values()))
        status, error = int(said["status"]), said.get("error") or {}
        if status < 300 or (operation.action == "delete" and status == 404 and not error):
            continue
        kind, reason = str(error.get("type", "")), _told(error)
        if status == 409:
            written.conflicts.add((operation.index, operation.id))
        elif kind in _GONE or status == 404:
            raise IndexMissing(reason)
        elif _is_blocked(kind):
            raise IndexFailed(reason)
        elif status in _BUSY:
            again.append(operation)
            why = reason
        else:
            written.refused[operation.owner] = f"document {operation.id}: {reason}"
    return again, why


def _is_blocked(text: str) -> bool:
    return _BLOCKED in text


def _told(error: dict[str, Any]) -> str:
    cause = error.get("caused_by") or {}
    parts = [str(error.get("type", "")), str(error.get("reason", "")), str(cause.get("reason", ""))]
    return ": ".join(p for p in parts if p)[:_MAX_REASON]


def _reason(error: ApiError) -> str:
    body = error.body if isinstance(error.body, dict) else {}
    told = body.get("error")
    if isinstance(told, dict):
        return f"{error.status_code} {_told(told)}"
    return f"{error.status_code} {str(told or error.message)[:_MAX_REASON]}"
