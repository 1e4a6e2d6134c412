"""tests/unit/collector/test_placed.py on PostgreSQL."""

from tests.unit.collector.test_placed import *  # noqa: F403
