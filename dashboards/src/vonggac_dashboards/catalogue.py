"""Every message of the code and the templates, as the catalogues must hold them.

`python -m vonggac_dashboards.catalogue` lists what they lack and what they hold in vain.

Reading a catalogue at run time is the work of `language`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.catalog import Message as BabelMessage
from babel.messages.extract import extract_from_file
from jinja2.ext import babel_extract

from .language import CODES, read_catalogue

KEYWORDS: Final = {"gettext": None, "_": None, "ngettext": (1, 2), "translatable": None}
Message = str | tuple[str, str]


def messages_in_code(package: Path) -> Iterator[Message]:
    """Messages of the package's Python modules."""
    for path in sorted(package.rglob("*.py")):
        for found in extract_from_file("python", path, keywords=KEYWORDS):
            yield _message(found[1])


def messages_in_templates(package: Path) -> Iterator[Message]:
    """Messages of the package's templates."""
    options = {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}
    for path in sorted((package / "templates").glob("*.html")):
        with path.open("rb") as file:
            for found in babel_extract(file, list(KEYWORDS), [], options):
                yield _message(found[2])


def _message(found: object) -> Message:
    if isinstance(found, str):
        return found
    if isinstance(found, (tuple, list)) and found and isinstance(found[0], str):
        plural = found[1] if len(found) > 1 else None
        return (found[0], plural) if isinstance(plural, str) else found[0]
    raise ValueError(f"{found!r} is no message")


def messages() -> set[Message]:
    """Every message that the pages can show."""
    with as_file(files("vonggac_dashboards")) as package:
        return {*messages_in_code(package), *messages_in_templates(package)}


def forms_of(message: BabelMessage) -> list[str]:
    """The translation of a message in each of its forms."""
    found = message.string
    return [found] if isinstance(found, str) else [str(form) for form in found or ("",)]


def lacking(catalogue: Catalog, wanted: set[Message]) -> list[Message]:
    """What a catalogue does not translate, or only in some of its forms, or marks as doubtful."""
    done: set[Message] = set()
    for message in catalogue:
        forms = forms_of(message)
        if message.id and all(forms) and not message.fuzzy:
            done.add(message.id if isinstance(message.id, str) else (message.id[0], message.id[1]))
    return sorted(wanted - done, key=str)


def unused(catalogue: Catalog, wanted: set[Message]) -> list[Message]:
    """What a catalogue translates though nothing shows it."""
    held = {m.id if isinstance(m.id, str) else (m.id[0], m.id[1]) for m in catalogue if m.id}
    return sorted(held - wanted, key=str)


def main() -> int:
    """Say what each catalogue lacks and what it holds in vain; 1 if there is anything."""
    wanted = messages()
    complaints = 0
    for code in CODES:
        catalogue = read_catalogue(code)
        for said, found in (
            ("lacks", lacking(catalogue, wanted)),
            ("no longer needs", unused(catalogue, wanted)),
        ):
            for message in found:
                complaints += 1
                sys.stdout.write(f"{code} {said}: {message!r}\n")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
