"""Fixtures of the tests that boot a system: the root it boots from, and the layer with the agent in it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.flow.systemd import debian, product
from tests.flow.systemd.station import Station, station

PROGRAMS = ("debootstrap", "unshare", "nsenter", "setpriv", "pivot_root", "ip", "mount")


def wanting() -> str:
    """Why no system can be booted here, and what to do; empty if nothing is in the way."""
    if os.geteuid() != 0:
        return "booting a system needs root: run `sudo make test LANES=flow`"
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = [name for name in PROGRAMS if shutil.which(name, path=path) is None]
    if missing:
        return f"booting a system needs {', '.join(missing)}: run packaging/setup/install-system-packages.sh flow"
    apart = ["unshare", "--mount", "--pid", "--fork", "--uts", "--ipc", "--net", "--cgroup", "true"]
    done = subprocess.run(apart, capture_output=True, text=True, check=False)
    if done.returncode:
        return f"booting a system needs namespaces, as in a privileged container: {done.stderr.strip()}"
    return ""


@pytest.fixture(scope="session")
def debian_root() -> Path:
    """Debian 12 as debootstrap installs it, from the cache if it is there."""
    if reason := wanting():
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return debian.root()


@pytest.fixture(scope="session")
def agent_layer(debian_root: Path) -> Iterator[Path]:
    """What installing the agent adds to that root."""
    with product.installed(debian_root) as layer:
        yield layer


@pytest.fixture(scope="session")
def enrolled(
    agent_layer: Path, debian_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Station]:
    """A machine on which the agent is installed and enrolled, with its collector."""
    with station([agent_layer, debian_root], tmp_path_factory.mktemp("station")) as made:
        made.enrol()
        yield made


@pytest.fixture
def reporting(enrolled: Station) -> Station:
    """That machine with its service at work, whatever the test before left."""
    if not enrolled.is_at_work():
        enrolled.install()
    return enrolled
