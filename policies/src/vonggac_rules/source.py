"""YAML as authors write it: bounded, safe, with the place of every value.

Refused by name: aliases, tags, duplicate keys, more than one document, too deep, too large. Only authoring tools read
YAML; machines get the compiled JSON.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import yaml

from vonggac_contract import limits
from vonggac_contract.terminal import acting

from .errors import Place, RuleError, Slips
from .folder import name_in
from .types import close, nearest

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

    def refuse(self, path: Path_, message: str, hint: str | None = None) -> RuleError:
        """An error at the place of `path`."""
        return RuleError(self.place(path), message, hint=hint)

    def check_keys(
        self, path: Path_, value: Any, allowed: Collection[str], needed: Collection[str] = (), has: str = ""
    ) -> None:
        """Raises RuleError for each key of the mapping at `path` that is not `allowed`, and each `needed` one that is
        missing and that no wrong one was meant for; `has` says which there are."""
        slips = Slips()
        unknown = [key for key in value if key not in allowed]
        for key in unknown:
            slips.add(self.refuse((*path, key), f"no key {key!r} here", nearest(key, allowed)))
        for key in needed:
            if key not in value and not close(key, unknown):
                slips.add(self.refuse(path, f"{key!r} is missing", has))
        slips.settle()


def read_source(path: Path, *, relative_to: Path | None = None, slips: Slips | None = None) -> Source:
    """Read one regular file; a link is followed within the folder `relative_to` only.

    `slips` takes what is wrong with single values, and the rest is read all the same. Raises RuleError, OSError.
    """
    name = name_in(path, relative_to) if relative_to else str(path)
    return parse_source(_bytes(_target(path, relative_to, name), name), name, slips)


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


def parse_source(raw: bytes, file: str, slips: Slips | None = None) -> Source:
    """Read YAML from bytes. `slips` takes what is wrong with single values. Raises RuleError."""
    if len(raw) > limits.MAX_YAML_BYTES:
        raise RuleError(Place(file), f"larger than {limits.MAX_YAML_BYTES} bytes", hint="split the file")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as e:
        words = f"byte 0x{raw[e.start]:02x} is not UTF-8"
        raise RuleError(
            Place(file, raw.count(b"\n", 0, e.start) + 1), words, hint="save the file as UTF-8"
        ) from e
    _check_characters(text, file)
    _check_events(text, file)
    try:
        node = yaml.compose(text, Loader=_Loader)
    except (yaml.YAMLError, RecursionError, ValueError) as e:
        raise _from_yaml(e, file, text) from e
    if node is None:
        raise RuleError(Place(file), "the file is empty", hint="see a file beside it")
    places: dict[Path_, Place] = {}
    found = Slips() if slips is None else slips
    source = Source(file, _value(node, (), places, file, found), places)
    if slips is None:
        found.settle()
    return source


def _check_characters(text: str, file: str) -> None:
    """What acts on a reader is refused wherever it stands, in comments too. A mark of UTF-8 may begin the file."""
    shown = text.removeprefix("\ufeff").replace("\r\n", "\n")
    place = acting(shown)
    if place is not None:
        at = Place(file, shown.count("\n", 0, place) + 1, place - shown.rfind("\n", 0, place))
        raise RuleError(at, unreadable(shown[place]), hint="remove the character that stands here")


def unreadable(character: str) -> str:
    """What is said of a character that acts on a reader."""
    return f"U+{ord(character):04X} acts on a terminal or on the direction of a text, and shows nothing"


def _check_events(text: str, file: str) -> None:
    """Aliases, tags, depth and number are refused before anything is built."""
    depth = values = 0
    slips = Slips()
    try:
        for event in yaml.parse(text, Loader=_Loader):
            if isinstance(event, yaml.AliasEvent):
                slips.add(
                    RuleError(_place(event, file), "aliases are not taken", hint="write the value again")
                )
            elif _is_named(event):
                slips.add(
                    RuleError(
                        _place(event, file), "tags and anchors are not taken", hint="write a plain value"
                    )
                )
            values += 1
            if values > limits.MAX_YAML_VALUES:
                words = f"more than {limits.MAX_YAML_VALUES} values"
                raise RuleError(_place(event, file), words, hint="split the file")
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > limits.MAX_YAML_DEPTH:
                    words = f"nested deeper than {limits.MAX_YAML_DEPTH}"
                    raise RuleError(
                        _place(event, file), words, hint="no value needs that: close the brackets"
                    )
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
    except yaml.YAMLError as e:
        slips.add(_from_yaml(e, file, text))
    slips.settle()


def _is_named(event: yaml.Event) -> bool:
    """Whether an event carries a tag or an anchor."""
    if not isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent)):
        return False
    return event.tag is not None or event.anchor is not None


def _value(node: yaml.Node, path: Path_, places: dict[Path_, Place], file: str, slips: Slips) -> Any:
    places[path] = _place(node, file)
    if isinstance(node, yaml.SequenceNode):
        return [_value(n, (*path, i), places, file, slips) for i, n in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                slips.add(RuleError(_place(key_node, file), "a key is a word", hint="write `word: value`"))
                continue
            # Keys are words whatever YAML 1.1 thinks of them (`on`, `no`, `y`).
            key = key_node.value
            if key in found:
                words = f"{key!r} is there twice"
                slips.add(RuleError(_place(key_node, file), words, hint="keep one of the two"))
                continue
            found[key] = _value(value_node, (*path, key), places, file, slips)
            places[(*path, key)] = _place(key_node, file)
        return found
    if node.tag == "tag:yaml.org,2002:int" and _OTHER_BASE.fullmatch(node.value):
        words = f"{node.value[:20]} would be read in base 8 or 60"
        slips.add(RuleError(_place(node, file), words, hint="write the number in tens, or a text in quotes"))
    try:
        return _Loader("").construct_object(node)
    except (yaml.YAMLError, ValueError):  # a day that no calendar has, a number of thousands of digits
        words = f"{node.value[:20]!r} can't be read as the number or day that it looks like"
        slips.add(RuleError(_place(node, file), words, hint="write another, or a text in quotes"))
        return node.value


def _place(thing: Any, file: str) -> Place:
    mark = thing.start_mark
    return Place(file, mark.line + 1, mark.column + 1)


def _from_yaml(error: Exception, file: str, text: str) -> RuleError:
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
    problem = error.problem if isinstance(error, yaml.MarkedYAMLError) else str(error)
    tab = mark is not None and text[mark.index : mark.index + 1] == "\t"
    hint = "indent with blanks, not with tabs" if tab else "check indentation and quotes here"
    return RuleError(place, f"not YAML: {problem}", hint=hint)
