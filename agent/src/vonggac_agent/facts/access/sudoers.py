"""Reads the grammar of sudoers, sudoers(5): lines into aliases, settings and rules. Pure.

Following includes and deciding what a rule allows is the work of `sudo_rules`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from ...formats import words

MAX_LINE: Final = 64 * 1024
"""Characters of one logical line; sudo itself has no bound."""
TAGS: Final = frozenset(
    (
        "EXEC",
        "FOLLOW",
        "INTERCEPT",
        "LOG_INPUT",
        "LOG_OUTPUT",
        "MAIL",
        "NOEXEC",
        "NOFOLLOW",
        "NOINTERCEPT",
        "NOLOG_INPUT",
        "NOLOG_OUTPUT",
        "NOMAIL",
        "NOPASSWD",
        "NOSETENV",
        "PASSWD",
        "SETENV",
    )
)
"""sudoers(5) "Tag_Spec"."""
ALIAS_KINDS: Final = {
    "User_Alias": "user",
    "Runas_Alias": "runas",
    "Host_Alias": "host",
    "Cmnd_Alias": "command",
    "Cmd_Alias": "command",
}
_INCLUDE: Final = re.compile(r'[#@](include|includedir)\s+(?:"([^"]+)"|((?:\\.|[^\\\s])+))\s*(?:#.*)?')
_TOKEN: Final = re.compile(r'"(?:\\.|[^"\\])*"|(?:\\.|[^\\\s,"!])+|[,!]')
_DEFAULTS: Final = re.compile(r"Defaults(?:([@:!>])|(?=\s))\s*(.*)", re.DOTALL)
_OPTION_NAMES: Final = "ROLE|TYPE|PRIVS|LIMITPRIVS|APPARMOR_PROFILE|CWD|CHROOT|TIMEOUT|NOTBEFORE|NOTAFTER"
_OPTION: Final = re.compile(
    rf"(?:{_OPTION_NAMES})\s*=\s*"
    r'(?:"(?:\\.|[^"\\])*"|(?:\\.|[^\s\\,"])+)\s*'
)
_TAG: Final = re.compile(r"([A-Z_]+)\s*:\s*")
_DIGEST: Final = re.compile(r"sha(?:224|256|384|512)\s*$")
_ALIAS: Final = re.compile(r"\s*([A-Z][A-Z0-9_]*)\s*=\s*(.*)", re.DOTALL)
_HOSTS_NEXT: Final = re.compile(
    rf"\s*(?!(?:{_OPTION_NAMES})\s*=)" r'[^\s,="/\\:]+(?:\s*,\s*[^\s,="/\\:]+)*\s*=(?!\s*$)'
)
_ALIAS_NEXT: Final = re.compile(r"\s*[A-Z][A-Z0-9_]*\s*=")


class Include(NamedTuple):
    """`path` as written, `folder` if it names a directory of files."""

    path: str
    folder: bool


class Alias(NamedTuple):
    """One alias; `kind` is user, runas, host or command."""

    kind: str
    name: str
    items: tuple[str, ...]


class Setting(NamedTuple):
    """One of Defaults. `scope` is "" (all) or the sign `:`, `@`, `!`, `>`; `value` is None for a bare name."""

    scope: str
    items: tuple[str, ...]
    name: str
    value: str | None
    on: bool


class Rule(NamedTuple):
    """Commands that share a run-as list and the state of the tags for passwords and for starting programs."""

    users: tuple[str, ...]
    hosts: tuple[str, ...]
    run_as: str
    commands: tuple[str, ...]
    no_password: bool
    no_exec: bool = False


class Tags(NamedTuple):
    """The tags that count here, sudoers(5) "Tag_Spec"."""

    no_password: bool
    no_exec: bool


Entry = Include | Alias | Setting | Rule


def logical_lines(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """(number of the first line, text) with continuations joined and comments taken off.

    A comment ends its line even if that ends in a backslash. Raises ValueError for a logical line of over `MAX_LINE`
    characters.
    """
    carried: list[str] = []
    start = length = 0
    quoted = False
    for number, line in enumerate(lines, 1):
        if not carried:
            start, length, quoted = number, 0, False
        length += len(line)
        if length > MAX_LINE:
            raise ValueError(f"line {start} is over {MAX_LINE} characters")
        end, quoted = _comment_at(line, quoted, " " if carried else "")
        if end == len(line) and _continues(line):
            carried.append(line[:-1] + " ")
            continue
        before, carried = "".join(carried), []
        text = (before + line).strip()
        if _INCLUDE.fullmatch(text) is None:
            text = (before + line[:end]).strip()
        if text:
            yield start, text
    text = "".join(carried).strip()
    if text:
        yield start, text


def _continues(line: str) -> bool:
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


def _comment_at(line: str, quoted: bool, before: str) -> tuple[int, bool]:
    """Where the comment of a line begins, its length if it has none; and whether a quotation is open at its end.

    `#` starts a comment unless it is quoted, escaped, or a number that names a user (`#1000`). `quoted`: a quotation is
    open at the start; `before`: what stands before the line, as far as it matters.
    """
    signs, still_quoted = words.bare(line, quoted=quoted)
    for place, sign in signs:
        if sign == "#" and not _is_number(before + line, len(before) + place):
            return place, False
    return len(line), still_quoted


def _is_number(text: str, place: int) -> bool:
    after = text[place + 1 : place + 2]
    before = text[place - 1 : place]
    return (after.isdigit() or (after == "-" and text[place + 2 : place + 3].isdigit())) and (
        before == "" or before in " \t,!%:(=>@"
    )


def parse_line(text: str) -> list[Entry]:
    """The entries of one logical line. Raises ValueError for what sudo would refuse too."""
    include = _INCLUDE.fullmatch(text)
    if include is not None:
        return [Include(include[2] or re.sub(r"\\(.)", r"\1", include[3]), include[1] == "includedir")]
    word = re.match(r"[A-Za-z_]+", text)
    if word is not None and word[0] in ALIAS_KINDS and text[word.end() : word.end() + 1].isspace():
        return list(_aliases(ALIAS_KINDS[word[0]], text[word.end() :]))
    defaults = _DEFAULTS.fullmatch(text)
    if defaults is not None:
        return list(_settings(defaults[1] or "", defaults[2]))
    return list(_rules(text))


def _aliases(kind: str, text: str) -> Iterator[Alias]:
    for part in _split(text, ":", lambda rest: _ALIAS_NEXT.match(rest) is not None):
        match = _ALIAS.fullmatch(part)
        if match is None:
            raise ValueError("an alias without a name in capitals or without a list")
        items = tuple(item for item in (i.strip() for i in _split(match[2], ",")) if item)
        if not items:
            raise ValueError(f"alias {match[1]} is empty")
        yield Alias(kind, match[1], items if kind == "command" else tuple(_unquoted(i) for i in items))


def _settings(scope: str, text: str) -> Iterator[Setting]:
    items: tuple[str, ...] = ()
    if scope:
        # sudoers(5): no white space in the list, except after its commas
        items, text = _list(text)
    for part in _split(text, ","):
        name, equals, value = part.strip().partition("=")
        off = name.startswith("!")
        name = name.lstrip("! \t").rstrip("+- \t")
        if not re.fullmatch(r"[A-Za-z_]+", name):
            raise ValueError("Defaults without a name")
        yield Setting(scope, items, name, _unquoted(value.strip()) if equals else None, not off)


def _rules(text: str) -> Iterator[Rule]:
    users, rest = _list(text)
    for part in _split(rest, ":", _starts_hosts):
        hosts_text, equals, commands_text = part.partition("=")
        hosts, left = _list(hosts_text)
        if not equals or not users or not hosts or left:
            raise ValueError("neither a setting nor a rule")
        yield from _commands(users, hosts, commands_text)


def _starts_hosts(rest: str) -> bool:
    """What follows a colon begins another host list: names up to an equals sign, no path and no option before it."""
    return _HOSTS_NEXT.match(rest) is not None


def _commands(users: tuple[str, ...], hosts: tuple[str, ...], text: str) -> Iterator[Rule]:
    run_as, tags = "", Tags(no_password=False, no_exec=False)
    gathered: list[str] = []
    for item in _split(text, ","):
        before = (run_as, tags)
        rest = item.strip()
        if rest.startswith("("):
            inside, close, rest = rest[1:].partition(")")
            if not close:
                raise ValueError("a run-as list is not closed")
            run_as, rest = inside.strip(), rest.strip()
        tags, rest = _tags(rest, tags)
        if not rest:
            raise ValueError("a rule names no command")
        if gathered and before != (run_as, tags):
            yield Rule(users, hosts, before[0], tuple(gathered), *before[1])
            gathered = []
        gathered.append(rest)
    yield Rule(users, hosts, run_as, tuple(gathered), *tags)


def _tags(text: str, tags: Tags) -> tuple[Tags, str]:
    """Tags and options are inherited by the commands that follow, sudoers(5) "Tag_Spec"."""
    while True:
        option = _OPTION.match(text)
        if option is not None:
            text = text[option.end() :]
            continue
        tag = _TAG.match(text)
        if tag is None or tag[1] not in TAGS:
            return tags, text
        if tag[1] in ("PASSWD", "NOPASSWD"):
            tags = tags._replace(no_password=tag[1] == "NOPASSWD")
        elif tag[1] in ("EXEC", "NOEXEC"):
            tags = tags._replace(no_exec=tag[1] == "NOEXEC")
        text = text[tag.end() :]


def _list(text: str) -> tuple[tuple[str, ...], str]:
    """Items joined by commas at the start of `text`, and what follows them."""
    items: list[str] = []
    wants, mark, end = True, "", 0
    for match in _TOKEN.finditer(text):
        word = match[0]
        if word == ",":
            wants = True
        elif not wants:
            break
        elif word == "!":
            mark += word
        else:
            items.append(mark + _unquoted(word))
            wants, mark = False, ""
        end = match.end()
    return tuple(items), text[end:].strip()


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) >= 2 and text[0] == text[-1] == '"' else text


def _split(text: str, sign: str, decide: Callable[[str], bool] | None = None) -> list[str]:
    """Parts of `text` between `sign`s that are not quoted, escaped or in brackets.

    `decide` is given what follows a sign and tells whether it splits there; a digest's colon never does.
    """
    parts: list[str] = []
    start = depth = 0
    for place, letter in words.bare(text)[0]:
        if letter in "()":
            depth += 1 if letter == "(" else -1
        elif letter == sign and depth <= 0:
            if decide is not None and (_DIGEST.search(text[start:place]) or not decide(text[place + 1 :])):
                continue
            parts.append(text[start:place])
            start = place + 1
    parts.append(text[start:])
    return parts
