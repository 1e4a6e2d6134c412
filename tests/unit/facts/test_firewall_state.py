"""What a packet filter does with unnamed packets is worked out from its rules, never from a front end's name."""

import contextlib
import errno
import json
import os
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import FIXTURES, NOW, Link, mounted, this_machine

from vonggac_agent.facts import gather
from vonggac_agent.facts.network import firewall_state, iptables_rules, nft_ruleset
from vonggac_agent.facts.network.packet_filter import Chain, Ruleset, Step, fate, filters
from vonggac_agent.host import Host
from vonggac_agent.kernel import netfilter_tables
from vonggac_contract.facts import CouldNotLook, FactKey, Known, Reason
from vonggac_contract.facts.network import FirewallState

FILES = FIXTURES / "packetfilter"
NFT_JSON = (FILES / "drop-at-the-end.json").read_bytes()
NFT_TEXT = (FILES / "drop-at-the-end.nft").read_text()
SAVED = (FILES / "reject-at-the-end.save").read_text()
SAVED_BY_NFT = (FILES / "reject-at-the-end-iptables-nft.json").read_bytes()


def chain(*steps: Step, hook: bool = False, drops: bool = False) -> Chain:
    return Chain("input" if hook else None, "drop" if drops else "accept", list(steps))


def of(**chains: Chain) -> list[Ruleset]:
    return [Ruleset({("inet", "t", name): found for name, found in chains.items()})]


ACCEPT_SOME = Step(True, "accept")
ACCEPT, DROP, RETURN = Step(False, "accept"), Step(False, "drop"), Step(False, "return")


@pytest.mark.parametrize(
    ("rulesets", "expected"),
    [
        ([], "accept"),
        (of(input=chain(hook=True, drops=True)), "drop"),
        (of(input=chain(ACCEPT_SOME, DROP, hook=True)), "drop"),
        (of(input=chain(ACCEPT, DROP, hook=True, drops=True)), "accept"),
        (of(input=chain(Step(True, "drop"), hook=True)), "accept"),
        (of(input=chain(Step(False, "jump", "x"), hook=True), x=chain(DROP)), "drop"),
        (of(input=chain(Step(False, "jump", "x"), DROP, hook=True), x=chain(RETURN, ACCEPT)), "drop"),
        (of(input=chain(Step(False, "goto", "x"), DROP, hook=True), x=chain(ACCEPT_SOME)), "accept"),
        (of(input=chain(Step(True, "jump", "x"), hook=True), x=chain(DROP)), "accept"),
        (of(input=chain(Step(False, "jump", "gone"), hook=True, drops=True)), "drop"),
        (of(a=chain(ACCEPT, hook=True), b=chain(hook=True, drops=True)), "drop"),
        (of(input=chain(Step(False, "none"), DROP, hook=True)), "drop"),
    ],
)
def test_the_fate_of_a_packet_that_no_rule_names(rulesets: list[Ruleset], expected: str) -> None:
    assert fate(rulesets, "input", "ip") == expected
    assert fate(rulesets, "input", "ip6") == expected


def test_a_filter_of_ipv4_alone_leaves_ipv6_open() -> None:
    rulesets = [Ruleset({("ip", "filter", "INPUT"): chain(hook=True, drops=True)})]
    assert fate(rulesets, "input", "ip6") == "accept"
    assert firewall_state.state([], rulesets, ipv6=True, source="nft").input_policy == "accept"
    assert firewall_state.state([], rulesets, ipv6=False, source="nft").input_policy == "drop"


def test_chains_that_multiply_are_walked_once_each() -> None:
    chains = {f"c{n}": chain(*[Step(False, "jump", f"c{n + 1}")] * 50) for n in range(60)}
    assert fate(of(**{**chains, "c0": chains["c0"]._replace(hook="input")}), "input", "ip") == "accept"


def test_chains_in_a_circle_are_refused() -> None:
    with pytest.raises(ValueError, match="leads back to itself"):
        fate(of(a=chain(Step(False, "jump", "a"), hook=True)), "input", "ip")


def test_rules_that_only_forward_are_no_firewall() -> None:
    docker = [Ruleset({("ip", "filter", "FORWARD"): Chain("forward", "drop", [ACCEPT_SOME])})]
    found = firewall_state.state(["iptables"], docker, ipv6=False, source="iptables")
    assert (found.active, found.input_policy, found.forward_policy) == (False, "accept", "drop")
    assert not filters(docker, "input")


def test_nft_tells_the_same_in_json_and_in_its_own_language() -> None:
    for found in (nft_ruleset.from_json(NFT_JSON), nft_ruleset.from_text(NFT_TEXT)):
        assert [fate([found], "input", family) for family in ("ip", "ip6")] == ["drop", "drop"]
        assert fate([found], "forward", "ip") == "drop"
        assert found.rules == 7


