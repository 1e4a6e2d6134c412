"""The suite that every index passes, inside PostgreSQL."""

from tests.unit.collector.index.test_behaviour import *  # noqa: F403  the very functions
