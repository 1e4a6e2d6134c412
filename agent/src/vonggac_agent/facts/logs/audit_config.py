"""audit.config: what auditd does with what it records: where, how much, and what when there is no more room.

Sources: auditd.conf(5) (keys and values in any case; the defaults are those of auditd's clear_config),
audisp-remote.conf(5), auditd-plugins(5).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal, get_args

from vonggac_contract.facts.logs import AuditConfig

from ...formats import assignments
from ...host import Host
from ...untrusted import bounded
from . import audit_rules

FILE: Final = "etc/audit/auditd.conf"
PLUGINS: Final = ("etc/audit/plugins.d", "etc/audisp/plugins.d")
"""Folders of plugins, of auditd 3 and of those before."""
REMOTE: Final = ("etc/audit/audisp-remote.conf", "etc/audisp/audisp-remote.conf")
Action = Literal[
    "ignore", "syslog", "rotate", "email", "exec", "suspend", "single", "halt", "keep_logs", "other"
]
_ACTIONS: Final[Mapping[str, Action]] = {name: name for name in get_args(Action) if name != "other"}


def settings(text: str) -> dict[str, str]:
    """Keys in lower case to their values; of a repeated key the last. Raises ValueError for too many lines."""
    return {entry.key: entry.value for entry in assignments.parse(text, fold=True)}


def number(text: str) -> int | None:
    """A whole number, or the whole percentage of `5%`; None for anything else."""
    match = re.fullmatch(r"(\d{1,9})%?", text)
    return None if match is None else int(match[1])


def action(told: Mapping[str, str], key: str, default: Action = "ignore") -> Action:
    """The action of `key`; `exec /path` is exec."""
    words = told.get(key, "").lower().split()
    return _ACTIONS.get(words[0], "other") if words else default


def _first(host: Host, paths: tuple[str, ...]) -> dict[str, str]:
    texts = (host.text(path) for path in paths)
    return settings(next((text for text in texts if text is not None), ""))


def _plugin(host: Host, *names: str) -> bool:
    """One of the plugins is switched on."""
    return any(
        _first(host, tuple(f"{folder}/{name}" for folder in PLUGINS)).get("active", "").lower() == "yes"
        for name in names
    )


def gather(host: Host, selector: tuple[str, ...]) -> tuple[AuditConfig, str]:
    """Topic audit.config. Raises CouldNotLook(permission-denied): the folder is closed to ordinary users."""
    if not audit_rules.installed(host):
        return AuditConfig(installed=False), FILE
    told = settings(host.text(FILE) or "")
    remote = _first(host, REMOTE) if _plugin(host, "au-remote.conf") else {}
    size, files = number(told.get("max_log_file", "")), number(told.get("num_logs", "")) or 0
    at_size = action(told, "max_log_file_action")
    return (
        AuditConfig(
            installed=True,
            log_file=bounded(told.get("log_file", "/var/log/audit/audit.log")),
            log_group=bounded(told.get("log_group", "root")),
            log_format="enriched" if told.get("log_format", "").lower() == "enriched" else "raw",
            node_name=told.get("name_format", "none").lower() != "none",
            writes=told.get("write_logs", "yes").lower() != "no"
            and told.get("log_format", "").lower() != "nolog",
            max_log_file=size,
            max_log_file_action=at_size,
            kept=size * max(files, 1) if size and at_size == "rotate" else None,
            space_left=number(told.get("space_left", "")) or 0,
            space_left_action=action(told, "space_left_action"),
            admin_space_left_action=action(told, "admin_space_left_action"),
            disk_full_action=action(told, "disk_full_action"),
            disk_error_action=action(told, "disk_error_action", "syslog"),
            remote=bounded(remote.get("remote_server", "")),
            remote_encrypted=remote.get("transport", "tcp").lower() == "krb5"
            or remote.get("enable_krb5", "no").lower() == "yes",
            to_syslog=_plugin(host, "syslog.conf"),
        ),
        FILE,
    )
