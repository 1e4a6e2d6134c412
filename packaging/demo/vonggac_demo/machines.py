"""What a sample host would show: the facts of a well-kept machine of its kind, with the day's faults. Pure.

The kinds differ in system, services and software; faults come and go by seeded chance and the host's care. Facts
with a selector (a kernel parameter, a file, a package) take their good and bad values from the rules' own cases.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple

from vonggac_contract.facts import Fact, FactKey, fact_key
from vonggac_contract.finding import Outcome
from vonggac_contract.snapshot import Snapshot, known
from vonggac_rules.cases import Case
from vonggac_rules.evidence import plain

from .country import SampleHost
from .software import PACKAGES, packages_of

DAYS: Final = 60
Facts = dict[str, dict[str, Any]]
"""Builtins of the facts without a selector, by topic."""


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


class Known(NamedTuple):
    """Good and bad values of facts with a selector, from the rules' cases: rule -> key -> builtins."""

    good: Mapping[FactKey, dict[str, Any]]
    bad: Mapping[str, Mapping[FactKey, dict[str, Any]]]


def from_cases(cases: Mapping[str, Iterable[Case]]) -> Known:
    """Take what the rules' pass and fail cases say of facts with a selector."""
    good: dict[FactKey, dict[str, Any]] = {}
    bad: dict[str, dict[FactKey, dict[str, Any]]] = {}
    for rule, rule_cases in sorted(cases.items()):
        for case in rule_cases:
            facts = {k: f for k, f in case.snapshot.facts.items() if k.selector and hasattr(f, "value")}
            values = {k: {n: v for n, v in plain(f.value).items() if v is not None} for k, f in facts.items()}
            if case.outcome is Outcome.PASS:
                for key, value in values.items():
                    good.setdefault(key, value)
            elif case.outcome is Outcome.FAIL and len(values) == len(case.snapshot.facts):
                bad.setdefault(rule, values)
    return Known(good, bad)


class Span(NamedTuple):
    """A fault by name, from day `start` until the day before `end`; days count from the beginning of the history."""

    fault: str
    start: int
    end: int


def life_of(host: SampleHost, rules: Known) -> list[Span]:
    """Which faults the host has when: there from the start, mended or made within the history."""
    chance = random.Random(host.seed)
    spans = []
    for name in sorted({*FAULTS, *rules.bad}):
        likely = (1 - host.care) * (1.1 if name in FAULTS else 0.8)
        if chance.random() >= likely:
            continue
        start = 0 if chance.random() < 0.88 else chance.randrange(1, DAYS)
        mended = chance.random() < 0.1 + 0.3 * host.care
        spans.append(Span(name, start, chance.randrange(start + 1, DAYS + 2) if mended else 10**6))
    return spans


def changes_of(spans: Iterable[Span]) -> frozenset[int]:
    """The days on which something begins or ends."""
    return frozenset(day for span in spans for day in (span.start, span.end))


def snapshot_of(
    host: SampleHost, spans: Iterable[Span], day: int, now: datetime, keys: Iterable[FactKey], rules: Known
) -> Snapshot:
    """The facts that the host would give at `now`, its day `day`, for `keys`."""
    chance = random.Random(host.seed)
    system = chance.choice(SYSTEMS[host.archetype])
    facts = well_kept(host, system, now, chance)
    active = [s.fault for s in spans if s.start <= day < s.end]
    selected = dict(rules.good) | WELL_KEPT
    for name in active:
        if name in FAULTS:
            FAULTS[name](facts, now)
        else:
            selected.update(rules.bad[name])
    gathered: dict[FactKey, Fact] = {}
    for key in keys:
        value = facts[key.topic] if key.topic in facts else SELECTED[key.topic] | selected.get(key, {})
        if (
            key.topic == "package.installed"
            and key.selector[0] in PACKAGES["common"] + PACKAGES[host.archetype]
        ):
            value = {"installed": True, "version": "1"} | selected.get(key, {})
        gathered[key] = known(key.topic, value, "sample")
    return Snapshot(now, "linux", gathered)


WELL_KEPT: Final[dict[FactKey, dict[str, Any]]] = {
    fact_key("sysctl", {"key": "net.ipv4.ip_forward"}): {"value": "0", "number": 0}
}
"""Good values where the pass cases show an exception."""

