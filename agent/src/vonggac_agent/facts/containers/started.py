"""How systemd starts an engine: the settings of its unit with drop-ins merged, and the words of its command line.

Sources: systemd.unit(5) "drop-in", systemd.service(5) "Command lines", systemd.exec(5) EnvironmentFile=.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ...formats import assignments
from ...formats.words import words
from ...host import Host
from ..system import systemd

MAX_COMMAND: Final = 65_536
"""Characters of one command line; the kernel takes 128 KiB for one argument, an engine's has some hundred."""
MAX_FILES: Final = 100

Sections = Mapping[str, Mapping[str, list[str]]]


def settings(host: Host, unit: str) -> Sections:
    """Sections of the unit file and its drop-ins, as one text: a later value adds, an empty one resets.

    Raises CouldNotLook as `Host.text` does, and for too many drop-ins.
    """
    return systemd.sections(*systemd.units(host).texts(unit))


def arguments(host: Host, unit: str) -> list[str]:
    """Words after the program in the last ExecStart= of a service, variables put in; [] if it has none."""
    service = settings(host, unit).get("Service", {})
    commands = service.get("execstart", [])
    if not commands:
        return []
    environment = _environment(words(" ".join(service.get("environment", []))[:MAX_COMMAND]))
    for path in service.get("environmentfile", [])[:MAX_FILES]:
        text = host.text(path.removeprefix("-")) or ""
        environment |= {e.key: e.value for e in assignments.parse(text, posix=True)}
    return expanded(commands[-1], environment)[1:]


def _environment(pairs: Iterable[str]) -> dict[str, str]:
    return {name: value for name, equals, value in (pair.partition("=") for pair in pairs) if equals}


def expanded(command: str, environment: Mapping[str, str]) -> list[str]:
    """Words of a command line; `$NAME` alone becomes any number of words, `${NAME}` stays within its own.

    Raises ValueError for over MAX_COMMAND characters, before or after.
    """
    found: list[str] = []
    length = 0
    for word in words(_checked(command)):
        if word.startswith("$") and word[1:].isidentifier():
            parts = words(_checked(environment.get(word[1:], "")))
        else:
            parts = [_braced(word, environment)]
        found += parts
        length += sum(map(len, parts))
        if length > MAX_COMMAND:
            raise ValueError(f"a command line is over {MAX_COMMAND} characters")
    return found


def _checked(text: str) -> str:
    if len(text) > MAX_COMMAND:
        raise ValueError(f"a command line is over {MAX_COMMAND} characters")
    return text


def _braced(word: str, environment: Mapping[str, str]) -> str:
    before, opened, rest = word.partition("${")
    name, closed, after = rest.partition("}")
    return before + environment.get(name, "") + after if opened and closed else word


def flags(arguments: list[str], booleans: frozenset[str], short: Mapping[str, str]) -> dict[str, list[str]]:
    """Long name to values of the flags among `arguments`, in the way of Go's pflag package.

    A flag that carries no value by `=` takes the next word, unless it is one of `booleans` or the next is a flag: then
    it means "true". `short`: letter to long name; a letter may carry its value without a blank.
    """
    found: dict[str, list[str]] = {}
    waiting = list(reversed(arguments))
    while waiting:
        word = waiting.pop()
        name, equals, value = word.partition("=")
        if word.startswith("--"):
            name = name[2:]
        elif word[:1] == "-" and word[1:2] in short:
            name, value = short[word[1]], word[2:].removeprefix("=")
            equals = value
        else:
            continue
        if not equals:
            alone = name in booleans or not waiting or waiting[-1].startswith("-")
            value = "true" if alone else waiting.pop()
        found.setdefault(name, []).append(value)
    return found