@pytest.mark.parametrize("read", ["iptables-save", "nft"])
def test_iptables_tells_the_same_by_its_own_program_and_by_nft(read: str) -> None:
    found = (
        iptables_rules.parse(SAVED.split("\n"), "ip")
        if read != "nft"
        else nft_ruleset.from_json(SAVED_BY_NFT)
    )
    assert fate([found], "input", "ip") == "drop"  # by the reject at the end of a chain of its own
    assert fate([found], "input", "ip6") == "accept"
    assert found.rules == 5


def test_a_text_of_nft_that_is_flushed_starts_anew() -> None:
    text = "table inet a { chain i { type filter hook input priority 0; policy drop; } }\n"
    assert fate([nft_ruleset.from_text(text)], "input", "ip") == "drop"
    assert fate([nft_ruleset.from_text(text + "flush ruleset\n")], "input", "ip") == "accept"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("drop", "drop"),
        ("counter packets 3 bytes 9 drop", "drop"),
        ('log prefix "x y" level warn drop comment "z"', "drop"),
        ("reject with icmpx type port-unreachable", "drop"),
        ("tcp dport 22 drop", "accept"),
        ("limit rate 1/second drop", "accept"),
        ("accept", "accept"),
        ("return", "accept"),
        ("# drop", "accept"),
    ],
)
def test_a_rule_written_by_hand(rule: str, expected: str) -> None:
    text = f"table inet a {{\n chain i {{\n type filter hook input priority 0\n {rule}\n }}\n}}\n"
    assert fate([nft_ruleset.from_text(text)], "input", "ip") == expected


@pytest.mark.parametrize("text", ["table a {", "}", "{" * 20])
def test_braces_that_do_not_match_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="brace"):
        nft_ruleset.from_text(text)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{}",
        b'{"nftables": 3}',
        b'{"nftables": [{"rule": {"family": "ip", "table": "a", "chain": "b", "expr": []}}]}',
        b"[" * 100_000,
    ],
)
def test_json_that_nft_never_prints_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"nft answered|names a chain"):
        nft_ruleset.from_json(raw)


@pytest.mark.parametrize("text", ["-A INPUT -j DROP", "*filter\nnonsense", "*filter\n-A"])
def test_lines_that_are_no_rules_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="line "):
        iptables_rules.parse(text.split("\n"), "ip")


def test_a_policy_and_other_tables_of_iptables() -> None:
    text = "*nat\n:INPUT DROP\n-A INPUT -j DROP\nCOMMIT\n*filter\n:INPUT DROP [0:0]\n[1:2] -A INPUT -i lo -j ACCEPT\n"
    found = iptables_rules.parse(text.split("\n"), "ip")
    assert (fate([found], "input", "ip"), found.rules) == ("drop", 1)


JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["chain", "rule", "expr", "xt", "jump", "target", "family", "drop"]), inner
        )
    ),
    max_leaves=10,
)


@given(st.lists(JSON, max_size=5), st.text(max_size=200))
def test_no_input_makes_the_parsers_raise_anything_but_value_error(objects: list[object], text: str) -> None:
    with contextlib.suppress(ValueError):
        nft_ruleset.from_json(json.dumps({"nftables": objects}).encode())
    with contextlib.suppress(ValueError):
        nft_ruleset.from_text(text)
    with contextlib.suppress(ValueError):
        iptables_rules.parse(("*filter\n" + text).split("\n"), "ip")


UFW: dict[str, str | bytes | Link] = {
    "usr/sbin/ufw": "",
    "etc/ufw/ufw.conf": "# set\nENABLED=yes\nLOGLEVEL=low\n",
    "etc/default/ufw": 'IPV6=yes\nDEFAULT_INPUT_POLICY="DROP"\nDEFAULT_FORWARD_POLICY="REJECT"\n',
    "etc/ufw/user.rules": "### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in\n-A ufw-user-input -p tcp -j ACCEPT\n",
}


def configured(folder: Path, files: dict[str, str | bytes | Link]) -> FirewallState:
    value, _ = firewall_state.gather(mounted(folder, files), ())
    return value


def test_a_mounted_root_with_ufw_switched_on_and_off(tmp_path: Path) -> None:
    assert configured(tmp_path / "on", UFW) == FirewallState(["ufw"], True, "drop", "drop", 1, "ufw.conf")
    off = configured(tmp_path / "off", {**UFW, "etc/ufw/ufw.conf": "ENABLED=no\n"})
    assert (off.active, off.input_policy) == (False, "accept")


UNIT = "[Install]\nWantedBy=multi-user.target\n"


def enabled(unit: str) -> dict[str, str | bytes | Link]:
    path = f"usr/lib/systemd/system/{unit}"
    return {path: UNIT, f"etc/systemd/system/multi-user.target.wants/{unit}": Link(f"/{path}")}


@pytest.mark.parametrize(
    ("target", "policy"), [("", "drop"), (' target="DROP"', "drop"), (' target="ACCEPT"', "accept")]
)
def test_a_mounted_root_with_firewalld(target: str, policy: str, tmp_path: Path) -> None:
    zone = f'<?xml version="1.0"?>\n<zone{target}>\n<service name="ssh"/>\n</zone>\n'
    found = configured(
        tmp_path,
        {
            **enabled("firewalld.service"),
            "etc/firewalld/firewalld.conf": "DefaultZone=office\n",
            "etc/firewalld/zones/office.xml": zone,
        },
    )
    assert (found.active, found.input_policy, found.rules) == (True, policy, 1)


