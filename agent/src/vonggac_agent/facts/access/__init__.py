"""Accounts, groups, password policy, PAM, sudo, polkit, the SSH server."""

from __future__ import annotations

from ..base import Gather
from . import (
    account_keys,
    account_policy,
    account_users,
    ssh_client,
    sshd_effective,
    sshd_host_keys,
    sshd_match,
    sudo_rules,
)

GATHERERS: dict[str, Gather] = {
    "account.keys": account_keys.gather,
    "account.policy": account_policy.gather,
    "account.users": account_users.gather,
    "ssh.client": ssh_client.gather,
    "sshd.effective": sshd_effective.gather,
    "sshd.host-keys": sshd_host_keys.gather,
    "sshd.match": sshd_match.gather,
    "sudo.rules": sudo_rules.gather,
}
