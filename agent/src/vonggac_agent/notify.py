"""Tells systemd how the service is (sd_notify(3)): one datagram with lines NAME=value to the socket it named."""

from __future__ import annotations

import os


def notify(state: str) -> bool:
    """Send `state`, e.g. `READY=1`. False if there is nobody to tell; a service runs on without."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    import socket

    if address.startswith("@"):
        address = "\0" + address[1:]  # the abstract namespace, unix(7)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to:
        try:
            to.sendto(state.encode(), address)
        except OSError:
            return False
    return True
