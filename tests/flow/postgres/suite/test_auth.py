"""tests/unit/collector/test_auth.py on PostgreSQL."""

from tests.unit.collector.test_auth import *  # noqa: F403
