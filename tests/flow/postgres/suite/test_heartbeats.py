"""tests/unit/collector/test_heartbeats.py on PostgreSQL."""

from tests.unit.collector.test_heartbeats import *  # noqa: F403
