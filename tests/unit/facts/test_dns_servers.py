"""Name servers under one set of names: BIND with its views and match lists, Unbound, dnsmasq."""

import contextlib
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted
from tests.unit.properties import thorough
from tests.unit.slowness import slowness

from vonggac_agent.facts.network import bind_config, dns_servers
from vonggac_contract.facts.network import DnsServer

DEBIAN = """\
include "/etc/bind/named.conf.options";
include "/etc/bind/named.conf.default-zones";
"""
DEBIAN_OPTIONS = """\
options {
	directory "/var/cache/bind";
	// forwarders { 0.0.0.0; };
	dnssec-validation auto;
	listen-on-v6 { any; };
};
"""
DEBIAN_ZONES = """\
zone "." { type hint; file "/usr/share/dns/root.hints"; };
zone "127.in-addr.arpa" { type master; file "/etc/bind/db.127"; };
"""
ZONE = 'zone "example.vn" { type primary; file "x"; };\n'


def bind(text: str) -> DnsServer:
    return dns_servers.describe_bind(text, lambda _: [])


def look(folder: Path, files: dict[str, str | bytes | Link]) -> list[DnsServer]:
    return dns_servers.gather(mounted(folder, files), ())[0].servers


def test_bind_as_debian_ships_it(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "usr/sbin/named": "",
        "etc/bind/named.conf": DEBIAN,
        "etc/bind/named.conf.options": DEBIAN_OPTIONS,
        "etc/bind/named.conf.default-zones": DEBIAN_ZONES,
    }
    assert look(tmp_path, files) == [
        DnsServer(
            program="bind", recursion=True, open_recursion=False, open_zones=[], version_hidden=False, dnssec=True,
            query_log=False, every_address=True, rate_limit=False,
        )
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "open_recursion"),
    [
        ("options { allow-recursion { any; }; };", True),
        ("options { allow-recursion { 10.0.0.0/8; localhost; }; allow-query { any; }; };", False),
        ("options { allow-query-cache { 0.0.0.0/0; }; };", True),
        ("options { allow-query { any; }; };", True),
        ("options { recursion no; allow-recursion { any; }; };", False),
        (
            "acl us { 10/8; world; }; acl world { !10.0.0.9; any; }; options { allow-recursion { us; }; };",
            True,
        ),
        ("acl a { b; }; acl b { a; }; options { allow-recursion { a; }; };", False),
        ("options { allow-recursion { none; any; }; };", False),
        ("options { allow-recursion { ! any; any; }; };", False),
        ("options { allow-recursion { !{ 10/8; }; { ::/0; }; }; };", True),
        ("view in { match-clients { 10/8; }; allow-recursion { any; }; };", False),
        ("view out { match-clients { any; }; allow-recursion { any; }; };", True),
        ("view out { recursion no; }; options { allow-recursion { any; }; };", False),
        ("options { recursion 0; allow-recursion { any; }; };", False),
    ],
)
def test_recursion_is_open_where_the_list_that_counts_holds_everybody(
    text: str, open_recursion: bool
) -> None:
    assert bind(text).open_recursion is open_recursion


@pytest.mark.parametrize(
    ("text", "zones"),
    [
        (ZONE, ["example.vn"]),
        (ZONE + "options { allow-transfer { none; }; };", []),
        (ZONE.replace("file", "allow-transfer { 10.0.0.2; }; file"), []),
        (
            ZONE.replace("file", "allow-transfer { any; }; file") + "options { allow-transfer { none; }; };",
            ["example.vn"],
        ),
        (ZONE.replace("primary", "forward"), []),
        ("view v { allow-transfer { none; }; " + ZONE + "};", []),
        ("view v { match-clients { 10/8; }; " + ZONE.replace("primary", "slave") + "};", ["example.vn"]),
    ],
)
def test_a_zone_is_open_to_copies_unless_somebody_says_who_may(text: str, zones: list[str]) -> None:
    assert bind(text).open_zones == zones


