"""config.setting: one setting of one configuration file. The syntax is known to `formats`, drop-ins to `dropins`.

`Include` of the directives formats as in sshd_config(5): patterns relative to the file's own folder.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.files import ConfigSetting

from ...formats import assignments, directives, documents, ini
from ...host import Host
from ...untrusted import as_text, bounded
from ..system import dropins

MAX_FILES: Final = 200
"""Files that one configuration may draw in."""
MAX_DEPTH: Final = 16
_NUMBER: Final = re.compile(r"-?[0-9]{1,15}")


class Setting(NamedTuple):
    """A value and where it stands."""

    value: str
    source: str


def from_ini(text: str, key: str) -> list[Setting]:
    """Values of `section/name` in order."""
    section, _, name = key.rpartition("/")
    return [Setting(e.value, str(e.line)) for e in ini.parse(text) if (e.section, e.key) == (section, name)]


def from_systemd(texts: Iterable[str], key: str) -> list[str]:
    """Values of `Section/Name` in files read as one: an empty value resets what stands before it."""
    section, _, name = key.rpartition("/")
    found: list[str] = []
    for entry in ini.systemd("\n\n".join(texts)):
        if (entry.section, entry.key) == (section, name):
            if entry.value:
                found.append(entry.value)
            else:
                found.clear()
    return found


def from_assignments(text: str, key: str) -> list[Setting]:
    """Values of `KEY=value` lines, read as a shell would."""
    return [Setting(e.value, str(e.line)) for e in assignments.parse(text, posix=True) if e.key == key]


def from_key_value(text: str, key: str) -> list[Setting]:
    """Values of lines where `=`, `:` or a blank ends the key."""
    entries = assignments.parse(text, separators="=:", blank=True, inline=True)
    return [Setting(e.value, str(e.line)) for e in entries if e.key == key]


def from_document(value: Any, pointer: str) -> list[Setting]:
    """Values at the pointer: texts as they are, true and false, numbers in decimal; "" for a list or mapping."""
    return [Setting(_shown(v), "") for v in documents.at(value, pointer)]


def decide(found: list[Setting], *, file: bool, first: bool) -> ConfigSetting:
    """The fact from every value found, in the order of the files."""
    if not found:
        return ConfigSetting(file=file, present=False)
    if len(found) > limits.MAX_FACT_LIST:
        raise ValueError(f"over {limits.MAX_FACT_LIST} values")
    value, source = found[0] if first else found[-1]
    number = int(value) if _NUMBER.fullmatch(value) else None
    return ConfigSetting(
        file=file, present=True, value=bounded(value), number=number,
        values=[bounded(s.value) for s in found], source=source,
    )  # fmt: skip


_DOCUMENTS: Final[dict[str, Callable[[str], Any]]] = {
    "json": documents.parse_json,
    "yaml": documents.parse_yaml,
    "toml": documents.parse_toml,
    "xml": documents.parse_xml,
}
_LINES: Final[dict[str, Callable[[str, str], list[Setting]]]] = {
    "ini": from_ini,
    "assignments": from_assignments,
    "key-value": from_key_value,
}


def gather(host: Host, selector: tuple[str, ...]) -> tuple[ConfigSetting, str]:
    """Topic config.setting, selector: path, format, key."""
    path, form, key = selector
    file, found = False, list[Setting]()
    if form.startswith("directives"):
        for name, text in _included(host, path):
            file = True
            entries = directives.parse(text, inline=True)
            found += [Setting(e.value, f"{name}:{e.line}") for e in entries if e.name == key.lower()]
    elif form in _DOCUMENTS:
        document = host.public_text(path)
        file = document is not None
        found = from_document(_DOCUMENTS[form](document), key) if document else []
    elif form in _LINES:
        told = host.public_text(path)
        file = told is not None
        found = [Setting(s.value, f"{path}:{s.source}") for s in _LINES[form](told or "", key)]
    elif form == "systemd":
        files = [host.public_text(name) for name in _drop_ins(host, path)]
        texts = [told for told in files if told is not None]
        file = bool(texts)
        found = [Setting(value, path) for value in from_systemd(texts, key)]
    else:
        raise CouldNotLook(Reason.NOT_SUPPORTED, f"this agent reads no format {form!r}")
    return decide(found, file=file, first=form == "directives-first"), as_text(path)


def _drop_ins(host: Host, path: str) -> list[str]:
    """The file, then its drop-ins in the order in which they are read."""
    base = path.strip("/")
    within = (base.removeprefix(f"{f}/") for f in dropins.CONFIGURATION if base.startswith(f"{f}/"))
    name = next(within, base)
    return [path, *dropins.files(host, [f"{folder}/{name}.d" for folder in dropins.CONFIGURATION])]


def _included(host: Host, path: str) -> Iterator[tuple[str, str]]:
    """The file and what it includes, each as its text up to the next include, in the order a reader meets them."""
    count = 0

    def follow(name: str, depth: int) -> Iterator[tuple[str, str]]:
        nonlocal count
        text = host.public_text(name)
        if text is None:
            return
        count += 1
        if count > MAX_FILES or depth > MAX_DEPTH:
            raise CouldNotLook(
                Reason.TOO_LARGE, f"{as_text(path)} includes over {MAX_FILES} files, or too deep"
            )
        begin = 0
        lines = text.split("\n")
        for entry in directives.parse(text, inline=True):
            if entry.name == "include":
                yield name, "\n" * begin + "\n".join(lines[begin : entry.line - 1])
                begin = entry.line
                for pattern in entry.arguments:
                    folder = "" if pattern.startswith("/") else name.rpartition("/")[0] + "/"
                    for included in host.glob(folder + pattern):
                        yield from follow(included, depth + 1)
        yield name, "\n" * begin + "\n".join(lines[begin:])

    return follow(path, 0)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return str(value.get("#text", ""))
    return "" if value is None or isinstance(value, list) else as_text(str(value))
