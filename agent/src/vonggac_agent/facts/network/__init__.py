"""Listening sockets, TLS, the packet filter, name resolution."""

from __future__ import annotations

from ..base import Gather
from . import firewall_rules, firewall_state, socket_listening, tls_listener

GATHERERS: dict[str, Gather] = {
    "firewall.rules": firewall_rules.gather,
    "firewall.state": firewall_state.gather,
    "socket.listening": socket_listening.gather,
    "tls.listener": tls_listener.gather,
}
