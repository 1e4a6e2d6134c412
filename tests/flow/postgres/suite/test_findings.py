"""tests/unit/collector/test_findings.py on PostgreSQL."""

from tests.unit.collector.test_findings import *  # noqa: F403
