"""What rules may ask by a program: the list that the machine's owner wrote, and the programs on it, trusted or refused.

Without the list nothing is ever run. Nothing of it comes from the wire, from a rule, from the environment or from the
settings: a rule can only name an entry. Running is done by `command`, reading what was printed by
`facts.commands.command_output`.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec

from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.commands import ENTRY_NAME
from vonggac_contract.limits import KIB, MIB

from .errors import AgentError, WrongList
from .safety import OTHERS_WRITE, check_above, check_path

PATH: Final = Path("/etc/vonggac/commands.yaml")
ACCOUNT: Final = "vonggac-command"
"""Who runs an entry of root's agent, unless it says otherwise: an account that owns nothing."""
MAX_BYTES: Final = 64 * KIB
MAX_ENTRIES: Final = 64
SHEBANG_BYTES: Final = 256
"""Of a script's first line, execve(2) reads no more."""

Output = Literal["none", "line", "text", "json", "key-value"]


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One command. `argv`: the program's absolute path and its arguments, passed on as they are."""

    argv: Annotated[
        list[Annotated[str, msgspec.Meta(max_length=4096)]], msgspec.Meta(min_length=1, max_length=64)
    ]
    output: Output = "none"
    timeout_s: Annotated[int, msgspec.Meta(ge=1, le=20)] = 5
    """At most as long as one fact may take (`facts.SECONDS_A_FACT`)."""
    output_bytes: Annotated[int, msgspec.Meta(ge=1, le=MIB)] = 64 * KIB
    run_as: Annotated[str, msgspec.Meta(max_length=32)] = ""

    @property
    def digest(self) -> str:
        """SHA-256 of `argv` as a JSON list, as reports name it."""
        return hashlib.sha256(msgspec.json.encode(self.argv)).hexdigest()


class Account(NamedTuple):
    """Numbers of the account that a command runs as, without any other group."""

    uid: int
    gid: int


def read_list(path: Path | None = None) -> dict[str, Entry] | None:
    """The owner's list (`PATH`) by name; None if there is none. Raises UnsafePath, WrongList: then nothing is run.

    Only root and the user of this process may be able to change the file or a folder above it.
    """
    path = path or PATH
    if not path.exists() and not path.is_symlink():
        return None
    try:
        check_path(path)
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise WrongList("cannot read {path}: {reason}", path=path, reason=error.strerror) from error
    if len(raw) > MAX_BYTES:
        raise WrongList("{path} has over {limit} bytes", path=path, limit=MAX_BYTES)
    from .formats.documents import parse_yaml

    try:
        found = msgspec.convert(parse_yaml(raw.decode("utf-8")) or {}, dict[str, Entry])
        _check(found)
    except (ValueError, UnicodeDecodeError) as error:  # msgspec.ValidationError is one
        raise WrongList("{path}: {error}", path=path, error=error) from error
    return found


def _check(entries: dict[str, Entry]) -> None:
    if len(entries) > MAX_ENTRIES:
        raise ValueError(f"over {MAX_ENTRIES} entries")
    for name, entry in entries.items():
        if not ENTRY_NAME.fullmatch(name):
            raise ValueError(f"{name[:80]!r} is no name: small letters, digits and hyphens, at most 63")
        if (
            not entry.argv[0].startswith("/")
            or entry.argv[0].startswith("//")
            or os.path.normpath(entry.argv[0]) != entry.argv[0]
        ):
            raise ValueError(f"{name}: {entry.argv[0][:80]!r} is no absolute path of a program")
        if any("\0" in word for word in entry.argv):
            raise ValueError(f"{name}: an argument holds NUL")


def open_program(path: str) -> int:
    """A descriptor of the program, so that what was looked at is what is run. Close it.

    Refused: what others could change or put in its place, a link, and what would give rights of its own (setuid,
    setgid, capabilities(7) of the file); of a script its interpreter too. Raises UnsafePath,
    CouldNotLook(permission-denied), OSError.
    """
    fd = _open_trusted(path)
    try:
        begin = os.pread(fd, SHEBANG_BYTES, 0)
        if begin.startswith(b"#!") and (words := begin[2:].split(b"\n")[0].split()):
            os.close(_open_trusted(os.path.realpath(os.fsdecode(words[0]))))
    except BaseException:
        os.close(fd)
        raise
    return fd


def _open_trusted(path: str) -> int:
    check_above(Path(path))
    # Asked before opening, because opening a device can already act.
    if not stat.S_ISREG(os.lstat(path).st_mode):
        raise CouldNotLook(Reason.PERMISSION_DENIED, f"{path} is no regular file; a link is not followed")
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        wrong = _wrong_with(os.fstat(fd), capable=_has_capabilities(fd))
        if wrong:
            raise CouldNotLook(Reason.PERMISSION_DENIED, f"{path} {wrong}")
    except BaseException:
        os.close(fd)
        raise
    return fd


def _wrong_with(found: os.stat_result, *, capable: bool) -> str:
    if not stat.S_ISREG(found.st_mode):
        return "is no regular file"
    if found.st_uid not in (0, os.geteuid()):
        return f"belongs to user {found.st_uid}"
    if found.st_mode & OTHERS_WRITE:
        return f"may be written by others (mode {stat.S_IMODE(found.st_mode):04o})"
    if found.st_mode & (stat.S_ISUID | stat.S_ISGID) or capable:
        return f"would run with other rights (mode {stat.S_IMODE(found.st_mode):04o})"
    return "" if found.st_mode & 0o111 else "is no program"


def _has_capabilities(fd: int) -> bool:
    try:
        return bool(os.getxattr(fd, "security.capability"))
    except OSError:  # there are none, or the file system has no such attributes
        return False


def account_of(entry: Entry) -> Account | None:
    """Who runs the entry; None: this very process's user, who is not root. Raises CouldNotLook.

    Root's agent takes the account of the entry, else `ACCOUNT`; anybody else's can only run things as himself.
    """
    import pwd

    name = entry.run_as or (ACCOUNT if os.geteuid() == 0 else "")
    if not name:
        return None
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        raise CouldNotLook(
            Reason.PERMISSION_DENIED,
            f"there is no account {name}; as root: useradd --system --shell /usr/sbin/nologin {name}",
        ) from None
    if os.geteuid() == 0:
        return Account(found.pw_uid, found.pw_gid)
    if found.pw_uid != os.geteuid():
        raise CouldNotLook(Reason.PERMISSION_DENIED, f"only root can run it as {name}")
    return None


def standing(path: Path | None = None) -> dict[str, Any]:
    """What `status` tells: whether commands are on, the entries' names, and why the list is refused if it is."""
    try:
        entries = read_list(path)
    except AgentError as error:
        return {"on": False, "entries": [], "refused": str(error)}
    return {"on": entries is not None, "entries": sorted(entries or ()), "refused": None}
