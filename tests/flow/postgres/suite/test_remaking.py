"""tests/unit/collector/test_remaking.py on PostgreSQL."""

from tests.unit.collector.test_remaking import *  # noqa: F403
