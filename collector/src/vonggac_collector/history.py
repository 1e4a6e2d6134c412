"""What became of a rule on a host: failing since, mended when, failed again. Pure; the rows are the ledger's."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec

from .ledger.rows import Change, Failing

_FAILS: Final = frozenset({"fail", "partial"})
_MENDED: Final = frozenset({"pass", "not-applicable"})


class Past(msgspec.Struct, frozen=True):
    """A rule's outcome on a host and how it came to be.

    `since`: the look that began it. `mended`: the newest look before or now that found it mended after it had failed;
    what is not known, or not answered, mends nothing. `looks`: each look that changed it, with the outcome since then,
    oldest first.
    """

    outcome: str
    since: datetime
    mended: datetime | None = None
    looks: tuple[tuple[datetime, str], ...] = ()

    @property
    def regressed(self) -> bool:
        """Whether it fails again after having been mended."""
        return self.outcome in _FAILS and self.mended is not None


def past_of(changes: Iterable[Change]) -> Past | None:
    """From the changes of one rule on one host, oldest first; None if there are none."""
    failed, mended, past = False, None, None
    looks: list[tuple[datetime, str]] = []
    for change in changes:
        if change.after in _FAILS:
            failed = True
        elif change.after in _MENDED and failed:
            failed, mended = False, change.looked_at
        looks.append((change.looked_at, change.after))
        past = Past(change.after, change.looked_at, mended)
    return None if past is None else msgspec.structs.replace(past, looks=tuple(looks))


def pasts_of(changes: Iterable[Change], failings: Iterable[Failing]) -> dict[str, Past]:
    """By rule, of one host. What is wrong now is so since when its row says, however much of the history is kept."""
    by_rule: dict[str, list[Change]] = {}
    for change in changes:
        by_rule.setdefault(change.rule, []).append(change)
    found = {rule: past for rule, own in by_rule.items() if (past := past_of(own)) is not None}
    for failing in failings:
        known = found.get(failing.rule, Past(failing.outcome, failing.since))
        found[failing.rule] = msgspec.structs.replace(known, outcome=failing.outcome, since=failing.since)
    return found
