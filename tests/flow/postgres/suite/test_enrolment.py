"""tests/unit/collector/test_enrolment.py on PostgreSQL."""

from tests.unit.collector.test_enrolment import *  # noqa: F403
