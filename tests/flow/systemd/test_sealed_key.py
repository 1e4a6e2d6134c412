"""The key sealed by the booted system's systemd-creds: the service works with it, and a copy elsewhere is no use."""

from __future__ import annotations

import pytest
from tests.flow.systemd.product import AGENT
from tests.flow.systemd.station import STATE, UNIT, Station

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(300)]
HOST_KEY = "/var/lib/systemd/credential.secret"


def key_files(station: Station) -> list[str]:
    names = station.machine.run("ls", STATE).stdout.split()
    return sorted(name.rpartition(".")[2] for name in names if name.startswith("key-"))


def key(station: Station, word: str, *, check: bool = True) -> int:
    return station.machine.run(AGENT, "key", word, timeout=60, check=check).returncode


def test_a_sealed_key_is_the_only_one_on_the_disk_and_the_shipped_unit_works_with_it(
    reporting: Station,
) -> None:
    assert key(reporting, "seal", check=False) == 75, "not beside the service"
    reporting.machine.run("systemctl", "stop", UNIT)
    assert key_files(reporting) == ["pem"]
    key(reporting, "seal")
    key(reporting, "seal")
    assert key_files(reporting) == ["sealed"]
    assert reporting.status()["key_sealed"]
    found = reporting.machine.run("grep", "-rl", "PRIVATE KEY", STATE, check=False).stdout
    assert found == ""
    before = len(reporting.collector.chain())
    name = reporting.add_account()
    reporting.install()
    reporting.wait_for_account(name)
    assert len(reporting.collector.chain()) > before
    mode = reporting.machine.run("find", STATE, "-name", "key-*", "-printf", "%m %U").stdout
    assert mode == "600 0"


def test_without_the_hosts_key_it_can_not_be_read_and_the_service_says_why(reporting: Station) -> None:
    reporting.machine.run("systemctl", "stop", UNIT)
    key(reporting, "seal")
    reporting.machine.run("mv", HOST_KEY, "/root/kept.secret")
    try:
        said = reporting.machine.run(AGENT, "key", "unseal", check=False, timeout=60)
        assert said.returncode == 78
        assert "could not be read" in said.stderr
        assert key_files(reporting) == ["sealed"]
        looked = reporting.machine.run(AGENT, "run", "--once", check=False, timeout=120)
        assert looked.returncode == 78
    finally:
        reporting.machine.run("mv", "/root/kept.secret", HOST_KEY)
    key(reporting, "unseal")
    assert key_files(reporting) == ["pem"]
    assert not reporting.status()["key_sealed"]
    reporting.install()
    assert reporting.is_at_work()
