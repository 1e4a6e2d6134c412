"""account.homes and account.dot-files: whose homes and start-up files others may change. Contents are never read.

Homes are those of accounts with a shell that are not system accounts; dot files are looked for in root's home too, by
name, so that a home with a million files costs no more than an empty one. What its owner closed to root (a FUSE file
system of a user's own, mount.fuse(8)) is told as unseen, and the others are looked at all the same.
"""

from __future__ import annotations

import os
import posixpath
import stat
from typing import Final

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.accounts import DotFile, DotFiles, Home, Homes

from ...host import Host
from ...untrusted import bounded
from ..files import file_stat, owners
from . import account_files, account_users, login_defs
from .account_files import PasswdEntry

DOT_FILES: Final = (
    ".rhosts", ".shosts", ".netrc", ".forward", ".pgpass", ".my.cnf", ".mylogin.cnf", ".git-credentials",
    ".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".bash_history", ".profile", ".login", ".logout",
    ".cshrc", ".tcshrc", ".kshrc", ".zshrc", ".zshenv", ".zprofile", ".zlogin", ".xsession", ".xinitrc", ".xprofile",
    ".pam_environment", ".ssh/config", ".ssh/rc", ".ssh/environment", ".vimrc", ".exrc", ".gitconfig",
)  # fmt: skip
"""hosts.equiv(5), netrc(5), bash(1), csh(1), zsh(1), pam_env(8), sshd(8), ssh_config(5); libpq, MySQL, git."""


def people(host: Host) -> list[PasswdEntry]:
    """Accounts of people, in the order of passwd. Raises CouldNotLook: not-installed, too-large."""
    return [entry for entry in _accounts(host) if _is_persons(host, entry)]


def _accounts(host: Host) -> list[PasswdEntry]:
    entries = account_files.passwd(owners.lines(host, "etc/passwd"))
    if not entries:
        raise CouldNotLook(Reason.NOT_INSTALLED, "etc/passwd is absent or holds no account")
    return entries


def _is_persons(host: Host, entry: PasswdEntry) -> bool:
    lowest = login_defs.number(login_defs.read(host), "UID_MIN") or account_users.UID_MIN
    return (
        entry.uid >= lowest
        and entry.uid != account_users.NOBODY
        and posixpath.basename(entry.shell) not in account_users.NO_SHELLS
    )


def gather(host: Host, selector: tuple[str, ...]) -> tuple[Homes, str]:
    """Topic account.homes."""
    found = [_home(host, entry) for entry in people(host)]
    return Homes(found), "etc/passwd, stat"


def _home(host: Host, entry: PasswdEntry) -> Home:
    try:
        status = host.stat(entry.home) if entry.home.startswith("/") else None
    except CouldNotLook as error:
        if not closed_to_root(error):
            raise
        return Home(bounded(entry.name), bounded(entry.home), exists=True, owned=None, permissions=[])
    if status is None or not stat.S_ISDIR(status.st_mode):
        return Home(bounded(entry.name), bounded(entry.home), exists=False, owned=False, permissions=[])
    return Home(
        bounded(entry.name),
        bounded(entry.home),
        exists=True,
        owned=status.st_uid == entry.uid,
        permissions=file_stat.describe(status, {}, {}).permissions,
    )


def gather_dot_files(host: Host, selector: tuple[str, ...]) -> tuple[DotFiles, str]:
    """Topic account.dot-files. Raises CouldNotLook: permission-denied to an ordinary user as soon as one is closed."""
    found: list[DotFile] = []
    # root's before those of people
    for entry in sorted(_accounts(host), key=lambda entry: entry.uid != 0):
        if entry.uid and not _is_persons(host, entry):
            continue
        found.extend(_dot_files(host, entry))
        if len(found) > limits.MAX_FACT_LIST:
            raise CouldNotLook(Reason.TOO_LARGE, f"over {limits.MAX_FACT_LIST} dot files")
    return DotFiles(found), "etc/passwd, stat"


def closed_to_root(error: CouldNotLook) -> bool:
    """Nobody else may look either; to an ordinary user everything of others is closed."""
    return error.reason is Reason.PERMISSION_DENIED and os.geteuid() == 0


def _dot_files(host: Host, entry: PasswdEntry) -> list[DotFile]:
    found: list[DotFile] = []
    try:
        if not entry.home.startswith("/") or not host.exists(entry.home):
            return []
        for name in DOT_FILES:
            status = _stat(host, posixpath.join(entry.home, name))
            if status is not None:
                permissions = file_stat.describe(status, {}, {}).permissions
                found.append(DotFile(bounded(entry.name), name, status.st_uid in (entry.uid, 0), permissions))
    except CouldNotLook as error:
        if not closed_to_root(error):
            raise
        found.append(DotFile(bounded(entry.name), "not-seen", owned=None, permissions=[]))
    return found


def _stat(host: Host, path: str) -> os.stat_result | None:
    """As `Host.stat`; None for a loop of links too: no program reads anything through it."""
    try:
        return host.stat(path)
    except CouldNotLook as error:
        if error.reason is not Reason.MALFORMED:
            raise
        return None
