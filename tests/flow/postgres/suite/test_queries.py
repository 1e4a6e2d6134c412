"""tests/unit/collector/test_queries.py on PostgreSQL."""

from tests.unit.collector.test_queries import *  # noqa: F403