@pytest.mark.parametrize(
    ("package", "version", "zones"),
    [
        ("bind9", "1:9.18.28-1~deb12u2", ["a.vn"]),
        ("bind9", "1:9.20.11-4", []),
        ("bind", "32:9.16.23-18.el9", ["a.vn"]),
        ("bind", "32:9.21.1-1", []),
        ("other", "9.20", ["a.vn"]),
    ],
)
def test_since_9_20_nobody_copies_a_zone_without_allow_transfer(
    package: str, version: str, zones: list[str], tmp_path: Path
) -> None:
    files: dict[str, str | bytes | Link] = {
        "usr/sbin/named": "",
        "etc/named.conf": 'zone "a.vn" { type primary; file "a"; };\n',
        "var/lib/dpkg/status": f"Package: {package}\nStatus: install ok installed\nVersion: {version}\n",
    }
    [found] = look(tmp_path, files)
    assert found.open_zones == zones
    assert bind('zone "a.vn" { type primary; allow-transfer { any; }; };').open_zones == ["a.vn"]


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("options { version none; };", "version_hidden", True),
        ('options { version "x"; };', "version_hidden", True),
        ("options { dnssec-validation no; };", "dnssec", False),
        ("options { dnssec-validation yes; };", "dnssec", True),
        ("options { querylog yes; };", "query_log", True),
        ("logging { category queries { log; }; };", "query_log", True),
        ("logging { category queries { null; }; };", "query_log", False),
        ("options { listen-on port 53 { 10.0.0.1; }; };", "every_address", False),
        ("options { listen-on { any; }; };", "every_address", True),
        ("options { rate-limit { responses-per-second 10; }; };", "rate_limit", True),
        ("options { recursion no; };", "recursion", False),
    ],
)
def test_each_option_means_what_it_means_to_bind(text: str, field: str, value: object) -> None:
    assert getattr(bind(text), field) == value


def test_a_file_that_includes_itself_is_refused() -> None:
    text = 'include "x";'
    with pytest.raises(ValueError, match="deeper than 8"):
        dns_servers.describe_bind(text, lambda _: [text])


def test_unbound_as_debian_ships_it(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "usr/sbin/unbound": "",
        "etc/unbound/unbound.conf": 'include-toplevel: "/etc/unbound/unbound.conf.d/*.conf"\n',
        "etc/unbound/unbound.conf.d/root.conf": 'server:\n    auto-trust-anchor-file: "/var/lib/unbound/root.key"\n',
    }
    assert look(tmp_path, files) == [
        DnsServer(
            program="unbound", recursion=True, open_recursion=False, open_zones=[], version_hidden=False, dnssec=True,
            query_log=False, every_address=False, rate_limit=False,
        )
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("access-control: 0.0.0.0/0 allow", "open_recursion", True),
        ("access-control: ::0/0 allow_snoop # x", "open_recursion", True),
        ("access-control: 0.0.0.0/0 refuse", "open_recursion", False),
        ("access-control: 10.0.0.0/8 allow", "open_recursion", False),
        ("hide-version: yes", "version_hidden", True),
        ('module-config: "iterator"', "dnssec", False),
        ("val-permissive-mode: yes", "dnssec", False),
        ("log-queries: yes", "query_log", True),
        ("interface: 0.0.0.0@5353", "every_address", True),
        ("interface: 10.0.0.1", "every_address", False),
        ("ip-ratelimit: 100", "rate_limit", True),
    ],
)
def test_each_option_means_what_it_means_to_unbound(line: str, field: str, value: object) -> None:
    options = dns_servers.unbound(f"server:\n  trust-anchor-file: x\n  {line}\n", lambda _, place: [])
    assert getattr(dns_servers.describe_unbound(options), field) == value


def test_unbound_without_an_anchor_validates_nothing() -> None:
    assert not dns_servers.describe_unbound({}).dnssec


@pytest.mark.parametrize(
    ("text", "debian", "open_recursion"),
    [
        ("", True, False),
        ("", False, True),
        ("local-service\n", False, False),
        ("interface=eth0\nlocal-service\n", False, False),
        ("listen-address=127.0.0.1,10.0.0.1\n", True, False),
        ("listen-address=0.0.0.0\n", True, True),
        ("except-interface=lo\n", True, True),
        ("port=0\n", False, False),
    ],
)
def test_dnsmasq_serves_neighbours_only_unless_something_is_chosen(
    text: str, debian: bool, open_recursion: bool
) -> None:
    options = dns_servers.dnsmasq(text, lambda key, value: [])
    assert dns_servers.describe_dnsmasq(options, local_by_default=debian).open_recursion is open_recursion


