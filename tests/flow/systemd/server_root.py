"""A Debian 12 server with a dozen services, and on its disk the packages that repairs may install: it has no network.

What boots from it is the work of `booted`; which repairs are tried of `test_hardening`.
"""

from __future__ import annotations

from pathlib import Path

from tests.flow.systemd import debian
from tests.roots import debian as release
from tests.roots.kept import kept
from tests.roots.said import said

PACKAGES = (
    *debian.PACKAGES,
    *(
        "cron",
        "logrotate",
        "auditd",
        "systemd-timesyncd",
        "libpam-pwquality",
        "kmod",
        "iproute2",
        "procps",
        "psmisc",
    ),
    *(
        "nginx-light",
        "redis-server",
        "postgresql",
        "mariadb-server",
        "php-fpm",
        "samba",
        "nfs-kernel-server",
        "snmpd",
    ),
    *("vsftpd", "rsync", "postfix", "dovecot-imapd", "bind9"),
)
"""A machine on which many rules have business; every service as its package leaves it."""
ON_DISK = (
    *(
        "aide",
        "aide-common",
        "apparmor",
        "apparmor-utils",
        "chrony",
        "clamav",
        "clamav-daemon",
        "clamav-freshclam",
    ),
    *(
        "fail2ban",
        "python3-systemd",
        "python3-yaml",
        "restic",
        "openssl",
        "rsyslog-gnutls",
        "ssl-cert",
        "sysstat",
    ),
    *(
        "ufw",
        "unattended-upgrades",
        "usbguard",
        "postgresql-15-pgaudit",
        "acl",
        "debsums",
        "libpam-google-authenticator",
    ),
    *(
        "postfix-policyd-spf-python",
        "opendkim",
        "opendkim-tools",
        "clamav-milter",
        "systemd-resolved",
        "attr",
    ),
    *("sssd-ldap", "libnss-sss", "libpam-sss"),
)
"""What repairs install, waiting in apt's folder of archives."""
RECIPE = 1
"""Counts the changes of `build` that the other parts of the recipe do not show."""
FETCH_S = 900
ADDRESS = "10.20.30.40"
OWN_KERNEL_SETTINGS = "mount -t proc proc /mnt && mount --bind /mnt/sys/net /proc/sys/net && umount /mnt"
"""`first_process` closes /proc/sys; what stands below net belongs to the network, and that is the machine's own."""
CABLE = f"""[Unit]
Description=A network that nobody else is in
DefaultDependencies=no
Before=network.target network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/ip link add eth0 type veth peer name cable
ExecStart=/bin/ip address add {ADDRESS}/24 dev eth0
ExecStart=/bin/ip link set cable up
ExecStart=/bin/ip link set eth0 up
ExecStart=/bin/sh -c "{OWN_KERNEL_SETTINGS}"
"""
FILES = {
    "etc/systemd/system/cable.service": CABLE,
    # Repairs restart services faster than a person does; auditd would try for ever.
    "etc/systemd/system.conf.d/pace.conf": "[Manager]\nDefaultStartLimitIntervalSec=0\n",
    "etc/systemd/system/auditd.service.d/once.conf": "[Service]\nRestart=no\n",
    # ON_DISK is without what packages recommend.
    "etc/apt/apt.conf.d/10-on-disk": 'APT::Install-Recommends "false";\n',
    # The sum of the EICAR test file: clamd starts with one signature, and without any it does not.
    "var/lib/clamav/own.hdb": "44d88612fea8a8f36de82e1278abb02f:68:Eicar\n",
    # Sums of the whole disk take minutes.
    "etc/aide/aide.conf.d/99_quick": "!/usr\n!/var\n!/opt\n",
}
FOLDERS = ("var/lib/clamav/main.inc", "var/lib/clamav/daily.inc")
"""What clamd's unit takes for signatures that were fetched."""


def root() -> Path:
    """The root, made now if the cache has none. Read only, by agreement."""
    recipe = "\n".join((str(RECIPE), debian.SUITE, *PACKAGES, "--", *ON_DISK))
    return kept("roots", recipe, build)


def build(fresh: Path) -> None:
    """Fill the folder `fresh`. Raises RuntimeError with the end of what debootstrap or apt said."""
    release.build(debian.SUITE, PACKAGES, (), fresh)
    apt = ("apt-get", "-q", f"-oDir={fresh}", f"-oDir::State::status={fresh}/var/lib/dpkg/status")
    for words in (("update",), ("install", "--download-only", "--yes", "--no-install-recommends", *ON_DISK)):
        said(*apt, *words, seconds=FETCH_S)


def furnish(folder: Path) -> None:
    """Fill the empty `folder`, a layer to put over the root: what a server in namespaces lacks."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o644)
    for name in FOLDERS:
        (folder / name).mkdir()
    for target in ("multi-user.target", "network-online.target"):
        wants = folder / f"etc/systemd/system/{target}.wants"
        wants.mkdir()
        (wants / "cable.service").symlink_to("../cable.service")
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
