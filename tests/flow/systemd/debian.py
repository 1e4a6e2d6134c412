"""The Debian 12 root that is booted. Nobody writes into it: `keeper` mounts it as the lowest layer.

How roots are made and kept is the work of `tests.roots`, what boots of `booted`.
"""

from __future__ import annotations

from pathlib import Path

from tests.roots import debian

SUITE = "bookworm"
PACKAGES = (
    *("systemd", "systemd-sysv", "libpam-systemd", "dbus"),
    *("openssh-server", "sudo", "nftables", "rsyslog"),  # something for the agent to look at
    *("python3", "python3-venv", "ca-certificates"),
)


def root() -> Path:
    """The root of a freshly installed Debian 12; made now if the cache has none. Read only, by agreement."""
    return debian.root(SUITE, PACKAGES)
