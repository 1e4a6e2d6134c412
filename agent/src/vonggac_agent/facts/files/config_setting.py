"""config.setting: one setting of one configuration file. The syntax is known to `formats`, the drop-ins to this module.

Drop-ins of the format systemd: systemd-system.conf(5), "Configuration Directories and Precedence". `Include` of the
directives formats as in sshd_config(5): patterns relative to the file's own folder.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.files import ConfigSetting

from ...formats import assignments, directives, documents, ini
from ...host import Host
from ...untrusted import as_text, bounded

MAX_FILES: Final = 200
"""Files that one configuration may draw in."""
MAX_DEPTH: Final = 16
_NUMBER: Final = re.compile(r"-?[0-9]{1,15}")
_FOLDERS: Final = ("usr/lib", "usr/local/lib", "run", "etc")


class Setting(NamedTuple):
    """A value and where it stands."""

    value: str
    source: str


def from_ini(text: str, key: str, *, systemd: bool = False) -> list[Setting]:
    """Values of `section/name` in order; for systemd an empty value resets what stands before it."""
    section, _, name = key.rpartition("/")
    found: list[Setting] = []
    for entry in ini.parse(text, continuation="\\" if systemd else ""):
        if (entry.section, entry.key) == (section, name):
            if systemd and not entry.value:
                found.clear()
            else:
                found.append(Setting(entry.value, str(entry.line)))
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
    "systemd": lambda text, key: from_ini(text, key, systemd=True),
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
        texts = [
            (name, host.public_text(name))
            for name in (_drop_ins(host, path) if form == "systemd" else [path])
        ]
        there = [(name, text) for name, text in texts if text is not None]
        file = bool(there)
        if form == "systemd":
            # Read as one file, so that an empty value resets what earlier files said.
            found = from_ini("\n".join(text for _, text in there), key, systemd=True)
            found = [Setting(s.value, path) for s in found]
        else:
            found = [
                Setting(s.value, f"{name}:{s.source}") for name, t in there for s in _LINES[form](t, key)
            ]
    else:
        raise CouldNotLook(Reason.NOT_SUPPORTED, f"this agent reads no format {form!r}")
    return decide(found, file=file, first=form == "directives-first"), as_text(path)


def _drop_ins(host: Host, path: str) -> list[str]:
    """The file, then its drop-ins by name; of two with one name that of the later folder counts."""
    base = path.strip("/")
    for folder in _FOLDERS:
        if base.startswith(folder + "/"):
            base = base.removeprefix(folder + "/")
            break
    named: dict[str, str] = {}
    for folder in _FOLDERS:
        place = f"{folder}/{base}.d"
        named |= {name: f"{place}/{name}" for name in host.names(place) if name.endswith(".conf")}
    return [path, *(named[name] for name in sorted(named))]


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
