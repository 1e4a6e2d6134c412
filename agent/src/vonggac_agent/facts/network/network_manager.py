"""Reads NetworkManager's saved connections: VPNs and wireless networks, as far as their strength goes. Pure.

Secrets in them are passed over. Sources: nm-settings-keyfile(5), NetworkManager-openvpn's and -strongswan's keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from vonggac_contract.facts.network import Tunnel, WirelessNetwork

from ...formats import ini
from ...untrusted import bounded

FOLDERS: Final = (
    "etc/NetworkManager/system-connections",
    "run/NetworkManager/system-connections",
    "usr/lib/NetworkManager/system-connections",
)
_SERVICES: Final = {
    "openvpn": "openvpn",
    "strongswan": "ipsec",
    "libreswan": "ipsec",
    "openswan": "ipsec",
    "vpnc": "ipsec",
    "pptp": "pptp",
    "l2tp": "l2tp",
}


class Connection(NamedTuple):
    """One connection: section and key to value, a section's old and new name taken as one."""

    values: Mapping[tuple[str, str], str]

    def get(self, section: str, key: str) -> str:
        """The value, empty if there is none."""
        return self.values.get((section, key), "")


def parse(text: str) -> Connection:
    """A keyfile. Raises ValueError for too many lines."""
    renamed = {"wifi-security": "802-11-wireless-security", "wifi": "802-11-wireless"}
    entries = ini.parse(text, comments="#")
    return Connection({(renamed.get(e.section, e.section), e.key): e.value for e in entries})


def tunnel(connection: Connection, weak_ciphers: Any, weak_hashes: tuple[str, ...]) -> Tunnel | None:
    """The VPN that the connection is; None for another kind of connection."""
    kind = connection.get("connection", "type")
    name = bounded(connection.get("connection", "id"), 200)
    if kind == "wireguard":
        return Tunnel("wireguard", name, [])
    if kind != "vpn":
        return None
    service = connection.get("vpn", "service-type").rpartition(".")[2]
    program: Any = _SERVICES.get(service, "other")
    weak: list[str] = []
    for key in ("cipher", "data-ciphers"):
        for cipher in connection.get("vpn", key).split(":"):
            if cipher and weak_ciphers.fullmatch(cipher):
                weak.append(bounded(f"{key} {cipher}", 100))
    if connection.get("vpn", "auth").lower() in weak_hashes:
        weak.append(bounded(f"auth {connection.get('vpn', 'auth')}", 100))
    if connection.get("vpn", "connection-type") == "static-key":
        weak.append("static key")
    if program == "pptp":
        weak.append("PPTP")
    return Tunnel(program, name, weak)


def wireless(connection: Connection) -> WirelessNetwork | None:
    """The wireless network that the connection joins; None for another kind of connection."""
    if connection.get("connection", "type") not in ("wifi", "802-11-wireless"):
        return None
    section = "802-11-wireless-security"
    protocols = connection.get(section, "proto").lower().replace(";", " ").split()
    name = bounded(connection.get("connection", "id"), 200)
    return WirelessNetwork(name, security(connection.get(section, "key-mgmt"), protocols))


def security(management: str, protocols: list[str]) -> Any:
    """Strength of a network by its key management and the protocols allowed (none named: WPA2 where it can)."""
    words = management.lower().replace("_", "-").split()
    if not words:
        return "open"
    if any("eap" in word or word == "ieee8021x" for word in words):
        return "wep" if words == ["ieee8021x"] else "enterprise"
    if "sae" in words:
        return "wpa3"
    if "owe" in words:
        return "owe"
    if any(word.startswith("wpa-psk") or word == "ft-psk" for word in words):
        return "wpa" if "wpa" in protocols else "wpa2"
    return "wep" if words == ["none"] else "open"
