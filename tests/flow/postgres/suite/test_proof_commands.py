"""tests/unit/collector/test_proof_commands.py on PostgreSQL."""

from tests.unit.collector.test_proof_commands import *  # noqa: F403
