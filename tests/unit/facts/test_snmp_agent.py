"""Who may ask and change what by SNMP; no community ever shows."""

import contextlib
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted
from tests.unit.properties import thorough
from tests.unit.slowness import slowness

from vonggac_agent.facts.shares import snmp_agent
from vonggac_contract.facts.shares import SnmpAgent, SnmpCommunity, SnmpUser

DEBIAN = """\
sysLocation    Sitting on the Dock of the Bay
master  agentx
agentaddress  127.0.0.1,[::1]
view   systemonly  included   .1.3.6.1.2.1.1
rocommunity  public default -V systemonly
rocommunity6 public default -V systemonly
rouser authPrivUser authpriv -V systemonly
includeDir /etc/snmp/snmpd.conf.d
"""
"""What the package of Debian 12 ships, without comments."""
REDHAT = """\
com2sec notConfigUser  default       public
group   notConfigGroup v1           notConfigUser
group   notConfigGroup v2c           notConfigUser
view    systemview    included   .1.3.6.1.2.1.1
access  notConfigGroup ""      any       noauth    exact  systemview none none
"""
"""What the package of RHEL 9 ships, without comments."""


def look(folder: Path, config: str, **more: str) -> SnmpAgent:
    files: dict[str, str | bytes | Link] = {"usr/sbin/snmpd": "", "etc/snmp/snmpd.conf": config}
    files |= {name.replace("__", "/"): text for name, text in more.items()}
    return snmp_agent.gather(mounted(folder, files), ())[0]


def test_debian_ships_a_default_community_on_loopback(tmp_path: Path) -> None:
    found = look(tmp_path, DEBIAN)
    public = SnmpCommunity(
        write=False, default_word=True, short=True, source="", everyone=True, limited_view=True
    )
    assert found.communities == [public, public]
    assert found.users == [SnmpUser("authPrivUser", "priv", False)]
    assert (found.addresses, found.every_address) == (["127.0.0.1", "[::1]"], False)


def test_red_hat_ships_one_by_groups_and_views_on_every_address(tmp_path: Path) -> None:
    found = look(tmp_path, REDHAT)
    assert [(c.default_word, c.write, c.everyone, c.limited_view) for c in found.communities] == [
        (True, False, True, True)
    ]
    assert (found.users, found.every_address) == ([], True)


def test_access_by_groups_gives_users_and_writing_communities(tmp_path: Path) -> None:
    found = look(
        tmp_path,
        'com2sec -Cn c local 10.0.0.0/8 longenoughword1\ngroup g any local\naccess g "" any noauth exact all all none\n'
        'group u usm an\naccess u "" usm priv exact all none none\ncom2sec unused default public\n',
    )
    assert found.communities == [
        SnmpCommunity(
            write=True,
            default_word=False,
            short=False,
            source="10.0.0.0/8",
            everyone=False,
            limited_view=True,
        )
    ]
    assert found.users == [SnmpUser("an", "priv", False)]


def test_includes_are_followed_and_users_kept_by_the_daemon_are_seen(tmp_path: Path) -> None:
    found = look(
        tmp_path,
        "includeDir /etc/snmp/snmpd.conf.d\nincludeFile more\nrwuser -s usm binh noauth\nrouser chi\n",
        **{
            "etc__snmp__snmpd.conf.d__a.conf": "rwcommunity verylongcommunity 10.0.0.5\n",
            "etc__snmp__snmpd.conf.d__b.off": "rwcommunity public\n",
            "etc__snmp__more": 'createUser -e 0x80 an MD5 "hidden-a" AES hidden-b\ncreateUser dung SHA-256 hidden-c\n',
            "var__lib__snmp__snmpd.conf": "usmUser 1 3 0x80 0x656d00 0x656d00 NULL "
            ".1.3.6.1.6.3.10.1.1.3 0xff .1.3.6.1.6.3.10.1.2.2 0xee 0x\n",
        },
    )
    assert [(c.write, c.source, c.short) for c in found.communities] == [(True, "10.0.0.5", False)]
    assert found.users == [SnmpUser("binh", "none", True), SnmpUser("chi", "auth", False)]
    assert found.weak_users == ["an", "em"]
    told = msgspec.json.encode(found).decode()
    assert "hidden" not in told
    assert "verylongcommunity" not in told


