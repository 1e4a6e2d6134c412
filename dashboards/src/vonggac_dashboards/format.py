"""Numbers, scores, times and ages as people of a language read them. Text from machines is the work of `inert`."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Final

from babel.dates import format_date, format_datetime, format_timedelta
from babel.numbers import format_decimal
from markupsafe import Markup, escape

from vonggac_rules.explain import duration

from .inert import visible, words_of
from .language import VIETNAMESE, Language

VIETNAM_TIME: Final = timezone(timedelta(hours=7), "Asia/Ho_Chi_Minh")
"""Fixed: Vietnam has kept UTC+7 without summer time since 1975, and a small machine may lack the zone database."""
POINT: Final = 10_000
"""Ledger points in one point of a score of 100."""
NOTHING: Final = "–"
MINUS: Final = "−"


def number(language: Language, value: float, decimals: int = 0) -> str:
    """`value` with the language's separators and exactly `decimals` decimals."""
    pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
    return format_decimal(value, format=pattern, locale=language.locale)


def tenths(points: int) -> int:
    """Points in tenths of a point, rounded down as the score itself is, so that 80,0 never stands for less than 80."""
    return points * 10 // POINT


def score(language: Language, points: int | None) -> str:
    """A score of 0 to 100 with one decimal; a dash where there is none."""
    return NOTHING if points is None else number(language, tenths(points) / 10, 1)


def exact(language: Language, points: int) -> str:
    """Points with all four decimals, for those who add them up."""
    return number(language, points / POINT, 4)


def change(language: Language, points: int | None) -> str:
    """A difference with its sign; a dash where there is nothing to compare with."""
    if points is None:
        return NOTHING
    size = abs(points) * 10 // POINT
    sign = "" if not size else "+" if points > 0 else MINUS
    return sign + number(language, size / 10, 1)


def percent(language: Language, share: float) -> str:
    """A share of 0 to 1 as a whole percentage, rounded down: 99.9 % is not everything."""
    return number(language, int(share * 100 + 1e-9)) + " %"


def exact_points(language: Language, points: int) -> Markup:
    """Points to the last of their four decimals, so that what is added up is exact. What comes after the first decimal
    is set small: the beginning is the same figure that is shown everywhere else, rounded down.
    """
    text = exact(language, points)
    return Markup("{}<small>{}</small>").format(text[:-3], text[-3:])


def moment_text(language: Language, at: datetime, *, seconds: bool = False) -> str:
    """Date and time in Vietnam, without markup. Raises ValueError for a time without a zone."""
    if at.tzinfo is None:
        raise ValueError("a time without a zone cannot be shown")
    local = at.astimezone(VIETNAM_TIME)
    pattern = "dd/MM/yyyy HH:mm" if language.code == VIETNAMESE else "d MMM yyyy HH:mm"
    return format_datetime(local, pattern + ":ss" * seconds, locale=language.locale)


def moment(language: Language, at: datetime | None, *, seconds: bool = False) -> Markup:
    """Date and time in Vietnam, with the ISO form for machines and on hover. `seconds`: where two are compared."""
    if at is None:
        return escape(NOTHING)
    iso = at.astimezone(VIETNAM_TIME).isoformat(timespec="seconds")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        iso, iso, moment_text(language, at, seconds=seconds)
    )


def day_text(language: Language, on: date) -> str:
    """A day, without markup."""
    pattern = "dd/MM/yyyy" if language.code == VIETNAMESE else "d MMM yyyy"
    return format_date(on, pattern, locale=language.locale)


def day(language: Language, on: date | None) -> Markup:
    """A day, with the ISO form for machines and on hover."""
    if on is None:
        return escape(NOTHING)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        on.isoformat(), on.isoformat(), day_text(language, on)
    )


def age(language: Language, seconds: float | None) -> str:
    """A length of time in its largest unit, such as 3 hours; a dash where there is none."""
    if seconds is None:
        return NOTHING
    return format_timedelta(
        timedelta(seconds=max(0, int(seconds))), granularity="minute", threshold=1.5, locale=language.locale
    )


def parameter(language: Language, value: object) -> str:
    """A rule's parameter: numbers as numbers, lists joined, everything else as it is."""
    if isinstance(value, str):
        return visible(duration(value, "vi" if language.code == VIETNAMESE else "en"))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return visible(words_of(value))
    return number(language, value, 0 if isinstance(value, int) else 2)


def size(language: Language, amount: int) -> str:
    """Bytes in B, kB or MB (powers of 1,000)."""
    if amount < 1_000:
        return number(language, amount) + " B"
    if amount < 1_000_000:
        return number(language, amount / 1_000, 1) + " kB"
    return number(language, amount / 1_000_000, 1) + " MB"
