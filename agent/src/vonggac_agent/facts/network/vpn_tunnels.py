"""vpn.tunnels: VPNs that are configured, and what in them is weak. Keys are passed over.

Weak: what NIST SP 800-131A rev. 2 disallows or RFC 8247 section 2 and RFC 8221 forbid (DES, 3DES, RC2, Blowfish, CAST,
IDEA, null; MD5; MODP groups below 2048 bits), a static key, a client that does not check the server, TLS below 1.2.
HMAC with SHA-1 is disallowed by neither and not told.

Sources: openvpn(8) 2.6; ipsec.conf(5) and swanctl.conf(5) of strongSwan; wg-quick(8); connections of
NetworkManager are read by `network_manager`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from vonggac_contract import limits
from vonggac_contract.facts.network import Tunnel, VpnTunnels

from ...formats import directives
from ...formats.lines import significant
from ...host import Host
from ...untrusted import as_text, bounded
from . import network_manager

OPENVPN: Final = ("etc/openvpn/*.conf", "etc/openvpn/server/*.conf", "etc/openvpn/client/*.conf")
IPSEC: Final = ("etc/ipsec.conf", "etc/ipsec.d/*.conf")
SWANCTL: Final = ("etc/swanctl/swanctl.conf", "etc/swanctl/conf.d/*.conf")
WIREGUARD: Final = "etc/wireguard/*.conf"
SOURCE: Final = "etc/wireguard, etc/openvpn, etc/ipsec.conf, etc/swanctl, etc/NetworkManager"
WEAK_CIPHERS: Final = re.compile(r"(?i)(BF|DES|DES-EDE3?|DESX?|RC2|RC4|CAST5|IDEA)(-.*)?|none")
WEAK_HASHES: Final = ("md5", "md4", "rsa-md5", "none")
WEAK_PARTS: Final = frozenset(
    ("des", "3des", "blowfish", "cast128", "null", "rc5", "idea", "md5", "md5_128", "modp768",
     "modp1024", "modp1536", "modp1024s160", "dh1", "dh2", "dh5", "dh22", "aes_xcbc_null")
)  # fmt: skip
"""Parts of strongSwan's and Libreswan's proposals, joined there by hyphens."""
_OLD_TLS: Final = ("1.0", "1.1")


def openvpn(text: str) -> list[str]:
    """What is weak in a configuration of OpenVPN. Raises ValueError for too many lines."""
    found: list[str] = []
    settings: dict[str, tuple[str, ...]] = {}
    for name, arguments, _ in directives.parse(_without_inline_files(text), comments="#;", inline=True):
        settings[name] = arguments
    for name in ("cipher", "data-ciphers", "ncp-ciphers", "data-ciphers-fallback"):
        for cipher in " ".join(settings.get(name, ())[:1]).split(":"):
            if WEAK_CIPHERS.fullmatch(cipher):
                found.append(f"{name} {cipher}")
    auth = settings.get("auth", ("",))[:1]
    if auth and auth[0].lower() in WEAK_HASHES:
        found.append(f"auth {auth[0]}")
    if settings.get("tls-version-min", ("",))[:1] and settings.get("tls-version-min", ("",))[0] in _OLD_TLS:
        found.append(f"tls-version-min {settings['tls-version-min'][0]}")
    if "secret" in settings:
        found.append("static key")
    is_client = "client" in settings or "tls-client" in settings
    if (
        is_client
        and not {"remote-cert-tls", "verify-x509-name", "remote-cert-eku", "tls-verify"} & settings.keys()
    ):
        found.append("server's certificate may be any client's")
    return [bounded(word, 100) for word in found]


def _without_inline_files(text: str) -> str:
    """The text without `<key> … </key>` blocks; a block leaves its name behind where it is a static key."""
    kept: list[str] = []
    inside = ""
    for line in text.split("\n"):
        word = line.strip()
        if inside:
            if word == f"</{inside}>":
                inside = ""
        elif word.startswith("<") and word.endswith(">") and not word.startswith("</"):
            inside = word[1:-1]
            if inside == "secret":
                kept.append("secret [inline]")
        else:
            kept.append(line)
    return "\n".join(kept)


def proposals(words: Iterable[str]) -> list[str]:
    """Weak parts of IPsec proposals such as `aes128-sha1-modp1024`, each once, in order."""
    parts = (part for word in words for part in word.strip("! \t\"'").lower().split("-"))
    return list(dict.fromkeys(part for part in parts if part in WEAK_PARTS))


def ipsec(text: str) -> Iterator[tuple[str, list[str]]]:
    """(connection, what is weak) of ipsec.conf(5). Raises ValueError for too many lines."""
    name = ""
    found: dict[str, list[str]] = {}
    for _, line in significant(text, "#", inline=True):
        word, _, rest = line.partition(" ")
        if word in ("conn", "ca", "config"):
            name = rest.strip() if word == "conn" else ""
            if name and name != "%default":
                found.setdefault(name, [])
            continue
        key, equals, value = line.partition("=")
        if not name or not equals:
            continue
        weak = found.setdefault(name, [])
        if key.strip() in ("ike", "esp", "ah", "phase2alg"):
            weak += proposals(value.replace(";", "-").replace("_", "-").replace("+", ",").split(","))
        elif key.strip() == "aggressive" and value.strip() == "yes":
            weak.append("aggressive mode")
    yield from found.items()


def swanctl(text: str) -> list[str]:
    """Weak parts of the proposals of swanctl.conf(5). Raises ValueError for too many lines."""
    found: list[str] = []
    for _, line in significant(text):
        for piece in line.replace("{", "\n").replace("}", "\n").split("\n"):
            key, equals, value = piece.partition("=")
            if equals and key.strip() in ("proposals", "esp_proposals", "ah_proposals"):
                found += proposals(value.partition("#")[0].split(","))
            elif equals and key.strip() == "aggressive" and value.strip() == "yes":
                found.append("aggressive mode")
    return list(dict.fromkeys(found))


def gather(host: Host, selector: tuple[str, ...]) -> tuple[VpnTunnels, str]:
    """Topic vpn.tunnels. Raises CouldNotLook(permission-denied): its folders are closed to ordinary users."""
    found = [Tunnel("wireguard", bounded(as_text(path)), []) for path in host.glob(WIREGUARD)]
    for path in (path for pattern in OPENVPN for path in host.glob(pattern)):
        found.append(Tunnel("openvpn", bounded(as_text(path)), openvpn(host.text(path) or "")))
    for path in (path for pattern in IPSEC for path in host.glob(pattern)):
        found += [
            Tunnel("ipsec", bounded(f"{path} {name}"), weak) for name, weak in ipsec(host.text(path) or "")
        ]
    for path in (path for pattern in SWANCTL for path in host.glob(pattern)):
        text = host.text(path) or ""
        if any(line.startswith("connections") for _, line in significant(text)):
            found.append(Tunnel("ipsec", bounded(as_text(path)), swanctl(text)))
    for folder in network_manager.FOLDERS:
        for name in host.names(folder):
            connection = network_manager.parse(host.text(f"{folder}/{name}") or "")
            tunnel = network_manager.tunnel(connection, WEAK_CIPHERS, WEAK_HASHES)
            if tunnel is not None:
                found.append(tunnel)
    return VpnTunnels(found[: limits.MAX_FACT_LIST]), SOURCE
