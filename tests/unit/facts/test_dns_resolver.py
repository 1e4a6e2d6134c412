"""Whom the machine asks for names, what interfaces it has, what its VPNs are made of."""

import contextlib
import ipaddress
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted, this_machine
from tests.unit.properties import thorough
from tests.unit.slowness import slowness

from vonggac_agent.facts.network import (
    dns_resolver,
    network_interfaces,
    network_manager,
    vpn_tunnels,
    wireless_networks,
)
from vonggac_agent.host import Host

ON: dict[str, str | bytes | Link] = {
    "usr/lib/systemd/system/systemd-resolved.service": "[Install]\nWantedBy=sysinit.target\n",
    "etc/systemd/system/sysinit.target.wants/systemd-resolved.service": Link(
        "/usr/lib/systemd/system/systemd-resolved.service"
    ),
}


def test_servers_come_from_resolv_conf(tmp_path: Path) -> None:
    text = "# made by hand\nnameserver 10.0.0.53\nnameserver fd00::53%eth0\nsearch a.vn\ndomain so-y-te.vn\n"
    found, source = dns_resolver.gather(mounted(tmp_path, {"etc/resolv.conf": text}), ())
    assert [(s.address, s.reach) for s in found.servers] == [("10.0.0.53", "inside"), ("fd00::53", "inside")]
    assert found.search == ["so-y-te.vn"]
    assert (found.resolved, found.dnssec, found.over_tls, found.llmnr) == (False, "none", "none", "none")
    assert source == "etc/resolv.conf"


def test_behind_resolveds_stub_its_configuration_counts(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "etc/resolv.conf": "nameserver 127.0.0.53\n",
        "run/systemd/resolve/resolv.conf": "nameserver 192.0.2.99\n",
        "etc/systemd/resolved.conf": "[Resolve]\n#DNS=\nDNS=9.9.9.9#dns.quad9.net\nDNSSEC=true\nLLMNR=no\n",
        "usr/lib/systemd/resolved.conf.d/10.conf": "[Resolve]\nDNS=10.0.0.1:5353 [2620:fe::fe]:853\n",
        "etc/systemd/resolved.conf.d/20.conf": "[Resolve]\nDNSOverTLS=opportunistic\nDNSSEC=allow-downgrade\n",
    }
    found, _ = dns_resolver.gather(mounted(tmp_path, files), ())
    assert [(s.address, s.reach) for s in found.servers] == [
        ("9.9.9.9", "outside"),
        ("10.0.0.1", "inside"),
        ("2620:fe::fe", "outside"),
    ]
    assert (found.resolved, found.dnssec, found.over_tls, found.llmnr) == (
        True,
        "allow-downgrade",
        "opportunistic",
        "no",
    )


def test_an_empty_value_forgets_the_servers_before_it() -> None:
    texts = ["[Resolve]\nDNS=192.0.2.1\n", "[Resolve]\nDNS=\nDNS=192.0.2.2\n"]
    assert dns_resolver.resolved_settings(texts)["dns"] == "192.0.2.2"


def test_resolved_says_default_where_it_says_nothing(tmp_path: Path) -> None:
    found, _ = dns_resolver.gather(mounted(tmp_path, ON), ())
    assert (found.servers, found.resolved, found.dnssec) == ([], True, "default")


ADDRESS = st.one_of(
    st.integers(0, 2**32 - 1).map(lambda n: str(ipaddress.IPv4Address(n))),
    st.integers(0, 2**128 - 1).map(lambda n: str(ipaddress.IPv6Address(n))),
)
DOMAIN = st.text("abcdefgh-", min_size=1, max_size=9).map("{}.vn".format)


@given(st.lists(ADDRESS, max_size=3), st.lists(DOMAIN, max_size=2))
@thorough
def test_resolv_conf_reads_back_as_it_was_written(servers: list[str], search: list[str]) -> None:
    text = "".join(f"nameserver {s}\n" for s in servers) + (f"search {' '.join(search)}\n" if search else "")
    assert dns_resolver.resolv_conf(text) == (servers, search)
    assert [dns_resolver.server(s).address for s in servers] == servers
    dropin = f"[Resolve]\nDNS={' '.join(servers)}\n"
    assert dns_resolver.resolved_settings([dropin]).get("dns", "").split() == servers


