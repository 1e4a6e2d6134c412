"""tests/unit/collector/test_granted.py on PostgreSQL."""

from tests.unit.collector.test_granted import *  # noqa: F403
