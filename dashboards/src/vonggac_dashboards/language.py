"""The languages of the pages: message catalogues read straight from their .po files, so there is no build step.

Message ids are the English text. Choosing a language for a request is the work of `preferences`; numbers and dates are
written by `format`.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from importlib.resources import files
from typing import Final

from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

VIETNAMESE: Final = "vi"
ENGLISH: Final = "en"
CODES: Final = (VIETNAMESE, ENGLISH)


class Language:
    """One language: its catalogue and its locale. What has no translation is shown as its id, never as nothing."""

    def __init__(self, code: str, catalogue: Catalog) -> None:
        self.code = code
        self.locale = Locale.parse(code)
        self._singular: dict[str, str] = {}
        self._plural: dict[str, tuple[str, ...]] = {}
        for message in catalogue:
            if not message.id:
                continue
            if isinstance(message.id, str):
                self._singular[message.id] = str(message.string)
            else:
                self._plural[message.id[0]] = tuple(str(s) for s in message.string or ())

    def gettext(self, message: str) -> str:
        """The translation of `message`."""
        return self._singular.get(message) or message

    def ngettext(self, singular: str, plural: str, n: int) -> str:
        """The translation of the form that fits `n` things."""
        forms = self._plural.get(singular)
        if not forms:
            return singular if n == 1 else plural
        return forms[0] if len(forms) == 1 or self.locale.plural_form(n) == "one" else forms[1]

    def pick(self, vietnamese: str, english: str) -> str:
        """Whichever of two given texts is this language's; the other one where it is empty."""
        first, second = (vietnamese, english) if self.code == VIETNAMESE else (english, vietnamese)
        return first or second

    def text_of(self, texts: dict[str, str]) -> str:
        """The text of a mapping by language code, falling back to the other language."""
        return self.pick(texts.get(VIETNAMESE, ""), texts.get(ENGLISH, ""))


def folded(text: str) -> str:
    """Text without accents and case, so that `ha noi` finds Hà Nội."""
    plain = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return plain.replace("đ", "d").replace("Đ", "D").casefold()


def translatable(message: str) -> str:
    """Mark `message` for the catalogues where it is not translated on the spot."""
    return message


def read_catalogue(code: str) -> Catalog:
    """The catalogue of `code` as committed. Raises FileNotFoundError for a language that is not there."""
    path = files("vonggac_dashboards") / "locale" / code / "LC_MESSAGES" / "messages.po"
    with path.open("rb") as file:
        return read_po(file, locale=code, abort_invalid=True)


@cache
def language(code: str) -> Language:
    """The language of `code`, read once. Raises FileNotFoundError for a language that is not there."""
    return Language(code, read_catalogue(code))
