"""tests/unit/collector/test_ingest.py on PostgreSQL."""

from tests.unit.collector.test_ingest import *  # noqa: F403
