"""What sample hosts have installed: names of real packages with versions by seeded chance. Pure."""

from __future__ import annotations

import random
from typing import Final

PACKAGES: Final[dict[str, tuple[str, ...]]] = {
    "common": (
        "adduser",
        "aide",
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
        "fail2ban",
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
    "old": ("apache2", "php7.3", "openjdk-8-jre"),
}


RED_HAT: Final[dict[str, str]] = {
    "adduser": "shadow-utils", "auditd": "audit", "base-files": "almalinux-release", "bind9-host": "bind-utils",
    "bsdutils": "util-linux-core", "clamav-daemon": "clamd", "cron": "cronie", "dash": "crypto-policies",
    "debconf": "dnf", "dpkg": "rpm", "gnupg": "gnupg2", "init": "initscripts", "iproute2": "iproute",
    "iputils-ping": "iputils", "libc6": "glibc", "libssl3": "openssl-libs", "libsystemd0": "systemd-libs",
    "login": "pam", "mawk": "grub2-tools", "mount": "e2fsprogs-libs", "ncurses-bin": "ncurses",
    "openssh-client": "openssh-clients", "perl": "perl-interpreter", "procps": "procps-ng", "vim-tiny": "vim-minimal",
    "xz-utils": "xz", "zlib1g": "zlib", "nginx-common": "nginx-core", "php8.2-fpm": "php-fpm",
    "libnginx-mod-http-geoip": "nginx-filesystem", "openjdk-17-jre-headless": "java-17-openjdk-headless",
    "tomcat10": "tomcat", "libtcnative-1": "apr-util", "postgresql-15": "postgresql-server",
    "postgresql-client-15": "postgresql", "postgresql-common": "postgresql-private-libs", "libpq5": "libpq",
    "apache2": "httpd", "php7.3": "php", "openjdk-8-jre": "java-1.8.0-openjdk",
}  # fmt: skip
"""What the Red Hat family has in place of Debian's packages."""


def packages_of(archetype: str, family: str, seed: int) -> list[tuple[str, str, str, str]]:
    """(name, version, architecture, source) of each package, sorted by name."""
    chance = random.Random(seed)
    suffix = "el9" if family == "redhat" else "1"
    architecture = "x86_64" if family == "redhat" else "amd64"
    names = sorted({*PACKAGES["common"], *PACKAGES[archetype]})
    if family == "redhat":
        names = sorted({RED_HAT.get(name, name) for name in names})
    return [
        (
            n,
            f"{chance.randrange(1, 12)}.{chance.randrange(0, 30)}-{chance.randrange(1, 9)}.{suffix}",
            architecture,
            "",
        )
        for n in names
    ]
