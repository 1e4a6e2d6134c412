"""Machines whose line fails for two hours lose nothing, and have caught up an interval after it is back."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.load.outage import BAD, outage, parser


@pytest.mark.net
@pytest.mark.timeout(240)
def test_two_hours_without_a_line_cost_nothing_and_an_interval_later_everything_is_there(
    tmp_path: Path,
) -> None:
    came = outage(parser().parse_args(["--agents", "20", "--seed", "7"]), tmp_path)
    assert (came.faults, came.late) == ([], 0)
    assert came.of_the_outage > 20
    # Something of every kind happened, and reports were taken whose receipts never came through.
    assert {str(fault) for fault in BAD} <= came.faults_of_the_line.keys()
    assert came.whole > came.told
    assert came.slowest_s > 0
