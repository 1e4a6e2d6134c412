"""Asks the kernel for this machine's name and addresses.

Sources: uname(2), getifaddrs(3).
"""

from __future__ import annotations

import os


def hostname() -> str:
    """The name as the kernel has it now."""
    return os.uname().nodename


def addresses() -> list[str]:
    """IPv4 and IPv6 addresses of every interface, without their zone (RFC 4007 section 11)."""
    import socket

    import psutil

    return [
        address.address.partition("%")[0]
        for found in psutil.net_if_addrs().values()
        for address in found
        if address.family in (socket.AF_INET, socket.AF_INET6)
    ]
