"""Steps written by rule authors as text, numbered steps and commands, made into markup.

The notation is the little that rules use: an indented line (or one that begins with `$ `) is a command or a line of a
file, to be copied; text between backticks is code. Everything else is text and is escaped.
"""

from __future__ import annotations

import re
from textwrap import dedent
from typing import Final

from markupsafe import Markup, escape

from .inert import is_hidden, sign_for
from .language import Language

STEP: Final = re.compile(r"^(?:\d{1,2}[.)]|[-*•]) ")


def shown(text: str) -> str:
    """Text with what cannot be seen made visible: a command that is copied must be the command that was read."""
    return "".join(sign_for(c) if is_hidden(c) and c not in "\n\t" else c for c in text)


def inline(text: str) -> Markup:
    """Text with what stands between backticks as code; a backtick without a partner stays one."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:
        pieces[-2:] = ["`".join(pieces[-2:])]
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if i % 2 else escape(piece) for i, piece in enumerate(pieces)
    )


def command_block(language: Language, lines: list[str]) -> Markup:
    """Lines to copy. The button is made useful by the script; without it one click selects them all."""
    return Markup(
        '<div class="commands"><pre tabindex="0" role="group" aria-label="{}"><code>{}</code></pre>'
        '<button type="button" class="copy" hidden data-done="{}">{}</button></div>'
    ).format(
        language.gettext("Commands"), "\n".join(lines), language.gettext("Copied"), language.gettext("Copy")
    )


def kind_of(line: str) -> str:
    """`blank`, `command`, `step` or `text`."""
    if not line.strip():
        return "blank"
    if line.startswith(("  ", "\t", "$ ")):
        return "command"
    return "step" if STEP.match(line) else "text"


def instructions(language: Language, text: str) -> Markup:
    """The whole text as blocks, in order."""
    groups: list[tuple[str, list[str]]] = []
    for line in shown(text).splitlines():
        kind = kind_of(line)
        if groups and (groups[-1][0] == kind or (groups[-1][0], kind) == ("command", "blank")):
            groups[-1][1].append(line)
        else:
            groups.append((kind, [line]))
    return Markup("").join(_block(language, kind, lines) for kind, lines in groups if kind != "blank")


def _block(language: Language, kind: str, lines: list[str]) -> Markup:
    if kind == "command":
        code = dedent("\n".join(line.removeprefix("$ ") for line in lines)).strip("\n")
        return command_block(language, code.splitlines())
    if kind == "step":
        items = Markup("").join(Markup("<li>{}</li>").format(inline(STEP.sub("", s).strip())) for s in lines)
        return Markup("<ol>{}</ol>").format(items)
    return Markup("<p>{}</p>").format(inline(" ".join(s.strip() for s in lines)))
