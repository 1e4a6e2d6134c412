"""tests/unit/collector/test_revocation.py on PostgreSQL."""

from tests.unit.collector.test_revocation import *  # noqa: F403
