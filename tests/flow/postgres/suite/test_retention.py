"""tests/unit/collector/test_retention.py on PostgreSQL."""

from tests.unit.collector.test_retention import *  # noqa: F403