SELECTED: Final[Facts] = {
    "sysctl": {"value": "1", "number": 1},
    "file.stat": {"exists": False},
    "package.installed": {"installed": False},
    "service.unit": {"exists": False, "enabled": "absent", "active": False},
}
"""Facts with a selector about which no case says anything."""


def well_kept(host: SampleHost, system: System, now: datetime, chance: random.Random) -> Facts:
    """The facts of a machine of that kind without a fault."""
    address = f"10.{int(host.province)}.{chance.randrange(1, 250)}.{chance.randrange(2, 250)}"
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
        "account.users": {"accounts": _accounts(now, chance), "administrators": ["cb1001"]},
        "account.policy": {
            "maximum_age": 60, "minimum_length": 14, "minimum_classes": 4, "history": 10, "lockout_after": 5,
            "lockout_seconds": 43200, "scheme": "yescrypt", "umask": "027", "session_timeout": 300,
        },
        "sudo.rules": {
            "rules": [_sudo("%sudo", no_password=False)], "use_pty": True, "logged": True, "timestamp_minutes": 5,
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
    "allowusers": [], "allowgroups": ["quantri"], "match_blocks": 0,
}  # fmt: skip


def _listeners(host: SampleHost, address: str) -> list[dict[str, Any]]:
    found = [_socket(22, "sshd", "openssh-server", "root")]
    if host.archetype in ("web", "app", "old"):
        found += [_socket(80, "nginx", "nginx", "www-data"), _socket(443, "nginx", "nginx", "www-data")]
    if host.archetype == "database":
        found.append(_socket(5432, "postgres", "postgresql-15", "postgres", address, "private"))
    return found


def _socket(
    port: int,
    process: str,
    package: str,
    user: str,
    address: str = "0.0.0.0",
    scope: str = "any",
) -> dict[str, Any]:
    return {
        "protocol": "tcp", "address": address, "port": port, "scope": scope, "process": process, "user": user,
        "package": package, "program": f"/usr/sbin/{process}",
    }  # fmt: skip


def _tls(host: SampleHost, address: str, now: datetime, chance: random.Random) -> dict[str, Any]:
    if host.archetype not in ("web", "app", "old"):
        return {"endpoints": [], "asked": 1, "silent": []}
    issued = _month(now) - timedelta(days=40)
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
            "changed": _month(now).date(), "maximum_age": 60, "inactive_after": 30,
            "last_login": _month(now).date(), "authorized_keys": 1,
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


def _sudo(who: str, *, no_password: bool) -> dict[str, Any]:
    return {
        "who": who, "hosts": "ALL", "run_as": "ALL:ALL", "commands": "ALL", "no_password": no_password,
        "everything": True, "source": "etc/sudoers:50",
    }  # fmt: skip


def _month(now: datetime) -> datetime:
    """The first of the month: what moves with it changes a report once a month and not every day."""
    return datetime(now.year, now.month, 1, tzinfo=UTC)


def _updates(facts: Facts, now: datetime) -> None:
    names = [
        ("openssl", "3.0.17-1", "3.0.22-1"),
        (_kernel(facts), "6.1.140-1", "6.1.148-1"),
        ("sudo", "1.9.13p3-1", "1.9.13p3-1+u3"),
    ]
    pending = [{"name": n, "installed": i, "candidate": c, "security": True} for n, i, c in names]
    facts["package.updates"] |= {"pending": pending, "security_pending": len(pending)}


def _kernel(facts: Facts) -> str:
    return "kernel" if facts["os.release"]["family"] == "redhat" else "linux-image-amd64"


def _ssh_passwords(facts: Facts, now: datetime) -> None:
    facts["sshd.effective"] |= {"permitrootlogin": "yes", "passwordauthentication": True, "maxauthtries": 6}


def _weak_ssh(facts: Facts, now: datetime) -> None:
    facts["sshd.effective"] |= {
        "macs": ["hmac-sha1", "hmac-md5"], "ciphers": ["aes128-cbc", "3des-cbc"],
        "kexalgorithms": ["diffie-hellman-group1-sha1"], "loglevel": "INFO",
    }  # fmt: skip


def _telnet(facts: Facts, now: datetime) -> None:
    facts["socket.listening"]["sockets"].append(_socket(23, "inetd", "telnetd", "root"))


