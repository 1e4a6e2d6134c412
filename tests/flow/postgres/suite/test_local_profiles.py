"""tests/unit/collector/test_local_profiles.py on PostgreSQL."""

from tests.unit.collector.test_local_profiles import *  # noqa: F403
