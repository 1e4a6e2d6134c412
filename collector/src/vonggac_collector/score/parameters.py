"""The weights, caps, windows and bounds of the scoring: one versioned data file, and the only reading in this room.

What the numbers do is left to the other modules; each takes the `Parameters` as an argument, so that a past score can
be computed again with the parameters of its time. A change of parameters.json raises `version`, which every score
carries, so that a trend can mark the day of the change.
"""

from __future__ import annotations

from importlib import resources
from typing import get_args

import msgspec

from vonggac_contract.finding import DOMAINS, SEVERITIES, Domain, Severity

from .values import CAPS, LEVELS, Cap, Grade


class GradeBound(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A grade is given to scores above `above` whole points."""

    grade: Grade
    above: int


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Points are whole points of 100, times are seconds, weights have no unit. Source: the project's own judgement,
    docs/scoring.md.

    `caps`: the most a host may have while it is so. `fresh_for_s`: a look this old still counts fully;
    `silent_after_s`: a look this old counts nothing; between them its age counts in whole `age_step_s`, so that a score
    stays what it is for that long. `discovered_counts_after_s`: a machine found on the network and
    not dismissed is expected from then. `above_worst_host`: how far a system may stand above its worst host of the
    highest criticality. Raises ValueError if the numbers don't fit together.
    """

    version: int
    severity_weights: dict[Severity, int]
    domain_weights: dict[Domain, int]
    caps: dict[Cap, int]
    fresh_for_s: int
    silent_after_s: int
    age_step_s: int
    discovered_counts_after_s: int
    highest_criticality: int
    level_weights: dict[int, int]
    above_worst_host: int
    coverage_floor_percent: int
    measured_percent: int
    attested_percent: int
    grades: tuple[GradeBound, ...]

    def __post_init__(self) -> None:
        for name, keys, table in (
            ("severity_weights", SEVERITIES, self.severity_weights),
            ("domain_weights", DOMAINS, self.domain_weights),
            ("level_weights", LEVELS, self.level_weights),
        ):
            if set(table) != set(keys) or min(table.values()) < 1:
                raise ValueError(
                    f"{name}: needs a weight of at least 1 for each of {', '.join(map(str, keys))}"
                )
        if set(self.caps) != set(CAPS) or not all(0 <= limit <= 100 for limit in self.caps.values()):
            raise ValueError(f"caps: needs 0 to 100 points for each of {', '.join(CAPS)}")
        if not 0 <= self.fresh_for_s < self.silent_after_s:
            raise ValueError("silent_after_s: must be later than fresh_for_s")
        if self.age_step_s < 1 or self.fresh_for_s % self.age_step_s or self.silent_after_s % self.age_step_s:
            raise ValueError("age_step_s: fresh_for_s and silent_after_s must be whole numbers of it")
        if self.measured_percent + self.attested_percent != 100:
            raise ValueError("measured_percent and attested_percent: must add up to 100")
        bounds = [bound.above for bound in self.grades]
        if bounds != sorted(set(bounds), reverse=True):
            raise ValueError("grades: bounds must fall from the best grade to the worst")
        if [bound.grade for bound in self.grades] != list(get_args(Grade))[:-1]:
            raise ValueError("grades: one bound for each of A to D, in this order; E is the rest")


def parse_parameters(data: bytes) -> Parameters:
    """Parameters from the JSON text of such a file. Raises msgspec.ValidationError, naming the field, if they don't
    fit.
    """
    return msgspec.json.decode(data, type=Parameters)


def load_parameters() -> Parameters:
    """The parameters that this release scores with: parameters.json beside this module."""
    return parse_parameters(resources.files(__package__).joinpath("parameters.json").read_bytes())
