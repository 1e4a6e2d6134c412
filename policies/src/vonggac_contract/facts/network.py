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
    """What the packet filter lets in and out, by its rules in force; for a mounted root, by the front end set to start."""

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
