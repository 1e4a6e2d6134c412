"""Properties tried on many inputs: a few in the unit lane, which is to be quick, thousands in a lane of their own.

`VONGGAC_EXAMPLES` says how many; the lane `properties` of `make test` sets 2,000.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final, TypeVar

import pytest
from hypothesis import settings

EXAMPLES: Final = int(os.environ.get("VONGGAC_EXAMPLES", "100"))
Test = TypeVar("Test", bound=Callable[..., None])


def thorough(test: Test) -> Test:
    """Marks a hypothesis test of a parser: tried on `EXAMPLES` inputs, without a time limit for a single one."""
    marked: Test = pytest.mark.parser(settings(max_examples=EXAMPLES, deadline=None)(test))
    return marked


def broad(test: Test) -> Test:
    """Marks a test that asks the same of every topic: tried on a tenth of `EXAMPLES` inputs for each."""
    marked: Test = pytest.mark.parser(settings(max_examples=max(20, EXAMPLES // 10), deadline=None)(test))
    return marked
