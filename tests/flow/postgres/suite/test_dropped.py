"""tests/unit/collector/test_dropped.py on PostgreSQL."""

from tests.unit.collector.test_dropped import *  # noqa: F403
