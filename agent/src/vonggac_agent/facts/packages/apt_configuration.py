"""Reads apt's configuration: apt.conf(5), with the order in which apt itself reads its files.

Only values are told; what they mean for automatic updates is `update_automatic`'s question.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from ...host import Host
from ...untrusted import as_text

FOLDER: Final = "etc/apt/apt.conf.d"
FILE: Final = "etc/apt/apt.conf"
_IGNORED_ENDINGS: Final = (".bak", ".disabled", ".dpkg-dist", ".dpkg-new", ".dpkg-old", ".orig", ".save", "~")
_FILE_NAME: Final = re.compile(r"[A-Za-z0-9_.-]+")
_TOKEN: Final = re.compile(
    r"""
      (?P<comment> //[^\n]* | \#(?!clear\b|include\b)[^\n]* | /\*.*?(?:\*/|\Z) )
    | (?P<text> "[^"\n]*" )
    | (?P<mark> [{};] )
    | (?P<word> (?: (?!//|/\*)[^\s{};"] )+ )
    """,
    re.VERBOSE | re.DOTALL,
)
MAX_DEPTH: Final = 32


class Configuration:
    """Values by name; names are case-insensitive, and a list's entries are its unnamed members in order."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}
        self._lists: dict[str, list[str]] = {}

    def get(self, name: str, default: str = "") -> str:
        """The value of `name`, e.g. `APT::Periodic::Enable`."""
        return self._values.get(name.casefold(), default)

    def entries(self, name: str) -> list[str]:
        """The entries of list `name`, e.g. `Unattended-Upgrade::Origins-Pattern`."""
        return list(self._lists.get(name.casefold(), ()))

    def read(self, text: str) -> None:
        """Take in one file. Raises ValueError for braces nested deeper than MAX_DEPTH."""
        scopes: list[str] = []
        words: list[str] = []
        for match in _TOKEN.finditer(text):
            if match.lastgroup == "comment":
                continue
            if match.lastgroup != "mark":
                words.append(match[0])
                continue
            mark = match[0]
            if mark == "{":
                if len(scopes) >= MAX_DEPTH:
                    raise ValueError(f"apt's configuration is nested deeper than {MAX_DEPTH}")
                scopes.append(_joined(scopes[-1] if scopes else "", words[0] if words else ""))
            else:
                self._say(scopes[-1] if scopes else "", words)
                if mark == "}":
                    del scopes[-1:]
            words = []

    def _say(self, scope: str, words: list[str]) -> None:
        if not words:
            return
        if words[0].casefold() == "#clear":
            for name in words[1:]:
                self._clear(_joined(scope, name))
            return
        if words[0].startswith("#"):
            return
        if len(words) == 1 and words[0].startswith('"'):  # an unnamed member: `"origin=Debian";`
            self._lists.setdefault(scope.casefold(), []).append(words[0].strip('"'))
            return
        name, value = _joined(scope, words[0]), words[1].strip('"') if len(words) > 1 else ""
        if name.endswith("::"):
            self._lists.setdefault(name.removesuffix("::").casefold(), []).append(value)
        else:
            self._values[name.casefold()] = value

    def _clear(self, name: str) -> None:
        """`#clear` forgets a name and everything below it."""
        name = name.removesuffix("::").casefold()
        for kept in (self._values, self._lists):
            for key in [k for k in kept if k == name or k.startswith(f"{name}::")]:
                del kept[key]


def _joined(scope: str, name: str) -> str:
    return f"{scope}::{name}" if scope else name


def is_read(name: str) -> bool:
    """apt reads a file of this name from its folder: no ending or `.conf`, and no odd characters (apt.conf(5))."""
    return (
        _FILE_NAME.fullmatch(name) is not None
        and not name.startswith(".")
        and not name.endswith(_IGNORED_ENDINGS)
        and ("." not in name or name.endswith(".conf"))
    )


def read(host: Host) -> Configuration:
    """apt's configuration on `host`: the folder's files in order of their names, then the one file."""
    configuration = Configuration()
    for path in _files(host):
        configuration.read(host.text(path) or "")
    return configuration


def _files(host: Host) -> Iterable[str]:
    for name in host.names(FOLDER):
        if is_read(as_text(name)):
            yield f"{FOLDER}/{name}"
    yield FILE
