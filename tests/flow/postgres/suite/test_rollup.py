"""tests/unit/collector/test_rollup.py on PostgreSQL."""

from tests.unit.collector.test_rollup import *  # noqa: F403
