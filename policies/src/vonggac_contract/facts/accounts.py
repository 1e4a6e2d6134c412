"""Facts about the account database as a whole: groups, what does not fit together, homes, central directories."""

from typing import Annotated, Literal

import msgspec

from .base import about, topic
from .files import Permission


class Group(msgspec.Struct, frozen=True):
    """One local group. A group's password never leaves the parser: only its state does."""

    name: Annotated[str, about("Name", source="etc/group")]
    gid: Annotated[int, about("Group number")]
    members: Annotated[
        list[str], about("Who is in it: named in its line, or it is their primary group", source="etc/passwd")
    ]
    password: Annotated[
        Literal["set", "empty", "locked", "none", "not-seen"],
        about("State of its password", source="etc/gshadow", unseen=("not-seen",)),
    ]


@topic("account.groups", privileged=True)
class Groups(msgspec.Struct, frozen=True):
    """Every local group."""

    groups: Annotated[list[Group], about("Groups in file order")]


@topic("account.consistency")
class Consistency(msgspec.Struct, frozen=True):
    """What does not fit together in the files that everybody may read."""

    repeated_names: Annotated[list[str], about("Account names on more than one line", source="etc/passwd")]
    repeated_numbers: Annotated[list[str], about("User numbers of more than one account, with their names")]
    repeated_groups: Annotated[list[str], about("Group names on more than one line", source="etc/group")]
    repeated_group_numbers: Annotated[
        list[str], about("Group numbers of more than one group, with their names")
    ]
    without_group: Annotated[list[str], about("Accounts whose primary group does not exist")]
    legacy_entries: Annotated[
        list[str],
        about("Lines that begin with + or -, by file and number", source="etc/passwd, etc/group"),
    ]
    unshadowed: Annotated[
        list[str], about("Accounts whose line in passwd is empty where the x stands, or holds a hash")
    ]
    malformed: Annotated[list[str], about("Lines that no program can read, by file and number")]


@topic("account.shadow", privileged=True)
class ShadowFaults(msgspec.Struct, frozen=True):
    """What does not fit in the shadow file. No hash leaves the parser."""

    without_entry: Annotated[list[str], about("Accounts of passwd without a line here", source="etc/shadow")]
    without_account: Annotated[list[str], about("Lines here without an account in passwd")]
    same_password: Annotated[list[str], about("Accounts that share a hash to the last letter: it was copied")]
    changed_later: Annotated[list[str], about("Accounts whose last change lies in the future")]
    legacy_entries: Annotated[list[str], about("Lines that begin with + or -, by file and number")]
    malformed: Annotated[list[str], about("Lines that no program can read, by file and number")]


class Home(msgspec.Struct, frozen=True):
    """One home directory."""

    account: Annotated[str, about("Account")]
    path: Annotated[str, about("Where its home is", source="etc/passwd")]
    exists: Annotated[bool, about("It is there, and a directory")]
    owned: Annotated[bool | None, about("It belongs to the account; none: closed even to root")]
    permissions: Annotated[list[Permission], about("Permissions; empty if it is not there")]


@topic("account.homes")
class Homes(msgspec.Struct, frozen=True):
    """Homes of the accounts of people: not system accounts, with a shell."""

    homes: Annotated[list[Home], about("Homes in the order of passwd", source="stat(2)")]


class DotFile(msgspec.Struct, frozen=True):
    """One file in a home that a program obeys or that holds passwords. Contents are not read."""

    account: Annotated[str, about("Account")]
    name: Annotated[
        str,
        about(
            "Name inside the home; not-seen: whatever is in a home closed even to root", unseen=("not-seen",)
        ),
    ]
    owned: Annotated[bool | None, about("It belongs to the account or to root; none: not seen")]
    permissions: Annotated[list[Permission], about("Permissions")]


@topic("account.dot-files", privileged=True)
class DotFiles(msgspec.Struct, frozen=True):
    """Well-known dot files in the homes of root and of people."""

    files: Annotated[list[DotFile], about("Those that are there", source="stat(2)")]


@topic("account.defaults")
class AccountDefaults(msgspec.Struct, frozen=True):
    """What accounts get that are made from now on."""

    maximum_days: Annotated[
        int | None, about("PASS_MAX_DAYS", unit="days", source="etc/login.defs", below_zero=True)
    ] = None
    minimum_days: Annotated[
        int | None, about("PASS_MIN_DAYS", unit="days", source="etc/login.defs", below_zero=True)
    ] = None
    warning_days: Annotated[
        int | None, about("PASS_WARN_AGE", unit="days", source="etc/login.defs", below_zero=True)
    ] = None
    inactive_days: Annotated[
        int | None,
        about(
            "Days after expiry of the password until the account is shut; none: never",
            unit="days",
            source="etc/default/useradd INACTIVE",
        ),
    ] = None
    scheme: Annotated[str, about("ENCRYPT_METHOD, lower case; empty if not set", source="etc/login.defs")] = (
        ""
    )
    home_permissions: Annotated[
        list[Permission] | None,
        about("Permissions of new homes; none: what UMASK leaves", source="etc/login.defs HOME_MODE"),
    ] = None
    fail_delay: Annotated[
        int | None, about("FAIL_DELAY after a wrong password", unit="s", source="etc/login.defs")
    ] = None


Directory = Literal["sssd", "winbind", "ldap", "nis"]


@topic("account.central", privileged=True)
class CentralAccounts(msgspec.Struct, frozen=True):
    """Whether accounts come from a central directory."""

    directories: Annotated[
        list[Directory],
        about("Services that accounts are asked of, with a configuration", source="etc/nsswitch.conf passwd"),
    ]
    managed: Annotated[bool, about("At least one of them")]
    domains: Annotated[
        list[str], about("Domains joined", source="sssd.conf, smb.conf, krb5.conf, nslcd.conf, yp.conf")
    ]
    providers: Annotated[list[str], about("Kinds of SSSD's domains: ad, ipa, ldap, …", source="id_provider")]
