"""Sockets that wait for strangers are told with their owner, and told all the same if it is hidden."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import mounted, this_machine

from vonggac_agent.facts import gather
from vonggac_agent.facts.network.socket_listening import Bound, Owner, merge, scope_of
from vonggac_agent.facts.packages.owning_package import lists as package_lists
from vonggac_agent.facts.packages.owning_package import packages_of
from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, FactKey, Known, Reason


@pytest.mark.parametrize(
    ("address", "scope"),
    [
        ("0.0.0.0", "any"),
        ("::", "any"),
        ("::ffff:0.0.0.0", "any"),
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback"),
        ("169.254.1.1", "link"),
        ("fe80::1%eth0", "link"),
        ("224.0.0.251", "link"),
        ("ff02::fb", "link"),
        ("10.0.0.1", "private"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "private"),
        ("100.127.255.255", "private"),
        ("fd00::1", "private"),
        ("::ffff:10.0.0.1", "private"),
        ("172.32.0.1", "public"),
        ("100.128.0.1", "public"),
        ("192.0.2.1", "public"),
        ("203.113.131.1", "public"),
        ("2001:ee0::1", "public"),
        ("ff05::1", "public"),
        ("239.1.1.1", "public"),
    ],
)
def test_the_scope_of_an_address_is_who_could_reach_it(address: str, scope: str) -> None:
    assert scope_of(address) == scope


@given(st.ip_addresses())
def test_every_address_has_a_scope(address: object) -> None:
    assert scope_of(str(address)) in ("loopback", "link", "private", "public", "any")


def test_text_that_is_no_address_has_no_scope() -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        scope_of("localhost")


MASTER = Owner(10, 1.0, "nginx", 0, "/usr/sbin/nginx")
WORKER = Owner(5, 2.0, "nginx", 33, "/usr/sbin/nginx")


def test_workers_share_the_socket_of_the_process_that_opened_it() -> None:
    bound = [Bound("tcp", "0.0.0.0", 80, 5), Bound("tcp", "0.0.0.0", 80, 10)]
    found = merge(bound, {10: MASTER, 5: WORKER}, {0: "root", 33: "www-data"}, {"/usr/sbin/nginx": "nginx"})
    assert [(s.process, s.user, s.package, s.pid) for s in found.sockets] == [("nginx", "root", "nginx", 10)]
    assert found.owners_hidden == 0


def test_a_socket_without_a_visible_owner_is_told_all_the_same() -> None:
    bound = [
        Bound("udp", "::", 53, None),
        Bound("tcp", "10.0.0.1", 25, 99),
        Bound("tcp", "0.0.0.0", 22, None),
    ]
    found = merge(bound, {}, {}, {})
    assert [(s.protocol, s.port, s.process) for s in found.sockets] == [
        ("tcp", 22, ""),
        ("tcp", 25, ""),
        ("udp", 53, ""),
    ]
    assert found.owners_hidden == 3


def test_a_user_without_a_name_shows_as_its_number() -> None:
    found = merge([Bound("tcp", "::1", 80, 5)], {5: WORKER}, {}, {})
    assert found.sockets[0].user == "33"


def test_hostile_process_names_stay_as_they_are() -> None:
    owner = Owner(5, 1.0, "\x1b[31m\u202e<b>" + "x" * 5000, 0, "/tmp/\udcff")
    listener = merge([Bound("tcp", "::1", 80, 5)], {5: owner}, {}, {}).sockets[0]
    assert listener.process.startswith("\x1b[31m\u202e<b>")
    assert len(listener.process) == limits.MAX_FACT_TEXT
    assert listener.program == "/tmp/\\xff"


def test_more_sockets_than_a_fact_holds_are_refused() -> None:
    bound = [
        Bound("tcp", f"10.0.{n >> 8 & 255}.{n & 255}", n >> 16, None) for n in range(limits.MAX_FACT_LIST + 1)
    ]
    assert len(merge(bound[:-1], {}, {}, {}).sockets) == limits.MAX_FACT_LIST
    with pytest.raises(CouldNotLook, match="sockets") as caught:
        merge(bound, {}, {}, {})
    assert caught.value.reason is Reason.TOO_LARGE


LISTS = [
    ("other", b"/.\n/usr/sbin/nginx-debug\n/usr/share/nginx\n"),
    ("nginx-core", b"/.\n/usr/sbin\n/usr/sbin/nginx\n"),
    ("bash", b"/.\n/bin/bash\n"),
]


@pytest.mark.parametrize(
    ("program", "package"),
    [
        ("/usr/sbin/nginx", "nginx-core"),
        ("/sbin/nginx", "nginx-core"),
        ("/usr/bin/bash", "bash"),
        ("/bin/bash", "bash"),
        ("/usr/share/ngin", None),
        ("/usr/local/sbin/nginx", None),
        ("", None),
    ],
)
def test_a_programs_package_is_found_through_the_merged_usr(program: str, package: str | None) -> None:
    assert packages_of([program], LISTS).get(program) == package


def test_lists_are_read_no_further_than_the_last_program_found() -> None:
    def lists() -> Iterator[tuple[str, bytes]]:
        yield LISTS[1]
        raise AssertionError("read on although all was found")

    assert packages_of(["/usr/sbin/nginx"], lists()) == {"/usr/sbin/nginx": "nginx-core"}


def test_the_lists_of_a_root_name_the_package_without_its_architecture(tmp_path: Path) -> None:
    host = mounted(
        tmp_path,
        {"var/lib/dpkg/info/libx:amd64.list": "/.\n/usr/sbin/nginx\n", "var/lib/dpkg/info/x.md5sums": ""},
    )
    found = packages_of(["/usr/sbin/nginx"], package_lists(host, ["/usr/sbin/nginx"]))
    assert found == {"/usr/sbin/nginx": "libx"}


def test_sockets_opened_here_are_told_with_this_process_and_its_user() -> None:
    tcp = socket.create_server(("127.0.0.1", 0))
    six = socket.create_server(("::1", 0), family=socket.AF_INET6)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    talking = socket.create_connection(tcp.getsockname())
    key = FactKey("socket.listening")
    with tcp, six, udp, talking:
        found = gather(this_machine(), [key])[key]
        assert isinstance(found, Known)
        by_port = {(s.protocol, s.address, s.port): s for s in found.value.sockets}
        for protocol, wanted in (("tcp", tcp), ("tcp", six), ("udp", udp)):
            address, port = wanted.getsockname()[:2]
            listener = by_port[protocol, address, port]
            assert listener.pid == os.getpid()
            assert listener.scope == "loopback"
            assert os.path.samefile(listener.program, "/proc/self/exe")
        assert ("tcp", *talking.getsockname()) not in by_port
