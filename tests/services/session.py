"""A server for a whole session of tests, or a plain word on why there is none."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TypeVar

import pytest

T = TypeVar("T")


def for_session(running: Callable[[], AbstractContextManager[T]]) -> Iterator[T]:
    """What `running` gives. In continuous integration it must be there; elsewhere its tests are skipped, visibly."""
    try:
        with running() as server:
            yield server
    except FileNotFoundError as e:
        if os.environ.get("CI") == "true":
            pytest.fail(str(e))
        pytest.skip(str(e))
