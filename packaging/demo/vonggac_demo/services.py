"""What the services and desktops of a well-kept sample machine are set to, by its kind. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from .settings import Facts

TLS: Final = ["TLSv1.2", "TLSv1.3"]
HEADERS: Final = ["content-security-policy", "referrer-policy", "x-content-type-options", "x-frame-options"]
YEAR: Final = 365 * 86400
MIB: Final = 1 << 20


def services(archetype: str, family: str, hostname: str, address: str) -> Facts:
    """Facts by topic of what a machine of that kind serves or shows."""
    found: Facts = {}
    for part in KINDS[archetype]:
        found |= part(family, hostname, address)
    return found


def _nginx(family: str, hostname: str, address: str) -> Facts:
    server = {
        "names": [hostname], "source": "etc/nginx/conf.d/cong.conf:3", "local": False, "ciphers": "HIGH:!aNULL:!SHA1",
        "weak_ciphers": [], "key_exposed": False, "hsts": YEAR, "headers": HEADERS, "tokens": "off", "listed": [],
        "body_limit": 20 * MIB, "header_timeout": 20, "body_timeout": 20, "idle_timeout": 30, "send_timeout": 20,
        "connection_limit": 50, "request_limited": True, "logged": True, "errors_logged": True, "dotfiles": False,
        "log_fields": ["remote_addr", "remote_user", "time_iso8601", "request", "status", "http_user_agent"],
        "status_open": [], "root": "/var/www/cong", "root_writable": False,
    }  # fmt: skip
    plain = {
        "listens": ["80"],
        "tls": False,
        "plain": True,
        "upgrades": True,
        "protocols": [],
        "certificates": [],
    }
    secure = {
        "listens": ["443 ssl"], "tls": True, "plain": False, "upgrades": False, "protocols": TLS,
        "certificates": ["/etc/ssl/cong.pem"],
    }  # fmt: skip
    user = "www-data" if family == "debian" else "nginx"
    return {"nginx.servers": {"installed": True, "user": user, "servers": [server | plain, server | secure]}}


def _apache(family: str, hostname: str, address: str) -> Facts:
    site = {
        "names": [hostname], "local": False, "weak_ciphers": [], "key_exposed": False, "hsts": YEAR,
        "headers": HEADERS, "trace": False, "logged": True, "log_fields": ["h", "u", "t", "r", "s", "{user-agent}i"],
        "errors_logged": True, "dotfiles": False, "root": "/var/www/html", "root_writable": False,
    }  # fmt: skip
    plain = {
        "source": "sites-enabled/000-cong.conf:1",
        "addresses": ["*:80"],
        "tls": False,
        "upgrades": True,
        "protocols": [],
    }
    secure = {
        "source": "sites-enabled/cong.conf:1",
        "addresses": ["*:443"],
        "tls": True,
        "upgrades": False,
        "protocols": TLS,
    }
    return {
        "apache.servers": {
            "installed": True, "user": "www-data" if family == "debian" else "apache",
            "modules": ["headers", "reqtimeout", "rewrite", "ssl"], "tokens": "prod", "signature": False, "timeout": 60,
            "idle_timeout": 5, "slow_requests_ended": True, "body_limit": 20 * MIB, "client_limits": True,
            "root_closed": True, "sites": [site | plain, site | secure],
        },
    }  # fmt: skip


def _php(family: str, hostname: str, address: str) -> Facts:
    closed = ["exec", "passthru", "shell_exec", "system", "proc_open", "popen"]
    return {
        "php.installations": {
            "installed": True,
            "installations": [
                {
                    "sapi": "fpm", "version": "8.2", "pool": "www", "user": "www-data",
"source": "etc/php/8.2/fpm/php.ini",
                    "web": True, "exposed": False, "errors_shown": False, "errors_logged": True, "includes_urls": False,
                    "opens_urls": False, "base_folders": ["/var/www"], "disabled_functions": closed, "uploads": True,
                    "upload_limit": 20 * MIB, "body_limit": 24 * MIB, "memory_limit": 256 * MIB, "cookie_secure": True,
                    "cookie_httponly": True, "cookie_samesite": "strict", "strict_sessions": True,
"session_seconds": 900,
                },
            ],
        },
    }  # fmt: skip


def _tomcat(family: str, hostname: str, address: str) -> Facts:
    connector = {
        "port": 8080, "protocol": "HTTP/1.1", "address": "127.0.0.1", "local": True, "tls": False, "ajp": False,
        "secret": False, "protocols": [], "weak_ciphers": [], "idle_timeout": 60, "trace": False,
    }  # fmt: skip
    return {
        "tomcat.servers": {
            "installed": True,
            "servers": [
                {
                    "source": "etc/tomcat10/server.xml", "shutdown_port": -1, "shutdown_default": False,
                    "connectors": [connector], "auto_deploy": False, "access_logged": True,
                    "log_fields": ["h", "u", "t", "r", "s", "{user-agent}i"], "tells_version": False,
                    "lockout_after": 5, "lockout_seconds": 43200, "session_seconds": 900, "listings": False,
                    "managers": [], "managers_open": [], "users": [], "user": "tomcat",
                },
            ],
        },
    }  # fmt: skip


def _postgresql(family: str, hostname: str, address: str) -> Facts:
    inside = ".".join([*address.split(".")[:3], "0/24"])
    rule = {"databases": ["all"], "superusers": False}
    return {
        "postgresql.clusters": {
            "installed": True,
            "clusters": [
                {
                    "name": "15/main", "source": "etc/postgresql/15/main/postgresql.conf", "version": "15",
                    "listens": [address], "remote": True, "port": 5432, "tls": True, "tls_versions": TLS,
                    "weak_ciphers": [], "key_exposed": False, "password_scheme": "scram-sha-256",
                    "connections_logged": True, "disconnections_logged": True, "statements_logged": "ddl",
                    "log_fields": ["m", "p", "u", "d", "h"], "preloaded": ["pgaudit"],
                    "audited": ["ddl", "role", "write"], "idle_seconds": 1800, "connections": 100, "data_closed": True,
                    "access": [
                        rule | {
                            "line": 1, "type": "local", "users": ["postgres"], "address": "", "scope": "socket",
                            "method": "peer", "encrypted": False, "superusers": True,
                        },
                        rule | {
                            "line": 2, "type": "hostssl", "users": ["+ungdung"], "address": inside, "scope": "private",
                            "method": "scram-sha-256", "encrypted": True,
                        },
                    ],
                },
            ],
        },
    }  # fmt: skip


def _desktop(family: str, hostname: str, address: str) -> Facts:
    return {
        "browser.installed": {
            "browsers": [
                {
                    "name": "firefox", "kind": "browser", "package": "firefox-esr", "version": "140.5.0esr-1",
                    "managed": True, "extensions": "listed", "filtering": True, "own_dns": "off",
                },
            ],
        },
        "browser.extensions": {
            "extensions": [{"browser": "firefox", "id": "uBlock0@raymondhill.net"}],
        },
        "desktop.session-lock": {
            "installed": True,
            "desktops": [
                {"environment": "gnome", "name": "GNOME", "locks": True, "after_seconds": 600, "enforced": True},
            ],
        },
        "media.handling": {
            "desktops": [{"environment": "gnome", "automount": False, "autorun": False, "enforced": True}],
            "admitted_by_list": True, "scanned": True,
        },
        "network.interfaces": {
            "chassis": "desktop", "radios": [],
            "interfaces": [
                {
                    "name": "enp3s0", "kind": "ethernet", "up": True, "promiscuous": False, "master": "",
                },
            ],
        },
    }  # fmt: skip


def _no_browser(family: str, hostname: str, address: str) -> Facts:
    return {"browser.installed": {"browsers": []}}


Part = Callable[[str, str, str], Facts]

KINDS: Final[dict[str, tuple[Part, ...]]] = {
    "web": (_no_browser, _nginx, _php),
    "app": (_no_browser, _nginx, _tomcat),
    "database": (_no_browser, _postgresql),
    "desktop": (_desktop,),
    "old": (_no_browser, _apache, _php),
}
