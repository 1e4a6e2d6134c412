"""Faults of sample machines in facts without a selector: each changes a well-kept machine's facts in place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from vonggac_contract.facts import Reason, Unavailable

from .settings import Facts
from .well_kept import month, socket, sudo


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
    facts["sshd.effective"] |= {
        "permitrootlogin": "yes",
        "passwordauthentication": True,
        "maxauthtries": 6,
        "authenticationmethods": ["any"],
    }


def _weak_ssh(facts: Facts, now: datetime) -> None:
    facts["sshd.effective"] |= {
        "macs": ["hmac-sha1", "hmac-md5"], "ciphers": ["aes128-cbc", "3des-cbc"],
        "kexalgorithms": ["diffie-hellman-group1-sha1"], "loglevel": "INFO",
    }  # fmt: skip


def _telnet(facts: Facts, now: datetime) -> None:
    facts["socket.listening"]["sockets"].append(socket(23, "inetd", "telnetd", "root"))


def _open_database(facts: Facts, now: datetime) -> None:
    facts["socket.listening"]["sockets"] += [
        socket(6379, "redis-server", "redis-server", "redis"),
        socket(3306, "mysqld", "mariadb-server", "mysql"),
    ]


def _old_tls(facts: Facts, now: datetime) -> None:
    for endpoint in facts["tls.listener"]["endpoints"]:
        endpoint |= {"oldest_version": "TLSv1"}
    for topic, sites in (("nginx.servers", "servers"), ("apache.servers", "sites")):
        for site in facts[topic].get(sites, []):
            site |= {"protocols": ["TLSv1", "TLSv1.1", "TLSv1.2"]} if site["tls"] else {}


def _expiring(facts: Facts, now: datetime) -> None:
    for endpoint in facts["tls.listener"]["endpoints"]:
        endpoint["certificate"] |= {"not_after": month(now) + timedelta(days=33)}


def _weak_certificate(facts: Facts, now: datetime) -> None:
    for endpoint in facts["tls.listener"]["endpoints"]:
        endpoint |= {"name_matches": False, "trusted": False}
        endpoint["certificate"] |= {"key_bits": 1024, "signature": "sha1", "self_signed": True}


def _firewall_off(facts: Facts, now: datetime) -> None:
    facts["firewall.state"] |= {"active": False, "input_policy": "accept", "rules": 0}
    wide = {"protocol": "any", "port": None, "wide": True, "limited": False}
    facts["firewall.rules"] |= {
        "openings": [wide | {"family": family} for family in ("ipv4", "ipv6")],
        "output_policy": "accept",
    }


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
            "last_login": (month(now) - timedelta(days=190)).date(),
        }
    )


def _no_lockout(facts: Facts, now: datetime) -> None:
    facts["account.policy"] |= {"lockout_after": None, "lockout_seconds": None, "session_timeout": None}


def _sudo_free(facts: Facts, now: datetime) -> None:
    facts["sudo.rules"]["rules"].append(sudo("cb1002", no_password=True))
    facts["sudo.rules"] |= {"use_pty": False}


def _short_logs(facts: Facts, now: datetime) -> None:
    facts["logging.state"] |= {
        "rotate_days": 28,
        "journal_max_days": None,
        "retention_days": 28,
        "remote_targets": [],
    }
    facts["syslog.config"] |= {"targets": []}


def _no_audit(facts: Facts, now: datetime) -> None:
    facts["audit.state"] |= {"active": False, "rules": 0}
    facts["audit.kernel"] |= {"state": "off", "rules": 0, "daemon": False}


def _no_antimalware(facts: Facts, now: datetime) -> None:
    facts["malware.protection"] = {"products": [], "active": False}


def _stale_signatures(facts: Facts, now: datetime) -> None:
    for product in facts["malware.protection"]["products"]:
        product |= {"signatures": month(now) - timedelta(days=70), "on_access": False}


def _no_clock(facts: Facts, now: datetime) -> None:
    facts["time.sync"] |= {"active": [], "synchronised": False}


def _manual_updates(facts: Facts, now: datetime) -> None:
    facts["update.automatic"] |= {"mechanism": "none", "enabled": False, "applies": False}


def _reboot(facts: Facts, now: datetime) -> None:
    facts["kernel.running"] |= {"reboot_required": True, "reboot_because": [_kernel(facts)]}


def _permissive(facts: Facts, now: datetime) -> None:
    facts["mac.state"] |= {"enforcing": False, "profiles": 0}
    facts["mac.policy"] |= {"configured": "permissive"}


def _no_backup(facts: Facts, now: datetime) -> None:
    facts["backup.jobs"] |= {"jobs": []}


FAULTS: Final[dict[str, Callable[[Facts, datetime], None]]] = {
    "updates": _updates, "ssh-passwords": _ssh_passwords, "weak-ssh": _weak_ssh, "telnet": _telnet,
    "open-database": _open_database, "old-tls": _old_tls, "expiring": _expiring,
    "weak-certificate": _weak_certificate, "firewall-off": _firewall_off, "passwords": _passwords,
    "dormant": _dormant, "no-lockout": _no_lockout, "sudo-free": _sudo_free, "short-logs": _short_logs,
    "no-audit": _no_audit, "no-antimalware": _no_antimalware, "stale-signatures": _stale_signatures,
    "no-clock": _no_clock, "manual-updates": _manual_updates, "reboot": _reboot, "permissive": _permissive,
    "no-backup": _no_backup,
}  # fmt: skip
"""Faults of facts without a selector; none of their names is a rule's id."""

UNSEEN: Final[dict[str, tuple[str, Unavailable]]] = {
    "slow-disk": ("file.walk", Unavailable(Reason.TIMED_OUT, "the disk was not gone through in time")),
    "withheld-homes": ("account.dot-files", Unavailable(Reason.DISABLED_BY_OWNER, "named in disabled_facts")),
    "withheld-browsers": (
        "browser.extensions",
        Unavailable(Reason.DISABLED_BY_OWNER, "named in disabled_facts"),
    ),
}
"""Facts that some machines leave unknown, and why: nobody could look, or their owner does not want it."""
