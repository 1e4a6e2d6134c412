"""A local profile as pages show it: what it extends, and each thing in which it differs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from vonggac_collector import views
from vonggac_contract.rule import ProfileChange
from vonggac_rules.paragraph import parameter
from vonggac_rules.rulebook import Rulebook

from .texts import Texts, both


def local_profile(book: Rulebook | None, profile_id: str, rule: str = "") -> views.LocalProfile | None:
    """The profile if it extends another; None for a complete one. `rule`: with the changes of this rule only."""
    profile = None if book is None else book.profiles.get(profile_id)
    if book is None or profile is None or not profile.extends:
        return None
    changes = [_change(book, c) for c in profile.changes if not rule or c.rule == rule]
    base = book.profiles.get(profile.extends)
    return views.LocalProfile(
        id=profile.id,
        title=both(profile.title),
        level=profile.level,
        extends=profile.extends,
        extends_title={} if base is None else both(base.title),
        replaces=profile.replaces,
        changes=sorted(changes, key=lambda c: (_ORDER[c.kind], c.rule, c.parameter)),
    )


def local_of_judges(judges: Sequence[tuple[str, str]], texts: Texts) -> list[views.LocalProfile]:
    """The local profiles among these, each once, by id; of one in two rulebooks the newer.

    `judges`: digests of published rulebooks, empty for the one in force, with profiles.
    """
    books: dict[str, Rulebook | None] = {}
    for digest in [*texts.digests[::-1], ""]:
        books |= {profile: texts.book(digest) for of, profile in judges if of == digest}
    found = [local_profile(book, profile) for profile, book in sorted(books.items())]
    return [p for p in found if p is not None]


def local_of_rule(book: Rulebook, rule: str) -> list[views.LocalProfile]:
    """The rulebook's local profiles, with what they change of this rule."""
    found = [local_profile(book, p, rule) for p in sorted(book.profiles)]
    return [p for p in found if p is not None]


_ORDER: Final = {"dropped": 0, "set": 1, "added": 2}


def _change(book: Rulebook, change: ProfileChange) -> views.ProfileChangeRow:
    rule = book.rules[change.rule]
    about = rule.parameters.get(change.parameter)

    def words(value: Any) -> dict[str, str]:
        if about is None:
            return {}
        return {
            "vi": parameter(rule, change.parameter, value, "vi"),
            "en": parameter(rule, change.parameter, value, "en"),
        }

    return views.ProfileChangeRow(
        kind=change.kind,
        rule=change.rule,
        title=both(rule.title),
        parameter=change.parameter,
        about={} if about is None else both(about.about),
        before=words(change.before),
        after=words(change.after),
        reason={} if change.reason is None else both(change.reason),
        direction=change.direction,
    )
