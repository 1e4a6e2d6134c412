"""tests/unit/collector/test_policy_roots.py on PostgreSQL."""

from tests.unit.collector.test_policy_roots import *  # noqa: F403
