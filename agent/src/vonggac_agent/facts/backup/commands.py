"""What a script or a line of a crontab does for backups: which tool it runs, whereto, encrypted or not. Pure.

Nothing of a command line leaves this module but its tool and four answers; passwords in it are passed over.

Sources: restic's manual "Preparing a new repository", "Removing snapshots"; borg-create(1), borg-prune(1),
borg-init(1); duplicity(1); rdiff-backup(1); rsync(1); rclone(1); proxmox-backup-client(1); kopia's reference.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from vonggac_contract import limits
from vonggac_contract.facts.backup import EVERY_VERSION

from ...formats.lines import significant
from ...formats.words import words
from ..system import cron_syntax

MAX_COMMANDS: Final = 200
MAX_TEXT: Final = 256 * limits.KIB
MAX_LINE: Final = 8192
"""Characters of one line of a script that are looked at."""
STARTING_WORDS: Final = {
    "restic": ("backup",),
    "borg": ("create",),
    "kopia": ("snapshot",),
    "proxmox-backup-client": ("backup",),
    "rclone": ("copy", "sync"),
    "duplicity": (),
    "duply": (),
    "rdiff-backup": (),
    "rsnapshot": (),
    "borgmatic": (),
    "backintime": (),
    "timeshift": (),
    "snapper": ("create",),
    "pgbackrest": ("backup",),
    "barman": ("backup",),
}
"""Tools made for backups, and the word one of which makes a command of theirs one that backs up."""
COPIERS: Final = (
    "rsync",
    "tar",
    "pg_dump",
    "pg_dumpall",
    "pg_basebackup",
    "mysqldump",
    "mariadb-dump",
    "mongodump",
)
"""General tools: they count where the script's name or target says that it is a backup."""
_ALWAYS_ENCRYPTED: Final = ("restic", "kopia")
_NEVER_ENCRYPTED: Final = ("rsnapshot", "rdiff-backup", "rsync", "timeshift", "snapper")
_NEVER_REMOTE: Final = ("timeshift", "snapper")
_BACKUP: Final = re.compile(r"(?i)back-?_?up|sao-?_?luu|\bbak\b|dump")
_REMOTE: Final = re.compile(
    r"(?i)(?:[a-z0-9+]{2,20}://(?!localhost\b|/)|(?:sftp|rest|s3|b2|azure|gs|swift|rclone|ssh|scp|s3\+http):|"
    r"[\w.-]{1,200}@[\w.-]{1,200}:|[\w-]{2,100}(?:\.[\w-]{1,100}){1,10}:|[\w.-]{1,200}::)"
)
_KEEP: Final = re.compile(
    r"--keep-(?:last|secondly|minutely|hourly|daily|weekly|monthly|yearly|latest|annual)[= ]+(\d{1,6})"
)
_ALL_BUT: Final = re.compile(r"remove-all-but-n-full\s+(\d{1,6})")
_SECRET: Final = re.compile(r"(?i)(?:PASSPHRASE|PASSWORD|SECRET|_KEY)\w{0,40}\s{0,9}=\s{0,9}[\"']?[^\s\"'$]")
_ENCRYPTS: Final = re.compile(r"\b(?:gpg2?|age|openssl\s+enc|ccrypt|rage)\b")
_DATED: Final = re.compile(r"\$\(date|`date|\$\{?(?:DATE|TODAY|NOW|TIMESTAMP)|%[YFs]")


class Command(NamedTuple):
    """One tool's part of a backup."""

    tool: str
    remote: bool | None
    encrypted: bool | None
    versions: int | None


def commands(text: str, *, name: str = "") -> list[Command]:
    """The backups that a script makes, one for each tool. `name`: its file's name, which may say that it is a backup.

    Raises ValueError for too many lines.
    """
    found: dict[str, Command] = {}
    lines = [line[:MAX_LINE] for _, line in significant(text, continuation="\\")]
    for line in lines:
        if len(found) >= MAX_COMMANDS:
            break
        for tool, arguments in _calls(line, name):
            if tool not in found:
                found[tool] = _described(tool, arguments, line, text)
    return list(found.values())


def has_secret(text: str) -> bool:
    """A password or key stands in so many words in its first MAX_TEXT characters."""
    lines = text[:MAX_TEXT].split("\n")
    return any(_SECRET.search(line) for line in lines if "=" in line)


