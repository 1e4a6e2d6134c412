"""Facts that a program of the owner's choice gives: which there are is decided on each machine, never by a rule."""

import re
from collections.abc import Mapping
from typing import Annotated, Final

import msgspec

from .base import about, topic

ENTRY_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62})")
"""What an entry of the owner's list may be called; this project's own, as names of agencies."""


def _misfit(selector: Mapping[str, str]) -> tuple[str, str, str] | None:
    """A rule names an entry: never a program, a path or an argument."""
    if ENTRY_NAME.fullmatch(selector["name"]):
        return None
    return (
        "name",
        f"{selector['name'][:80]!r} is no name of an entry",
        "name an entry of commands.yaml: small letters, digits and hyphens, at most 63",
    )


class CommandValue(msgspec.Struct, frozen=True):
    """One value of what a command printed."""

    key: Annotated[str, about("Its name; of JSON the pointer to it (RFC 6901)")]
    value: Annotated[str, about("Its text; of JSON true, false and null as they are written")]
    number: Annotated[int | None, about("The same as an integer, if it is one", below_zero=True)] = None


@topic("command.output", selector=("name",), main="exit_status", privileged=True, live=True, misfit=_misfit)
class CommandOutput(msgspec.Struct, frozen=True):
    """What one command of the owner's list says. Off unless the machine's owner wrote that list."""

    exit_status: Annotated[int, about("What it ended with, 0 to 255", source="wait(2)")]
    line: Annotated[
        str | None,
        about("Its first line, if the entry says `output: line` or `text`", source="standard output"),
    ] = None
    number: Annotated[int | None, about("That line as an integer, if it is one", below_zero=True)] = None
    text: Annotated[str | None, about("All it printed, if the entry says `output: text`")] = None
    values: Annotated[
        list[CommandValue],
        about("What it printed as names with values, if the entry says `output: json` or `key-value`"),
    ] = []
