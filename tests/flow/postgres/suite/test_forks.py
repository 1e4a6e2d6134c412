"""tests/unit/collector/test_forks.py on PostgreSQL."""

from tests.unit.collector.test_forks import *  # noqa: F403
