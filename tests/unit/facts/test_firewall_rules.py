"""What a packet filter lets in, worked out from rules in every form in which they are told."""

import contextlib
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import FIXTURES, Link, mounted
from tests.unit.properties import thorough
from tests.unit.slowness import slowness

from vonggac_agent.facts.network import (
    firewall_openings,
    firewall_rules,
    firewalld_zones,
    iptables_rules,
    nft_conditions,
    nft_ruleset,
)
from vonggac_agent.facts.network.packet_filter import Chain, Condition, Ruleset, Step
from vonggac_contract.facts.network import Opening

FILES = FIXTURES / "packetfilter"
NAMES = firewall_openings.services("ssh 22/tcp\nmdns 5353/udp\nhttp 80/tcp www\n")
Told = tuple[str, str, int | None, bool, bool]


def told(found: list[Opening]) -> list[Told]:
    return [(o.family, o.protocol, o.port, o.wide, o.limited) for o in found]


NFT: list[Told] = [
    ("both", "tcp", None, False, False),
    ("both", "tcp", 25, False, False),
    ("both", "tcp", 80, False, False),
    ("both", "tcp", 443, False, False),
    ("both", "tcp", 8000, False, False),
    ("both", "tcp", 8001, False, False),
    ("both", "tcp", 8002, False, False),
    ("both", "tcp", 8003, False, False),
    ("both", "udp", 0, True, False),
    ("ipv4", "tcp", 22, False, True),
    ("ipv4", "tcp", 26, False, True),
    ("ipv6", "tcp", 22, False, False),
    ("ipv6", "udp", 546, False, True),
]
IPTABLES: list[Told] = [
    ("ipv4", "tcp", 22, False, True),
    ("ipv4", "tcp", 80, False, False),
    ("ipv4", "tcp", 99, False, False),
    ("ipv4", "tcp", 443, False, False),
    ("ipv4", "udp", 5000, False, False),
    ("ipv4", "udp", 5001, False, False),
    ("ipv4", "udp", 5002, False, False),
]


def test_nfts_own_language_and_its_json_tell_the_same_openings() -> None:
    for ruleset in (
        nft_ruleset.from_text((FILES / "openings.nft").read_text()),
        nft_ruleset.from_json((FILES / "openings.json").read_bytes()),
    ):
        assert told(firewall_openings.openings([ruleset], NAMES, ("ip", "ip6"))) == NFT


def test_a_machine_that_speaks_ipv6_without_a_filter_for_it_is_open_there() -> None:
    saved = iptables_rules.parse((FILES / "openings.save").read_text().split("\n"), "ip")
    assert told(firewall_openings.openings([saved], NAMES, ("ip",))) == IPTABLES
    both = told(firewall_openings.openings([saved], NAMES, ("ip", "ip6")))
    assert both == [*IPTABLES, ("ipv6", "any", 0, True, False)]


def test_what_iptables_asks_and_nft_does_not_show_is_not_taken_for_open() -> None:
    ruleset = nft_ruleset.from_json((FILES / "openings-iptables-nft.json").read_bytes())
    found = told(firewall_openings.openings([ruleset], NAMES, ("ip",)))
    assert ("ipv4", "tcp", None, False, False) in found
    assert not any(wide for _, _, _, wide, _ in found)


def test_without_rules_everything_is_open() -> None:
    assert told(firewall_openings.openings([], {}, ("ip",))) == [("ipv4", "any", 0, True, False)]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("ct state established,related accept", []),
        ("iifname lo accept", []),
        ('iifname "virbr0" udp dport 53 accept', [("both", "udp", 53, False, True)]),
        ("iifname eth1 tcp dport 22 accept", [("both", "tcp", 22, False, False)]),
        ("ip protocol icmp accept", []),
        ("ip saddr != 10.0.0.0/8 tcp dport 22 accept", [("ipv4", "tcp", 22, False, False)]),
        ("ip saddr 0.0.0.0/0 tcp dport 22 accept", [("ipv4", "tcp", 22, False, False)]),
        ("tcp dport != 22 accept", [("both", "tcp", 0, True, False)]),
        ("tcp dport 1-16 drop", []),
        ("ip saddr @friends accept", [("ipv4", "any", 0, True, True)]),
        ('log prefix "please accept " tcp dport 22 accept', [("both", "tcp", 22, False, False)]),
        ("ip daddr 239.1.2.3 accept", []),
        ("tcp dport nobody-knows accept", [("both", "tcp", None, False, False)]),
        ("tcp flags syn limit rate 5/second tcp dport 22 accept", [("both", "tcp", 22, False, False)]),
    ],
)
def test_one_rule_of_nft_opens(rule: str, expected: list[Told]) -> None:
    text = f"table inet f {{ chain i {{ type filter hook input priority 0; policy drop; {rule}; }} }}"
    found = firewall_openings.openings([nft_ruleset.from_text(text)], NAMES, ("ip", "ip6"))
    assert told(found) == expected


