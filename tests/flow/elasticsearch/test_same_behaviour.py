"""The suite that every index passes, on a real server."""

from tests.unit.collector.index.test_behaviour import *  # noqa: F403  the very functions
