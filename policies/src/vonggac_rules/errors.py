"""The errors of rule authoring and loading; each names the place and what would fit."""

from __future__ import annotations

import msgspec

from vonggac_contract.errors import ContractError


class Place(msgspec.Struct, frozen=True):
    """Where in a file; line and column count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class RuleError(ContractError):
    """A rule, case or profile that does not fit. `hint` says what would."""

    code = "rule"
    hint = "See docs/rules.md for the language."

    def __init__(self, place: Place, message: str, *, hint: str | None = None) -> None:
        super().__init__(f"{place}: {message}", hint=hint)
        self.place = place
        self.message = message
