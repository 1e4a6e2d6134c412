"""Facts about what can be reached: listening sockets, their TLS, the firewall before them."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from .base import about, topic

Scope = Literal["loopback", "link", "private", "public", "any"]


class Listener(msgspec.Struct, frozen=True):
    """One socket that waits for strangers."""

    protocol: Annotated[Literal["tcp", "udp"], about("Transport")]
    address: Annotated[str, about("Local address; 0.0.0.0 and :: mean every address")]
    port: Annotated[int, about("Port")]
    scope: Annotated[
        Scope,
        about("Who could reach it by its address: loopback, link-local, RFC 1918 or ULA, public, or any"),
    ]
    process: Annotated[str, about("Name of the process; empty if not visible", unseen=("",))] = ""
    user: Annotated[str, about("Its user; empty if not visible")] = ""
    package: Annotated[str, about("Package its program belongs to; empty if none or not visible")] = ""
    program: Annotated[str, about("Path of its program; empty if not visible")] = ""
    pid: Annotated[int | None, about("Process id", volatile=True)] = None


@topic("socket.listening", live=True)
class ListeningSockets(msgspec.Struct, frozen=True):
    """Every listening TCP and bound UDP socket; those whose owner is not visible are there all the same."""

    sockets: Annotated[
        list[Listener], about("Sorted by protocol, port, address", source="psutil.net_connections")
    ]
    owners_hidden: Annotated[int, about("How many have no visible owner")]


class Certificate(msgspec.Struct, frozen=True):
    """One X.509 certificate (RFC 5280)."""

    subject: Annotated[str, about("Subject, RFC 4514")]
    issuer: Annotated[str, about("Issuer, RFC 4514")]
    names: Annotated[list[str], about("DNS names and addresses of subjectAltName")]
    not_before: Annotated[datetime, about("Valid from")]
    not_after: Annotated[datetime, about("Valid until")]
    key_type: Annotated[Literal["rsa", "ec", "ed25519", "ed448", "dsa", "other"], about("Kind of public key")]
    key_bits: Annotated[int, about("Size of the key", unit="bits")]
    signature: Annotated[str, about("Signature's hash, e.g. sha256; the algorithm's name where it has none")]
    self_signed: Annotated[bool, about("Issuer equals subject and its own key verifies it")]
    sha256: Annotated[str, about("Fingerprint, hexadecimal")]


class TlsEndpoint(msgspec.Struct, frozen=True):
    """What one local listener answered to a TLS greeting."""

    address: Annotated[str, about("Address asked")]
    port: Annotated[int, about("Port")]
    scope: Annotated[Scope, about("Who could reach it, as of its socket")]
    process: Annotated[str, about("Name of the process")]
    version: Annotated[str, about("Version agreed: TLSv1.3, TLSv1.2, …")]
    cipher: Annotated[str, about("Cipher suite agreed")]
    oldest_version: Annotated[
        str,
        about(
            "Oldest version it accepts of those asked, from SSLv3 on, by hellos of the agent's own; empty if not asked",
            unseen=("",),
        ),
    ]
    certificate: Annotated[
        Certificate | None, about("Its own certificate; none if it sent none that could be read")
    ] = None
    chain_length: Annotated[int, about("Certificates sent")] = 0
    name_matches: Annotated[
        bool | None,
        about("The certificate names this host's name or the address asked; none without a certificate"),
    ] = None
    trusted: Annotated[
        bool | None, about("The machine's own trust store accepts the chain; none if not asked")
    ] = None


@topic("tls.listener", live=True, cadence="daily", renewed_by=("socket.listening",))
class TlsListeners(msgspec.Struct, frozen=True):
    """TLS of the local TCP listeners, asked over a connection of the agent's own.

    Daily, because such a greeting shows in other programs' logs.
    """

    endpoints: Annotated[list[TlsEndpoint], about("Listeners that speak TLS from the first byte")]
    asked: Annotated[int, about("Listeners asked")]
    silent: Annotated[
        list[int],
        about("Ports that neither answered nor refused within the time limits, or whose answer was broken"),
    ]


@topic("firewall.state", main="active", privileged=True)
class FirewallState(msgspec.Struct, frozen=True):
    """The packet filter of this host, and what it does with what no rule names."""

    tools: Annotated[
        list[str],
        about("Installed front ends: ufw, firewalld, nftables, iptables", source="packages and files"),
    ]
    active: Annotated[bool, about("Rules are in force now; for a mounted root: set to start")]
    input_policy: Annotated[
        Literal["drop", "accept", "unknown"],
        about(
            "Fate of inbound packets no rule names; a final drop or reject counts as drop",
            unseen=("unknown",),
        ),
    ]
    forward_policy: Annotated[
        Literal["drop", "accept", "unknown"], about("The same for forwarded packets", unseen=("unknown",))
    ] = "unknown"
    rules: Annotated[int, about("Rules in force")] = 0
    source: Annotated[str, about("Where it was read: nft, iptables, ufw.conf, firewalld")] = ""


class Opening(msgspec.Struct, frozen=True):
    """One way that the packet filter leaves open for packets from outside."""

    family: Annotated[Literal["ipv4", "ipv6", "both"], about("Internet protocol")]
    protocol: Annotated[Literal["tcp", "udp", "any"], about("Transport; any: whichever")]
    port: Annotated[
        int | None,
        about("Port; 0 where all or many are open; none where a named set or match hides it"),
    ]
    wide: Annotated[bool, about("Every port, or a range of over 16")]
    limited: Annotated[bool, about("Only from senders that the rule names")]


@topic("firewall.rules", privileged=True)
class FirewallRules(msgspec.Struct, frozen=True):
    """What the packet filter lets in and out, by its rules in force; for a mounted root, by the tools set to start."""

    front_ends: Annotated[
        list[str],
        about(
            "Front ends set to start: ufw, firewalld, nftables, iptables",
            source="ufw.conf; units firewalld, nftables, netfilter-persistent, iptables",
        ),
    ]
    openings: Annotated[
        list[Opening],
        about(
            "What is let in; replies, loopback, ICMP and multicast are left out; without a filter: everything",
            source="nft -j list ruleset, iptables-save; etc/ufw, etc/firewalld, etc/nftables.conf",
        ),
    ]
    output_policy: Annotated[
        Literal["drop", "accept", "unknown"],
        about("Fate of outgoing packets no rule names", unseen=("unknown",)),
    ]
    source: Annotated[str, about("Where it was read: nft, iptables, ufw, firewalld, nftables.conf")] = ""


class NameServer(msgspec.Struct, frozen=True):
    """One server that names are asked of."""

    address: Annotated[
        str, about("Address, or name where DNS over TLS names one; port and interface left out")
    ]
    reach: Annotated[
        Literal["local", "inside", "outside"],
        about("On this machine; in a private network (RFC 1918, RFC 4193, link-local); outside"),
    ]


@topic("dns.resolver")
class DnsResolver(msgspec.Struct, frozen=True):
    """Whom the machine asks for names, and how far it believes the answer."""

    servers: Annotated[
        list[NameServer],
        about(
            "Servers in order; those behind systemd-resolved where it stands in between",
            source="etc/resolv.conf; run/systemd/resolve/resolv.conf; resolved.conf(5)",
        ),
    ]
    search: Annotated[list[str], about("Search domains", source="etc/resolv.conf")]
    resolved: Annotated[bool, about("systemd-resolved is asked, or set to start")]
    dnssec: Annotated[
        Literal["yes", "allow-downgrade", "no", "default", "none"],
        about(
            "DNSSEC= of systemd-resolved; default: as the distribution built it; none: not in use",
            source="resolved.conf(5)",
        ),
    ]
    over_tls: Annotated[
        Literal["yes", "opportunistic", "no", "default", "none"],
        about("DNSOverTLS= in the same way", source="resolved.conf(5)"),
    ]
    llmnr: Annotated[
        Literal["yes", "resolve", "no", "default", "none"],
        about("LLMNR=: answers and believes neighbours", source="resolved.conf(5)"),
    ]


class Interface(msgspec.Struct, frozen=True):
    """One network interface."""

    name: Annotated[str, about("Name")]
    kind: Annotated[
        Literal["ethernet", "wireless", "bond", "team", "bridge", "vlan", "tunnel", "virtual", "loopback"],
        about(
            "What it is; virtual: made by software and none of the others", source="sys/class/net/*/uevent"
        ),
    ]
    up: Annotated[bool, about("Switched on (IFF_UP)", source="sys/class/net/*/flags")]
    promiscuous: Annotated[bool, about("Takes in what is meant for others (IFF_PROMISC)")]
    master: Annotated[str, about("Bond, team or bridge it belongs to; empty for none")]
    members_up: Annotated[
        int | None, about("Of a bond or team: members whose link is up; none for other kinds", volatile=True)
    ] = None
    source_check: Annotated[
        int | None,
        about(
            "How a packet's source is checked: 0 not, 1 strictly, 2 loosely; the larger of its own and that of all, "
            "as the kernel takes it; none for loopback and without IPv4",
            source="proc/sys/net/ipv4/conf/*/rp_filter",
        ),
    ] = None


class Radio(msgspec.Struct, frozen=True):
    """One radio of the machine."""

    kind: Annotated[str, about("wlan, bluetooth, wwan, …", source="sys/class/rfkill/*/type")]
    name: Annotated[str, about("Name of the device")]
    blocked: Annotated[bool, about("Switched off by software or by its switch (rfkill)")]


@topic("network.interfaces", live=True)
class NetworkInterfaces(msgspec.Struct, frozen=True):
    """The interfaces and radios of the running system."""

    chassis: Annotated[
        Literal["server", "desktop", "portable", "virtual", "unknown"],
        about(
            "Kind of machine by its firmware (SMBIOS 7.4.1); virtual: under a hypervisor",
            source="sys/class/dmi/id/chassis_type; proc/cpuinfo flag hypervisor",
            unseen=("unknown",),
        ),
    ]
    interfaces: Annotated[list[Interface], about("By name", source="sys/class/net")]
    radios: Annotated[list[Radio], about("By name", source="sys/class/rfkill")]


class Tunnel(msgspec.Struct, frozen=True):
    """One VPN that is configured. Keys never leave the parser."""

    kind: Annotated[
        Literal["wireguard", "openvpn", "ipsec", "pptp", "l2tp", "other"], about("Protocol or program")
    ]
    name: Annotated[str, about("File or connection")]
    weak: Annotated[
        list[str],
        about(
            "What in it is weak: ciphers, hashes and groups that NIST SP 800-131A rev. 2 disallows or RFC 8247 forbid, "
            "static keys, no check of the server, TLS below 1.2"
        ),
    ]


@topic("vpn.tunnels", privileged=True)
class VpnTunnels(msgspec.Struct, frozen=True):
    """VPNs by their configuration files."""

    tunnels: Annotated[
        list[Tunnel],
        about(
            "By file",
            source="etc/wireguard, etc/openvpn, etc/ipsec.conf, etc/ipsec.d, etc/swanctl, NetworkManager's connections",
        ),
    ]


class WirelessNetwork(msgspec.Struct, frozen=True):
    """One wireless network that the machine joins by itself."""

    name: Annotated[str, about("Name of the connection")]
    security: Annotated[
        Literal["open", "owe", "wep", "wpa", "wpa2", "wpa3", "enterprise"],
        about(
            "open: none; owe: encrypted without a password; wpa: the old protocol allowed; enterprise: IEEE 802.1X"
        ),
    ]


@topic("wireless.networks", privileged=True)
class WirelessNetworks(msgspec.Struct, frozen=True):
    """Wireless networks that are saved for the whole machine. Keys never leave the parser."""

    networks: Annotated[
        list[WirelessNetwork],
        about(
            "By file",
            source="etc/NetworkManager/system-connections; etc/wpa_supplicant/*.conf; etc/netplan is not read",
        ),
    ]


class DnsServer(msgspec.Struct, frozen=True):
    """One name server, its settings under one set of names."""

    program: Annotated[Literal["bind", "unbound", "dnsmasq"], about("Program")]
    recursion: Annotated[bool, about("It looks names up for others", source="recursion")]
    open_recursion: Annotated[
        bool,
        about(
            "It does so for every address",
            source="allow-recursion, allow-query-cache, allow-query, views; access-control; local-service, interface",
        ),
    ]
    open_zones: Annotated[
        list[str],
        about(
            "Zones that everybody may copy as a whole; without allow-transfer BIND before 9.20 gives them to all",
            source="allow-transfer",
        ),
    ]
    version_hidden: Annotated[
        bool, about("It does not tell its version", source="version; hide-version; no-ident")
    ]
    dnssec: Annotated[
        bool, about("Answers are validated by DNSSEC", source="dnssec-validation; trust anchors; dnssec")
    ]
    query_log: Annotated[
        bool, about("Questions are logged", source="querylog, category queries; log-queries")
    ]
    every_address: Annotated[
        bool, about("It listens on every address", source="listen-on; interface; listen-address")
    ]
    rate_limit: Annotated[
        bool, about("Answers to one address are limited", source="rate-limit; ip-ratelimit")
    ]


@topic("dns.servers", main="servers")
class DnsServers(msgspec.Struct, frozen=True):
    """Name servers that are installed."""

    servers: Annotated[
        list[DnsServer], about("BIND, Unbound, dnsmasq", source="named.conf, unbound.conf, dnsmasq.conf")
    ]


@topic("ldap.server", main="installed", privileged=True)
class LdapServer(msgspec.Struct, frozen=True):
    """OpenLDAP's server. Passwords of the configuration stay in the parser."""

    installed: Annotated[bool, about("slapd is there", source="usr/sbin/slapd")]
    reachable: Annotated[
        bool, about("It listens on more than loopback", source="SLAPD_SERVICES, SLAPD_URLS")
    ] = False
    anonymous: Annotated[
        bool, about("It answers those who did not log in", source="olcDisallows bind_anon, olcRequires authc")
    ] = True
    tls: Annotated[bool, about("It has a certificate", source="olcTLSCertificateFile")] = False
    tls_required: Annotated[
        bool,
        about(
            "Nothing, or no password, goes without encryption: a security factor of 128, or ldaps:// and ldapi:// only",
            source="olcSecurity ssf, tls, simple_bind; SLAPD_SERVICES",
        ),
    ] = False
    old_tls: Annotated[bool, about("TLS older than 1.2 is not refused", source="olcTLSProtocolMin 3.3")] = (
        True
    )
    logged: Annotated[bool, about("Operations are logged", source="olcLogLevel")] = False


@topic("squid.proxy", main="installed")
class SquidProxy(msgspec.Struct, frozen=True):
    """The web proxy squid."""

    installed: Annotated[bool, about("squid is there", source="usr/sbin/squid")]
    open: Annotated[bool, about("Every client may use it", source="http_access, acl")] = False
    filters: Annotated[
        bool,
        about(
            "Some destinations are refused",
            source="http_access with dstdomain and the like, url_rewrite_program, icap_service",
        ),
    ] = False
    asks_password: Annotated[bool, about("Users have to log in", source="auth_param, acl proxy_auth")] = False
    logged: Annotated[bool, about("Requests are logged", source="access_log")] = True
    version_hidden: Annotated[
        bool, about("It does not tell its version", source="httpd_suppress_version_string")
    ] = False