@pytest.mark.parametrize(
    ("loopback", "devtype", "files", "expected"),
    [
        (True, "", {"device"}, "loopback"),
        (False, "wlan", {"device"}, "wireless"),
        (False, "", {"device", "phy80211"}, "wireless"),
        (False, "", {"device"}, "ethernet"),
        (False, "bond", {"bonding"}, "bond"),
        (False, "", {"bonding"}, "bond"),
        (False, "", {"bridge"}, "bridge"),
        (False, "wireguard", set(), "tunnel"),
        (False, "", {"tun_flags"}, "tunnel"),
        (False, "", set(), "virtual"),
    ],
)
def test_the_kind_of_an_interface(loopback: bool, devtype: str, files: set[str], expected: str) -> None:
    assert network_interfaces.kind(loopback=loopback, devtype=devtype, files=frozenset(files)) == expected


@pytest.mark.parametrize(
    ("number", "hypervisor", "expected"),
    [
        ("23", False, "server"),
        ("10", False, "portable"),
        ("3", False, "desktop"),
        ("1", True, "virtual"),
        ("1", False, "unknown"),
        ("x", False, "unknown"),
    ],
)
def test_the_kind_of_machine(number: str, hypervisor: bool, expected: str) -> None:
    assert network_interfaces.chassis(number, hypervisor=hypervisor) == expected


def test_interfaces_and_radios_are_read_from_sysfs(tmp_path: Path) -> None:
    net = "sys/class/net"
    host = mounted(
        tmp_path,
        {
            "proc/cpuinfo": "processor: 0\nflags\t: fpu sse\n",
            "sys/class/dmi/id/chassis_type": "23\n",
            f"{net}/bonding_masters": "bond0\n",
            f"{net}/bond0/flags": "0x1403\n",
            f"{net}/bond0/uevent": "DEVTYPE=bond\nINTERFACE=bond0\n",
            f"{net}/bond0/lower_eth0": Link("../eth0"),
            f"{net}/bond0/lower_eth1": Link("../eth1"),
            f"{net}/eth0/flags": "0x1903\n",
            f"{net}/eth0/operstate": "up\n",
            f"{net}/eth0/device": Link("../../../pci0"),
            f"{net}/eth0/master": Link("../bond0"),
            f"{net}/eth1/flags": "0x1802\n",
            f"{net}/eth1/operstate": "down\n",
            f"{net}/eth1/device": Link("../../../pci1"),
            "sys/class/rfkill/rfkill0/type": "bluetooth\n",
            "sys/class/rfkill/rfkill0/name": "hci0\n",
            "sys/class/rfkill/rfkill0/soft": "0\n",
            "sys/class/rfkill/rfkill0/hard": "0\n",
            "sys/class/rfkill/rfkill1/type": "wlan\n",
            "sys/class/rfkill/rfkill1/soft": "1\n",
        },
    )
    found, _ = network_interfaces.gather(host, ())
    assert found.chassis == "server"
    assert [(i.name, i.kind, i.up, i.promiscuous, i.master, i.members_up) for i in found.interfaces] == [
        ("bond0", "bond", True, False, "", 1),
        ("eth0", "ethernet", True, True, "bond0", None),
        ("eth1", "ethernet", False, False, "", None),
    ]
    assert [(r.kind, r.blocked) for r in found.radios] == [("bluetooth", False), ("wlan", True)]


@pytest.mark.parametrize(
    ("of_all", "own", "expected"),
    [
        ("0", "0", 0),
        ("0", "2", 2),
        ("1", "0", 1),
        ("1", "2", 2),
        ("0", None, None),
        (None, "1", None),
        ("x", "1", None),
    ],
)
def test_the_larger_of_its_own_check_of_sources_and_that_of_all_is_an_interfaces(
    tmp_path: Path, of_all: str | None, own: str | None, expected: int | None
) -> None:
    files = {"sys/class/net/eth0.7/flags": "0x1003\n", "sys/class/net/lo/flags": "0x9\n"}
    for name, value in (("all", of_all), ("eth0.7", own), ("lo", "0")):
        if value is not None:
            files[f"proc/sys/net/ipv4/conf/{name}/rp_filter"] = f"{value}\n"
    found, _ = network_interfaces.gather(mounted(tmp_path, files), ())
    assert [(i.name, i.source_check) for i in found.interfaces] == [("eth0.7", expected), ("lo", None)]


