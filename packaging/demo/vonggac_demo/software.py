"""What sample hosts have installed: names of real packages with versions by seeded chance. Pure."""

from __future__ import annotations

import random
from typing import Final

PACKAGES: Final[dict[str, tuple[str, ...]]] = {
    "common": (
        "adduser",
        "auditd",
        "base-files",
        "bash",
        "bind9-host",
        "bsdutils",
        "ca-certificates",
        "chrony",
        "clamav-daemon",
        "coreutils",
        "cron",
        "curl",
        "dash",
        "debconf",
        "diffutils",
        "dpkg",
        "e2fsprogs",
        "file",
        "findutils",
        "gawk",
        "gnupg",
        "grep",
        "gzip",
        "hostname",
        "init",
        "iproute2",
        "iputils-ping",
        "less",
        "libc6",
        "libssl3",
        "libsystemd0",
        "login",
        "logrotate",
        "lsof",
        "mawk",
        "mount",
        "nano",
        "ncurses-bin",
        "nftables",
        "openssh-client",
        "openssh-server",
        "openssl",
        "passwd",
        "perl",
        "procps",
        "python3",
        "rsyslog",
        "sed",
        "sudo",
        "systemd",
        "tar",
        "tzdata",
        "util-linux",
        "vim-tiny",
        "wget",
        "xz-utils",
        "zlib1g",
    ),
    "web": ("nginx", "nginx-common", "php8.2-fpm", "certbot", "libnginx-mod-http-geoip"),
    "app": ("nginx", "openjdk-17-jre-headless", "tomcat10", "libtcnative-1"),
    "database": ("postgresql-15", "postgresql-client-15", "postgresql-common", "libpq5"),
    "desktop": ("firefox-esr", "libreoffice-core", "gnome-shell", "cups", "network-manager"),
    "old": ("nginx", "apache2", "php7.3", "openjdk-8-jre"),
}


def packages_of(archetype: str, family: str, seed: int) -> list[tuple[str, str, str, str]]:
    """(name, version, architecture, source) of each package, sorted by name."""
    chance = random.Random(seed)
    suffix = "el9" if family == "redhat" else "1"
    architecture = "x86_64" if family == "redhat" else "amd64"
    names = sorted({*PACKAGES["common"], *PACKAGES[archetype]})
    return [
        (
            n,
            f"{chance.randrange(1, 12)}.{chance.randrange(0, 30)}-{chance.randrange(1, 9)}.{suffix}",
            architecture,
            "",
        )
        for n in names
    ]
