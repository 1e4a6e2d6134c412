"""Every rule of the pack can pass and fail, says nothing twice and repeats no other, with each profile's values."""

from __future__ import annotations

import time

from vonggac_rules.pack import Pack
from vonggac_rules.soundness import unsound


def test_no_rule_is_idle_and_to_find_that_out_takes_seconds(pack: Pack) -> None:
    started = time.process_time()
    found = unsound(pack.rules, pack.profiles, pack.sources, pack.cases)
    spent = time.process_time() - started
    assert [f"{e} | {e.hint}" for e in found] == []
    # All rules within ten seconds of one core, so that an author waits for nothing.
    assert spent < 10
