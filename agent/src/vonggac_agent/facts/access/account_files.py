"""Reads the files of the account database: passwd, shadow, group, lastlog and wtmp. Pure parsers.

A password's hash enters `shadow` and goes no further: only its state and scheme come out. What a line means for the
machine is decided in `account_users`.

Sources: passwd(5), shadow(5), group(5), crypt(5) "Available hashing methods", lastlog(8), utmp(5).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal, NamedTuple

PasswordState = Literal["set", "empty", "locked", "none", "not-seen"]
_EPOCH: Final = date(1970, 1, 1)
_MAX_DAYS: Final = 2_000_000
_NUMBER: Final = re.compile(r"[0-9]{1,10}")
_SCHEMES: Final = {
    "y": "yescrypt",
    "gy": "gost-yescrypt",
    "7": "scrypt",
    "2a": "bcrypt",
    "2b": "bcrypt",
    "2x": "bcrypt",
    "2y": "bcrypt",
    "6": "sha512",
    "5": "sha256",
    "sha1": "sha1",
    "md5": "sunmd5",
    "1": "md5",
    "3": "nt",
}
"""Prefix between the first two dollar signs to the method's name, crypt(5)."""
_DES: Final = re.compile(r"[./0-9A-Za-z]{13}")
_BSDI: Final = re.compile(r"_[./0-9A-Za-z]{19}")
LASTLOG_ENTRY: Final = struct.Struct("=i32s256s")
"""`struct lastlog` of glibc on Linux: 32-bit seconds, terminal, host; one entry per user number, from offset 0."""
UTMP_ENTRY: Final = struct.Struct("=hxxi32s4s32s256shhiii16s20s")
"""`struct utmp` of glibc on Linux, 384 bytes, utmp(5)."""
_USER_PROCESS: Final = 7


class PasswdEntry(NamedTuple):
    """One line of passwd. `password` and `scheme` tell what the line itself holds; None: the shadow file has it."""

    name: str
    password: PasswordState | None
    scheme: str
    uid: int
    gid: int
    home: str
    shell: str


class ShadowEntry(NamedTuple):
    """One line of shadow without its hash. Ages in days; None where the field is empty or switched off."""

    password: PasswordState
    scheme: str
    changed: date | None
    maximum_age: int | None
    inactive_after: int | None
    expires: date | None


def passwd(lines: Iterable[str]) -> list[PasswdEntry]:
    """Accounts in file order. Lines that the C library passes over (comments, `+`, no numbers) are passed over here."""
    found: list[PasswdEntry] = []
    for line in lines:
        fields = line.lstrip(" \t").split(":")
        if len(fields) < 7 or not fields[0] or fields[0][0] in "#+-":
            continue
        if not (_NUMBER.fullmatch(fields[2]) and _NUMBER.fullmatch(fields[3])):
            continue
        state, scheme = (None, "") if fields[1] == "x" else password_state(fields[1])
        # passwd(5): an empty last field means /bin/sh
        shell = ":".join(fields[6:]) or "/bin/sh"
        found.append(PasswdEntry(fields[0], state, scheme, int(fields[2]), int(fields[3]), fields[5], shell))
    return found


def shadow(lines: Iterable[str]) -> dict[str, ShadowEntry]:
    """Name to entry; the first line of a name counts, as the C library reads it."""
    found: dict[str, ShadowEntry] = {}
    for line in lines:
        fields = line.split(":")
        if len(fields) < 2 or not fields[0]:
            continue
        fields += [""] * (9 - len(fields))
        state, scheme = password_state(fields[1])
        entry = ShadowEntry(
            state, scheme, _day(fields[2]), _days(fields[4]), _days(fields[6]), _day(fields[7])
        )
        found.setdefault(fields[0], entry)
    return found


def password_state(field: str) -> tuple[PasswordState, str]:
    """State and scheme of a password field. A leading `!` locks what follows it; what no hash can equal is "none"."""
    if not field:
        return "empty", ""
    if field.startswith("!"):
        return "locked", _scheme(field.lstrip("!"))
    scheme = _scheme(field)
    return ("set" if scheme else "none"), scheme


def _scheme(field: str) -> str:
    if field.startswith("$"):
        prefix, dollar, rest = field[1:].partition("$")
        if not dollar or not rest:
            return ""
        return _SCHEMES.get(prefix.partition(",")[0], "unknown")
    if _DES.fullmatch(field):
        return "des"
    return "bsdi" if _BSDI.fullmatch(field) else ""


def _day(field: str) -> date | None:
    days = _days(field)
    return None if days is None else _EPOCH + timedelta(days=days)


def _days(field: str) -> int | None:
    """None for an empty field, for a negative number (switched off), and for what no calendar holds."""
    if not _NUMBER.fullmatch(field):
        return None
    days = int(field)
    return days if days <= _MAX_DAYS else None


def groups(lines: Iterable[str]) -> list[tuple[str, int, list[str]]]:
    """Groups in file order: name, number, members."""
    found: list[tuple[str, int, list[str]]] = []
    for line in lines:
        fields = line.lstrip(" \t").split(":")
        if len(fields) >= 4 and fields[0] and fields[0][0] not in "#+-" and _NUMBER.fullmatch(fields[2]):
            members = [member.strip() for member in fields[3].split(",") if member.strip()]
            found.append((fields[0], int(fields[2]), members))
    return found


def lastlog_day(entry: bytes) -> date | None:
    """The day (UTC) in one entry of lastlog; None for an empty or short one (a hole in the file)."""
    if len(entry) != LASTLOG_ENTRY.size:
        return None
    return _moment(LASTLOG_ENTRY.unpack(entry)[0])


def wtmp_days(raw: bytes) -> dict[str, date]:
    """Name to the day (UTC) of its newest login in `raw`, whole records of wtmp counted from its end.

    Names that are not ASCII are left out: no account's name is.
    """
    found: dict[str, date] = {}
    usable = len(raw) - len(raw) % UTMP_ENTRY.size
    for fields in UTMP_ENTRY.iter_unpack(raw[len(raw) - usable :]):
        if fields[0] != _USER_PROCESS:
            continue
        name = fields[4].partition(b"\0")[0].decode("ascii", "replace")
        day = _moment(fields[9])
        if day is not None and (name not in found or found[name] < day):
            found[name] = day
    return found


def _moment(seconds: int) -> date | None:
    return datetime.fromtimestamp(seconds, UTC).date() if seconds > 0 else None


_KEY_TYPE: Final = re.compile(
    r"(?:^|\s)(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-nistp(?:256|384|521)|sk-[a-z0-9@.-]{1,60}|ssh-[a-z0-9@.-]{1,60}cert-v01@openssh\.com)\s+[A-Za-z0-9+/]{16}"
)


def count_keys(text: str) -> int:
    """Keys in an authorized_keys file, sshd(8) "AUTHORIZED_KEYS FILE FORMAT"."""
    return sum(1 for line in text.split("\n") if not line.lstrip().startswith("#") and _KEY_TYPE.search(line))
