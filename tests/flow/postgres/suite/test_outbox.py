"""tests/unit/collector/test_outbox.py on PostgreSQL."""

from tests.unit.collector.test_outbox import *  # noqa: F403
