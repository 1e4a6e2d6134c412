"""OpenLDAP's server and the proxy squid, from their own files."""

import contextlib
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted
from tests.unit.properties import thorough
from tests.unit.slowness import slowness

from vonggac_agent.facts.network import ldap_server, squid_proxy
from vonggac_contract.facts.network import LdapServer, SquidProxy

GLOBAL = """\
# AUTO-GENERATED FILE - DO NOT EDIT!! Use ldapmodify.
# CRC32 aae92729
dn: cn=config
objectClass: olcGlobal
cn: config
olcArgsFile: /var/run/slapd/slapd.args
olcLogLevel: none
olcPidFile: /var/run/slapd/slapd.pid
"""
HARDENED = """\
dn: cn=config
olcDisallows: bind_anon
olcLogLevel: stats
olcSecurity: ssf=128 up
 date_ssf=256
olcTLSCertificateFile:: L2V0Yy9sZGFwL2NlcnQucGVt
olcTLSProtocolMin: 3.3
olcRootPW:: e1NTSEF9aGlkZGVu
"""
DEBIAN_SQUID = """\
acl localnet src 10.0.0.0/8		# RFC 1918
acl SSL_ports port 443
acl Safe_ports port 80		# http
http_access deny !Safe_ports
http_access deny CONNECT !SSL_ports
http_access allow localhost manager
http_access deny manager
include /etc/squid/conf.d/*.conf
http_access allow localhost
http_access deny all
http_port 3128
"""


def slapd(folder: Path, files: dict[str, str | bytes | Link]) -> LdapServer:
    return ldap_server.gather(mounted(folder, {"usr/sbin/slapd": "", **files}), ())[0]


def squid(text: str) -> SquidProxy:
    return squid_proxy.describe(squid_proxy.parse(text, lambda _: []))


def test_slapd_as_debian_ships_it_answers_everybody_in_clear(tmp_path: Path) -> None:
    found = slapd(
        tmp_path,
        {
            "etc/default/slapd": 'SLAPD_CONF=\nSLAPD_SERVICES="ldap:/// ldapi:///"\n',
            "etc/ldap/slapd.d/cn=config.ldif": GLOBAL,
            "etc/ldap/slapd.d/cn=config/olcDatabase={-1}frontend.ldif": "dn: olcDatabase={-1}frontend\n",
        },
    )
    assert found == LdapServer(
        installed=True,
        reachable=True,
        anonymous=True,
        tls=False,
        tls_required=False,
        old_tls=True,
        logged=False,
    )


def test_slapd_with_care(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {"etc/openldap/slapd.d/cn=config.ldif": HARDENED}
    found = slapd(tmp_path, files)
    assert found == LdapServer(
        installed=True,
        reachable=True,
        anonymous=False,
        tls=True,
        tls_required=True,
        old_tls=False,
        logged=True,
    )
    assert ldap_server.ldif(HARDENED)["tlscertificatefile"] == ["/etc/ldap/cert.pem"]
    assert "hidden" not in repr(ldap_server.ldif(HARDENED))


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("olcRequires: authc", "anonymous", False),
        ("olcDisallows: {0}tls_2_anon", "anonymous", True),
        ("olcSecurity: tls=128", "tls_required", True),
        ("olcSecurity: simple_bind=256", "tls_required", True),
        ("olcSecurity: ssf=56", "tls_required", False),
        ("olcSecurity: ssf=lots", "tls_required", False),
        ("olcTLSProtocolMin: 3.4", "old_tls", False),
        ("olcTLSProtocolMin: 3.2", "old_tls", True),
        ("olcTLSProtocolMin: x", "old_tls", True),
        ("olcLogLevel: 0", "logged", False),
        ("olcLogLevel: 256", "logged", True),
    ],
)
def test_each_attribute_means_what_it_means_to_slapd(line: str, field: str, value: object) -> None:
    assert getattr(ldap_server.describe(ldap_server.ldif(line), {}, []), field) == value


@pytest.mark.parametrize(
    ("urls", "reachable", "encrypted"),
    [
        ("ldaps:/// ldapi:///", True, True),
        ("ldapi:///", False, True),
        ("ldap://127.0.0.1:389/ ldapi:///", False, False),
        ("ldap://[::1]/", False, False),
        ("ldap://10.0.0.5/", True, False),
    ],
)
def test_where_slapd_listens(urls: str, reachable: bool, encrypted: bool) -> None:
    found = ldap_server.describe({}, {}, ldap_server.started_with(["", f"SLAPD_URLS='{urls}'\n"]))
    assert (found.reachable, found.tls_required) == (reachable, encrypted)


def test_the_old_file_of_slapd_is_read_up_to_its_first_database(tmp_path: Path) -> None:
    text = (
        "disallow bind_anon\nTLSCertificateFile /c\nsecurity simple_bind=128\ndatabase mdb\nloglevel stats\n"
    )
    found = slapd(tmp_path, {"etc/openldap/slapd.conf": text})
    assert (found.anonymous, found.tls, found.tls_required, found.logged) == (False, True, True, False)


def test_machines_without_the_servers_say_so(tmp_path: Path) -> None:
    host = mounted(
        tmp_path, {"etc/ldap/slapd.d/cn=config.ldif": GLOBAL, "etc/squid/squid.conf": DEBIAN_SQUID}
    )
    assert ldap_server.gather(host, ())[0] == LdapServer(installed=False)
    assert squid_proxy.gather(host, ())[0] == SquidProxy(installed=False)