UFW = """\
*filter
:ufw-user-input - [0:0]
:ufw-user-limit-accept - [0:0]
### tuple ### allow tcp 22 0.0.0.0/0 any 10.0.0.0/8 in
-A ufw-user-input -p tcp --dport 22 -s 10.0.0.0/8 -j ACCEPT
-A ufw-user-input -p tcp --dport 2222 -m conntrack --ctstate NEW -m recent --set
-A ufw-user-input -p tcp --dport 2222 -j ufw-user-limit-accept
-I ufw-logging-deny -m conntrack --ctstate INVALID -j RETURN -m limit --limit 3/min
-A ufw-user-limit-accept -j ACCEPT
COMMIT
"""


def on(unit: str) -> dict[str, str | bytes | Link]:
    return {
        f"usr/lib/systemd/system/{unit}": "[Install]\nWantedBy=multi-user.target\n",
        f"etc/systemd/system/multi-user.target.wants/{unit}": Link(f"/usr/lib/systemd/system/{unit}"),
    }


def gathered(folder: Path, files: dict[str, str | bytes | Link]) -> tuple[list[str], list[Told], str]:
    found = firewall_rules.gather(mounted(folder, files), ())[0]
    return found.front_ends, told(found.openings), found.output_policy


def test_ufws_rules_stand_behind_its_policy(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "usr/sbin/ufw": "",
        "etc/ufw/ufw.conf": "ENABLED=yes\n",
        "etc/default/ufw": 'IPV6=yes\nDEFAULT_INPUT_POLICY="DROP"\nDEFAULT_OUTPUT_POLICY="REJECT"\n',
        "etc/ufw/user.rules": UFW,
        "etc/ufw/user6.rules": UFW.replace("ufw-", "ufw6-").replace(" -s 10.0.0.0/8", ""),
    }
    assert gathered(tmp_path, files) == (
        ["ufw"],
        [
            ("ipv4", "tcp", 22, False, True),
            ("ipv4", "tcp", 2222, False, False),
            ("ipv6", "tcp", 22, False, False),
            ("ipv6", "tcp", 2222, False, False),
        ],
        "drop",
    )


def test_ufw_without_ipv6_leaves_ipv6_open(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "usr/sbin/ufw": "",
        "etc/ufw/ufw.conf": "ENABLED=yes\n",
        "etc/default/ufw": "IPV6=no\nDEFAULT_INPUT_POLICY=DROP\n",
    }
    assert gathered(tmp_path, files)[1:] == ([("ipv6", "any", 0, True, False)], "accept")


ZONE = """\
<?xml version="1.0" encoding="utf-8"?>
<zone><source address="10.0.0.0/8"/><service name="files"/><port port="9090" protocol="tcp"/>
<rule family="ipv4"><source address="10.1.1.1"/><port port="3306" protocol="tcp"/><accept/></rule>
<rule><service name="ssh"/><drop/></rule></zone>
"""


def test_firewalld_lets_in_what_the_zones_in_use_say(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        **on("firewalld.service"),
        "usr/lib/firewalld/zones/public.xml": '<zone><service name="ssh"/><service name="lost"/></zone>',
        "usr/lib/firewalld/zones/home.xml": '<zone target="ACCEPT"/>',
        "usr/lib/firewalld/services/ssh.xml": '<service><port protocol="tcp" port="22"/></service>',
        "usr/lib/firewalld/services/files.xml": (
            '<service><include service="files"/><port protocol="udp" port="137-138"/></service>'
        ),
        "etc/firewalld/zones/internal.xml": ZONE,
    }
    front_ends, openings, outward = gathered(tmp_path, files)
    assert (front_ends, outward) == (["firewalld"], "accept")
    assert openings == [
        ("both", "tcp", None, False, False),
        ("both", "tcp", 22, False, False),
        ("both", "tcp", 9090, False, True),
        ("both", "udp", 137, False, True),
        ("both", "udp", 138, False, True),
        ("ipv4", "tcp", 3306, False, True),
    ]


def test_a_zone_that_accepts_everything_is_wide_open() -> None:
    zone = firewalld_zones.parse('<zone target="ACCEPT"><rule><accept/></rule></zone>')
    found = list(firewalld_zones.openings(zone, lambda name: [], default=True))
    assert told(found) == [("both", "any", 0, True, False), ("both", "any", 0, True, False)]


def test_saved_files_of_iptables_count_where_their_unit_is_on(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "etc/iptables/rules.v4": (FILES / "openings.save").read_text(),
        "etc/iptables/rules.v6": "*filter\n:INPUT DROP [0:0]\n:OUTPUT DROP [0:0]\nCOMMIT\n",
    }
    assert gathered(tmp_path / "off", dict(files))[1] == [
        ("ipv4", "any", 0, True, False),
        ("ipv6", "any", 0, True, False),
    ]
    front_ends, openings, _ = gathered(tmp_path / "on", files | on("netfilter-persistent.service"))
    assert (front_ends, openings) == (["iptables"], IPTABLES)


