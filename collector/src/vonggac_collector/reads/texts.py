"""What published rulebooks say of a rule: the newest one that has it."""

from __future__ import annotations

from collections.abc import Sequence

from vonggac_collector.board import HostAt
from vonggac_collector.rulebooks import Shelf
from vonggac_contract.rule import Rule, Text
from vonggac_rules.rulebook import Rulebook


class Texts:
    """`digests`: published rulebooks, the newest last."""

    def __init__(self, shelf: Shelf, digests: Sequence[str]) -> None:
        self._shelf = shelf
        self.digests = digests[::-1]
        """The newest first."""

    def book_of(self, rule: str) -> Rulebook | None:
        """The newest rulebook that has the rule."""
        return next((b for b in map(self._shelf.get, self.digests) if rule in b.rules), None)

    def book(self, digest: str) -> Rulebook | None:
        """A published rulebook; the one in force for an empty digest."""
        return self._shelf.get(digest) if digest else self.newest()

    def newest(self) -> Rulebook | None:
        """The rulebook in force."""
        return self._shelf.get(self.digests[0]) if self.digests else None

    def judging(self, host: HostAt) -> Rulebook | None:
        """The rulebook by which the host is judged; the one in force for a host that was never heard."""
        return self.book("" if host.judged is None else host.judged.judge.rulebook)

    def rule(self, rule: str) -> Rule | None:
        """The rule, if any published rulebook has it."""
        book = self.book_of(rule)
        return None if book is None else book.rules[rule]

    def title(self, rule: str) -> tuple[str, str]:
        """Vietnamese and English; empty for what is no rule."""
        found = self.rule(rule)
        return ("", "") if found is None else (found.title.vi, found.title.en)

    def severity(self, rule: str) -> str:
        """The rule's severity; empty for what is no rule."""
        found = self.rule(rule)
        return "" if found is None else found.severity


def both(text: Text) -> dict[str, str]:
    """By language."""
    return {"vi": text.vi, "en": text.en}
