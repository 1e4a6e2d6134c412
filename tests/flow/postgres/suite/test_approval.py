"""tests/unit/collector/test_approval.py on PostgreSQL."""

from tests.unit.collector.test_approval import *  # noqa: F403
