"""What a look is worth as it grows old, and what a silent host counts. The host's own score is left to `host`."""

from __future__ import annotations

from .parameters import Parameters
from .values import FULL, Deduction, EffectiveHost, PlacedHost


def look_time(agent_time: int, received_at: int) -> int:
    """The moment a look counts from: the earlier of the agent's clock and the receipt. Seconds.

    A clock that runs ahead gains nothing, and a report carried late is as old as its look.
    """
    return min(agent_time, received_at)


def fraction(age_s: int, parameters: Parameters) -> tuple[int, int]:
    """The part of its score that a look of this age keeps, as numerator and denominator.

    1 up to `fresh_for_s`, then falling by the same for each whole `age_step_s` to 0 at `silent_after_s`. A look ahead
    of `now` (collectors' clocks differ by a little) counts as made now.
    """
    step = parameters.age_step_s
    window = (parameters.silent_after_s - parameters.fresh_for_s) // step
    return min(max(parameters.silent_after_s // step - age_s // step, 0), window), window


def age(host: PlacedHost, now: int) -> int | None:
    """Seconds since the host's last look; None if it was never heard."""
    return None if host.looked_at is None else max(now - host.looked_at, 0)


def effective_points(base: int, age_s: int | None, parameters: Parameters) -> int:
    """base x f(age), rounded down; 0 for a host never heard."""
    if age_s is None:
        return 0
    numerator, denominator = fraction(age_s, parameters)
    return base * numerator // denominator


def effective_host(host: PlacedHost, now: int, parameters: Parameters) -> EffectiveHost:
    """What the host counts at `now`: its score's deductions, and one for silence; for a host never heard, silence
    alone.
    """
    age_s = age(host, now)
    if host.score is None or age_s is None:
        return EffectiveHost(host.host, 0, age_s, (Deduction("silence", "silence", FULL, host.host),))
    base = host.score.score
    score = effective_points(base, age_s, parameters)
    deductions = host.score.deductions
    if score < base:
        deductions = (*deductions, Deduction("silence", "silence", base - score, host.host))
    return EffectiveHost(host.host, score, age_s, deductions)
