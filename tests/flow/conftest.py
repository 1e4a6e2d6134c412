"""Services that several rooms of the flow lane share, each started once; and which tests run beside which."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.services.elasticsearch import elasticsearch
from tests.services.postgres import postgres

__all__ = ["elasticsearch", "postgres"]

HERE = Path(__file__).parent
TOGETHER = ("systemd", "elasticsearch")
"""Tests that ask for one installed system or for one server of a gigabyte: the longest, so they begin."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A worker of `--dist=loadgroup` takes a file of tests at a time, or all that share what takes long to make."""
    here = [item for item in items if HERE in item.path.parents]
    for item in here:
        item.add_marker(pytest.mark.xdist_group(group(item)))
    others = [item for item in items if HERE not in item.path.parents]
    items[:] = [*others, *sorted(here, key=lambda item: group(item) not in TOGETHER)]


def group(item: pytest.Item) -> str:
    """The name of those that this test runs with, one after the other."""
    path = item.path.relative_to(HERE)
    asks = {path.parts[0], *getattr(item, "fixturenames", ())}
    return next((name for name in TOGETHER if name in asks), path.as_posix())
