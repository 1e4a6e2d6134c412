"""shell.defaults and root.shell: what every shell starts with, by the files for all users and those of root.

The umask is the loosest of a login shell's (pam_umask or login.defs, then etc/profile and profile.d, in which the last
to set it wins) and of another interactive shell's (etc/bash.bashrc or etc/bashrc on top). Of several in one file the
loosest counts, since which of them runs is for the shell to decide; one that only takes the place of 0 is passed over.
That pam_umask gives a private group the owner's bits (USERGROUPS_ENAB) is passed over too.

Sources: umask(2), bash(1) "INVOCATION" and TMOUT, pam_umask(8), login.defs(5) UMASK and ENV_SUPATH.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Sequence
from typing import Final

from vonggac_contract import limits
from vonggac_contract.facts.sessions import PathEntry, RootShell, ShellDefaults

from ...host import Host
from ...untrusted import as_text, bounded
from . import account_policy, login_defs, pam_stack
from .account_defaults import permissions

UNSET: Final = 0o022
"""What login(1) and systemd start with where nothing says otherwise."""
BASHRC: Final = ("etc/bash.bashrc", "etc/bashrc")
ROOT_FILES: Final = (
    "etc/profile", "etc/bash.bashrc", "etc/bashrc", "root/.profile", "root/.bash_profile", "root/.bash_login",
    "root/.bashrc",
)  # fmt: skip
MAX_ENTRIES: Final = 1000
_UMASK: Final = re.compile(
    r"(?:^|[;&|\s])umask\s+(?:-S\s+)?[\"']?([0-7]{1,4}|[ugoa][ugoarwx=,]{1,40})(?=[\"';&|\s]|$)"
)
_PATH: Final = re.compile(r"(?:^|[;&\s])(?:export\s+|declare\s+-x\s+)?PATH=(\"[^\"]*\"|'[^']*'|[^\s;&]*)")
_OCTAL: Final = re.compile(r"[0-7]{1,4}")
_COMMENT: Final = re.compile(r"(?:^|\s)#.*")
_WHO: Final = {"u": 6, "g": 3, "o": 0}
_WHAT: Final = {"r": 4, "w": 2, "x": 1}


def mask(text: str) -> int | None:
    """A umask as a number, from octal digits or from `u=rwx,g=rx,o=`; None for what is neither."""
    if _OCTAL.fullmatch(text):
        return int(text, 8) & 0o777
    left = 0
    for part in text.split(","):
        who, equals, what = part.partition("=")
        if not equals or not who or set(who) - set("ugoa") or set(what) - set("rwx"):
            return None
        bits = sum(_WHAT[letter] for letter in set(what))
        for one in "ugo" if "a" in who else who:
            left |= bits << _WHO[one]
    return 0o777 & ~left


def loosest(masks: Iterable[int]) -> int | None:
    """The mask that keeps back only what all of them keep back; None without one."""
    found: int | None = None
    for one in masks:
        found = one if found is None else found & one
    return found


def set_in(lines: Sequence[str]) -> int | None:
    """The loosest umask that a file sets; None if it sets none."""
    found: list[int] = []
    for line in lines:
        if "umask" not in line:
            continue
        code = _COMMENT.sub("", line)
        if "-eq 0" in code or "= 0 ]" in code:
            continue
        found += [value for match in _UMASK.finditer(code) if (value := mask(match[1])) is not None]
    return loosest(found)


def effective(base: int, profiles: Iterable[Sequence[str]], bashrc: Sequence[str]) -> int:
    """The loosest umask of login shells and other shells. `profiles`: etc/profile and profile.d in order."""
    login, by_folder = base, False
    for place, lines in enumerate(profiles):
        value = set_in(lines)
        if value is not None:
            login, by_folder = value, place > 0
    own = set_in(bashrc)
    # Red Hat's bashrc reads profile.d after its own umask
    if own is None or (by_folder and any("profile.d" in line for line in bashrc)):
        return login
    return login & own


def folders(value: str) -> list[str]:
    """The folders of one value of PATH that are written out; those of a variable are left out."""
    value = value.strip("\"'")
    return [part for part in value.split(":") if "$" not in part and "`" not in part]


def paths_in(lines: Iterable[str]) -> list[str]:
    """Folders of every PATH that a shell's file sets; an empty one is the folder one happens to be in."""
    return [
        part
        for line in lines
        if "PATH=" in line
        for match in _PATH.finditer(_COMMENT.sub("", line))
        for part in folders(match[1])
    ]


def fixed(files: Iterable[Sequence[str]]) -> bool:
    """TMOUT is made read-only."""
    return any(
        "TMOUT" in line and account_policy.makes_read_only(_COMMENT.sub("", line))
        for f in files
        for line in f
    )


def gather(host: Host, selector: tuple[str, ...]) -> tuple[ShellDefaults, str]:
    """Topic shell.defaults."""
    names = [name for name in host.names("etc/profile.d") if name.endswith(".sh")]
    profiles = [host.lines(path) for path in ("etc/profile", *(f"etc/profile.d/{name}" for name in names))]
    bashrc = [line for path in BASHRC for line in host.lines(path)]
    value = effective(_base(host), profiles, bashrc)
    removed = permissions(f"{value:03o}") or []
    return (
        ShellDefaults(f"{value:04o}", removed, timeout_fixed=fixed([*profiles, bashrc])),
        "etc/login.defs, etc/pam.d, etc/profile, etc/profile.d, etc/bash.bashrc",
    )


def _base(host: Host) -> int:
    """What PAM or login.defs gives a session."""
    told = login_defs.read(host).get("UMASK", "")
    for step in (
        pam_stack.of_type(host, "sshd", "session") or pam_stack.of_type(host, "login", "session") or []
    ):
        if step.module == "pam_umask.so":
            told = step.value("umask") or told
    value = mask(told) if told else None
    return UNSET if value is None else value


def gather_root(host: Host, selector: tuple[str, ...]) -> tuple[RootShell, str]:
    """Topic root.shell. Raises CouldNotLook: permission-denied if root's own files are closed to us."""
    named = [f"etc/profile.d/{name}" for name in host.names("etc/profile.d") if name.endswith(".sh")]
    files = {path: host.lines(path) for path in (ROOT_FILES[0], *named, *ROOT_FILES[1:])}
    found = {path: paths_in(lines) for path, lines in files.items()}
    found["etc/environment"] = paths_in(host.lines("etc/environment"))
    supath = login_defs.read(host).get("ENV_SUPATH", "")
    found["etc/login.defs"] = paths_in(
        [supath if supath.startswith("PATH=") else f"PATH={supath}"] if supath else []
    )
    entries = [_entry(host, folder, path) for path, parts in found.items() for folder in dict.fromkeys(parts)]
    source = ", ".join(("etc/environment", "etc/login.defs", "etc/profile.d", *ROOT_FILES))
    return RootShell(entries[:MAX_ENTRIES], account_policy.session_timeout(files.values())), source


def _entry(host: Host, folder: str, path: str) -> PathEntry:
    absolute = folder.startswith("/")
    status = host.stat(folder) if absolute and len(folder) < limits.MAX_FACT_TEXT else None
    safe = status is None or (status.st_uid == 0 and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH))
    return PathEntry(bounded(folder), as_text(path), absolute, root_only=safe)
