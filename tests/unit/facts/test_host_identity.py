"""A machine can be told from another without its machine id leaving it."""

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import mounted, this_machine

from vonggac_agent.facts.system import host_identity
from vonggac_contract import limits

IDENTIFIER = "0123456789abcdef0123456789abcdef"


def test_the_machine_id_is_hashed_and_never_shown() -> None:
    digest = host_identity.machine_digest(IDENTIFIER + "\n")
    assert digest == "a6fcf1440ab9790bca09b59371b038403bf3c1bc363109083f01cd9bfe14f855"
    assert host_identity.machine_digest(IDENTIFIER[:-1] + "5") != digest


@pytest.mark.parametrize("text", ["", "uninitialized\n", "0" * 32, "x" * 32, IDENTIFIER + "00"])
def test_what_is_no_machine_id_gives_nothing(text: str) -> None:
    assert host_identity.machine_digest(text) == ""


def test_hardware_is_told_from_a_program_of_the_root(tmp_path: Path) -> None:
    program = b"\x7fELF\x02\x01\x01" + b"\0" * 9 + b"\x02\0\xb7\0"
    host = mounted(
        tmp_path, {"etc/hostname": "máy-một\n", "etc/machine-id": IDENTIFIER, "usr/bin/sh": program}
    )
    found, _ = host_identity.gather(host, ())
    assert found.hostname == "máy-một"
    assert found.architecture == "aarch64"
    assert (found.memory, found.cpus, found.addresses) == (None, None, [])


@pytest.mark.hostile
@given(st.binary(max_size=64))
def test_any_bytes_are_a_program_or_refused(head: bytes) -> None:
    with pytest.raises(ValueError, match="ELF"):
        host_identity.elf_machine(head)


def test_memory_is_counted_in_bytes() -> None:
    assert host_identity.memory_bytes("MemTotal:       24684092 kB\nMemFree: 1 kB\n") == 24684092 * 1024
    assert host_identity.memory_bytes("MemTotal:       999999999999999 kB\n") == limits.MAX_SAFE_INTEGER
    with pytest.raises(ValueError, match="no MemTotal"):
        host_identity.memory_bytes("MemFree: 1 kB\n")


@pytest.mark.parametrize(
    ("environment", "kind"),
    [
        (b"PATH=/bin\0container=lxc\0", "lxc"),
        (b"", ""),
        (b"notcontainer=x\0", ""),
        (b"container=\xff", r"\xff"),
    ],
)
def test_the_first_process_tells_its_container(environment: bytes, kind: str) -> None:
    assert host_identity.container_kind(environment) == kind


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("127.0.0.1", True),
        ("169.254.1.1", True),
        ("10.0.0.1", False),
        ("::1", True),
        ("fe80::1", True),
        ("febf::1", True),
        ("fec0::1", False),
        ("fd00::2", False),
        ("2001:db8::1", False),
    ],
)
def test_loopback_and_link_local_addresses_are_left_out(address: str, local: bool) -> None:
    assert host_identity.is_local(address) is local


def test_this_machine_is_itself() -> None:
    found, _ = host_identity.gather(this_machine(), ())
    assert found.hostname == socket.gethostname()
    assert found.architecture == os.uname().machine
    assert found.memory is not None
    assert found.memory > 2**26
    assert not [address for address in found.addresses if host_identity.is_local(address)]
