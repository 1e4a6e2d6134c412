"""tests/unit/collector/test_deltas.py on PostgreSQL."""

from tests.unit.collector.test_deltas import *  # noqa: F403
