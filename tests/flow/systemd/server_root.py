"""A Debian 12 server with a dozen services, and on its disk the packages that repairs may install: it has no network.

What boots from it is the work of `booted`; which repairs are tried of `test_hardening`.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.flow.systemd import debian
from tests.roots import debian as release
from tests.roots.kept import kept

PACKAGES = (
    *debian.PACKAGES,
    *("cron", "logrotate", "auditd", "systemd-timesyncd", "libpam-pwquality", "kmod", "iproute2", "procps", "psmisc"),
    *("nginx-light", "redis-server", "postgresql", "mariadb-server", "php-fpm", "samba", "nfs-kernel-server", "snmpd"),
    *("vsftpd", "rsync", "postfix", "dovecot-imapd", "bind9"),
)
"""A machine on which many rules have business; every service as its package leaves it."""
ON_DISK = (
    *("aide", "aide-common", "apparmor", "apparmor-utils", "chrony", "clamav", "clamav-daemon", "clamav-freshclam"),
    *("fail2ban", "python3-systemd", "python3-yaml", "restic", "openssl", "rsyslog-gnutls", "ssl-cert", "sysstat"),
    *("ufw", "unattended-upgrades", "usbguard", "postgresql-15-pgaudit", "acl", "debsums"),
    "libpam-google-authenticator",
    *("postfix-policyd-spf-python", "opendkim", "opendkim-tools", "clamav-milter", "systemd-resolved", "attr"),
)
"""What repairs install, waiting in apt's folder of archives."""
RECIPE = 1
"""Counts the changes of `build` that the other parts of the recipe do not show."""
FETCH_S = 900


def root() -> Path:
    """The root, made now if the cache has none. Read only, by agreement."""
    recipe = "\n".join((str(RECIPE), debian.SUITE, *PACKAGES, "--", *ON_DISK))
    return kept("roots", recipe, build)


def build(fresh: Path) -> None:
    """Fill the folder `fresh`. Raises RuntimeError with the end of what debootstrap or apt said."""
    release.build(debian.SUITE, PACKAGES, (), fresh)
    for words in (("update",), ("install", "--download-only", "--yes", "--no-install-recommends", *ON_DISK)):
        done = subprocess.run(
            ["apt-get", "-q", f"-oDir={fresh}", f"-oDir::State::status={fresh}/var/lib/dpkg/status", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=FETCH_S,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"apt-get {words[0]} ended with {done.returncode}:\n{done.stdout[-3000:]}")
