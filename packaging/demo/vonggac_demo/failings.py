"""How a well-kept sample machine can fail one rule: a failing case of the rule, laid over what the machine shows. Pure.

A case names few fields; the rest stays the machine's. It is used only on machines to which the rule applies, which
pass it, and of which it makes nothing unknown and little else wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple

from vonggac_contract.facts import FactKey, Known
from vonggac_contract.finding import Outcome
from vonggac_rules.cases import Case
from vonggac_rules.evidence import plain

WHAT_IT_IS: Final = frozenset(
    {
        "host.identity",
        "os.release",
        "os.support",
        "package.inventory",
        "package.installed",
        "package.updates",
    }
)
"""Topics that no failing changes: they are the machine itself."""

NAMES: Final = frozenset(
    {"account", "device", "file", "line", "name", "names", "path", "place", "source", "title"}
)
"""Fields that say which one is meant; the machine's own names stay where there are any."""

MOST: Final = 4
"""Rules that may fail for one failing; what takes more with it is another kind of machine."""

Values = Mapping[FactKey, Mapping[str, Any]]


class Failing(NamedTuple):
    """Builtins of a failing case by key, at the case's time. `whole`: its lists and names replace the machine's."""

    values: Values
    at: datetime
    whole: bool = False


def failing_cases(cases: Mapping[str, Iterable[Case]]) -> dict[str, list[Failing]]:
    """What the failing cases of each rule say, without those of which something could not be looked at."""
    found: dict[str, list[Failing]] = {}
    for rule, rule_cases in sorted(cases.items()):
        for case in rule_cases:
            facts = case.snapshot.facts
            if case.outcome is Outcome.FAIL and all(isinstance(f, Known) for f in facts.values()):
                values = {k: plain(f.value) for k, f in facts.items() if isinstance(f, Known)}
                found.setdefault(rule, []).append(Failing(values, case.snapshot.taken_at))
    return found


def apply(failing: Failing, shown: Values, now: datetime) -> dict[FactKey, dict[str, Any]]:
    """What changes of the facts `shown` by the failing; dates keep their distance to the look."""
    later = datetime(now.year, now.month, now.day, tzinfo=now.tzinfo) - failing.at
    return {
        key: value
        for key, given in failing.values.items()
        if (value := _over(shown.get(key, {}), _moved(given, later), failing.whole)) != shown.get(key)
    }


def _moved(value: Any, later: timedelta) -> Any:
    if isinstance(value, dict):
        return {name: _moved(part, later) for name, part in value.items()}
    if isinstance(value, list):
        return [_moved(part, later) for part in value]
    return value + later if isinstance(value, date) else value


def _over(kept: Any, given: Any, whole: bool) -> Any:
    if given is None:
        return kept
    if isinstance(given, dict) and isinstance(kept, dict):
        return kept | {
            name: _over(kept.get(name), part, whole)
            for name, part in given.items()
            if part is not None and (whole or name not in NAMES or name not in kept)
        }
    if isinstance(given, list) and isinstance(kept, list) and given and kept:
        return _list_over(kept, given, whole)
    return given


def _list_over(kept: list[Any], given: list[Any], whole: bool) -> list[Any]:
    if isinstance(given[0], dict) and isinstance(kept[0], dict):
        first = [_over(old, new, whole) for old, new in zip(kept, given, strict=False)]
        more = [_over(kept[-1], new, True) for new in given[len(kept) :]]
        return [*first, *kept[len(given) :], *more]
    return given if whole else [*kept, *(g for g in given if g not in kept)]
