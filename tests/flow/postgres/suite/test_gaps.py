"""tests/unit/collector/test_gaps.py on PostgreSQL."""

from tests.unit.collector.test_gaps import *  # noqa: F403
