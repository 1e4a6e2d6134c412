"""The words for the topics of rules: the second part of a rule's id, and the folder that it lies in."""

from __future__ import annotations

from typing import Final

from .language import translatable

# Names of products are the same in every language and need no translation.
TOPICS: Final = {
    "accounts": translatable("Accounts"),
    "apache": "Apache",
    "audit": translatable("Audit rules"),
    "backup": translatable("Backups"),
    "boot": translatable("Start-up"),
    "browsers": translatable("Browsers"),
    "containerd": "containerd",
    "cron": translatable("Scheduled jobs"),
    "crypto": translatable("Cryptography"),
    "desktop": translatable("Desktop"),
    "dns": translatable("Name resolution"),
    "docker": "Docker",
    "dovecot": "Dovecot",
    "elasticsearch": "Elasticsearch",
    "exposure": translatable("Open ports"),
    "files": translatable("Files and permissions"),
    "firewall": translatable("Firewall"),
    "ftp": "FTP",
    "inetd": "inetd",
    "integrity": translatable("File integrity"),
    "intrusion": translatable("Intrusion prevention"),
    "kernel": translatable("Kernel modules"),
    "kubelet": "kubelet",
    "ldap": translatable("LDAP server"),
    "logging": translatable("Logs"),
    "mail": translatable("Mail server"),
    "malware": translatable("Malware protection"),
    "media": translatable("Removable media"),
    "mongodb": "MongoDB",
    "monitoring": translatable("Monitoring"),
    "mysql": translatable("MySQL and MariaDB"),
    "nameserver": translatable("DNS server"),
    "network": translatable("Network"),
    "nfs": "NFS",
    "nginx": "nginx",
    "packages": translatable("Packages"),
    "password": translatable("Passwords"),
    "php": "PHP",
    "podman": "Podman",
    "postgresql": "PostgreSQL",
    "privilege": translatable("Privileges"),
    "protection": translatable("Protective measures"),
    "redis": "Redis",
    "repositories": translatable("Repositories"),
    "rsync": "rsync",
    "samba": "Samba",
    "services": translatable("Services"),
    "session": translatable("Sessions"),
    "snmp": "SNMP",
    "software": translatable("Software"),
    "squid": "Squid",
    "ssh": "SSH",
    "storage": translatable("Storage"),
    "sudo": "sudo",
    "support": translatable("Support by the maker"),
    "sysctl": translatable("Kernel settings"),
    "tftp": "TFTP",
    "time": translatable("Time"),
    "tls": "TLS",
    "tomcat": "Tomcat",
    "updates": translatable("Updates"),
    "vnc": "VNC",
    "vpn": "VPN",
    "xrdp": "xrdp",
}


def topic_of(rule: str) -> str:
    """The topic of a rule by its id; empty if it has none."""
    parts = rule.split(".")
    return parts[1] if len(parts) > 2 else ""
