"""When an agent looks, and whether anything changed. Pure but for the chance that is given."""

from __future__ import annotations

import random
from typing import Final, NamedTuple

DAY_S: Final = 86_400.0
_JITTER: Final = 0.1
"""Of the interval, either way, as the agent has it (its setting interval_s)."""


class Schedule(NamedTuple):
    """`interval` in seconds, 0: as fast as answers come; `changed`: how many of the looks find a change, 0 to 1."""

    interval: float
    changed: float

    def first(self, chance: random.Random) -> float:
        """Seconds until an agent's first look: a fleet's looks are spread over the interval."""
        return chance.uniform(0, self.interval)

    def pause(self, chance: random.Random) -> float:
        """Seconds from one look to the next."""
        return self.interval * chance.uniform(1 - _JITTER, 1 + _JITTER)

    def is_changed(self, chance: random.Random) -> bool:
        """Whether this look found a change."""
        return chance.random() < self.changed

    def outage(self, hours: float, chance: random.Random) -> list[tuple[float, bool]]:
        """What an agent kept while nobody answered: seconds ago, oldest first, and whether it is a report.

        Of the looks that found nothing only the newest is kept, if no report came after it.
        """
        length = hours * 3600
        looks = max(1, round(length / self.interval)) if self.interval else 1
        times = [length * (1 - (n + chance.random()) / looks) for n in range(looks)]
        kept = [(ago, self.is_changed(chance)) for ago in times]
        return [*(look for look in kept[:-1] if look[1]), kept[-1]]


def changed_part(changes_per_day: float, interval: float) -> float:
    """How many of the looks find a change, 0 to 1."""
    return min(1.0, changes_per_day * interval / DAY_S)
