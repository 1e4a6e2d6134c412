"""tests/unit/collector/test_rulebooks.py on PostgreSQL."""

from tests.unit.collector.test_rulebooks import *  # noqa: F403