def test_the_file_of_nftables_is_read_where_its_unit_is_on(tmp_path: Path) -> None:
    files = on("nftables.service") | {
        "etc/services": "ssh 22/tcp\nmdns 5353/udp\n",
        "etc/nftables.conf": (FILES / "openings.nft").read_text(),
    }
    assert gathered(tmp_path, files)[1] == NFT


RULE = st.tuples(st.booleans(), st.integers(1, 60_000), st.integers(0, 3), st.booleans())


@given(st.lists(RULE, max_size=4))
@thorough
def test_rules_written_down_open_what_they_say(rules: list[tuple[bool, int, int, bool]]) -> None:
    expected, text, saved = set(), "", ""
    for tcp, first, more, limited in rules:
        protocol = "tcp" if tcp else "udp"
        ports = [first + n * n for n in range(more + 1)]
        expected |= {(protocol, port, limited) for port in ports}
        senders = "ip saddr { 10.0.0.0/8, 192.0.2.1 } " if limited else ""
        text += f"{senders}{protocol} dport {{ {', '.join(map(str, ports))} }} accept\n"
        sender = "-s 10.0.0.0/8 " if limited else ""
        saved += (
            f"-A INPUT {sender}-p {protocol} -m multiport --dports {','.join(map(str, ports))} -j ACCEPT\n"
        )
    table = f"table ip f {{\nchain i {{\ntype filter hook input priority 0; policy drop;\n{text}}}\n}}\n"
    lines = f"*filter\n:INPUT DROP [0:0]\n{saved}COMMIT\n".split("\n")
    for ruleset in (nft_ruleset.from_text(table), iptables_rules.parse(lines, "ip")):
        found = firewall_openings.openings([ruleset], {}, ("ip",))
        assert {(o.protocol, o.port or 0, o.limited) for o in found} == expected


KEYS = ["set", "range", "prefix", "elem", "val", "payload", "meta", "key", "data", "left", "right"]
LEAF = st.one_of(st.text(max_size=4), st.integers(-1, 70_000), st.none())
BODY = st.one_of(LEAF, st.lists(LEAF, max_size=3), st.dictionaries(st.sampled_from(KEYS), LEAF, max_size=2))
VALUES = st.dictionaries(st.sampled_from(KEYS), BODY, max_size=3)


@pytest.mark.hostile
@given(VALUES, st.text(max_size=120))
@thorough
def test_any_expression_is_read_as_a_condition(body: Any, words: str) -> None:
    conditions = [nft_conditions.of_match(body)]
    steps = [*nft_conditions.of_map(body, conditions), *nft_conditions.of_words(words)]
    steps.append(Step(True, "accept", "", tuple(conditions)))
    ruleset = Ruleset({("inet", "f", "i"): Chain("input", "drop", steps)})
    firewall_openings.openings([ruleset], NAMES, ("ip",))


@pytest.mark.hostile
@given(st.text(max_size=200))
@thorough
def test_any_text_is_no_zone_or_one_that_can_be_read(text: str) -> None:
    for read in (firewalld_zones.parse, firewalld_zones.service_ports):
        with contextlib.suppress(ValueError):
            read(text)


@pytest.mark.hostile
def test_chains_that_multiply_are_refused() -> None:
    chains = {
        ("ip", "f", f"c{n}"): Chain(
            "input" if n == 0 else None, "drop", [Step(True, "jump", f"c{n + 1}")] * 10
        )
        for n in range(20)
    }
    with pytest.raises(ValueError, match="rules to go through"):
        firewall_openings.openings([Ruleset(chains)], {}, ("ip",))


@pytest.mark.parser
@pytest.mark.hostile
def test_a_statement_of_ten_megabytes_costs_less_than_a_second() -> None:
    for piece in ("tcp dport ", "{ 1, ", 'log prefix "a b" ', "1 : accept , "):
        started = time.process_time()
        with contextlib.suppress(ValueError):
            nft_conditions.of_words(piece * (10_000_000 // len(piece)))
        nft_conditions.of_words((piece * nft_conditions.MAX_LENGTH)[: nft_conditions.MAX_LENGTH])
        assert time.process_time() - started < 1 * slowness()


def test_a_condition_of_senders_that_is_turned_round_limits_nothing() -> None:
    steps = [Step(True, "accept", "", (Condition("ip saddr", ("10.0.0.1",), negated=True),))]
    ruleset = Ruleset({("ip", "f", "i"): Chain("input", "drop", steps)})
    assert told(firewall_openings.openings([ruleset], {}, ("ip",))) == [("ipv4", "any", 0, True, False)]


@pytest.mark.parametrize(
    ("condition", "family"),
    [
        (Condition("meta nfproto", ("ipv6",)), "ipv6"),
        (Condition("meta nfproto", ("ipv6",), negated=True), "both"),
        (Condition("meta nfproto", ("ipv9",)), "both"),
        (Condition("ip6 saddr", ("::1",), negated=True), "ipv6"),
    ],
)
def test_the_family_of_a_rule_is_one_that_there_is(condition: Condition, family: str) -> None:
    assert firewall_openings._family("inet", (condition,)) == family
