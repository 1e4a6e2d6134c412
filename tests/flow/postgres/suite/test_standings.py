"""tests/unit/collector/test_standings.py on PostgreSQL."""

from tests.unit.collector.test_standings import *  # noqa: F403
