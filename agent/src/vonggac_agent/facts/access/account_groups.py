"""account.groups: local groups, who is in them, and whether one has a password. Lines are read by `account_files`.

Sources: group(5), gshadow(5).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.accounts import Group, Groups

from ...host import Host
from ...untrusted import bounded
from ..files import owners
from . import account_files
from .account_files import PasswdEntry, PasswordState


def passwords(lines: Iterable[str]) -> dict[str, PasswordState]:
    """Name to the state of the password, of a group or a gshadow file; `x` in group says: see gshadow."""
    found: dict[str, PasswordState] = {}
    for line in lines:
        fields = line.split(":")
        if len(fields) >= 2 and fields[0] and fields[0][0] not in "#+-":
            found.setdefault(fields[0], account_files.password_state(fields[1])[0])
    return found


def describe(
    groups: Iterable[tuple[str, int, list[str]]],
    entries: Iterable[PasswdEntry],
    own: Mapping[str, PasswordState],
    shadow: Mapping[str, PasswordState] | None,
) -> Groups:
    """The fact. `own`: states in group itself; `shadow`: those of gshadow, None if it could not be read."""
    primary: dict[int, list[str]] = {}
    for entry in entries:
        primary.setdefault(entry.gid, []).append(entry.name)
    return Groups(
        [
            Group(
                bounded(name),
                number,
                [bounded(n) for n in dict.fromkeys([*primary.get(number, []), *members])],
                _state(name, own, shadow),
            )
            for name, number, members in groups
        ]
    )


def _state(
    name: str, own: Mapping[str, PasswordState], shadow: Mapping[str, PasswordState] | None
) -> PasswordState:
    """A hash in group itself counts; anything else there (`x`, nothing) leaves the word to gshadow."""
    if own.get(name) == "set":
        return "set"
    return "not-seen" if shadow is None else shadow.get(name, "none")


def gather(host: Host, selector: tuple[str, ...]) -> tuple[Groups, str]:
    """Topic account.groups. Without the right to read gshadow, passwords are told as not-seen."""
    lines = owners.lines(host, "etc/group")
    groups = account_files.groups(lines)
    if not groups:
        raise CouldNotLook(Reason.NOT_INSTALLED, "etc/group is absent or holds no group")
    entries = account_files.passwd(owners.lines(host, "etc/passwd"))
    return describe(groups, entries, passwords(lines), _shadow(host)), "etc/group, etc/gshadow, etc/passwd"


def _shadow(host: Host) -> Mapping[str, PasswordState] | None:
    try:
        return passwords(owners.lines(host, "etc/gshadow"))
    except CouldNotLook as error:
        if error.reason is Reason.PERMISSION_DENIED:
            return None
        raise
