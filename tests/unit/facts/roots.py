"""Small roots for tests: a folder filled from a mapping, looked at as a mounted system."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from vonggac_agent.host import Host

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "host"
NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


class Link(NamedTuple):
    """A symbolic link to `target`."""

    target: str


def mounted(folder: Path, files: Mapping[str, str | bytes | Link]) -> Host:
    """A host whose root is `folder` with these files, by their paths inside it."""
    for name, content in files.items():
        path = folder / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Link):
            path.symlink_to(content.target)
            continue
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        path.chmod(0o644)  # whatever the umask of the test before
    return Host(folder, now=NOW)


def this_machine() -> Host:
    """The running system."""
    return Host(now=datetime.now(UTC))
