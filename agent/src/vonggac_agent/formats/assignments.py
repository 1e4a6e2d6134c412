"""Files of settings without sections: `KEY=value`, `KEY value`, `key: value`.

Environment files (os-release(5), default/*), login.defs(5), postgresql.conf, sysctl.d(5) and their like.
"""

from __future__ import annotations

from .ini import Entry
from .lines import significant, without_comment
from .words import unquoted, words


def parse(
    text: str,
    *,
    separators: str = "=",
    blank: bool = False,
    comments: str = "#",
    inline: bool = False,
    posix: bool = False,
    fold: bool = False,
) -> list[Entry]:
    """Every setting in file order, `section` empty.

    `separators`: characters that end a key. `blank`: blanks end a key as well (login.defs). `inline`: a comment may
    follow the value after a blank, outside of quotes. `posix`: the value is one word of a shell: quotes and backslashes
    are undone, `export` before the key is dropped. `fold`: keys in lower case. A pair of quotes around a value is taken
    off in any case. Raises ValueError for over `lines.MAX_LINES` lines.
    """
    found: list[Entry] = []
    for number, line in significant(text, comments):
        if posix and line.startswith("export "):
            line = line.removeprefix("export ").lstrip()
        at = _end_of_key(line, separators, blank)
        key, value = line[:at].strip(), line[at:].lstrip(" \t")
        if value[:1] and value[0] in separators:
            value = value[1:]
        if key:
            value = _value(value.strip(), comments, inline=inline, posix=posix)
            found.append(Entry("", key.lower() if fold else key, value, number))
    return found


def _end_of_key(line: str, separators: str, blank: bool) -> int:
    ends = [i for i in map(line.find, separators) if i >= 0]
    if blank:
        ends += [i for i in map(line.find, " \t") if i >= 0]
    return min(ends, default=len(line))


def _value(value: str, comments: str, *, inline: bool, posix: bool) -> str:
    quoted = value[:1] in ("'", '"')
    if inline:
        if quoted:
            end = value.find(value[0], 1)
            value = value[: end + 1] if end > 0 else value
        else:
            value = without_comment(value, comments)
    if posix:
        return (words(value) or [""])[0]
    return unquoted(value)
