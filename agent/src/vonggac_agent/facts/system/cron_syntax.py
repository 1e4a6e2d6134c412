"""Reads crontabs, and from a job's command line which programs it runs. Pure; `cron_jobs` looks.

A command line may hold passwords: it goes no further than here, only paths of programs come out.

Sources: crontab(5) of Debian's cron and of cronie; anacrontab(5); sh(1) for words and operators.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from vonggac_contract import limits

from ...formats.lines import Line, significant

MAX_JOBS: Final = 20_000
MAX_CHARACTERS: Final = 256 * limits.KIB
"""Of one crontab; the project's own figure, a hundred times what real ones hold."""
_VARIABLE: Final = re.compile(r"""["']?[A-Za-z_]\w*["']?\s*=""")
_TOKEN: Final = re.compile(
    r"""\s++|(?P<quoted>"[^"]*+"?|'[^']*+'?)|(?P<mark>[;|&(){}\n`]|\$\()|(?P<word>[^\s;|&(){}`"']++)"""
)
_FETCHED_HERE: Final = re.compile(r"(?:\$\(|`|<\()\s*+(?:[\w./-]{0,64}/)?(?:curl|wget|fetch|lynx|aria2c)\b")
_INTERPRETERS: Final = re.compile(r"(?:ba|da|k|z|a)?sh|python[0-9.]*+|perl|ruby|php[0-9.]*+|node|\.|source")
_PREFIXES: Final = frozenset(
    (
        *(
            "if",
            "then",
            "else",
            "elif",
            "do",
            "while",
            "until",
            "!",
            "exec",
            "time",
            "nice",
            "ionice",
            "nohup",
        ),
        *("setsid", "chronic", "env", "sudo", "command", "timeout"),
    )
)
"""Words after which the program is still to come."""
_FETCHERS: Final = frozenset(("curl", "wget", "fetch", "lynx", "aria2c"))
_ANYONES: Final = ("/tmp/", "/var/tmp/", "/dev/shm/")  # noqa: S108 - where files of anybody lie, looked at only
_DEPTH: Final = 4
"""Commands inside quotes inside commands."""


class Job(NamedTuple):
    """One line. `user` is empty where the file's name says it."""

    line: int
    user: str
    command: str


def crontab(text: str, *, with_user: bool) -> list[Job]:
    """Jobs of a crontab; `with_user`: of the system's own, whose sixth field is the user.

    Raises ValueError for over MAX_JOBS jobs or MAX_CHARACTERS.
    """
    found: list[Job] = []
    for number, line in _lines(text):
        if _VARIABLE.match(line):
            continue
        times = 1 if line.startswith("@") else 5
        fields = line.split(None, times + with_user)
        if len(fields) == times + with_user + 1:
            # A percent sign ends the command; what follows is its standard input.
            command = re.split(r"(?<!\\)%", fields[-1], maxsplit=1)[0]
            found.append(Job(number, fields[times] if with_user else "", command))
            _bounded(found)
    return found


def anacrontab(text: str) -> list[Job]:
    """Jobs of anacrontab: period, delay, name, command; all run as root. Raises as `crontab` does."""
    found: list[Job] = []
    for number, line in _lines(text):
        fields = line.split(None, 3)
        if len(fields) == 4 and re.fullmatch(r"\d+|@\w+", fields[0]):
            found.append(Job(number, "root", fields[3]))
            _bounded(found)
    return found


def _lines(text: str) -> list[Line]:
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"a crontab of over {MAX_CHARACTERS} characters")
    return significant(text)


def _bounded(found: list[Job]) -> None:
    if len(found) > MAX_JOBS:
        raise ValueError(f"over {MAX_JOBS} jobs")


class Run(NamedTuple):
    """One program that a command line runs: `name` as written, and whether another's output is piped into it."""

    name: str
    piped: bool


def runs(command: str, depth: int = 0) -> Iterator[Run]:
    """The programs of a command line in order, scripts given to interpreters and commands in quotes after -c too."""
    expected, piped = True, False
    interpreter = told = ""
    for kind, text in _tokens(command):
        if kind == "mark":
            piped = text == "|" and not expected
            expected, interpreter, told = True, "", ""
        elif told == "-c":
            if depth < _DEPTH:
                yield from runs(text.strip("\"'"), depth + 1)
            told = ""
        elif text.startswith("-"):
            told = "-c" if text[-1:] == "c" and not text.startswith("--") else ""
        elif expected:
            word = text.strip("\"'")
            name = word.rpartition("/")[2]
            if name in _PREFIXES or _is_prefix_argument(word):
                continue
            expected = False
            yield Run(word, piped)
            interpreter = (
                name if _INTERPRETERS.fullmatch(name) or name in ("run-parts", "su", "runuser") else ""
            )
        elif interpreter and text.startswith("/"):
            yield Run(text, False)
            interpreter = ""


def _is_prefix_argument(word: str) -> bool:
    """An assignment before the command, or the number of nice and timeout."""
    return bool(re.match(r"[A-Za-z_]\w*=", word)) or bool(re.fullmatch(r"\d+[smhd]?", word))


def _tokens(command: str) -> Iterator[tuple[str, str]]:
    for match in _TOKEN.finditer(command):
        if match.lastgroup:
            yield match.lastgroup, match[match.lastgroup]


def programs(command: str) -> list[str]:
    """Absolute paths of the programs, scripts and folders of scripts that the command runs, each once."""
    return list(dict.fromkeys(run.name for run in runs(command) if run.name.startswith("/")))


def runs_what_it_fetched(command: str) -> bool:
    """What comes from the network is run: piped into a shell, in its place, or from a folder of anybody's."""
    fetched = False
    for run in runs(command):
        name = run.name.rpartition("/")[2]
        if fetched and ((run.piped and _INTERPRETERS.fullmatch(name)) or run.name.startswith(_ANYONES)):
            return True
        fetched = fetched or name in _FETCHERS
    return bool(_FETCHED_HERE.search(command))
