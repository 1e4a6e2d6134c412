"""The part of a unit's standing that no machine can see: declarations with evidence, and the composite shown beside
the score.

Never mixed into a measured score and never ranked. Keeping declarations and their evidence is left to the ledger.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Literal

import msgspec

from .parameters import Parameters
from .values import FULL

State = Literal["met", "partly", "not-met", "not-applicable"]
_HALVES: dict[State, int] = {"met": 2, "partly": 1, "not-met": 0, "not-applicable": 2}


class Attestation(msgspec.Struct, frozen=True):
    """One control declared for a unit. `evidence`: digest of the document; `expires`: seconds; `approved_by` None:
    not approved.
    """

    control: str
    state: State
    evidence: str
    declared_by: str
    expires: int
    approved_by: str | None = None


def stands(attestation: Attestation, now: int) -> bool:
    """With evidence, approved by another person than declared it, and not expired."""
    return (
        bool(attestation.evidence)
        and attestation.approved_by is not None
        and attestation.approved_by != attestation.declared_by
        and now < attestation.expires
    )


def attested_points(controls: Collection[str], attestations: Iterable[Attestation], now: int) -> int | None:
    """Mean over the required `controls`: met or not applicable 1, partly 1/2, else 0, rounded down to published
    points.

    A control without a declaration that stands counts 0. None if no control is required. Raises ValueError for a
    control declared twice: which declaration is in force is the ledger's word.
    """
    required = set(controls)
    if not required:
        return None
    states: dict[str, int] = {}
    for attestation in attestations:
        if attestation.control in states:
            raise ValueError(f"control {attestation.control} is declared twice")
        states[attestation.control] = _HALVES[attestation.state] if stands(attestation, now) else 0
    return FULL * sum(states.get(control, 0) for control in required) // (2 * len(required))


def composite(measured: int | None, attested: int | None, parameters: Parameters) -> int | None:
    """Measured and attested in their fixed parts, rounded down; None unless both are there."""
    if measured is None or attested is None:
        return None
    return (parameters.measured_percent * measured + parameters.attested_percent * attested) // 100
