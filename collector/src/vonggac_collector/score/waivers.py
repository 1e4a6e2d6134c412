"""What active waivers would change. A waiver changes nothing measured: scores are shown without and with, ranked
without.

Asking for and approving waivers is left to the collector's queries; here they are values.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from vonggac_contract.finding import Outcome

from .values import HostInput

Scope = Literal["host", "system", "agency"]


class Waiver(msgspec.Struct, frozen=True):
    """A rule set aside on a host, a system or a whole agency (`scope`, `of`: its id), until `expires` (seconds).

    `approved_by` None: asked for, not granted. `approved_at`: when it was granted.
    """

    rule: str
    scope: Scope
    of: str
    reason: str
    requested_by: str
    expires: int
    approved_by: str | None = None
    approved_at: int | None = None


def is_active(waiver: Waiver, now: int) -> bool:
    """Approved by another person than asked for it, with a reason, and not expired: it ends at the second of
    `expires`.
    """
    return (
        waiver.approved_by is not None
        and waiver.approved_by != waiver.requested_by
        and bool(waiver.reason.strip())
        and waiver.approved_at is not None
        and waiver.approved_at <= now < waiver.expires
    )


def waived_rules(
    waivers: Iterable[Waiver], *, host: str, system: str | None, agency: str, now: int
) -> frozenset[str]:
    """The rules set aside on this host at `now`."""
    places = {("host", host), ("system", system), ("agency", agency)}
    return frozenset(
        waiver.rule for waiver in waivers if (waiver.scope, waiver.of) in places and is_active(waiver, now)
    )


def with_waivers(host: HostInput, waived: frozenset[str]) -> HostInput:
    """The host with waived rules not applicable. Caps stay: what is exploited from outside is so whoever accepts it."""
    rules = tuple(
        msgspec.structs.replace(outcome, outcome=Outcome.NOT_APPLICABLE, passed=0, of=0, reason="waived")
        if outcome.rule in waived
        else outcome
        for outcome in host.rules
    )
    return HostInput(host.host, rules, host.caps)
