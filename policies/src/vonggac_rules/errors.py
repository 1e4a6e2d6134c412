"""The errors of rule authoring and loading; each names the place and what would fit."""

from __future__ import annotations

from types import TracebackType
from typing import Final

import msgspec

from vonggac_contract.errors import ContractError

MAX_SLIPS: Final = 200
"""Errors of one file that are told; who has more mends these first."""

MAX_MESSAGE: Final = 400
"""Characters of a message, which may show what an author wrote."""


class Place(msgspec.Struct, frozen=True, order=True):
    """Where in a file; line and column count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class RuleError(ContractError):
    """A rule, case or profile that does not fit. `hint` says what would; `others`: what else is wrong there."""

    code = "rule"
    hint = "See docs/rules.md for the language."

    def __init__(self, place: Place, message: str, *, hint: str | None = None) -> None:
        if len(message) > MAX_MESSAGE:
            message = message[:MAX_MESSAGE] + "…"
        super().__init__(f"{place}: {message}", hint=hint)
        self.place = place
        self.message = message
        self.others: tuple[RuleError, ...] = ()


class Slips:
    """Takes what is wrong and goes on, so that an author is told all of it at once: `with slips: …`."""

    def __init__(self) -> None:
        self.found: list[RuleError] = []

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if isinstance(error, RuleError):
            self.add(error)
        return isinstance(error, RuleError)

    def add(self, error: RuleError) -> None:
        """Keep the error and those that it brings; of over MAX_SLIPS only that there are more."""
        for one in (error, *error.others):
            if len(self.found) == MAX_SLIPS:
                words = "there is more wrong below than is told here"
                self.found.append(RuleError(one.place, words, hint="mend the errors above first"))
            elif len(self.found) < MAX_SLIPS:
                self.found.append(one)
        error.others = ()

    def settle(self) -> None:
        """Raises RuleError, the first with all the others, if anything was found."""
        if self.found:
            first, *others = self.found
            first.others = tuple(others)
            raise first


class BadRepository(ContractError):
    """Policy metadata that does not verify, or does not fit together."""

    code = "bad-repository"
    hint = "See docs/policy.md; `vonggac-rules repository show DIR` says who still has to sign what."