def test_dnsmasq_is_read_with_the_folder_that_debian_adds(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "usr/sbin/dnsmasq": "",
        "etc/debian_version": "12\n",
        "etc/dnsmasq.conf": "# all comments\nconf-dir=/etc/more,*.conf\n",
        "etc/dnsmasq.d/a": "dnssec\ntrust-anchor=.,20326,8,2,E0\nlog-queries\n",
        "etc/dnsmasq.d/b.dpkg-old": "interface=eth0\n",
        "etc/more/x.conf": "no-ident\n",
        "etc/more/y.txt": "port=0\n",
    }
    assert look(tmp_path, files) == [
        DnsServer(
            program="dnsmasq", recursion=True, open_recursion=False, open_zones=[], version_hidden=True, dnssec=True,
            query_log=True, every_address=True, rate_limit=False,
        )
    ]  # fmt: skip


def test_a_machine_without_a_name_server_has_none(tmp_path: Path) -> None:
    assert look(tmp_path, {"etc/bind/named.conf": DEBIAN}) == []


ELEMENTS = st.lists(
    st.sampled_from(["10.0.0.0/8", "any", "none", "localhost", "us", "!10.1.1.1"]), max_size=4
)


@thorough
@given(ELEMENTS, ELEMENTS, st.booleans(), st.booleans())
def test_what_is_written_is_read_back(
    recursion: list[str], us: list[str], one_line: bool, validated: bool
) -> None:
    end = " " if one_line else "\n  // x\n"
    text = f"acl us {{ {'; '.join([*us, ''])}}};{end}options {{{end}"
    text += f"dnssec-validation {'auto' if validated else 'no'};{end}"
    text += f"allow-recursion {{ {'; '.join([*recursion, ''])}}};{end}}};\n"
    found = bind(text if one_line else "/* x */" + text)

    def lets_in(elements: list[str], others: list[str]) -> bool:
        for element in elements:
            if element == "any" or (element == "us" and lets_in([e for e in others if e != "us"], [])):
                return True
            if element == "none":
                return False
        return False

    assert found.open_recursion is lets_in(recursion, us)
    assert found.dnssec is validated


@pytest.mark.hostile
@thorough
@given(st.text(max_size=100), st.text("{};any!\"' \nacl", max_size=60))
def test_no_text_makes_a_parser_raise_anything_but_value_error(text: str, close: str) -> None:
    with contextlib.suppress(ValueError):
        bind(text)
    with contextlib.suppress(ValueError):
        bind("options { allow-recursion { " + close)
    with contextlib.suppress(ValueError):
        bind("view x { zone " + close + "}; };")
    with contextlib.suppress(ValueError):
        dns_servers.describe_unbound(dns_servers.unbound(text, lambda key, value: [text]))
        dns_servers.describe_dnsmasq(dns_servers.dnsmasq(text, lambda key, value: []), local_by_default=True)


@pytest.mark.parser
@pytest.mark.hostile
@pytest.mark.parametrize("text", ["{" * 10_000_000, "a;" * 5_000_000, "/*" * 5_000_000, '"' * 10_000_000])
def test_ten_megabytes_cost_less_than_a_second(text: str) -> None:
    started = time.process_time()
    with pytest.raises(ValueError, match="characters"):
        bind(text)
    with contextlib.suppress(ValueError):
        bind(text[:300_000])
    assert time.process_time() - started < 1 * slowness()


@pytest.mark.hostile
def test_lists_that_multiply_are_refused() -> None:
    text = (
        "".join(f"acl a{n} {{ {f'a{n + 1}; ' * 20}}};" for n in range(8))
        + "options { allow-recursion { a0; }; };"
    )
    with pytest.raises(ValueError, match="over 100000 elements"):
        bind_config.describe(bind_config.statements(text, lambda _: []))