def _open_database(facts: Facts, now: datetime) -> None:
    facts["socket.listening"]["sockets"] += [
        _socket(6379, "redis-server", "redis-server", "redis"),
        _socket(3306, "mysqld", "mariadb-server", "mysql"),
    ]


def _old_tls(facts: Facts, now: datetime) -> None:
    for endpoint in facts["tls.listener"]["endpoints"]:
        endpoint |= {"oldest_version": "TLSv1"}


def _expiring(facts: Facts, now: datetime) -> None:
    for endpoint in facts["tls.listener"]["endpoints"]:
        endpoint["certificate"] |= {"not_after": _month(now) + timedelta(days=33)}


def _weak_certificate(facts: Facts, now: datetime) -> None:
    for endpoint in facts["tls.listener"]["endpoints"]:
        endpoint |= {"name_matches": False, "trusted": False}
        endpoint["certificate"] |= {"key_bits": 1024, "signature": "sha1", "self_signed": True}


def _firewall_off(facts: Facts, now: datetime) -> None:
    facts["firewall.state"] |= {"active": False, "input_policy": "accept", "rules": 0}


def _passwords(facts: Facts, now: datetime) -> None:
    facts["account.policy"] |= {
        "minimum_length": 6,
        "minimum_classes": 1,
        "maximum_age": 99999,
        "history": None,
    }
    for account in facts["account.users"]["accounts"]:
        if account["password"] == "set":
            account |= {"maximum_age": 99999, "scheme": "sha512"}


def _dormant(facts: Facts, now: datetime) -> None:
    old = dict(facts["account.users"]["accounts"][-1])
    facts["account.users"]["accounts"].append(
        old
        | {
            "name": "cb0907",
            "uid": 1009,
            "gid": 1009,
            "last_login": (_month(now) - timedelta(days=190)).date(),
        }
    )


def _no_lockout(facts: Facts, now: datetime) -> None:
    facts["account.policy"] |= {"lockout_after": None, "lockout_seconds": None, "session_timeout": None}


def _sudo_free(facts: Facts, now: datetime) -> None:
    facts["sudo.rules"]["rules"].append(_sudo("cb1002", no_password=True))
    facts["sudo.rules"] |= {"use_pty": False}


def _short_logs(facts: Facts, now: datetime) -> None:
    facts["logging.state"] |= {
        "rotate_days": 28,
        "journal_max_days": None,
        "retention_days": 28,
        "remote_targets": [],
    }


def _no_audit(facts: Facts, now: datetime) -> None:
    facts["audit.state"] |= {"active": False, "rules": 0}


def _no_antimalware(facts: Facts, now: datetime) -> None:
    facts["malware.protection"] = {"products": [], "active": False}


def _stale_signatures(facts: Facts, now: datetime) -> None:
    for product in facts["malware.protection"]["products"]:
        product |= {"signatures": _month(now) - timedelta(days=70), "on_access": False}


def _no_clock(facts: Facts, now: datetime) -> None:
    facts["time.sync"] |= {"active": [], "synchronised": False}


def _manual_updates(facts: Facts, now: datetime) -> None:
    facts["update.automatic"] |= {"mechanism": "none", "enabled": False, "applies": False}


def _reboot(facts: Facts, now: datetime) -> None:
    facts["kernel.running"] |= {"reboot_required": True, "reboot_because": [_kernel(facts)]}


def _permissive(facts: Facts, now: datetime) -> None:
    facts["mac.state"] |= {"enforcing": False, "profiles": 0}


FAULTS: Final[dict[str, Callable[[Facts, datetime], None]]] = {
    "updates": _updates, "ssh-passwords": _ssh_passwords, "weak-ssh": _weak_ssh, "telnet": _telnet,
    "open-database": _open_database, "old-tls": _old_tls, "expiring": _expiring,
    "weak-certificate": _weak_certificate, "firewall-off": _firewall_off, "passwords": _passwords,
    "dormant": _dormant, "no-lockout": _no_lockout, "sudo-free": _sudo_free, "short-logs": _short_logs,
    "no-audit": _no_audit, "no-antimalware": _no_antimalware, "stale-signatures": _stale_signatures,
    "no-clock": _no_clock, "manual-updates": _manual_updates, "reboot": _reboot, "permissive": _permissive,
}  # fmt: skip
"""Faults of facts without a selector; none of their names is a rule's id."""
