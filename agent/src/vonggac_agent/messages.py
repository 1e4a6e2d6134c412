"""What the agent says to people: English sentences that can be said in Vietnamese too, by one table (`vietnamese`).

The English text is the key. Logs, reports and JSON always hold the English one; which language a person is spoken to in
is decided here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vonggac_rules.explain import Language


class Said(str):
    """The English sentence `text.format(**values)`. Without values `text` is taken as it is, braces and all."""

    text: str
    values: Mapping[str, Any]

    def __new__(cls, text: str, /, **values: Any) -> Said:
        """The sentence; its parts are kept."""
        made = super().__new__(cls, text.format(**values) if values else text)
        made.text, made.values = text, values
        return made

    def spoken(self, language: Language) -> str:
        """The sentence in that language; in English if nobody has translated it.

        Values that are sentences of this kind, errors that hold one, and the system's reasons are translated as well.
        """
        values = {name: _value(name, value, language) for name, value in self.values.items()}
        text = translated(self.text, language)
        return text.format(**values) if values else text


def _value(name: str, value: Any, language: Language) -> Any:
    held = value.args[0] if isinstance(value, Exception) and value.args else value
    if isinstance(held, Said):
        return held.spoken(language)
    return translated(held, language) if name == "reason" and isinstance(held, str) else value


def translated(text: str, language: Language) -> str:
    """The text (a sentence without values, or a template) in that language; as it is if the table lacks it."""
    if language == "en":
        return text
    from .vietnamese import TEXTS  # not needed by the resident service

    return TEXTS.get(text, text)


def say(language: Language, text: str, /, **values: Any) -> str:
    """The sentence `text.format(**values)` in that language."""
    return Said(text, **values).spoken(language)


def language_of(environment: Mapping[str, str] = os.environ) -> Language:
    """`vi` or `en`, as the environment says (locale(7): LC_ALL before LC_MESSAGES before LANG)."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if environment.get(name):
            return "vi" if environment[name].lower().startswith("vi") else "en"
    return "en"
