"""The way from 100 down to a score: one row per deduction, each bar beginning where the one before ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from markupsafe import Markup

from ..format import MINUS, POINT, exact_points, number
from ..language import Language

SHOWN: Final = 10
"""Rows before the rest is summed up in one."""
INLINE: Final = 30
"""Deductions that the rest may hold and still be listed on the same page; more are a page of their own."""
FULL: Final = 100 * POINT


class Step(msgspec.Struct, frozen=True):
    """One deduction: `label` names and links it, `points` is what it takes, `hosts` how many it concerns."""

    label: Markup
    points: int
    hosts: int


def gathered(language: Language, steps: Sequence[Step]) -> list[Step]:
    """The largest deductions first, all beyond SHOWN as one step."""
    ordered = sorted(steps, key=lambda s: -s.points)
    if len(ordered) <= SHOWN + 1:
        return ordered
    rest = ordered[SHOWN:]
    label = language.ngettext("%(n)s smaller deduction", "%(n)s smaller deductions", len(rest))
    return [
        *ordered[:SHOWN],
        Step(Markup("{}").format(label % {"n": len(rest)}), sum(s.points for s in rest), 0),
    ]


def bar(start: int, end: int, kind: str) -> Markup:
    """A bar from `end` to `start` on the scale of 0 to 100."""
    return Markup(
        '<svg class="fall" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">'
        '<rect x="{}" width="{}" height="10" class="{}"/></svg>'
    ).format(end * 1000 // FULL, max(2, (start - end) * 1000 // FULL), kind)


def waterfall(
    language: Language, steps: Sequence[Step], points: int, *, with_hosts: bool = True, all_link: str = ""
) -> Markup:
    """A table with a bar in each row, and below it the deductions that the last row sums up. All figures are exact,
    so that whoever adds them up gets the score.

    `points` is the score that remains; the deductions add up to 1,000,000 less it. `all_link` leads to the page of all
    deductions, for where they are too many.
    """
    table = _table(language, gathered(language, steps), FULL, points, with_hosts)
    return table + _smaller(language, steps, all_link)


def listed(
    language: Language, steps: Sequence[Step], points: int, first: int, size: int, *, with_hosts: bool
) -> Markup:
    """A part of all deductions, the largest first: what was left before it, the deductions, what is left after it."""
    ordered = sorted(steps, key=lambda s: -s.points)
    before = FULL - sum(s.points for s in ordered[:first])
    shown = ordered[first : first + size]
    return _table(language, shown, before, before - sum(s.points for s in shown), with_hosts, last=points)


def _table(
    language: Language,
    rows: Sequence[Step],
    before: int,
    after: int,
    with_hosts: bool,
    last: int | None = None,
) -> Markup:
    """From `before` down to `after`. `last`: the score, where `after` may not be it yet."""
    full = language.gettext("Full score") if before == FULL else language.gettext("Brought forward")
    score = language.gettext("Score") if last in (None, after) else language.gettext("Carried forward")
    lines = [_row(language, full, before, None, bar(before, 0, "whole"), "total", with_hosts)]
    reached = before
    for step in rows:
        drawn = bar(reached, reached - step.points, "lost")
        lines.append(_row(language, step.label, step.points, step, drawn, "", with_hosts))
        reached -= step.points
    lines.append(_row(language, score, after, None, bar(after, 0, "left"), "total", with_hosts))
    hosts_head = Markup('<th scope="col" class="num hosts">{}</th>').format(language.gettext("Hosts"))
    return Markup(
        '<table class="waterfall"><caption class="unseen">{}</caption><thead><tr><th scope="col">{}</th>{}'
        '<th scope="col" class="num">{}</th><th scope="col"><span class="unseen">{}</span></th></tr></thead>'
        "<tbody>{}</tbody></table>"
    ).format(
        language.gettext("How the score comes about: deductions from 100"),
        language.gettext("Deduction"),
        hosts_head if with_hosts else "",
        language.gettext("Points"),
        language.gettext("Drawn"),
        Markup("").join(lines),
    )


def _smaller(language: Language, steps: Sequence[Step], all_link: str) -> Markup:
    """What `gathered` summed up, one by one, or the way to it."""
    ordered = sorted(steps, key=lambda s: -s.points)
    if len(ordered) <= SHOWN + 1:
        return Markup("")
    words = language.gettext("The smaller deductions, one by one")
    if all_link and len(ordered) > SHOWN + INLINE:
        return Markup('<p><a href="{}">{}</a></p>').format(all_link, words)
    lines = [
        Markup("<li>{} <span class=figure>{}{}</span></li>").format(
            s.label, MINUS, exact_points(language, s.points)
        )
        for s in ordered[SHOWN:]
    ]
    return Markup(
        '<details class="more"><summary>{}</summary><ul class="lines points">{}</ul></details>'
    ).format(words, Markup("").join(lines))


def _row(
    language: Language, label: str, points: int, step: Step | None, drawn: Markup, kind: str, with_hosts: bool
) -> Markup:
    figure = Markup("{}{}").format(MINUS if step else "", exact_points(language, points))
    hosts = number(language, step.hosts) if step and step.hosts else ""
    cell = Markup('<td class="num hosts">{}</td>').format(hosts) if with_hosts else ""
    return Markup(
        '<tr{}><th scope="row">{}</th>{}<td class="num">{}</td><td class="drawn">{}</td></tr>'
    ).format(
        Markup(' class="{}"').format(kind) if kind else "",
        label,
        cell,
        figure,
        drawn,
    )
