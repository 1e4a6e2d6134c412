"""Accounts, groups, password policy, PAM, sudo, polkit, the SSH server."""

from __future__ import annotations

from ..base import Gather
from . import (
    account_central,
    account_consistency,
    account_defaults,
    account_groups,
    account_homes,
    account_keys,
    account_policy,
    account_shadow,
    account_users,
    login_banner,
    pam_checks,
    pam_limits,
    pam_second_factor,
    pam_stack,
    polkit_rules,
    shell_defaults,
    ssh_client,
    sshd_effective,
    sshd_host_keys,
    sshd_match,
    sudo_rules,
)

GATHERERS: dict[str, Gather] = {
    "account.central": account_central.gather,
    "account.consistency": account_consistency.gather,
    "account.defaults": account_defaults.gather,
    "account.dot-files": account_homes.gather_dot_files,
    "account.groups": account_groups.gather,
    "account.homes": account_homes.gather,
    "account.keys": account_keys.gather,
    "account.policy": account_policy.gather,
    "account.shadow": account_shadow.gather,
    "account.users": account_users.gather,
    "login.banner": login_banner.gather,
    "pam.checks": pam_checks.gather,
    "pam.limits": pam_limits.gather,
    "pam.second-factor": pam_second_factor.gather,
    "pam.stack": pam_stack.gather,
    "polkit.rules": polkit_rules.gather,
    "root.shell": shell_defaults.gather_root,
    "shell.defaults": shell_defaults.gather,
    "ssh.client": ssh_client.gather,
    "sshd.effective": sshd_effective.gather,
    "sshd.host-keys": sshd_host_keys.gather,
    "sshd.match": sshd_match.gather,
    "sudo.rules": sudo_rules.gather,
}
