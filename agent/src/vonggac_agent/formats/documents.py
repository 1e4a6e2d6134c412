"""JSON, YAML, TOML and XML as builtins: dicts, lists, texts, numbers, booleans, None; bounded before anything is built.

XML becomes `{"@name": attribute, "child": [ … ], "#text": …}`, children always lists, so that one and many read alike.
Each reader imports its library when it is first asked: together they cost 25 ms that most looks never need.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from vonggac_contract import limits
from vonggac_contract.decode import scan_json
from vonggac_contract.errors import ContractError

from .lines import split

MAX_CHARACTERS: Final = 2 * limits.MIB
"""Of one document: twice what `Host.read` gives of a configuration file."""
MAX_DEPTH: Final = 64
MAX_NODES: Final = 100_000
"""Values of one document; in YAML its keys count too."""
MAX_DOTS: Final = 1_000
"""Dots in one line of TOML, those in texts included."""


def parse_json(text: str) -> Any:
    """Of equal keys the last. Raises ValueError: not JSON (RFC 8259), or beyond `vonggac_contract.limits`."""
    _check_length(text)
    raw = text.encode("utf-8", "surrogatepass")
    try:
        scan_json(raw, maximum=limits.MAX_UNPACKED_BYTES)
        return msgspec.json.decode(raw)
    except (ContractError, msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise ValueError(f"not JSON: {error}") from None


def parse_yaml(text: str) -> Any:
    """The first document of a YAML 1.1 stream. Raises ValueError: not YAML, an alias, over MAX_DEPTH or MAX_NODES."""
    import yaml

    _check_length(text)
    kind = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    depth = nodes = 0
    try:
        for event in yaml.parse(text, Loader=kind):
            if isinstance(event, yaml.AliasEvent):
                raise ValueError("not YAML as read here: an alias")
            if isinstance(event, yaml.DocumentEndEvent):
                break
            nodes += 1
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > MAX_DEPTH or nodes > MAX_NODES:
                raise ValueError(f"not YAML as read here: deeper than {MAX_DEPTH} or over {MAX_NODES} values")
        loader = kind(text)
        try:
            return loader.get_data() if loader.check_data() else None
        finally:
            loader.dispose()
    except (yaml.YAMLError, RecursionError, TypeError, OverflowError) as error:
        raise ValueError(f"not YAML: {error}"[:400]) from None


def parse_toml(text: str) -> dict[str, Any]:
    """TOML 1.0. Raises ValueError: not TOML, or nested deeper than MAX_DEPTH."""
    import tomllib

    _check_length(text)
    if max(text.count("["), text.count("{"), text.count(".")) > MAX_NODES:
        raise ValueError(f"not TOML as read here: over {MAX_NODES} values")
    # Each part of a dotted key is a table in a table, and tomllib takes the square of their number.
    if _deepest(text) > MAX_DEPTH or any(line.count(".") > MAX_DOTS for line in split(text)):
        raise ValueError(f"not TOML as read here: nested deeper than {MAX_DEPTH}")
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ValueError(f"not TOML: {error}") from None


def _check_length(text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"over {MAX_CHARACTERS} characters")


def _deepest(text: str) -> int:
    """The most brackets open at one place; those in texts and comments are counted too, which only refuses sooner."""
    deepest = now = 0
    for character in text:
        if character in "[{":
            now += 1
            deepest = max(deepest, now)
        elif character in "]}":
            now = max(0, now - 1)
    return deepest


def parse_xml(text: str) -> dict[str, Any]:
    """The root element as `{name: element}`. Raises ValueError: not XML 1.0, entities declared, beyond the bounds."""
    from xml.parsers import expat

    _check_length(text)
    builder = _XmlBuilder()
    parser = expat.ParserCreate("utf-8")  # what the text was encoded in, whatever its first line claims
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    parser.EntityDeclHandler = builder.entity
    parser.SkippedEntityHandler = builder.skipped
    try:
        parser.Parse(text.encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        raise ValueError(f"not XML: {error}") from None
    return builder.root


class _XmlBuilder:
    def __init__(self) -> None:
        self.root: dict[str, Any] = {}
        self._open: list[dict[str, Any]] = [self.root]
        self._texts: list[list[str]] = [[]]
        self._nodes = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._nodes += 1 + len(attributes)
        if len(self._open) > MAX_DEPTH or self._nodes > MAX_NODES:
            raise ValueError(f"not XML as read here: deeper than {MAX_DEPTH} or over {MAX_NODES} values")
        element: dict[str, Any] = {f"@{key}": value for key, value in attributes.items()}
        parent = self._open[-1]
        if len(self._open) == 1:
            parent[name] = element
        else:
            parent.setdefault(name, []).append(element)
        self._open.append(element)
        self._texts.append([])

    def end(self, name: str) -> None:
        element = self._open.pop()
        text = "".join(self._texts.pop()).strip()
        if text:
            element["#text"] = text

    def text(self, data: str) -> None:
        self._texts[-1].append(data)

    def entity(self, *declared: object) -> None:
        raise ValueError("not XML as read here: it declares entities")

    def skipped(self, name: str, is_parameter: bool) -> None:
        raise ValueError(f"not XML as read here: an undeclared entity {name[:80]!r}")


def at(value: Any, pointer: str) -> list[Any]:
    """Every value at `pointer`, a JSON pointer (RFC 6901) in which `*` stands for every item of a list or mapping.

    A name that is not there gives nothing. A list is gone into by position ("0") or `*`; where a name meets a list, it
    is asked of each item, so that XML children read without positions. Raises ValueError for what is no pointer.
    """
    if pointer and not pointer.startswith("/"):
        raise ValueError(f"{pointer[:80]!r} is no JSON pointer: it begins with /")
    found = [value]
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        found = [inner for outer in found for inner in _step(outer, name)][:MAX_NODES]
    return found


def _step(value: Any, name: str) -> list[Any]:
    if isinstance(value, dict):
        if name == "*":
            return list(value.values())
        return [value[name]] if name in value else []
    if isinstance(value, list):
        if name == "*":
            return value
        if name.isascii() and name.isdigit():
            return value[int(name) : int(name) + 1] if len(name) <= 6 else []
        return [inner for item in value if isinstance(item, dict) for inner in _step(item, name)]
    return []
