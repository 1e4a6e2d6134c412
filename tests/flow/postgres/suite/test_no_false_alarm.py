"""tests/unit/collector/test_no_false_alarm.py on PostgreSQL, in a database of its own: it drops shelves."""

import pytest
from tests.services.postgres import Server
from tests.unit.collector.test_no_false_alarm import *  # noqa: F403


@pytest.fixture(name="reused", scope="module")
def of_its_own(postgres: Server) -> str:
    return postgres.make()
