"""YAML as authors write it: bounded, safe, with the place of every value.

Refused by name: aliases, tags, duplicate keys, more than one document, too deep, too large. Only authoring tools read
YAML; machines get the compiled JSON.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path
from typing import Any, Final

import yaml

from vonggac_contract import limits

from .errors import Place, RuleError

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Path_ = tuple[str | int, ...]
_OTHER_BASE: Final = re.compile(r"[-+]?(?:0[0-7_]+|[0-9][0-9_]*:[0-9:_]+)")
"""Whole numbers that YAML 1.1 (https://yaml.org/type/int.html) does not read as they look: 014 is 12, 1:30 is 90."""


class Source:
    """A file's values as builtins (`value`), and the place of each by its path of keys and indices."""

    def __init__(self, file: str, value: Any, places: dict[Path_, Place]) -> None:
        self.file = file
        self.value = value
        self._places = places

    def has(self, path: Path_) -> bool:
        """Whether anything stands at `path`."""
        return path in self._places

    def place(self, path: Path_) -> Place:
        """The place of the value at `path`, or of the nearest thing around it."""
        while path and path not in self._places:
            path = path[:-1]
        return self._places.get(path, Place(self.file))


def read_source(path: Path, *, relative_to: Path | None = None) -> Source:
    """Read one regular file; a link is followed within the folder `relative_to` only. Raises RuleError, OSError."""
    name = (
        str(path.relative_to(relative_to)) if relative_to and path.is_relative_to(relative_to) else str(path)
    )
    return parse_source(_bytes(_target(path, relative_to, name), name), name)


def _target(path: Path, folder: Path | None, name: str) -> Path:
    """The file itself, links followed. Nothing outside the folder is opened, for what is not YAML would be shown."""
    try:
        target = path.resolve(strict=True)
    except (FileNotFoundError, RuntimeError) as e:  # RuntimeError: links in a circle
        raise RuleError(
            Place(name), "no such file, or a link that leads nowhere", hint="remove the link"
        ) from e
    if folder is not None and not target.is_relative_to(folder.resolve()):
        raise RuleError(Place(name), "a link that leads out of the folder", hint="put the file itself here")
    return target


def _bytes(path: Path, name: str) -> bytes:
    """What the file holds, one byte past the limit at most. With O_NONBLOCK a FIFO opens at once, open(2)."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as e:
        if e.errno != errno.ENXIO:  # a socket
            raise
        raise RuleError(Place(name), "not a regular file", hint="remove it") from e
    try:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            raise RuleError(Place(name), "not a regular file", hint="remove it")
        with open(opened, "rb", closefd=False) as stream:
            return stream.read(limits.MAX_YAML_BYTES + 1)
    finally:
        os.close(opened)


def parse_source(raw: bytes, file: str) -> Source:
    """Read YAML from bytes. Raises RuleError."""
    if len(raw) > limits.MAX_YAML_BYTES:
        raise RuleError(Place(file), f"larger than {limits.MAX_YAML_BYTES} bytes", hint="split the file")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as e:
        raise RuleError(Place(file), f"not UTF-8: {e}", hint="save the file as UTF-8") from e
    _check_events(text, file)
    try:
        node = yaml.compose(text, Loader=_Loader)
    except (yaml.YAMLError, RecursionError, ValueError) as e:
        raise _from_yaml(e, file) from e
    if node is None:
        raise RuleError(Place(file), "the file is empty", hint="see a file beside it")
    places: dict[Path_, Place] = {}
    return Source(file, _value(node, (), places, file, _Loader("")), places)


def _check_events(text: str, file: str) -> None:
    """Aliases, tags and depth are refused before anything is built."""
    depth = 0
    try:
        for event in yaml.parse(text, Loader=_Loader):
            if isinstance(event, yaml.AliasEvent):
                raise RuleError(_place(event, file), "aliases are not taken", hint="write the value again")
            if _is_named(event):
                raise RuleError(
                    _place(event, file), "tags and anchors are not taken", hint="write a plain value"
                )
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > limits.MAX_YAML_DEPTH:
                    raise RuleError(_place(event, file), f"nested deeper than {limits.MAX_YAML_DEPTH}")
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
    except yaml.YAMLError as e:
        raise _from_yaml(e, file) from e


def _is_named(event: yaml.Event) -> bool:
    """Whether an event carries a tag or an anchor."""
    if not isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent)):
        return False
    return event.tag is not None or event.anchor is not None


def _value(node: yaml.Node, path: Path_, places: dict[Path_, Place], file: str, loader: Any) -> Any:
    places[path] = _place(node, file)
    if isinstance(node, yaml.SequenceNode):
        return [_value(n, (*path, i), places, file, loader) for i, n in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise RuleError(_place(key_node, file), "a key is a word")
            # Keys are words whatever YAML 1.1 thinks of them (`on`, `no`, `y`).
            key = key_node.value
            if key in found:
                raise RuleError(_place(key_node, file), f"{key!r} is there twice", hint="keep one of the two")
            found[key] = _value(value_node, (*path, key), places, file, loader)
            places[(*path, key)] = _place(key_node, file)
        return found
    if node.tag == "tag:yaml.org,2002:int" and _OTHER_BASE.fullmatch(node.value):
        raise RuleError(
            _place(node, file), f"{node.value[:20]} would be read in base 8 or 60",
            hint="write the number in tens, or a text in quotes",
        )  # fmt: skip
    try:
        return loader.construct_object(node)
    except (yaml.YAMLError, ValueError) as e:
        raise _from_yaml(e, file, node) from e


def _place(thing: Any, file: str) -> Place:
    mark = thing.start_mark
    return Place(file, mark.line + 1, mark.column + 1)


def _from_yaml(error: Exception, file: str, thing: Any = None) -> RuleError:
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    place = (
        Place(file, mark.line + 1, mark.column + 1)
        if mark
        else (_place(thing, file) if thing else Place(file))
    )
    problem = error.problem if isinstance(error, yaml.MarkedYAMLError) else str(error)
    return RuleError(place, f"not YAML: {problem}", hint="check indentation and quotes here")
