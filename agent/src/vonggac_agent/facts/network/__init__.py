"""Listening sockets, TLS, the packet filter, name resolution."""

from __future__ import annotations

from ..base import Gather
from . import (
    dns_resolver,
    firewall_rules,
    firewall_state,
    network_interfaces,
    socket_listening,
    tls_listener,
    vpn_tunnels,
)

GATHERERS: dict[str, Gather] = {
    "dns.resolver": dns_resolver.gather,
    "firewall.rules": firewall_rules.gather,
    "firewall.state": firewall_state.gather,
    "network.interfaces": network_interfaces.gather,
    "socket.listening": socket_listening.gather,
    "tls.listener": tls_listener.gather,
    "vpn.tunnels": vpn_tunnels.gather,
}