def test_a_mounted_root_with_nftables_and_its_includes(tmp_path: Path) -> None:
    files = enabled("nftables.service") | {
        "etc/nftables.conf": 'include "/etc/nftables.d/*.nft"\n',
        "etc/nftables.d/a.nft": NFT_TEXT,
    }
    assert configured(tmp_path, files) == FirewallState([], True, "drop", "drop", 7, "nftables.conf")


def test_a_mounted_root_with_saved_rules_of_iptables(tmp_path: Path) -> None:
    files = enabled("netfilter-persistent.service") | {"etc/iptables/rules.v4": SAVED}
    assert configured(tmp_path, files).input_policy == "drop"


def test_a_mounted_root_with_nothing_is_open(tmp_path: Path) -> None:
    assert configured(tmp_path, {"etc/passwd": ""}) == FirewallState([], False, "accept", "accept", 0, "")


def test_a_zone_whose_name_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    files = enabled("firewalld.service") | {"etc/firewalld/firewalld.conf": "DefaultZone=../../etc/shadow%\n"}
    with pytest.raises(ValueError, match="default zone"):
        configured(tmp_path, files)


class Live(Host):
    """A root that counts as the running system, whose programs answer as given."""

    def __init__(self, root: Path, answers: dict[str, bytes]) -> None:
        super().__init__(root, now=NOW)
        self.live = True
        self._prefix = os.fspath(root)
        self.answers = answers

    def _target(self, path: str | Path, *, follow: bool = True) -> str:
        return self._walk(path, follow=follow)

    def run(self, argv: tuple[str, ...], *, timeout: float, limit: int) -> bytes:
        if argv[0] not in self.answers:
            raise CouldNotLook(Reason.NOT_INSTALLED, f"{argv[0]} is not installed")
        return self.answers[argv[0]]


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


def live(folder: Path, files: dict[str, str | bytes | Link], answers: dict[str, bytes]) -> FirewallState:
    mounted(folder, files)
    value, _ = firewall_state.gather(Live(folder, answers), ())
    return value


@pytest.mark.usefixtures("as_root")
def test_the_old_interface_is_asked_only_if_it_holds_tables(tmp_path: Path) -> None:
    nft = {"nft": b'{"nftables": []}'}
    old = {**nft, "iptables-legacy-save": SAVED.encode()}
    files: dict[str, str | bytes | Link] = {"usr/sbin/nft": ""}
    assert not live(tmp_path / "a", files, old).active
    found = live(tmp_path / "b", {**files, "proc/net/ip_tables_names": "filter\n"}, old)
    assert (found.active, found.input_policy, found.source) == (True, "drop", "nft, iptables")
    with pytest.raises(CouldNotLook, match="no program is there"):
        live(tmp_path / "c", {**files, "proc/net/ip_tables_names": "filter\n"}, nft)


@pytest.mark.usefixtures("as_root")
def test_without_any_program_the_kernel_itself_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(netfilter_tables, "tables", lambda: 0)
    assert live(tmp_path / "a", {"etc/passwd": ""}, {}) == FirewallState(
        [], False, "accept", "accept", 0, "netlink"
    )
    monkeypatch.setattr(netfilter_tables, "tables", lambda: 2)
    with pytest.raises(CouldNotLook, match="nftables rules are loaded"):
        live(tmp_path / "b", {"etc/passwd": ""}, {})


def test_an_ordinary_user_is_told_that_only_root_may_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(CouldNotLook, match="only root") as caught:
        live(tmp_path, {"etc/passwd": ""}, {})
    assert caught.value.reason is Reason.PERMISSION_DENIED


def netlink(kind: int, body: bytes = b"") -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 1, 0) + body


def test_answers_of_netlink_are_counted_to_their_end() -> None:
    table = netlink(10 << 8, bytes(8))
    assert netfilter_tables.count(table + table) == (2, False)
    assert netfilter_tables.count(table + netlink(3, bytes(4))) == (1, True)
    with pytest.raises(OSError, match="refused") as caught:
        netfilter_tables.count(netlink(2, struct.pack("=i", -errno.EPERM) + bytes(16)))
    assert caught.value.errno == errno.EPERM


@given(st.binary(max_size=100))
def test_no_answer_of_netlink_makes_the_reader_hang_or_crash(answer: bytes) -> None:
    try:
        tables, _ = netfilter_tables.count(answer)
    except (ValueError, OSError):
        return
    assert 0 <= tables <= 7


def test_the_running_system_tells_its_filter_or_why_not() -> None:
    key = FactKey("firewall.state")
    found = gather(this_machine(), [key])[key]
    if isinstance(found, Known):
        assert found.value.input_policy in ("drop", "accept")
        assert found.source
    else:
        assert found.reason is Reason.PERMISSION_DENIED
