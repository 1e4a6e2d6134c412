"""tests/unit/collector/test_policy_said.py on PostgreSQL."""

from tests.unit.collector.test_policy_said import *  # noqa: F403
