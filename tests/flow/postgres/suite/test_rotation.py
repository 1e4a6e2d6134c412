"""tests/unit/collector/test_rotation.py on PostgreSQL."""

from tests.unit.collector.test_rotation import *  # noqa: F403
