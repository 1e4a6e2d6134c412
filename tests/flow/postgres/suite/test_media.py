"""tests/unit/collector/test_media.py on PostgreSQL."""

from tests.unit.collector.test_media import *  # noqa: F403
