"""Accounts, groups, password policy, PAM, sudo, polkit, the SSH server."""

from __future__ import annotations

from ..base import Gather
from . import account_policy, account_users, sshd_effective, sudo_rules

GATHERERS: dict[str, Gather] = {
    "account.policy": account_policy.gather,
    "account.users": account_users.gather,
    "sshd.effective": sshd_effective.gather,
    "sudo.rules": sudo_rules.gather,
}
