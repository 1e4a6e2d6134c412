"""wireless.networks: wireless networks saved for the whole machine, and how they are secured.

Sources: nm-settings-keyfile(5), read by `network_manager`; wpa_supplicant.conf(5).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vonggac_contract import limits
from vonggac_contract.facts.network import WirelessNetwork, WirelessNetworks

from ...formats.lines import significant
from ...formats.words import unquoted
from ...host import Host
from ...untrusted import bounded
from . import network_manager

SUPPLICANT: Final = "etc/wpa_supplicant/*.conf"


def supplicant(text: str) -> Iterator[WirelessNetwork]:
    """Networks of wpa_supplicant.conf(5); one with a static WEP key is told by it. Raises ValueError over MAX_LINES."""
    values: dict[str, str] | None = None
    for _, line in significant(text):
        key, _, value = line.partition("=")
        if key.strip() == "network" and value.strip().startswith("{"):
            values = {}
        elif line == "}" and values is not None:
            yield _network(values)
            values = None
        elif values is not None:
            values[key.strip()] = value.strip()


def _network(values: dict[str, str]) -> WirelessNetwork:
    management = unquoted(values.get("key_mgmt", "WPA-PSK"))
    protocols = unquoted(values.get("proto", "")).lower().split()
    found = network_manager.security("" if management.upper() == "NONE" else management, protocols)
    if found == "open" and any(key.startswith("wep_key") for key in values):
        found = "wep"
    return WirelessNetwork(bounded(unquoted(values.get("ssid", "")), 200), found)


def gather(host: Host, selector: tuple[str, ...]) -> tuple[WirelessNetworks, str]:
    """Topic wireless.networks. Raises CouldNotLook(permission-denied): these files are root's."""
    found: list[WirelessNetwork] = []
    for folder in network_manager.FOLDERS:
        for name in host.names(folder):
            network = network_manager.wireless(network_manager.parse(host.text(f"{folder}/{name}") or ""))
            if network is not None:
                found.append(network)
    for path in host.glob(SUPPLICANT):
        found += supplicant(host.text(path) or "")
    return WirelessNetworks(found[: limits.MAX_FACT_LIST]), "etc/NetworkManager, etc/wpa_supplicant"