@pytest.mark.parametrize(
    ("address", "everywhere"),
    [
        ("", True),
        ("agentaddress 161", True),
        ("agentaddress udp:161,tcp:10.0.0.1:161", True),
        ("agentaddress udp6:[::]:161", True),
        ("agentaddress tcp:0.0.0.0:161", True),
        ("agentaddress udp:127.0.0.1:161,udp6:[::1]:161", False),
        ("agentaddress unix:/run/x,10.0.9.5", False),
    ],
)
def test_an_address_without_a_host_is_every_address(address: str, everywhere: bool, tmp_path: Path) -> None:
    assert look(tmp_path, address).every_address is everywhere


def test_authcommunity_and_authuser_are_communities_and_users_too(tmp_path: Path) -> None:
    found = look(
        tmp_path,
        "authcommunity read,write private 10.0.0.0/8\nauthuser read,write an priv\nauthuser read b\n",
    )
    assert [(c.write, c.default_word) for c in found.communities] == [(True, True)]
    assert found.users == [SnmpUser("an", "priv", True), SnmpUser("b", "auth", False)]


def test_a_machine_without_snmpd_says_so(tmp_path: Path) -> None:
    host = mounted(tmp_path, {"etc/snmp/snmpd.conf": DEBIAN})
    assert snmp_agent.gather(host, ())[0] == SnmpAgent(installed=False)


def test_a_file_that_includes_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="deeper than 8"):
        look(tmp_path, "includeFile snmpd.conf\n")


WORDS = st.text("abcPUBlic-", min_size=1, max_size=14)
COMMUNITIES = st.tuples(st.booleans(), WORDS, st.sampled_from(["", "default", "10.0.0.0/8"]))
USERS = st.tuples(WORDS, st.sampled_from(["none", "auth", "priv"]), st.booleans())


@thorough
@given(st.lists(COMMUNITIES, max_size=2), st.lists(USERS, max_size=2))
def test_what_is_written_is_read_back(
    communities: list[tuple[bool, str, str]], users: list[tuple[str, str, bool]]
) -> None:
    lines = [
        f'{"rw" if write else "ro"}Community "{word}" {source} # x' for write, word, source in communities
    ]
    level = {"none": "noauth", "auth": "authNoPriv", "priv": "authPriv"}
    lines += [f"{'rwuser' if write else 'ROUSER'} {name} {level[wanted]}" for name, wanted, write in users]
    found = snmp_agent.describe(snmp_agent.parse("\n".join(lines), lambda _: []))
    assert [(c.write, c.default_word, c.short, c.everyone) for c in found.communities] == [
        (write, word.lower() == "public", len(word) < 12, not source.startswith("10"))
        for write, word, source in communities
    ]
    assert [(u.name, u.level, u.write) for u in found.users] == users


@pytest.mark.hostile
@thorough
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [
                    "access",
                    "group",
                    "com2sec",
                    "createUser",
                    "usmUser",
                    "rouser",
                    "agentaddress",
                    "authaccess",
                ]
            ),
            st.text(max_size=30),
        ),
        max_size=5,
    )
)
def test_no_text_makes_the_parser_raise_anything_but_value_error(lines: list[tuple[str, str]]) -> None:
    text = "\n".join(" ".join(line) for line in lines)
    try:
        snmp_agent.describe(snmp_agent.parse(text, lambda _: [text]))
    except ValueError:
        return


@pytest.mark.parser
@pytest.mark.hostile
@pytest.mark.parametrize(
    "text", ["rocommunity " + "a " * 5_000_000, "agentaddress " + ":" * 9_900_000, "x\n" * 5_000_000]
)
def test_ten_megabytes_cost_less_than_a_second(text: str) -> None:
    started = time.process_time()
    with pytest.raises(ValueError, match="characters"):
        snmp_agent.parse(text, lambda _: [])
    with contextlib.suppress(ValueError):
        snmp_agent.describe(snmp_agent.parse(text[:1_000_000], lambda _: []))
    assert time.process_time() - started < 1 * slowness()


@pytest.mark.parser
@pytest.mark.hostile
@pytest.mark.parametrize(
    ("model", "security", "community"),
    [("v2c", '""', "com2sec one default hidden-community\n"), ("usm", "usm", "")],
)
def test_thousands_of_groups_and_of_what_they_are_let_do_are_quick(
    model: str, security: str, community: str
) -> None:
    text = f"group us {model} one\n" * 8_000
    text += f"access us x {security} authpriv exact all none none\n" * 8_000
    text += f"access us x {security} authpriv exact all all none\n" + community * 8_000
    started = time.process_time()
    found = snmp_agent.describe(snmp_agent.parse(text, lambda _: []))
    assert time.process_time() - started < 2 * slowness()
    assert {c.write for c in found.communities} == ({True} if community else set())
    assert {(u.name, u.write) for u in found.users} == (
        set() if community else {("one", False), ("one", True)}
    )
