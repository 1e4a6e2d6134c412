"""The facts of a well-kept sample machine of each kind, and the systems that such machines run. Pure."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple

from .country import SampleHost
from .services import services
from .settings import Facts, settings
from .software import packages_of


class System(NamedTuple):
    """An operating system that sample hosts run."""

    id: str
    version: str
    codename: str
    name: str
    family: str
    kernel: str
    support_end: date
    manager: str


DEBIAN12: Final = System(
    "debian",
    "12",
    "bookworm",
    "Debian GNU/Linux 12 (bookworm)",
    "debian",
    "6.1.0-41-amd64",
    date(2028, 6, 30),
    "dpkg",
)
DEBIAN13: Final = System(
    "debian",
    "13",
    "trixie",
    "Debian GNU/Linux 13 (trixie)",
    "debian",
    "6.12.57-amd64",
    date(2028, 8, 9),
    "dpkg",
)
DEBIAN10: Final = System(
    "debian",
    "10",
    "buster",
    "Debian GNU/Linux 10 (buster)",
    "debian",
    "4.19.0-27-amd64",
    date(2022, 9, 10),
    "dpkg",
)
UBUNTU24: Final = System(
    "ubuntu", "24.04", "noble", "Ubuntu 24.04.3 LTS", "debian", "6.8.0-90-generic", date(2029, 5, 31), "dpkg"
)
ALMA9: Final = System(
    "almalinux",
    "9.6",
    "",
    "AlmaLinux 9.6 (Sage Margay)",
    "redhat",
    "5.14.0-570.el9",
    date(2032, 5, 31),
    "rpm",
)
CENTOS7: Final = System(
    "centos", "7", "", "CentOS Linux 7 (Core)", "redhat", "3.10.0-1160.el7", date(2024, 6, 30), "rpm"
)
SYSTEMS: Final = {
    "web": (DEBIAN12, DEBIAN12, DEBIAN13, UBUNTU24, ALMA9),
    "app": (UBUNTU24, ALMA9, DEBIAN12),
    "database": (DEBIAN12, ALMA9, UBUNTU24),
    "desktop": (UBUNTU24, DEBIAN13),
    "old": (CENTOS7, DEBIAN10),
}


def well_kept(host: SampleHost, system: System, now: datetime, chance: random.Random) -> Facts:
    """The facts of a machine of that kind without a fault."""
    address = f"10.{int(host.province)}.{chance.randrange(1, 250)}.{chance.randrange(2, 250)}"
    day = datetime(now.year, now.month, now.day, tzinfo=UTC)
    own = _machine(host, system, address, now, chance)
    common = settings(system.family, day)
    return common | own | services(host.archetype, system.family, host.hostname, address)


def _machine(host: SampleHost, system: System, address: str, now: datetime, chance: random.Random) -> Facts:
    return {
        "host.identity": {
            "hostname": host.hostname, "machine_id": f"{host.seed:064x}", "architecture": "x86_64",
            "addresses": [address], "memory": chance.choice((8, 16, 32)) << 30, "cpus": chance.choice((4, 8, 16)),
            "container": "",
        },
        "os.release": {
            "id": system.id, "version": system.version, "codename": system.codename, "name": system.name,
            "family": system.family,
        },
        "os.support": {
            "product": system.id, "cycle": system.version, "support_end": system.support_end,
            "data_date": date(2026, 8, 22),
        },
        "kernel.running": {
            "release": system.kernel, "newest_installed": system.kernel, "reboot_required": False,
            "reboot_because": [], "booted_at": now - timedelta(days=9),
        },
        "package.inventory": {
            "manager": system.manager,
            "packages": [list(p) for p in packages_of(host.archetype, system.family, host.seed)],
        },
        "package.updates": {
            "pending": [], "security_pending": 0, "lists_updated": now - timedelta(hours=7),
            "origins": [f"{system.id}/security"],
        },
        "update.automatic": {
            "mechanism": "unattended-upgrades" if system.family == "debian" else "dnf-automatic", "enabled": True,
            "applies": True, "security_only": True,
        },
        "service.running": {"names": ["cron.service", "rsyslog.service", "ssh.service"]},
        "time.sync": {
            "clients": ["chrony"], "active": ["chrony"], "servers": ["time.mau.vn"], "synchronised": True,
        },
        "socket.listening": {"sockets": _listeners(host, address), "owners_hidden": 0},
        "tls.listener": _tls(host, address, now, chance),
        "firewall.state": {
            "tools": ["nftables"], "active": True, "input_policy": "drop", "forward_policy": "drop", "rules": 24,
            "source": "nft",
        },
        "firewall.rules": {
            "front_ends": ["nftables"], "openings": _openings(host), "output_policy": "drop", "source": "nft",
        },
        "account.users": {"accounts": _accounts(now, chance), "administrators": ["cb1001"]},
        "account.policy": {
            "maximum_age": 60, "minimum_length": 14, "minimum_classes": 4, "history": 10, "lockout_after": 5,
            "lockout_seconds": 43200, "scheme": "yescrypt", "umask": "027", "session_timeout": 300,
        },
        "sudo.rules": {
            "rules": [sudo("%sudo", no_password=False)], "use_pty": True, "logged": True, "timestamp_minutes": 5,
            "log_output": True, "secure_path": True, "asks_other": False,
        },
        "sshd.effective": dict(SSHD),
        "logging.state": {
            "journald": True, "journal_storage": "persistent", "journal_max_days": 400, "syslog": "rsyslog",
            "syslog_active": True, "rotate_days": 400, "retention_days": 400, "remote_targets": ["nhatky.mau.vn"],
            "oldest_entry": now - timedelta(days=380),
        },
        "audit.state": {"installed": True, "active": True, "rules": 48},
        "malware.protection": {
            "products": [
                {"name": "ClamAV", "active": True, "on_access": True, "signatures": now - timedelta(hours=11)}
            ],
            "active": True,
        },
        "mac.state": {
            "system": "apparmor" if system.family == "debian" else "selinux", "enforcing": True, "profiles": 34,
        },
    }  # fmt: skip


SSHD: Final[dict[str, Any]] = {
    "obtained": "effective", "permitrootlogin": "no", "passwordauthentication": False,
    "kbdinteractiveauthentication": False, "pubkeyauthentication": True, "permitemptypasswords": False,
    "x11forwarding": False, "allowtcpforwarding": "no", "permituserenvironment": "no", "ignorerhosts": "yes",
    "hostbasedauthentication": False, "usepam": True, "maxauthtries": 3, "maxsessions": 4, "logingracetime": 30,
    "clientaliveinterval": 300, "clientalivecountmax": 1, "loglevel": "VERBOSE", "banner": "/etc/issue.net",
    "ports": [22], "ciphers": ["chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com"],
    "macs": ["hmac-sha2-512-etm@openssh.com"],
    "kexalgorithms": ["sntrup761x25519-sha512@openssh.com", "curve25519-sha256"],
    "hostkeyalgorithms": ["ssh-ed25519", "rsa-sha2-512"],
    "allowusers": [], "allowgroups": ["quantri"], "match_blocks": 0, "allowagentforwarding": False,
    "permittunnel": "no", "gatewayports": "no", "disableforwarding": True, "strictmodes": True, "permituserrc": False,
    "gssapiauthentication": False, "startups_begin": 10, "startups_full": 60,
    "authenticationmethods": ["publickey,keyboard-interactive"], "denyusers": [], "denygroups": [],
    "authorizedkeysfile": [".ssh/authorized_keys"], "keys_command": False, "user_authorities": False,
}  # fmt: skip


def _listeners(host: SampleHost, address: str) -> list[dict[str, Any]]:
    found = [socket(22, "sshd", "openssh-server", "root")]
    if host.archetype in ("web", "app"):
        found += [socket(80, "nginx", "nginx", "www-data"), socket(443, "nginx", "nginx", "www-data")]
    if host.archetype == "old":
        found += [socket(port, "apache2", "apache2", "www-data") for port in (80, 443)]
    if host.archetype == "database":
        found.append(socket(5432, "postgres", "postgresql-15", "postgres", address, "private"))
    return found


def _openings(host: SampleHost) -> list[dict[str, Any]]:
    opening = {"family": "both", "protocol": "tcp", "wide": False}
    served = {"database": (5432,), "desktop": ()}.get(host.archetype, (80, 443))
    found = [opening | {"port": 22, "limited": True}]
    return found + [opening | {"port": port, "limited": port == 5432} for port in served]


def socket(
    port: int,
    process: str,
    package: str,
    user: str,
    address: str = "0.0.0.0",
    scope: str = "any",
) -> dict[str, Any]:
    """Builtins of one TCP listener (`socket.listening`)."""
    return {
        "protocol": "tcp", "address": address, "port": port, "scope": scope, "process": process, "user": user,
        "package": package, "program": f"/usr/sbin/{process}",
    }  # fmt: skip


def _tls(host: SampleHost, address: str, now: datetime, chance: random.Random) -> dict[str, Any]:
    if host.archetype not in ("web", "app", "old"):
        return {"endpoints": [], "asked": 1, "silent": []}
    issued = month(now) - timedelta(days=40)
    certificate = {
        "subject": f"CN={host.hostname}", "issuer": "CN=CA mẫu", "names": [host.hostname], "not_before": issued,
        "not_after": issued + timedelta(days=365), "key_type": "rsa", "key_bits": 3072, "signature": "sha256",
        "self_signed": False, "sha256": f"{chance.getrandbits(256):064x}",
    }  # fmt: skip
    endpoint = {
        "address": address, "port": 443, "scope": "any", "process": "nginx", "version": "TLSv1.3",
        "cipher": "TLS_AES_256_GCM_SHA384", "oldest_version": "TLSv1.2", "certificate": certificate,
        "chain_length": 2, "name_matches": True, "trusted": True,
    }  # fmt: skip
    return {"endpoints": [endpoint], "asked": 3, "silent": []}


def _accounts(now: datetime, chance: random.Random) -> list[dict[str, Any]]:
    def account(name: str, uid: int, **more: Any) -> dict[str, Any]:
        return {
            "name": name, "uid": uid, "gid": uid, "shell": "/bin/bash", "home": f"/home/{name}", "system": uid < 1000,
            "can_log_in": True, "groups": [], "password": "set", "scheme": "yescrypt",
            "changed": month(now).date(), "maximum_age": 60, "inactive_after": 30,
            "last_login": month(now).date(), "authorized_keys": 1,
        } | more  # fmt: skip

    return [
        account("root", 0, home="/root", password="locked", scheme="", can_log_in=False, last_login=None),
        account(
            "www-data",
            33,
            shell="/usr/sbin/nologin",
            can_log_in=False,
            password="none",
            scheme="",
            last_login=None,
        ),
        account("cb1001", 1000, groups=["sudo", "quantri"]),
        account("cb1002", 1001, groups=["quantri"]),
    ]


def sudo(who: str, *, no_password: bool) -> dict[str, Any]:
    """Builtins of a rule of sudoers that allows everything."""
    return {
        "who": who, "hosts": "ALL", "run_as": "ALL:ALL", "commands": "ALL", "no_password": no_password,
        "everything": True, "source": "etc/sudoers:50", "everybody": False, "as_root": True,
    }  # fmt: skip


def month(now: datetime) -> datetime:
    """The first of the month: what moves with it changes a report once a month and not every day."""
    return datetime(now.year, now.month, 1, tzinfo=UTC)
