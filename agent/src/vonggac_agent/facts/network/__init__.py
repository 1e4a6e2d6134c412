"""Listening sockets, TLS, the packet filter, name resolution."""

from __future__ import annotations

from ..base import Gather
from . import (
    dns_resolver,
    dns_servers,
    firewall_rules,
    firewall_state,
    ldap_server,
    network_interfaces,
    socket_listening,
    squid_proxy,
    tls_listener,
    vpn_tunnels,
    wireless_networks,
)

GATHERERS: dict[str, Gather] = {
    "dns.resolver": dns_resolver.gather,
    "dns.servers": dns_servers.gather,
    "firewall.rules": firewall_rules.gather,
    "firewall.state": firewall_state.gather,
    "ldap.server": ldap_server.gather,
    "network.interfaces": network_interfaces.gather,
    "socket.listening": socket_listening.gather,
    "squid.proxy": squid_proxy.gather,
    "tls.listener": tls_listener.gather,
    "vpn.tunnels": vpn_tunnels.gather,
    "wireless.networks": wireless_networks.gather,
}
