"""tests/unit/collector/test_policy.py on PostgreSQL."""

from tests.unit.collector.test_policy import *  # noqa: F403
