"""The files of a folder of packs and profiles: which are read, and which an author may believe are. Reads no file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .errors import Place, RuleError

RULE_SUFFIX: Final = ".rule.yaml"
CASES_SUFFIX: Final = ".cases.yaml"
PROFILE_SUFFIX: Final = ".profile.yaml"
SUFFIXES: Final = (RULE_SUFFIX, CASES_SUFFIX, PROFILE_SUFFIX)
_MEANT: Final = re.compile(r"\.(rule|cases|profile)s?(\.|~|$)|\.ya?ml$")
"""Names that somebody gave to what this program should read."""


def files_of(root: Path, errors: list[RuleError]) -> list[Path]:
    """Everything below `root`, sorted, but plain folders; links to folders are not followed, and are among it.

    RuleError if there is no such folder; a folder within that can't be listed is one of `errors`.
    """
    if not root.is_dir():
        raise RuleError(
            Place(str(root)), "no such folder", hint="name the folder that holds packs and profiles"
        )

    def told(error: OSError) -> None:
        words = f"the folder can't be listed: {error.strerror}"
        errors.append(
            RuleError(Place(name_in(Path(error.filename), root)), words, hint="check its permissions")
        )

    found = []
    for folder, folders, files in os.walk(root, onerror=told):
        here = Path(folder)
        found += [here / name for name in files]
        found += [p for p in map(here.joinpath, folders) if p.is_symlink() or p.name.endswith(SUFFIXES)]
    return sorted(found)


def name_in(path: Path, root: Path) -> str:
    """A file as messages name it: from the folder that was named on."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def unread(root: Path, found: list[Path], suffixes: tuple[str, ...] = SUFFIXES) -> Iterator[RuleError]:
    """A warning for each file that is not read, though it stands among such as are, or is named as if it were."""
    folders = {p.parent for p in found if p.name.endswith(suffixes)}
    there = set(found)
    for path in found:
        place = Place(name_in(path, root))
        if path.name.endswith(suffixes):
            rule = path.with_name(path.name.removesuffix(CASES_SUFFIX) + RULE_SUFFIX)
            if path.name.endswith(CASES_SUFFIX) and rule not in there:
                yield RuleError(
                    place, "no rule beside these cases: they are not read", hint=f"write {rule.name}"
                )
        elif path.is_symlink() and path.is_dir():
            yield RuleError(place, "a link to a folder is not followed", hint="put the folder itself here")
        elif _MEANT.search(path.name.lower()) or (
            path.parent in folders and not path.name.startswith((".", "README"))
        ):
            yield RuleError(place, "this file is not read", hint=_ending(path.name.lower(), suffixes))


def _ending(name: str, suffixes: tuple[str, ...]) -> str:
    meant = [s for s in suffixes if s.split(".")[1] in name]
    if not meant and suffixes != SUFFIXES:
        return "only profiles are read from this folder; their names end in " + ", ".join(suffixes)
    return f"a name that is read ends in {' or '.join(meant or suffixes)}"
