"""Services that several rooms of the flow lane share, each started once; and which tests run beside which."""

from __future__ import annotations

from typing import Any

import pytest
from tests.services.elasticsearch import elasticsearch
from tests.services.postgres import postgres
from xdist.scheduler import LoadFileScheduling

__all__ = ["elasticsearch", "postgres"]

TOGETHER = {
    "tests/flow/systemd/": "systemd",
    "tests/flow/elasticsearch/": "elasticsearch",
    "tests/flow/postgres/test_chaos.py": "elasticsearch",
}
"""Where tests share what takes long to make, an installed system or a server of a gigabyte."""


def together(nodeid: str) -> str:
    """The name of those that a test runs with, one after the other; empty if these are only the others of its file."""
    return next((name for beginning, name in TOGETHER.items() if nodeid.startswith(beginning)), "")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A worker takes a file of tests at a time, or all that stay together; in the order of the next function."""
    config.option.loadscopereorder = False
    made = LoadFileScheduling(config, log)
    by_file = made._split_scope
    made._split_scope = lambda nodeid: together(nodeid) or by_file(nodeid)
    return made


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What stays together takes longest, so it comes first."""
    items.sort(key=lambda item: not together(item.nodeid))
