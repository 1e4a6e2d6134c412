"""What a well-kept sample machine is set to, whatever it serves: accounts, logs, boot, network, upkeep. Pure.

Only what differs from a machine that has nothing stands here; the rest is what the agent says of that.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

Facts = dict[str, dict[str, Any]]
"""Builtins of the facts without a selector, by topic."""

PRIVATE: Final = ["u+r", "u+w", "u+x"]
READABLE: Final = ["u+r", "u+w", "g+r"]
PEOPLE: Final = ("cb1001", "cb1002")
WALKED: Final = (
    *("world_writable", "open_folders", "unowned", "privileged"),
    *("devices", "system_writable", "trust_files"),
)
"""What the walk over the disk looks for."""


def settings(family: str, day: datetime) -> Facts:
    """Facts by topic. `family`: debian or redhat; `day`: midnight of the day, UTC."""
    return _accounts() | _logins() | _logs(family) | _start(family) | _network() | _upkeep(family, day)


def _accounts() -> Facts:
    def group(name: str, gid: int, *members: str) -> dict[str, Any]:
        return {"name": name, "gid": gid, "members": list(members), "password": "none"}

    nothing_wrong = ("repeated_names", "repeated_numbers", "repeated_groups", "repeated_group_numbers", "without_group",
                     "legacy_entries", "unshadowed", "malformed")  # fmt: skip
    shadow = (
        "without_entry",
        "without_account",
        "same_password",
        "changed_later",
        "legacy_entries",
        "malformed",
    )
    home = {"exists": True, "owned": True, "permissions": PRIVATE}
    keys = "/home/{}/.ssh/authorized_keys"
    key = {
        "type": "ed25519", "bits": 256, "limited_sources": True, "limited_command": False, "restricted": False,
    }  # fmt: skip
    return {
        "account.central": {
            "directories": ["sssd"], "managed": True, "domains": ["mau.vn"], "providers": ["ldap"],
        },
        "account.consistency": {name: [] for name in nothing_wrong},
        "account.shadow": {name: [] for name in shadow},
        "account.defaults": {
            "maximum_days": 60, "minimum_days": 1, "warning_days": 7, "inactive_days": 30, "scheme": "yescrypt",
            "home_permissions": PRIVATE, "fail_delay": 4,
        },
        "account.groups": {
            "groups": [
                group("root", 0, "root"), group("adm", 4),
                group("shadow", 42), group("quantri", 990, *PEOPLE),
                *(group(p, 1000 + i, p) for i, p in enumerate(PEOPLE)),
            ],
        },
        "account.homes": {"homes": [{"account": p, "path": f"/home/{p}"} | home for p in PEOPLE]},
        "account.dot-files": {
            "files": [
                {"account": p, "name": ".bashrc", "owned": True, "permissions": ["u+r", "u+w"]} for p in PEOPLE
            ],
        },
        "account.keys": {
            "files": [
                {"account": p, "path": keys.format(p), "owned": True, "permissions": ["u+r", "u+w"], "writers": []}
                for p in PEOPLE
            ],
            "keys": [{"account": p, "path": keys.format(p), "administrator": p == PEOPLE[0]} | key for p in PEOPLE],
        },
    }  # fmt: skip


def _logins() -> Facts:
    factor = {"module": "pam_google_authenticator.so", "required": True}
    root_path = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
    return {
        "pam.checks": {
            "dictionary": True, "user_name": True, "root_too": True, "maximum_repeat": 3, "maximum_sequence": 3,
            "root_locked": True, "empty_allowed": [],
        },
        "pam.limits": {"entries": [{"domain": "*", "type": "hard", "item": "maxlogins", "value": 5}]},
        "pam.second-factor": {
            "modules": [{"service": s} | factor for s in ("sshd", "sudo", "login")], "ssh": True,
            "ssh_everybody": True, "ssh_administrators": True, "ssh_exceptions": [], "sudo": True, "login": True,
        },
        "root.shell": {
            "path": [
                {"folder": f, "source": "etc/profile", "absolute": True, "root_only": True} for f in root_path
            ],
            "timeout": 300,
        },
        "shell.defaults": {
            "umask": "0027", "removed": ["g+w", "o+r", "o+w", "o+x"], "timeout_fixed": True,
        },
        "login.banner": {
            "banners": [
                {"name": name, "exists": True, "empty": False, "reveals": False, "others_write": False}
                for name in ("issue", "issue.net", "motd")
            ],
        },
        "sshd.host-keys": {
            "keys": [
                {"path": "/etc/ssh/ssh_host_ed25519_key", "type": "ed25519", "bits": 256},
                {"path": "/etc/ssh/ssh_host_rsa_key", "type": "rsa", "bits": 3072},
            ],
        },
        "sshd.match": {"blocks": []},
        "ssh.client": {
            "installed": True,
            "sections": [
                {
                    "hosts": "*", "host_key_check": "ask", "forgets_hosts": False, "forward_agent": "no",
                    "forward_x11": "no", "local_command": "", "hash_known_hosts": "yes", "ciphers": [],
                },
            ],
        },
        "polkit.rules": {
            "installed": True,
            "grants": [
                {
                    "source": "usr/share/polkit-1/rules.d/50-default.rules",
                    "everybody": False, "everything": False, "at_the_machine": True, "actions": [],
                },
            ],
        },
    }  # fmt: skip


def _logs(family: str) -> Facts:
    login = "/var/log/auth.log" if family == "debian" else "/var/log/secure"
    system = "/var/log/syslog" if family == "debian" else "/var/log/messages"
    owner = ("syslog", "adm") if family == "debian" else ("root", "root")
    stored = {
        "owner": owner[0], "group": owner[1], "mode": "0640", "owned_by_person": False, "readable_by_all": False,
        "writable_by_all": False, "writable_by_group": False,
    }  # fmt: skip
    watch = {"action": "always", "filter": "exit", "permissions": ["w", "a"], "architecture": ""}
    data = {"permissions": ["r", "w"], "path": "/srv/du-lieu", "key": "data"}
    return {
        "audit.config": {
            "installed": True, "log_file": "/var/log/audit/audit.log", "log_group": owner[1],
            "log_format": "enriched", "node_name": True, "writes": True, "max_log_file": 64,
            "max_log_file_action": "keep_logs", "kept": 99, "space_left": 1024, "space_left_action": "email",
            "admin_space_left_action": "single", "disk_full_action": "halt", "disk_error_action": "halt",
            "remote": "nhatky.mau.vn", "remote_encrypted": True, "to_syslog": True,
        },
        "audit.kernel": {"state": "locked", "rules": 48, "daemon": True, "backlog_limit": 8192, "lost": 0},
        "audit.rules": {
            "installed": True, "enabled": 2, "failure": 1, "backlog": 8192,
            "rules": [
                watch | {"path": "/etc/passwd", "key": "tai-khoan"}, watch | {"path": "/etc/sudoers", "key": "sudo"},
                watch | data,
                {
                    "action": "always", "filter": "exit", "path": "", "permissions": [], "architecture": "b64",
                    "calls": ["execve", "execveat"], "key": "chuong-trinh",
                },
            ],
        },
        "journald.config": {
            "installed": True, "storage": "persistent", "compress": True, "seal": True, "sealing_key": True,
            "forward_to_syslog": True, "system_max_use": 8 << 30, "system_keep_free": 4 << 30,
            "max_retention_days": 400, "rate_limit": True,
        },
        "syslog.config": {
            "daemon": "rsyslog", "active": True, "full_time": True,
            "files": [
                {"path": login, "selector": "auth,authpriv.*", "mode": "0640", "open_to_all": False},
                {"path": system, "selector": "*.*;auth,authpriv.none", "mode": "0640", "open_to_all": False},
            ],
            "targets": [
                {
                    "host": "nhatky.mau.vn", "port": "6514", "protocol": "tcp", "tls": True, "verified": True,
                    "queued": True, "selector": "*.*", "auth": True, "authpriv": True,
                },
            ],
        },
        "logrotate.config": {
            "installed": True, "scheduled": True,
            "rotations": [
                {
                    "paths": [system, login], "period": "weekly", "days": 400, "compress": True, "create_mode": "0640",
                },
            ],
        },
        "log.files": {"files": [stored | {"path": login}, stored | {"path": system}]},
        "logging.types": {"types": ["system", "access", "application", "changes", "process"]},
    }  # fmt: skip


def _start(family: str) -> Facts:
    grub = "/boot/grub/grub.cfg" if family == "debian" else "/boot/grub2/grub.cfg"
    policy = "apparmor=1 security=apparmor" if family == "debian" else "selinux=1 enforcing=1"
    parameters = ["ro", "quiet", "audit=1", "audit_backlog_limit=8192", *policy.split()]
    selinux = {"system": "selinux", "configured": "enforcing", "selinux_type": "targeted", "unconfined": []}
    apparmor = {"system": "apparmor", "configured": "enforcing", "unconfined": []}
    policies = {"installed": True, "base": "DEFAULT", "applied": True, "ssh_follows": True}
    disk = {"device": "/dev/mapper/he-thong", "type": "ext4", "encrypted": True}
    return {
        "boot.loader": {
            "kind": "grub", "protected": True, "firmware": "uefi", "secure_boot": True,
            "files": [{"path": grub, "owner": "root", "permissions": ["u+r", "u+w"], "holds_password": True}],
        },
        "boot.parameters": {
            "running": parameters, "template": parameters,
            "entries": [{"title": "Linux", "parameters": parameters, "file": grub.lstrip("/")}],
        },
        "boot.rescue": {"found": True, "asks": True},
        "coredump.settings": {"hard_limit": 0, "collector": True, "storage": "none", "size_max": 0},
        "crypto.policy": policies if family == "redhat" else {},
        "crypto.openssl": {"found": True, "min_protocol": "TLSv1.2", "security_level": 2},
        "mac.policy": apparmor if family == "debian" else selinux,
        "disk.encryption": {
            "file_systems": [disk | {"path": path} for path in ("/", "/home", "/var")],
            "swap": [{"path": "swap", "device": "/dev/mapper/trao-doi", "type": "swap", "encrypted": True}],
            "volumes": [{"name": "he-thong", "key": "asked"}, {"name": "trao-doi", "key": "random"}],
        },
        "mount.table": {
            "mounts": [
                {
                    "path": path, "device": "/dev/mapper/he-thong", "type": "ext4", "kind": "disk",
                    "options": ["rw", "nodev", "relatime"], "running": True,
                }
                for path in ("/", "/home", "/var")
            ],
        },
    }  # fmt: skip


def _network() -> Facts:
    def interface(name: str, kind: str, master: str = "", up: int | None = None) -> dict[str, Any]:
        return {
            "name": name, "kind": kind, "up": True, "promiscuous": False, "master": master, "members_up": up,
        }  # fmt: skip

    return {
        "network.interfaces": {
            "chassis": "server", "radios": [],
            "interfaces": [
                interface("bond0", "bond", up=2), interface("eno1", "ethernet", "bond0"),
                interface("eno2", "ethernet", "bond0"), interface("lo", "loopback"),
            ],
        },
        "dns.resolver": {
            "servers": [{"address": "10.0.0.53", "reach": "inside"}], "search": ["mau.vn"],
            "resolved": True, "dnssec": "yes", "over_tls": "opportunistic", "llmnr": "no",
        },
        "time.sources": {
            "client": "chrony", "servers": 3, "serves": False, "as_root": False,
            "sources": [
                {"name": f"time{n}.mau.vn", "servers": 1, "authenticated": True, "nts": True} for n in (1, 2, 3)
            ],
        },
        "intrusion.prevention": {
            "tools": [{"name": "fail2ban", "kind": "host", "active": True}], "guarded": ["sshd"],
        },
    }  # fmt: skip


def _upkeep(family: str, day: datetime) -> Facts:
    cron = "crond.service" if family == "redhat" else "cron.service"
    ssh = "sshd.service" if family == "redhat" else "ssh.service"
    source = {
        "scheme": "https", "host": "kho.mau.vn", "through": "", "reach": "inside", "through_reach": "inside",
        "signed": True, "own_key": True, "tls_checked": True,
    }  # fmt: skip
    return {
        "service.started": {
            "units": [
                "auditd.service", "chrony.service", cron, "fail2ban.service", "rsyslog.service", ssh, "sssd.service",
                "usbguard.service", "wazuh-agent.service",
            ],
        },
        "monitoring.agent": {"agents": [{"name": "Wazuh", "active": True}], "active": True},
        "integrity.tool": {"tools": [{"name": "AIDE", "database": True, "scheduled": True}]},
        "media.handling": {"desktops": [], "admitted_by_list": True, "scanned": True},
        "backup.jobs": {
            "jobs": [
                {
                    "tool": "borg", "place": "etc/systemd/system/sao-luu.timer", "scheduled": True, "central": False,
                    "remote": True, "encrypted": True, "versions": 30, "last_started": day,
                },
            ],
        },
        "package.sources": {
            "manager": "apt" if family == "debian" else "dnf",
            "sources": [source | {"name": name} for name in ("base", "security")], "loose": [], "shared_keys": [],
        },
        "package.origins": {"basis": "archives" if family == "debian" else "signatures", "foreign": []},
        "cron.access": {
            "cron": True, "cron_who": "root", "cron_users": [], "cron_files_safe": True, "at": False,
        },
        "cron.jobs": {
            "installed": True,
            "jobs": [
                {
                    "source": "etc/crontab", "line": 17, "user": "root", "program": "/usr/bin/run-parts",
                    "changeable": [], "fetches": False,
                },
            ],
        },
        "systemd.timers": {
            "timers": [
                {
                    "name": name, "enabled": True, "activates": f"{name.split('.')[0]}.service", "schedule": ["daily"],
                    "programs": [program], "changeable": [],
                }
                for name, program in (("logrotate.timer", "/usr/sbin/logrotate"), ("sao-luu.timer", "/usr/bin/borg"))
            ],
        },
        "file.walk": {"entries": 143_000, "unreadable": 0, "unsearched": []}
        | {f"{found}{what}": none for found in WALKED for what, none in (("", []), ("_total", 0))},
    }  # fmt: skip
