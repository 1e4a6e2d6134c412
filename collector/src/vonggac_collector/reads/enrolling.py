"""The page for adding machines."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from typing import Final

from vonggac_collector.approval import applicant_row
from vonggac_collector.enrolment import token_row
from vonggac_collector.enrolment_views import EnrolPage
from vonggac_collector.index.fold import fold
from vonggac_collector.ledger.interface import Transaction
from vonggac_collector.ledger.rows import Unit

from .sight import Sight, system_row

RECENT: Final = 10
UNITS: Final = 100
"""To choose from; every unit of a country would be a page of half a megabyte."""
TOKENS: Final = 100
APPLICANTS: Final = 50
_RECENT_DAYS: Final = timedelta(days=7)


def enrol_page(
    tx: Transaction, sight: Sight, find: str, unit: str, collector_url: str, collector_keyid: str
) -> EnrolPage:
    """What is needed to add a machine. `find`: a part of a name or code, diacritics aside; `unit`: always there."""
    wanted = fold(find.strip())
    fitting = (u.code for u in sight.units.values() if not wanted or wanted in fold(_names(u)))
    codes = list(islice(fitting, UNITS))
    if unit in sight.units and unit not in codes:
        codes.append(unit)
    everything = sight.root.parent is None
    tokens, tokens_total = tx.tokens.first(None if everything else [*sight.units], sight.as_of, TOKENS)
    asking, waiting = tx.applicants.first(None if everything else [*sight.units], sight.as_of, APPLICANTS)
    theirs = [*(t.unit for t in tokens), *(a.unit for a in asking)]
    systems = sight.source.systems([*dict.fromkeys([*codes, *theirs])])
    links = {code: sight.link(code) for code in set(theirs)}
    lately = sight.source.newest_hosts(sight.root.code, sight.as_of - _RECENT_DAYS, RECENT)
    return EnrolPage(
        as_of=sight.as_of,
        units=[sight.link(code) for code in codes],
        systems=[system_row(*found) for found in systems],
        tokens=[token_row(t, links[t.unit]) for t in tokens],
        recent=sight.host_rows(lately),
        collector_url=collector_url,
        collector_keyid=collector_keyid,
        units_total=len(sight.units),
        tokens_total=tokens_total,
        applicants=[applicant_row(a, tx.tokens.get(a.token), links[a.unit], sight.as_of) for a in asking],
        applicants_waiting=waiting,
    )


def _names(unit: Unit) -> str:
    return f"{unit.name_vi} {unit.name_en} {unit.code}"