def test_this_machine_has_its_loopback() -> None:
    found, _ = network_interfaces.gather(this_machine(), ())
    assert any(i.kind == "loopback" for i in found.interfaces)


CLIENT = """\
client
dev tun
remote vpn.example.vn 1194
cipher BF-CBC # old
data-ciphers AES-256-GCM:DES-EDE3-CBC
auth MD5
tls-version-min 1.0
<key>
secret of nobody
</key>
"""


def test_what_is_weak_in_an_openvpn_client() -> None:
    assert vpn_tunnels.openvpn(CLIENT) == [
        "cipher BF-CBC",
        "data-ciphers DES-EDE3-CBC",
        "auth MD5",
        "tls-version-min 1.0",
        "server's certificate may be any client's",
    ]
    assert vpn_tunnels.openvpn("client\nremote-cert-tls server\ncipher AES-256-GCM\n") == []
    assert vpn_tunnels.openvpn("dev tun\n<secret>\nx\n</secret>\n") == ["static key"]


IPSEC = """\
config setup
    charondebug="ike 1"
conn %default
    ike=3des-md5-modp1024!
conn site
    ike=aes256-sha256-modp2048,3des-sha1-modp1024!
    esp=aes128gcm16-ecp256
    aggressive=yes
conn good
    ike=aes256gcm16-prfsha384-ecp384
"""
SWANCTL = """\
connections {
 site { proposals = aes256-sha256-modp2048, 3des-md5-modp1024
 children { net { esp_proposals = null-md5 } } }
}
"""


def test_what_is_weak_in_ipsec() -> None:
    assert dict(vpn_tunnels.ipsec(IPSEC)) == {
        "%default": ["3des", "md5", "modp1024"],
        "site": ["3des", "modp1024", "aggressive mode"],
        "good": [],
    }
    assert vpn_tunnels.swanctl(SWANCTL) == ["3des", "md5", "modp1024", "null"]


def test_tunnels_are_found_without_their_keys(tmp_path: Path) -> None:
    host = mounted(
        tmp_path,
        {
            "etc/wireguard/wg0.conf": "[Interface]\nPrivateKey = do-not-tell\n",
            "etc/openvpn/client/office.conf": CLIENT,
            "etc/ipsec.conf": "conn site\n    ike=aes256-sha256-modp2048\n",
            "etc/swanctl/swanctl.conf": "# nothing here\ninclude conf.d/*.conf\n",
            "etc/swanctl/conf.d/a.conf": SWANCTL,
        },
    )
    found, _ = vpn_tunnels.gather(host, ())
    assert [(t.kind, t.name, bool(t.weak)) for t in found.tunnels] == [
        ("wireguard", "/etc/wireguard/wg0.conf", False),
        ("openvpn", "/etc/openvpn/client/office.conf", True),
        ("ipsec", "/etc/ipsec.conf site", False),
        ("ipsec", "/etc/swanctl/conf.d/a.conf", True),
    ]
    assert "do-not-tell" not in repr(found)
    assert "secret of nobody" not in repr(found)


OFFICE = """\
[connection]
id=office
type=vpn
[vpn]
service-type=org.freedesktop.NetworkManager.openvpn
cipher=BF-CBC
auth=MD5
connection-type=static-key
password-flags=1
[vpn-secrets]
password=do-not-tell
"""
CAFE = "[connection]\nid=cafe\ntype=wifi\n[wifi]\nssid=cafe\n"
HOME = "[connection]\nid=home\ntype=wifi\n[wifi-security]\nkey-mgmt=wpa-psk\npsk=do-not-tell\n"
GUARD = "[connection]\nid=wg\ntype=wireguard\n[wireguard]\nprivate-key=do-not-tell\n"
SUPPLICANT = """\
network={
 ssid="shop"
 key_mgmt=NONE
 wep_key0="x"
}
network={
 ssid="lab"
 psk="do-not-tell"
}
"""
FOLDER = "etc/NetworkManager/system-connections"


