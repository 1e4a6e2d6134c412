"""Reads syslog-ng's configuration: which files it writes, where it sends to, where it listens. Pure.

Only what a log path uses counts. Source: syslog-ng.conf(5) and the administration guide: file(), network(), syslog(),
tcp(), udp(), tls(), disk-buffer(), options { perm() }.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from ...formats.lines import MAX_LINES
from .rsyslog_items import MAX_DEPTH
from .rsyslog_syntax import MAX_CHARACTERS, MAX_FILES, Config, Heard, Sent, Written

MAX_NODES: Final = 100_000
MAX_NESTING: Final = 64
_CONDITIONS: Final = ("if", "elif", "else", "")
"""The braces behind `if (…)` have no name of their own."""
_MOST_NAMED: Final = 8
"""Filters of one path that are kept; more than one is not understood anyway."""
_TOKEN: Final = re.compile(
    r"(?P<blank>[\s,]++|#[^\n]*+)|(?P<mark>[(){};])"
    r'|"(?P<double>[^"\\]*+(?:\\.?+[^"\\]*+)*+)"|'
    r"'(?P<single>[^']*+)'"
    r"""|(?P<word>[^\s,(){};"'#]++)""",
    re.DOTALL,
)
_DIRECTIVE: Final = re.compile(r'(?m)^[ \t]*+@(\w++)(?:[ \t]++"([^"\n]*+)")?[^\n]*+$')
_NETWORK: Final = {
    "network": "tcp",
    "syslog": "tcp",
    "tcp": "tcp",
    "tcp6": "tcp",
    "udp": "udp",
    "udp6": "udp",
}
"""Drivers with the transport that each has without transport()."""


class _Through(NamedTuple):
    """What reaches a destination: the fields of the same names of `Sent`."""

    selector: str
    auth: bool | None
    authpriv: bool | None


class Node(NamedTuple):
    """`name(arguments inner…)` or `name arguments { inner }`."""

    name: str
    arguments: list[str]
    inner: list[Node]

    def option(self, name: str) -> Node | None:
        """The last option of that name; `-` and `_` are the same."""
        return next((n for n in reversed(self.inner) if n.name.replace("_", "-") == name), None)

    def value(self, name: str, default: str = "") -> str:
        """The first argument of that option."""
        option = self.option(name)
        return option.arguments[0] if option and option.arguments else default


def nodes(text: str) -> list[Node]:
    """The statements of one file. Raises ValueError: brackets that do not match, beyond the bounds of this module."""
    top = Node("", [], [])
    open_nodes, words = [top], list[str]()
    count = 0
    for kind, value in _tokens(text):
        if kind != "mark":
            words.append(value)
        elif value in "({":
            name, *rest = words or [""]
            if value == "(":  # in a list of arguments the words before the last belong to it
                *rest, name = words or [""]
                open_nodes[-1].arguments.extend(rest)
                rest = []
            node = Node(name, rest, [])
            open_nodes[-1].inner.append(node)
            open_nodes.append(node)
            words = []
            count += 1
            if count > MAX_NODES or len(open_nodes) > MAX_NESTING:
                raise ValueError(f"over {MAX_NODES} statements, or nested deeper than {MAX_NESTING}")
        elif value == ";":
            words = []
        else:
            if len(open_nodes) == 1:
                raise ValueError("a bracket closes nothing")
            closed = open_nodes.pop()
            if value == ")":
                closed.arguments.extend(words)
            words = []
    if len(open_nodes) > 1:
        raise ValueError("the file ends inside a statement")
    return top.inner


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError("a quote that does not end")
        kind = str(match.lastgroup)
        if kind != "blank":
            yield ("mark" if kind == "mark" else "word"), match[kind]
        at = match.end()


def parse(text: str, read: Callable[[str], Iterable[str]]) -> Config:
    """What the configuration amounts to. `read` gives the texts of the files that an @include's pattern matches.

    Raises ValueError as `nodes` does.
    """
    found = list(_all(text, read, [0, 0, 0], 0))
    defined: dict[tuple[str, str], Node] = {}
    for node in found:
        if node.name in ("source", "destination", "filter") and node.arguments:
            defined[node.name, node.arguments[0]] = node
    options = [node for node in found if node.name == "options"]
    mode = next((value for node in reversed(options) if (value := node.value("perm"))), "0600")
    used: dict[str, list[Node]] = {"source": [], "destination": []}
    through: dict[int, list[_Through]] = {}
    for part, path in _paths(found):
        named = [defined[part.name, n] for n in dict.fromkeys(part.arguments) if (part.name, n) in defined]
        for node in [*([part] if part.inner else []), *named]:
            used[part.name].append(node)
            if part.name == "destination":
                through.setdefault(id(node), []).append(_through(path, defined))
    targets = [
        _sent(driver, through[id(node)])
        for node in _distinct(used["destination"])
        for driver in node.inner
        if driver.name in _NETWORK and driver.arguments
    ]
    writers = [driver for node in _distinct(used["destination"]) for driver in node.inner]
    readers = [driver for node in _distinct(used["source"]) for driver in node.inner]
    return Config(
        tuple(_written(d, mode) for d in writers if d.name == "file" and d.arguments),
        tuple(targets),
        tuple(_heard(d) for d in readers if d.name in _NETWORK),
        "",
    )


def _through(path: list[Node], defined: Mapping[tuple[str, str], Node]) -> _Through:
    """What a log path lets through. Understood: no filter at all, or one that is nothing but facility()."""
    if not path:
        return _Through("", True, True)
    names = ", ".join(node.arguments[0] if node.arguments else node.name for node in path)
    node = path[0]
    if len(path) > 1 or node.name != "filter":
        return _Through(names, None, None)
    if not node.inner and len(node.arguments) == 1:
        said = defined.get(("filter", node.arguments[0]), node)
        node = said._replace(arguments=said.arguments[1:])
    if node.arguments or [inner.name for inner in node.inner] != ["facility"]:
        return _Through(names, None, None)
    facilities = node.inner[0].arguments
    if not all(word.isalpha() for word in facilities):
        return _Through(names, None, None)
    return _Through(names, "auth" in facilities, "authpriv" in facilities)


def _all(text: str, read: Callable[[str], Iterable[str]], used: list[int], depth: int) -> Iterator[Node]:
    used[0] += 1
    used[1] += len(text)
    used[2] += text.count("\n")
    if depth > MAX_DEPTH or used[0] > MAX_FILES or used[1] > MAX_CHARACTERS or used[2] > MAX_LINES:
        raise ValueError(
            f"syslog-ng includes over {MAX_FILES} files, {MAX_CHARACTERS} characters or {MAX_DEPTH} deep"
        )
    included = [match[2] for match in _DIRECTIVE.finditer(text) if match[1] == "include" and match[2]]
    yield from nodes(_DIRECTIVE.sub("", text))
    for pattern in included:
        for inner in read(pattern):
            yield from _all(inner, read, used, depth + 1)


def _paths(found: list[Node]) -> Iterator[tuple[Node, list[Node]]]:
    """Every source and destination that log paths name or hold, with what decides whether a message gets there.

    That are the filters of the path and of those around it, conditions, and an earlier path that keeps what it takes.
    """
    taken: list[Node] = []
    for top in (node for node in found if node.name == "log"):
        waiting = [(top, taken)]
        while waiting:
            node, around = waiting.pop()
            flags = node.option("flags")
            words = set(flags.arguments) if flags else set()
            asked = [n for n in node.inner if n.name == "filter"]
            asked += [node] if node.name in _CONDITIONS or words & {"fallback", "catchall"} else []
            path = (around + asked)[:_MOST_NAMED]
            for inner in node.inner:
                if inner.name in ("source", "destination"):
                    yield inner, path
                elif inner.name in ("log", "channel", "junction", *_CONDITIONS):
                    waiting.append((inner, path))
            taken = [node] if "final" in words else taken


def _distinct(found: list[Node]) -> list[Node]:
    return list({id(node): node for node in found}.values())


def _written(driver: Node, default: str) -> Written:
    mode = driver.value("perm") or default
    return Written("", driver.arguments[0], int(mode, 8) if re.fullmatch("[0-7]{1,5}", mode) else 0o600)


def _transport(driver: Node) -> tuple[str, bool]:
    told = driver.value("transport", _NETWORK[driver.name]).lower()
    encrypted = "tls" in told
    return ("udp" if told == "udp" else "tcp"), encrypted


def _sent(driver: Node, through: list[_Through]) -> Sent:
    """`through`: of each path that leads here; together they let through what one of them does."""
    protocol, encrypted = _transport(driver)
    tls = driver.option("tls")
    # Without peer-verify() syslog-ng demands a certificate that it trusts.
    verified = tls is not None and tls.value("peer-verify", "required-trusted").lower() in (
        "required-trusted",
        "yes",
    )
    return Sent(
        driver.arguments[0],
        driver.value("port"),
        protocol,
        encrypted,
        encrypted and verified,
        driver.option("disk-buffer") is not None,
        "; ".join(each.selector for each in through),
        _either([each.auth for each in through]),
        _either([each.authpriv for each in through]),
    )


def _either(words: list[bool | None]) -> bool | None:
    return True if True in words else None if None in words else False


def _heard(driver: Node) -> Heard:
    protocol, encrypted = _transport(driver)
    return Heard(protocol, driver.value("port"), driver.value("ip") or driver.value("localip"), encrypted)
