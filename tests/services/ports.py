"""Ports for servers that tests start."""

from __future__ import annotations

import random
import socket
from typing import Final

_RANGE: Final = range(10_000, 32_768)
"""Below what Linux gives to outgoing connections (`ip_local_port_range` in ip(7)): none takes a server's port while
it is started again, and two processes that look at once all but never find the same."""


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on."""
    # Hypothesis and tests seed the shared generator: two processes would look in the same order.
    chance = random.SystemRandom()
    while True:
        port = chance.choice(_RANGE)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