def test_squid_as_debian_ships_it_serves_this_machine_only(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "usr/sbin/squid": "",
        "etc/squid/squid.conf": DEBIAN_SQUID,
        "etc/squid/conf.d/a.conf": "http_access allow localnet\n",
    }
    assert squid_proxy.gather(mounted(tmp_path, files), ())[0] == SquidProxy(
        installed=True, open=False, filters=False, asks_password=False, logged=True, version_hidden=False
    )
    files["etc/squid/conf.d/a.conf"] = "http_access allow all\n"
    assert squid_proxy.gather(mounted(tmp_path / "b", files), ())[0].open


@pytest.mark.parametrize(
    ("text", "is_open"),
    [
        ("", False),
        ("http_access deny all\nhttp_access allow all", False),
        ("http_access allow all", True),
        ("http_access allow CONNECT", True),
        ("acl w src 0.0.0.0/0\nhttp_access allow w\nhttp_access deny all", True),
        ("acl w src 10.0.0.0/8\nhttp_access allow w", False),
        ("acl w src 10.0.0.0/8\nhttp_access allow w\nhttp_access deny CONNECT", True),
        ("acl w src 10.0.0.0/8\nhttp_access allow !w\nhttp_access deny all", True),
        ("acl u proxy_auth REQUIRED\nhttp_access allow u\nhttp_access deny all", False),
        ("acl sites dstdomain .gov.vn\nhttp_access allow sites\nhttp_access deny all", True),
    ],
)
def test_a_proxy_is_open_where_a_rule_lets_in_without_asking_who(text: str, is_open: bool) -> None:
    assert squid(text).open is is_open


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("acl bad dstdomain .example.com\nhttp_access deny bad", "filters", True),
        ("acl good dstdomain .gov.vn\nacl us src 10.0.0.0/8\nhttp_access allow us good", "filters", True),
        ("http_access deny manager\nhttp_access deny to_localhost", "filters", False),
        ("url_rewrite_program /usr/bin/squidGuard", "filters", True),
        ("auth_param basic program x\nacl u proxy_auth REQUIRED\nhttp_access allow u", "asks_password", True),
        ("auth_param basic program x", "asks_password", False),
        ("access_log none", "logged", False),
        ("access_log daemon:/var/log/squid/access.log squid", "logged", True),
        ("httpd_suppress_version_string on", "version_hidden", True),
    ],
)
def test_each_directive_means_what_it_means_to_squid(text: str, field: str, value: object) -> None:
    assert getattr(squid(text), field) == value


VALUES = st.text("ab:=é# ", min_size=1, max_size=12).map(lambda text: f"x{text}y")


@thorough
@given(
    st.dictionaries(st.sampled_from(["olcLogLevel", "olcSecurity", "cn"]), VALUES, max_size=3), st.booleans()
)
def test_what_is_written_as_ldif_is_read_back(model: dict[str, str], folded: bool) -> None:
    text = "# x\n"
    for key, value in model.items():
        line = f"{key}: {value}"
        text += (line[:4] + "\n " + line[4:] if folded else line) + "\n"
    assert ldap_server.ldif(text) == {k.lower().removeprefix("olc"): [v] for k, v in model.items()}


RULES = st.lists(st.tuples(st.booleans(), st.sampled_from(["all", "us", "port", "localhost"])), max_size=4)


@thorough
@given(RULES)
def test_rules_that_are_written_decide_in_their_order(rules: list[tuple[bool, str]]) -> None:
    text = "acl us src 10.0.0.0/8\nacl port port 80\n"
    text += "".join(f"http_access {'allow' if allowed else 'deny'} {name} # x\n" for allowed, name in rules)
    expected = bool(rules) and not rules[-1][0]
    for allowed, name in rules:
        if (allowed and name in ("all", "port")) or (not allowed and name == "all"):
            expected = allowed
            break
    assert squid(text).open is expected


@pytest.mark.hostile
@thorough
@given(st.text(max_size=100))
def test_no_text_makes_a_parser_raise_anything_but_value_error(text: str) -> None:
    for parse in (ldap_server.ldif, ldap_server.slapd_conf):
        with contextlib.suppress(ValueError):
            ldap_server.describe(parse("olcSecurity: " + text + "\n" + text), {}, [text])
    with contextlib.suppress(ValueError):
        squid(f"acl {text}\nhttp_access {text}\n{text}")


@pytest.mark.parser
@pytest.mark.hostile
@pytest.mark.parametrize(
    "text",
    ["a:: " + "A" * 9_900_000, "a: b\n " + "\n ".join("c" * 4_000_000), "acl a src " + "b " * 4_900_000],
)
def test_ten_megabytes_cost_less_than_a_second(text: str) -> None:
    started = time.process_time()
    for part in (text, text[:300_000]):
        with contextlib.suppress(ValueError):
            ldap_server.ldif(part)
        with contextlib.suppress(ValueError):
            squid(part)
    assert time.process_time() - started < 1 * slowness()


@pytest.mark.parser
@pytest.mark.hostile
def test_thousands_of_rules_over_a_list_of_thousands_of_clients_are_quick() -> None:
    clients = "".join(f"acl us src 10.{n // 256}.{n % 256}.0/24\n" for n in range(8_000))
    text = clients + "acl all src 10.0.0.0/8\n" + "http_access allow us\n" * 8_000 + "http_access deny all\n"
    started = time.process_time()
    found = squid(text)
    assert time.process_time() - started < 2 * slowness()
    assert not found.open
    assert squid(f"acl us src ::/0\n{text}").open