def _calls(line: str, name: str) -> Iterator[tuple[str, Sequence[str]]]:
    """(tool, the words after it) for each tool that the line runs for a backup."""
    if not any(tool in line for tool in (*STARTING_WORDS, *COPIERS)):
        return
    split = words(line)
    for run in cron_syntax.runs(line):
        tool = run.name.rpartition("/")[2]
        if tool in STARTING_WORDS:
            rest = _after(split, tool)
            wanted = STARTING_WORDS[tool]
            if not wanted or any(word in wanted for word in rest):
                yield tool, rest
        elif tool in COPIERS:
            rest = _after(split, tool)
            if _BACKUP.search(name) or (tool != "tar" and any(_BACKUP.search(word) for word in rest[-1:])):
                yield tool, rest


def _after(split: Sequence[str], tool: str) -> Sequence[str]:
    place = next((i for i, word in enumerate(split) if word.rpartition("/")[2] == tool), -1)
    return split[place + 1 :]


def _described(tool: str, arguments: Sequence[str], line: str, text: str) -> Command:
    return Command(
        tool, _remote(tool, arguments, text), _encrypted(tool, line, text), _versions(tool, line, text)
    )


def _remote(tool: str, arguments: Sequence[str], text: str) -> bool | None:
    if tool in _NEVER_REMOTE:
        return False
    if tool in ("proxmox-backup-client", "rclone"):
        return True
    if any(_REMOTE.match(word.partition("=")[2] or word) for word in arguments):
        return True
    told = re.findall(r"(?:RESTIC_REPOSITORY|BORG_REPO|PBS_REPOSITORY)=[\"']?(\S{1,400})", text)
    if told:
        return any(_REMOTE.match(word) for word in told)
    if tool in COPIERS and re.search(r"\b(?:scp|sftp|rclone|rsync [^\n]{0,400}\S:)", text):
        return True
    targets = [word for word in arguments if word.startswith("/") or word.startswith("file:")]
    return False if targets and not any("$" in word for word in arguments) else None


def _encrypted(tool: str, line: str, text: str) -> bool | None:
    if tool in _ALWAYS_ENCRYPTED:
        return True
    if tool in _NEVER_ENCRYPTED:
        return False
    if tool in ("duplicity", "duply"):
        return "--no-encryption" not in line
    if tool == "proxmox-backup-client":
        return "--keyfile" in line or "--crypt-mode=encrypt" in line or "--crypt-mode encrypt" in line
    if tool == "borg":
        return True if re.search(r"BORG_PASS(?:PHRASE|COMMAND)", text) else None
    if tool in COPIERS:
        return _ENCRYPTS.search(text) is not None
    return None


def _versions(tool: str, line: str, text: str) -> int | None:
    kept = [int(number) for number in _KEEP.findall(text)]
    if tool in ("restic", "borg", "proxmox-backup-client"):
        return sum(kept) if kept else EVERY_VERSION
    if tool == "duplicity":
        told = _ALL_BUT.search(text)
        return int(told[1]) if told else EVERY_VERSION
    if tool == "rdiff-backup":
        return EVERY_VERSION
    if tool == "rsync":
        return EVERY_VERSION if re.search(r"--link-dest|--backup-dir", line) or _DATED.search(line) else 1
    if tool in COPIERS:
        return EVERY_VERSION if _DATED.search(text) else 1
    if tool == "rclone":
        return EVERY_VERSION if "--backup-dir" in line or _DATED.search(line) else 1
    return None


def rsnapshot_versions(text: str) -> int | None:
    """Sum of the `retain` lines of rsnapshot.conf; None without one. Raises ValueError for too many lines."""
    numbers = [
        int(parts[2])
        for _, line in significant(text)
        if (parts := line.split())[0] in ("retain", "interval")
        and len(parts) == 3
        and parts[2].isdigit()
        and len(parts[2]) < 6
    ]
    return sum(numbers) if numbers else None


def is_remote(address: str) -> bool:
    """A repository's address is on another machine."""
    return _REMOTE.match(address) is not None


def merged(found: Iterable[Command]) -> list[Command]:
    """One for each tool, the first that is told."""
    return list({command.tool: command for command in reversed(list(found))}.values())[::-1]
