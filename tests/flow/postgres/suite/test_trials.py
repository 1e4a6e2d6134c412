"""tests/unit/collector/test_trials.py on PostgreSQL."""

from tests.unit.collector.test_trials import *  # noqa: F403
