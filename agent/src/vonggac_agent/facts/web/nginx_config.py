"""Reads nginx's configuration with all it includes, and answers what takes effect in a place of it.

Sources: nginx.org/en/docs, "Configuration file measurement units", ngx_core_module (include), ngx_http_core_module
(location). What the settings mean for safety is decided in `nginx_servers`.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason

from ...formats import blocks
from ...host import Host
from .expressions import NotUnderstood, matches

MAX_FILES: Final = 2_000
"""Files read for one configuration, each counted as often as it is included."""
MAX_DIRECTIVES: Final = 200_000
MAX_SAME: Final = 1_000
"""Directives of one name in one block that are asked for as one setting (add_header, access_log)."""
MAX_EXPRESSIONS: Final = 1_000
"""Expressions of locations that are asked for one address."""
MAX_DEPTH: Final = 8
"""Includes inside includes."""
_SIZES: Final = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_TIMES: Final = {
    "ms": 0.001,
    "s": 1,
    "m": 60,
    "h": 3600,
    "d": 86_400,
    "w": 604_800,
    "M": 2_592_000,
    "y": 31_536_000,
}
"""Units of time; a month is 30 days, a year 365."""
_TIME: Final = re.compile(r"([0-9]{1,12})(ms|[smhdwMy]?)")
_LUA: Final = re.compile(
    r"--\[\[.*?(?:\]\]|\Z)|--[^\n]*|\"[^\"\\]*+(?:\\.?+[^\"\\]*+)*+(?:\"|\Z)"
    r"|'[^'\\]*+(?:\\.?+[^'\\]*+)*+(?:'|\Z)|(?P<open>\{)|(?P<close>\})",
    re.DOTALL,
)


class Directive(NamedTuple):
    """A statement with its file, `source` as file:line. An `include` stands no longer here."""

    name: str
    arguments: tuple[str, ...]
    block: list[Directive] | None
    source: str


class Place:
    """A block with the blocks around it: http, server, location, `if`."""

    def __init__(self, directive: Directive, outer: Place | None = None) -> None:
        self.directive = directive
        self.outer = outer
        self.guards: bool | None = None
        """What allow and deny of this very block come to, once `nginx_servers.guarded` has worked it out."""
        self._named: dict[str, list[Directive]] = {}
        for inner in directive.block or []:
            self._named.setdefault(inner.name, []).append(inner)

    def own(self, name: str) -> list[Directive]:
        """Directives of that name in this block itself."""
        return self._named.get(name, [])

    def effective(self, name: str) -> list[Directive]:
        """Those of the innermost block that has any: an inner one replaces all of the outer ones.

        Raises ValueError for over MAX_SAME.
        """
        place: Place | None = self
        while place is not None:
            found = place.own(name)
            if len(found) > MAX_SAME:
                raise ValueError(f"{found[0].source}: over {MAX_SAME} directives {name[:40]} in one block")
            if found:
                return found
            place = place.outer
        return []

    def word(self, name: str, default: str) -> str:
        """The first argument in effect."""
        found = self.effective(name)
        return found[0].arguments[0] if found and found[0].arguments else default

    def locations(self) -> list[Place]:
        """Locations directly inside, with their arguments in the directive."""
        return [Place(d, self) for d in self.own("location") if d.block is not None]

    def everywhere(self) -> list[Place]:
        """This place and all locations and `if` blocks in it, however deep."""
        found: list[Place] = []
        waiting = [self]
        while waiting:
            place = waiting.pop()
            found.append(place)
            inner = place.locations()
            if place.directive.name == "location":
                inner += [Place(d, place) for d in place.own("if")]
            waiting += reversed(inner)
        return found

    @property
    def shown(self) -> str:
        """Its arguments as one text, for people."""
        return " ".join(self.directive.arguments)


def without_lua(text: str) -> str:
    """`text` with the code in `…_by_lua_block { }` left out, line feeds kept: it is no configuration."""
    kept: list[str] = []
    at = 0
    while (found := text.find("_by_lua_block", at)) >= 0 and (start := text.find("{", found)) >= 0:
        depth, end = 0, len(text)
        for match in _LUA.finditer(text, start):
            depth += (match["open"] is not None) - (match["close"] is not None)
            if depth == 0 and match["close"]:
                end = match.end()
                break
        kept += [text[at : start + 1], "\n" * text.count("\n", start, end), "}"]
        at = end
    return "".join([*kept, text[at:]])


def directives(text: str, path: str) -> list[Directive]:
    """Those of one text, `include` left as it is. Raises ValueError if it is malformed."""

    def all_of(statements: list[blocks.Statement]) -> list[Directive]:
        return [
            Directive(name, arguments, None if block is None else all_of(block), f"{path}:{line}")
            for name, arguments, block, line in statements
        ]

    return all_of(blocks.parse(without_lua(text)))


def load(host: Host, path: str) -> Directive:
    """The whole configuration as one block without a name. Raises CouldNotLook(too-large); ValueError if malformed."""
    loader = _Loader(host, path.rpartition("/")[0])
    return Directive("", (), loader.file(path, 0), path)


class _Loader:
    def __init__(self, host: Host, folder: str) -> None:
        self.host = host
        self.folder = folder
        self.parsed: dict[str, list[blocks.Statement]] = {}
        self.files = 0
        self.directives = 0

    def file(self, path: str, depth: int) -> list[Directive]:
        self.files += 1
        if depth > MAX_DEPTH or self.files > MAX_FILES:
            raise CouldNotLook(
                Reason.TOO_LARGE, f"nginx includes deeper than {MAX_DEPTH} or over {MAX_FILES} files"
            )
        if path not in self.parsed:
            self.parsed[path] = blocks.parse(without_lua(self.host.text(path) or ""))
        return self.all(self.parsed[path], path, depth)

    def all(self, statements: list[blocks.Statement], path: str, depth: int) -> list[Directive]:
        self.directives += len(statements)
        if self.directives > MAX_DIRECTIVES:
            raise CouldNotLook(Reason.TOO_LARGE, f"nginx has over {MAX_DIRECTIVES} directives")
        found: list[Directive] = []
        for name, arguments, block, line in statements:
            if name == "include" and arguments:
                for included in self.host.glob(_under(self.folder, arguments[0])):
                    found += self.file(included, depth + 1)
            else:
                inner = None if block is None else self.all(block, path, depth)
                found.append(Directive(name, arguments, inner, f"{path}:{line}"))
        return found


def _under(folder: str, path: str) -> str:
    return path if path.startswith("/") else f"{folder}/{path}"


def size(text: str) -> int:
    """Bytes of a size: 8000, 8k, 1m, 1g in either case. Raises ValueError."""
    number, unit = text.rstrip("kKmMgG"), text.lstrip("0123456789").lower()
    if not number.isascii() or not number.isdigit() or len(number) > 15 or unit not in _SIZES:
        raise ValueError(f"{text[:40]!r} is no size")
    return min(int(number) * _SIZES[unit], limits.MAX_SAFE_INTEGER)


def seconds(text: str) -> int:
    """Seconds of a time, rounded up: 30, 30s, 1m, "1h 30m", 500ms. Raises ValueError."""
    parts = text.split()
    total = 0.0
    for part in parts:
        at = 0
        for match in _TIME.finditer(part):
            if match.start() != at:
                break
            total += int(match[1]) * _TIMES[match[2] or "s"]
            at = match.end()
        if at != len(part):
            parts = []
            break
    if not parts:
        raise ValueError(f"{text[:40]!r} is no time")
    return -int(-total // 1)


def place_of(server: Place, uri: str) -> Place:
    """The location that answers for `uri`, or the server itself; as ngx_http_core_module says of `location`.

    Raises NotUnderstood if an expression that had to be asked is none of RE2 (lookaheads `(?!…)` count as met).
    """
    return _find(server, uri)[0]


def _find(place: Place, uri: str) -> tuple[Place, bool]:
    """The place, and whether it is final: found by `=` or by an expression."""
    best, longest, plain = place, -1, True
    expressions: list[tuple[Place, str, bool]] = []
    for inner in place.locations():
        modifier, text = _pattern(inner.directive.arguments)
        if modifier == "=" and text == uri:
            return inner, True
        if modifier in ("~", "~*"):
            expressions.append((inner, text, modifier == "~*"))
        elif modifier in ("", "^~") and uri.startswith(text) and len(text) > longest:
            best, longest, plain = inner, len(text), modifier == ""
    if best is not place:
        best, final = _find(best, uri)
        if final:
            return best, True
    if plain and len(expressions) > MAX_EXPRESSIONS:
        raise NotUnderstood(f"over {MAX_EXPRESSIONS} expressions")
    if plain:
        for inner, text, folded in expressions:
            if matches(text, uri, folded=folded):
                return _find(inner, uri)[0], True
    return best, False


def _pattern(arguments: tuple[str, ...]) -> tuple[str, str]:
    if len(arguments) >= 2:
        return arguments[0], arguments[1]
    text = arguments[0] if arguments else "@"
    if text.startswith("@"):
        return "@", text
    for modifier in ("=", "^~", "~*", "~"):
        if text.startswith(modifier):
            return modifier, text.removeprefix(modifier)
    return "", text
