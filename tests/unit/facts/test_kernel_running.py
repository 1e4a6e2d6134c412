"""A restart is due when a newer kernel of the same flavour is installed, or the distribution says so."""

import os
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import this_machine

from vonggac_agent.facts.system import kernel_running


@pytest.mark.parametrize(
    ("release", "version", "flavour"),
    [
        ("6.1.0-25-amd64", "6.1.0-25", "amd64"),
        ("6.1.0-25-cloud-amd64", "6.1.0-25", "cloud-amd64"),
        ("6.12.41+deb13-amd64", "6.12.41+deb13", "amd64"),
        ("6.8.0-45-generic", "6.8.0-45", "generic"),
        ("5.14.21-150500.55.19-default", "5.14.21-150500.55.19", "default"),
        ("5.14.0-427.13.1.el9_4.x86_64", "5.14.0-427.13.1", ".x86_64"),
        ("5.14.0-427.13.1.el9_4.x86_64+rt", "5.14.0-427.13.1", ".x86_64+rt"),
        ("5.15.0-200.131.27.el9uek.x86_64", "5.15.0-200.131.27", "uek.x86_64"),
        ("6.18.44", "6.18.44", ""),
    ],
)
def test_a_release_name_has_a_version_and_a_flavour(release: str, version: str, flavour: str) -> None:
    assert kernel_running.flavour(release) == (version, flavour)


def test_only_kernels_of_the_same_flavour_replace_the_running_one() -> None:
    installed = ["6.1.0-9-amd64", "6.1.0-25-amd64", "6.1.0-30-cloud-amd64", "6.12.1-rt-amd64"]
    assert kernel_running.newest("6.1.0-21-amd64", installed) == "6.1.0-25-amd64"
    assert kernel_running.newest("6.1.0-21-arm64", installed) == ""
    assert kernel_running.is_newer("6.1.0-25-amd64", "6.1.0-9-amd64")
    assert not kernel_running.is_newer("6.1.0-9-amd64", "6.1.0-25-amd64")


def test_a_point_release_of_red_hat_is_newer() -> None:
    installed = ["5.14.0-427.13.1.el9_4.x86_64", "5.14.0-503.11.1.el9_5.x86_64", "0-rescue-0123456789abcdef"]
    assert kernel_running.newest("5.14.0-427.13.1.el9_4.x86_64", installed) == "5.14.0-503.11.1.el9_5.x86_64"


def test_the_boot_time_is_read_from_proc_stat() -> None:
    assert kernel_running.boot_time("cpu 1 2\nbtime 1700000000\nprocesses 3\n") == datetime(
        2023, 11, 14, 22, 13, 20, tzinfo=UTC
    )
    with pytest.raises(ValueError, match="no btime"):
        kernel_running.boot_time("cpu 1 2\n")


@pytest.mark.hostile
@given(st.text(alphabet="0123456789.-+abz_el", max_size=200))
def test_any_name_has_a_flavour(name: str) -> None:
    version, flavour = kernel_running.flavour(name)
    assert len(version) + len(flavour) <= len(name)


def test_this_machine_tells_its_kernel_and_boot() -> None:
    host = this_machine()
    found, _ = kernel_running.gather(host, ())
    assert found.release == os.uname().release
    assert found.booted_at < host.now
