"""account.users: local accounts with the state of their passwords. The files are read by `account_files`.

An account can log in if its shell is one, it has not ended, and a password or a key could let it in; what could not be
seen counts as a way in. Keys are those of sshd's default AuthorizedKeysFile. Logins known only to lastlog2 or wtmpdb
(SQLite files of newer distributions) are not told.
"""

from __future__ import annotations

import io
import os
import posixpath
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Final, NamedTuple

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.access import Account, Accounts

from ...host import Host
from ...untrusted import bounded
from ..files import owners
from . import account_files, login_defs
from .account_files import PasswdEntry, PasswordState, ShadowEntry

ADMINISTRATOR_GROUPS: Final = ("sudo", "wheel", "admin")
NO_SHELLS: Final = frozenset(("nologin", "false"))
NOBODY: Final = 65534
"""The overflow user of the kernel (proc(5) overflowuid) that distributions call nobody."""
UID_MIN: Final = 1000
"""login.defs(5): first number of an ordinary account where UID_MIN is not set."""
WTMP_TAIL: Final = 4096 * account_files.UTMP_ENTRY.size
"""Newest part of wtmp that is read, 1.5 MiB; lastlog knows older logins."""
MAX_KEY_FILE: Final = 256 * limits.KIB
KEY_FILES: Final = (".ssh/authorized_keys", ".ssh/authorized_keys2")
"""sshd_config(5) AuthorizedKeysFile, its default."""


class Seen(NamedTuple):
    """What the files hold: `shadow` is None if it could not be read; `keys` and `last_login` answer per account."""

    passwd: list[PasswdEntry]
    shadow: Mapping[str, ShadowEntry] | None
    groups: list[tuple[str, int, list[str]]]
    uid_min: int
    today: date
    keys: Callable[[PasswdEntry], int | None]
    last_login: Callable[[PasswdEntry], date | None]


def describe(seen: Seen) -> Accounts:
    """The fact from what was seen."""
    members: dict[str, list[str]] = {}
    by_number: dict[int, list[str]] = {}
    for group, number, names in seen.groups:
        by_number.setdefault(number, []).append(group)
        for name in names:
            members.setdefault(name, []).append(group)
    accounts = [_account(entry, seen, members, by_number) for entry in seen.passwd]
    return Accounts(accounts, [account.name for account in accounts if _administers(account)])


def _account(
    entry: PasswdEntry, seen: Seen, members: Mapping[str, list[str]], by_number: Mapping[int, list[str]]
) -> Account:
    shadow = None if seen.shadow is None else seen.shadow.get(entry.name)
    state, scheme = _password(entry, shadow, seen.shadow is None)
    has_shell = posixpath.basename(entry.shell) not in NO_SHELLS
    keys = seen.keys(entry) if has_shell else None
    expires = None if shadow is None else shadow.expires
    lets_in = state in ("set", "empty", "not-seen") or keys is None or keys > 0
    in_groups = dict.fromkeys([*by_number.get(entry.gid, []), *members.get(entry.name, [])])
    return Account(
        bounded(entry.name),
        entry.uid,
        entry.gid,
        bounded(entry.shell),
        bounded(entry.home),
        system=entry.uid < seen.uid_min or entry.uid == NOBODY or entry.name == "nobody",
        can_log_in=has_shell and lets_in and (expires is None or expires > seen.today),
        groups=[bounded(group) for group in in_groups],
        password=state,
        scheme=scheme,
        changed=None if shadow is None else shadow.changed,
        maximum_age=None if shadow is None else shadow.maximum_age,
        inactive_after=None if shadow is None else shadow.inactive_after,
        expires=expires,
        last_login=seen.last_login(entry),
        authorized_keys=keys,
    )


def _password(entry: PasswdEntry, shadow: ShadowEntry | None, hidden: bool) -> tuple[PasswordState, str]:
    if entry.password is not None:
        return entry.password, entry.scheme
    if hidden:
        return "not-seen", ""
    return ("none", "") if shadow is None else (shadow.password, shadow.scheme)


def _administers(account: Account) -> bool:
    return account.uid == 0 or any(group in ADMINISTRATOR_GROUPS for group in account.groups)


def gather(host: Host, selector: tuple[str, ...]) -> tuple[Accounts, str]:
    """Topic account.users. Without the right to read shadow, passwords are told as not-seen."""
    entries = account_files.passwd(owners.lines(host, "etc/passwd"))
    if not entries:
        raise CouldNotLook(Reason.NOT_INSTALLED, "etc/passwd is absent or holds no account")
    shadow = _shadow(host)
    seen = Seen(
        passwd=entries,
        shadow=shadow,
        groups=account_files.groups(owners.lines(host, "etc/group")),
        uid_min=login_defs.number(login_defs.read(host), "UID_MIN") or UID_MIN,
        today=host.now.date(),
        keys=lambda entry: _keys(host, entry),
        last_login=_last_login(host, entries),
    )
    source = "etc/passwd, etc/shadow, etc/group" if shadow is not None else "etc/passwd, etc/group"
    return describe(seen), source


def _shadow(host: Host) -> Mapping[str, ShadowEntry] | None:
    try:
        if not host.exists("etc/shadow"):
            return None
        return account_files.shadow(owners.lines(host, "etc/shadow"))
    except CouldNotLook as error:
        if error.reason is Reason.PERMISSION_DENIED:
            return None
        raise


def _keys(host: Host, entry: PasswdEntry) -> int | None:
    """None if a file is there that could not be read: its owner may have put anything in its place."""
    if not entry.home.startswith("/"):
        return 0
    try:
        files = [host.text(posixpath.join(entry.home, name), limit=MAX_KEY_FILE) for name in KEY_FILES]
    except CouldNotLook as error:
        if error.reason is Reason.TIMED_OUT:
            raise
        return None
    return sum(account_files.count_keys(text) for text in files if text)


def _last_login(host: Host, entries: Iterable[PasswdEntry]) -> Callable[[PasswdEntry], date | None]:
    by_name = _from_wtmp(host)
    by_number = _from_lastlog(host, {entry.uid for entry in entries})

    def newest(entry: PasswdEntry) -> date | None:
        # wtmp holds the first 32 bytes of a name
        days = [day for day in (by_name.get(entry.name[:32]), by_number.get(entry.uid)) if day is not None]
        return max(days, default=None)

    return newest


def _from_lastlog(host: Host, numbers: Iterable[int]) -> dict[int, date]:
    found: dict[int, date] = {}
    try:
        file = host.open("var/log/lastlog")
    except CouldNotLook as error:
        if error.reason is Reason.TIMED_OUT:
            raise
        return found
    if file is None:
        return found
    size = account_files.LASTLOG_ENTRY.size
    with file:
        end = os.fstat(file.fileno()).st_size
        for number in sorted(numbers):
            if (number + 1) * size <= end:
                file.seek(number * size)
                day = account_files.lastlog_day(file.read(size))
                if day is not None:
                    found[number] = day
    return found


def _from_wtmp(host: Host) -> dict[str, date]:
    try:
        file = host.open("var/log/wtmp")
    except CouldNotLook as error:
        if error.reason is Reason.TIMED_OUT:
            raise
        return {}
    if file is None:
        return {}
    with file:
        whole = (
            os.fstat(file.fileno()).st_size // account_files.UTMP_ENTRY.size * account_files.UTMP_ENTRY.size
        )
        file.seek(max(0, whole - WTMP_TAIL), io.SEEK_SET)
        return account_files.wtmp_days(file.read(min(whole, WTMP_TAIL)))
