"""tests/unit/collector/test_space.py on PostgreSQL."""

from tests.unit.collector.test_space import *  # noqa: F403
