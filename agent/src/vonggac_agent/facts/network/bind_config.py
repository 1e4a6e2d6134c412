"""Reads BIND's named.conf: who may ask, recurse and take zones. The view of it for people is made in `dns_servers`.

Source: BIND 9 Administrator Reference Manual, "options", "view", "zone", "Address Match Lists".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from ...formats import blocks
from ...formats.blocks import Statement
from ...formats.lines import within

MAX_FILES: Final = 500
MAX_DEPTH: Final = 8
MAX_ELEMENTS: Final = 100_000
EVERYBODY: Final = frozenset({"any", "0.0.0.0/0", "::/0", "0/0"})
OWN_ZONES: Final = frozenset(
    {"localhost", "127.in-addr.arpa", "0.in-addr.arpa", "255.in-addr.arpa", ".", "localhost.localdomain"}
)
"""Zones that every server has of its own (RFC 6303); nothing in them is worth hiding."""
SERVED: Final = frozenset({"master", "primary", "slave", "secondary", "mirror"})
Acls = dict[str, list[Statement]]


class Bind(NamedTuple):
    """What named.conf says of the whole server; of several views the most open one counts."""

    recursion: bool
    open_recursion: bool
    open_zones: list[str]
    version_hidden: bool
    dnssec: bool
    query_log: bool
    every_address: bool
    rate_limit: bool


def statements(text: str, read: Callable[[str], Iterable[str]]) -> list[Statement]:
    """Statements of a file with what it includes put in place; `read` gives the texts of one include.

    Raises ValueError: a syntax error, includes deeper than MAX_DEPTH or over MAX_FILES files.
    """
    count = 0

    def take(text: str, depth: int) -> list[Statement]:
        nonlocal count
        count += 1
        if depth > MAX_DEPTH or count > MAX_FILES:
            raise ValueError(f"named.conf includes over {MAX_FILES} files or goes deeper than {MAX_DEPTH}")
        return put_in(blocks.parse(within(text), comments=("#", "//", "/*")), depth)

    def put_in(found: list[Statement], depth: int) -> list[Statement]:
        whole: list[Statement] = []
        for statement in found:
            if statement.name == "include" and statement.arguments and statement.block is None:
                for inner in read(statement.arguments[0]):
                    whole += take(inner, depth + 1)
            elif statement.name in ("options", "view", "zone", "logging") and statement.block:
                whole.append(statement._replace(block=put_in(statement.block, depth)))
            else:
                whole.append(statement)
        return whole

    return take(text, 0)


def describe(found: list[Statement], *, closed: bool = False) -> Bind:
    """The server by its statements. `closed`: this version gives no copy of a zone that has no allow-transfer."""
    acls: Acls = {
        s.arguments[0]: s.block for s in found if s.name == "acl" and s.arguments and s.block is not None
    }
    options = [inner for s in found if s.name == "options" for inner in s.block or []]
    views = [s for s in found if s.name == "view"]
    scopes = [[*(v.block or []), *options] for v in views if _asked_by_everybody(v, acls)] or [options]
    recursions = [scope for scope in scopes if _word(scope, "recursion", "yes") != "no"]
    zones = [(z, options) for z in found if z.name == "zone"]
    zones += [(z, [*(v.block or []), *options]) for v in views for z in v.block or [] if z.name == "zone"]
    logging = [inner for s in found if s.name == "logging" for inner in s.block or []]
    version = _find(options, "version")
    return Bind(
        recursion=bool(recursions),
        open_recursion=any(_recurses_for_everybody(scope, acls) for scope in recursions),
        open_zones=sorted(
            {_name(z) for z, scope in zones if _gives_to_everybody(z, scope, acls, closed=closed)}
        ),
        version_hidden=version is not None,
        dnssec=all(_word(scope, "dnssec-validation", "auto") != "no" for scope in scopes),
        query_log=_word(options, "querylog", "no") == "yes"
        or any(s.name == "category" and s.arguments[:1] == ("queries",) and _channels(s) for s in logging),
        every_address=_listens_everywhere(options, acls),
        rate_limit=any(_find(scope, "rate-limit") is not None for scope in scopes),
    )


def _find(scope: Iterable[Statement], name: str) -> Statement | None:
    return next((s for s in scope if s.name == name), None)


def _word(scope: Iterable[Statement], name: str, default: str) -> str:
    found = _find(scope, name)
    word = found.arguments[0].lower() if found is not None and found.arguments else default
    return {"true": "yes", "1": "yes", "false": "no", "0": "no"}.get(word, word)


def _name(zone: Statement) -> str:
    return zone.arguments[0].rstrip(".").lower() or "." if zone.arguments else ""


def _channels(category: Statement) -> bool:
    return any(s.name not in ("null", "") for s in category.block or [])


def matches_everybody(elements: Iterable[Statement], acls: Acls) -> bool:
    """An address match list lets every address in: `any`, or a list that holds it. Names that lead round are closed.

    Raises ValueError for over MAX_ELEMENTS elements, those of lists counted as often as they are named.
    """
    return _matches(list(elements), acls, [0], ())


def _matches(elements: list[Statement], acls: Acls, count: list[int], inside: tuple[str, ...]) -> bool:
    for element in elements:
        count[0] += 1
        if count[0] > MAX_ELEMENTS:
            raise ValueError(f"named.conf: an address match list has over {MAX_ELEMENTS} elements")
        name = "!" + element.arguments[0] if element.name == "!" and element.arguments else element.name
        if name in EVERYBODY:
            return True
        if name in ("none", "!any"):
            return False
        named = acls.get(name) if name not in inside else None
        inner = element.block if name == "" else named
        if inner and len(inside) < MAX_DEPTH and _matches(inner, acls, count, (*inside, name)):
            return True
    return False


def _asked_by_everybody(view: Statement, acls: Acls) -> bool:
    clients = _find(view.block or [], "match-clients")
    return clients is None or matches_everybody(clients.block or [], acls)


def _recurses_for_everybody(scope: list[Statement], acls: Acls) -> bool:
    """allow-recursion, else allow-query-cache, else allow-query, else { localnets; localhost; }."""
    for name in ("allow-recursion", "allow-query-cache", "allow-query"):
        found = _find(scope, name)
        if found is not None:
            return matches_everybody(found.block or [], acls)
    return False


def _gives_to_everybody(zone: Statement, scope: list[Statement], acls: Acls, *, closed: bool) -> bool:
    """allow-transfer of the zone, its view or the options; without one everybody or, if `closed`, nobody."""
    kind = _word(zone.block or [], "type", "")
    if kind not in SERVED or _name(zone) in OWN_ZONES:
        return False
    found = _find([*(zone.block or []), *scope], "allow-transfer")
    return not closed if found is None else matches_everybody(found.block or [], acls)


def _listens_everywhere(options: list[Statement], acls: Acls) -> bool:
    listens = [s for s in options if s.name == "listen-on"]
    return not listens or any(matches_everybody(s.block or [], acls) for s in listens)