def test_connections_of_networkmanager_are_told_without_their_secrets(tmp_path: Path) -> None:
    host = mounted(
        tmp_path,
        {
            f"{FOLDER}/office.nmconnection": OFFICE,
            f"{FOLDER}/cafe.nmconnection": CAFE,
            f"{FOLDER}/home.nmconnection": HOME,
            f"{FOLDER}/old.nmconnection": OFFICE.replace("openvpn", "pptp").replace("BF-CBC", "AES-256-GCM"),
            f"{FOLDER}/wg.nmconnection": GUARD,
            f"{FOLDER}/eth.nmconnection": "[connection]\nid=eth\ntype=ethernet\n",
            "etc/wpa_supplicant/wlan0.conf": SUPPLICANT,
        },
    )
    tunnels = vpn_tunnels.gather(host, ())[0].tunnels
    assert [(t.kind, t.name, t.weak) for t in tunnels] == [
        ("openvpn", "office", ["cipher BF-CBC", "auth MD5", "static key"]),
        ("pptp", "office", ["auth MD5", "static key", "PPTP"]),
        ("wireguard", "wg", []),
    ]
    networks = wireless_networks.gather(host, ())[0].networks
    assert [(n.name, n.security) for n in networks] == [
        ("cafe", "open"),
        ("home", "wpa2"),
        ("shop", "wep"),
        ("lab", "wpa2"),
    ]
    assert "do-not-tell" not in repr(tunnels) + repr(networks)


@pytest.mark.parametrize(
    ("management", "protocols", "expected"),
    [
        ("", [], "open"),
        ("none", [], "wep"),
        ("ieee8021x", [], "wep"),
        ("owe", [], "owe"),
        ("wpa-psk", ["wpa", "rsn"], "wpa"),
        ("wpa-psk", ["rsn"], "wpa2"),
        ("WPA-PSK SAE", [], "wpa3"),
        ("wpa-eap", [], "enterprise"),
        ("unheard-of", [], "open"),
    ],
)
def test_the_security_of_a_wireless_network(management: str, protocols: list[str], expected: str) -> None:
    assert network_manager.security(management, protocols) == expected


@pytest.mark.hostile
@given(st.text(max_size=200))
@thorough
def test_any_text_is_read(text: str) -> None:
    dns_resolver.resolv_conf(text)
    dns_resolver.resolved_settings([f"[Resolve]\n{text}"])
    dns_resolver.server(text)
    vpn_tunnels.openvpn(text)
    list(vpn_tunnels.ipsec(text))
    vpn_tunnels.swanctl(text)
    list(wireless_networks.supplicant(text))
    connection = network_manager.parse(f"[connection]\ntype=vpn\n{text}")
    network_manager.tunnel(connection, vpn_tunnels.WEAK_CIPHERS, vpn_tunnels.WEAK_HASHES)
    network_manager.wireless(connection)


@pytest.mark.parser
@pytest.mark.hostile
@pytest.mark.parametrize(
    ("read", "piece"),
    [
        (dns_resolver.resolv_conf, "nameserver \n"),
        (vpn_tunnels.openvpn, "<key>\n"),
        (vpn_tunnels.openvpn, "cipher "),
        (lambda text: list(vpn_tunnels.ipsec(text)), "conn a\n ike=md5-"),
        (vpn_tunnels.swanctl, "proposals = des{"),
        (lambda text: list(wireless_networks.supplicant(text)), "network={\n}\n"),
    ],
)
def test_ten_megabytes_cost_less_than_a_second(read: Callable[[str], object], piece: str) -> None:
    text = piece * (10_000_000 // len(piece))
    started = time.process_time()
    with contextlib.suppress(ValueError):
        read(text)
    assert time.process_time() - started < 1 * slowness()


def test_a_host_without_any_of_it_is_empty(tmp_path: Path) -> None:
    host: Host = mounted(tmp_path, {"etc/hostname": "x"})
    assert vpn_tunnels.gather(host, ())[0].tunnels == []
    assert dns_resolver.gather(host, ())[0].servers == []
