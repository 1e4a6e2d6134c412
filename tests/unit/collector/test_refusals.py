"""What a refusal says besides its problem."""

from __future__ import annotations

from vonggac_collector.http.refusals import later


def test_who_were_sent_away_together_are_not_told_to_come_back_together() -> None:
    told = {int(later("busy")["Retry-After"]) for _ in range(500)}
    assert told == set(range(5, 11))
    assert later("malformed") == {}
