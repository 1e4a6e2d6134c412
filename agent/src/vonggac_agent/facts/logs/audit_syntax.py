"""Reads the rules of the kernel's audit trail, and what they amount to for one file or one system call. Pure.

Topics audit.rules, audit.watch and audit.call look; this module reads and decides.

Sources: auditctl(8), audit.rules(7), augenrules(8) and its script; the kernel's filter: the first rule of a list that
matches an event decides (kernel/auditsc.c, audit_filter_rules).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal, NamedTuple

Permission = Literal["r", "w", "x", "a"]
Who = Literal["everybody", "people", "refused", "some"]
PERMISSIONS: Final[tuple[Permission, ...]] = ("r", "w", "x", "a")
MAX_RULES: Final = 20_000
MAX_LINE: Final = 6500
"""Longest line that auditctl reads (its LINE_SIZE)."""
MAX_FIELDS: Final = 64
"""Fields that one rule may hold, AUDIT_MAX_FIELDS of linux/audit.h."""
LISTS: Final = frozenset(("task", "exit", "user", "exclude", "filesystem", "io_uring"))
ACTIONS: Final = frozenset(("always", "never", "possible"))
FIRST_PERSON: Final = 1000
"""UID_MIN of login.defs(5) on every distribution judged: a bound up to here leaves no person out."""
_UNSET: Final = frozenset(("auid!=unset", "auid!=-1", "auid!=4294967295"))
_REFUSED: Final[Mapping[str, frozenset[str]]] = {
    "exit=-EACCES": frozenset(("EACCES",)),
    "exit=-13": frozenset(("EACCES",)),
    "exit=-EPERM": frozenset(("EPERM",)),
    "exit=-1": frozenset(("EPERM",)),
    "success=0": frozenset(("EACCES", "EPERM")),
    "success=no": frozenset(("EACCES", "EPERM")),
}
_FROM: Final = re.compile(r"auid(>=?)(\d{1,10})")
_FIELD: Final = re.compile(r"([a-z_0-9]+)(!=|>=|<=|&=|=|>|<|&)(.*)")


NOT_GENERIC: Final = frozenset(
    (
        "open",
        "creat",
        "unlink",
        "rename",
        "chmod",
        "chown",
        "lchown",
        "mknod",
        "mkdir",
        "rmdir",
        "link",
        "symlink",
    )
)
"""System calls that a 64-bit kernel of the generic table (arm64, riscv64) does not have, asm-generic/unistd.h."""


class AuditLine(NamedTuple):
    """One rule. `path` is of a watch or of `-F path=` and `-F dir=`; `conditions` are what else `-F` and `-C` ask."""

    action: str
    list: str
    path: str
    permissions: tuple[Permission, ...]
    architecture: str
    calls: tuple[str, ...]
    conditions: tuple[str, ...]
    key: str


class Rules(NamedTuple):
    """All rules in the order in which the kernel asks them; the last value of each control line."""

    lines: tuple[AuditLine, ...] = ()
    enabled: int | None = None
    failure: int | None = None
    backlog: int | None = None


def in_order(names: Iterable[str]) -> list[str]:
    """Files of rules.d as augenrules takes them: those that end in `.rules`, numbers in names by value (`ls -v`)."""
    return sorted((n for n in names if n.endswith(".rules")), key=_version)


def _version(name: str) -> tuple[tuple[bool, int, str], ...]:
    # A number sorts before a letter; too long a run of digits is compared as text.
    parts = (part for part in re.split(r"(\d+)", name) if part)
    return tuple(
        (False, int(part), "") if part.isdigit() and len(part) < 19 else (True, 0, part) for part in parts
    )


def parse(lines: Iterable[str]) -> Rules:
    """The rules of a file that `auditctl -R` loads. Lines that it would refuse are passed over.

    Raises ValueError for over `MAX_RULES` rules.
    """
    found: list[AuditLine] = []
    control: dict[str, int] = {}
    for line in lines:
        words = line.split() if len(line) <= MAX_LINE else []
        if not words or words[0].startswith("#"):
            continue
        if words[0] in ("-e", "-f", "-b") and len(words) > 1 and re.fullmatch(r"\d{1,9}", words[1]):
            control[words[0]] = int(words[1])
        elif words[0] == "-D":
            found.clear()
        elif words[0] in ("-a", "-A", "-w", "-d", "-W"):
            _enter(found, words)
        if len(found) > MAX_RULES:
            raise ValueError(f"over {MAX_RULES} audit rules")
    return Rules(tuple(found), control.get("-e"), control.get("-f"), control.get("-b"))


def _enter(found: list[AuditLine], words: list[str]) -> None:
    rule = rule_of(words)
    if rule is None:
        return
    if words[0] in ("-d", "-W"):
        if rule in found:
            found.remove(rule)
    elif words[0] == "-A":
        found.insert(0, rule)
    else:
        found.append(rule)


def rule_of(words: list[str]) -> AuditLine | None:
    """The rule of one line's words, which begin with -a, -A, -d, -w or -W; None if auditctl would not take it."""
    if words[0] in ("-w", "-W"):
        return _watch(words)
    sort = words[1].split(",") if len(words) > 1 else []
    action = next((word for word in sort if word in ACTIONS), "")
    filter_list = next((word for word in sort if word in LISTS), "")
    if len(sort) != 2 or not action or not filter_list:
        return None
    calls: list[str] = []
    fields: list[str] = []
    key = ""
    for option, value in _options(words[2:]):
        if option == "-S":
            calls += [call for call in value.split(",") if call]
        elif option == "-k":
            key = value
        elif option == "-F" and (match := _FIELD.fullmatch(value)):
            fields.append("".join(match.groups()))
        elif option == "-C":
            fields.append(value)
        else:
            return None
        if len(fields) > MAX_FIELDS:
            return None
    told = dict(field.split("=", 1) for field in fields if re.match(r"(?:path|dir|perm|arch|key)=", field))
    return AuditLine(
        action,
        filter_list,
        told.get("path") or told.get("dir", ""),
        _permissions(told.get("perm", "rwxa")) if "path" in told or "dir" in told or "perm" in told else (),
        told.get("arch", ""),
        tuple(dict.fromkeys(calls)),
        tuple(
            field for field in fields if field.partition("=")[0] not in ("path", "dir", "perm", "arch", "key")
        ),
        key or told.get("key", ""),
    )


def _watch(words: list[str]) -> AuditLine | None:
    path = words[1] if len(words) > 1 else ""
    permissions, key = "rwxa", ""
    for option, value in _options(words[2:]):
        if option == "-p":
            permissions = value
        elif option == "-k":
            key = value
        else:
            return None
    if not path.startswith("/"):
        return None
    return AuditLine("always", "exit", path, _permissions(permissions), "", (), (), key)


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    """Options with their values, apart (`-k x`) or in one word (`-kx`)."""
    at = 0
    while at < len(words):
        option, value = words[at][:2], words[at][2:]
        if not value:
            at += 1
            value = words[at] if at < len(words) else ""
        yield option, value.strip("\"'")
        at += 1


def _permissions(text: str) -> tuple[Permission, ...]:
    return tuple(p for p in PERMISSIONS if p in text)


def suppressed(rules: Rules) -> bool:
    """Nothing is recorded, whatever the rules say: the trail is off, or `never,task` lets no process be followed."""
    return rules.enabled == 0 or any(
        rule.action == "never" and rule.list == "task" and not rule.conditions for rule in rules.lines
    )


def who(rule: AuditLine, call: str = "") -> tuple[Who, frozenset[str]]:
    """Whose doings the rule records: everybody's, those of people who logged in, or of people what the kernel refused
    (with the errors it refused with); `some` for any narrower choice.

    clock_settime with `a0=0` is about the machine's clock itself, CLOCK_REALTIME of clock_settime(2): not narrower.
    """
    people, errors = False, frozenset[str]()
    for condition in rule.conditions:
        bound = _FROM.fullmatch(condition)
        if condition in _UNSET or (bound and int(bound[2]) + (bound[1] == ">") <= FIRST_PERSON):
            people = True
        elif condition in _REFUSED:
            errors |= _REFUSED[condition]
        elif not (call == "clock_settime" and condition in ("a0=0", "a0=0x0")):
            return "some", frozenset()
    return ("refused" if errors else "people" if people else "everybody"), errors


class Recorded(NamedTuple):
    """What is recorded of one system call, by architecture."""

    everybody: frozenset[str]
    people: frozenset[str]
    refused: frozenset[str]


def of_call(rules: Rules, call: str, architectures: Iterable[str]) -> Recorded:
    """For which of `architectures` (b64, b32) calls of `call` are recorded."""
    found: dict[str, set[str]] = {"everybody": set(), "people": set(), "refused": set()}
    for architecture in architectures:
        missing = {"EACCES", "EPERM"}
        for rule in () if suppressed(rules) else rules.lines:
            if rule.list != "exit" or rule.path or rule.permissions or not {call, "all"} & set(rule.calls):
                continue
            # Without arch= auditctl takes the numbers of the machine's own architecture.
            if (rule.architecture or "b64") != architecture:
                continue
            told, errors = who(rule, call)
            if rule.action != "always":
                if told == "everybody":
                    break
            elif told == "refused":
                missing -= errors
            elif told != "some":
                found["people"].add(architecture)
                missing.clear()
                if told == "everybody":
                    found["everybody"].add(architecture)
        if not missing:
            found["refused"].add(architecture)
    return Recorded(*(frozenset(found[name]) for name in ("everybody", "people", "refused")))


def of_path(
    rules: Rules, path: str, architectures: Iterable[str]
) -> tuple[tuple[Permission, ...], tuple[Permission, ...]]:
    """Accesses to `path` (absolute, without links) that are recorded: everybody's, and those of people.

    A rule on a folder holds for all that is below it. Running a program is recorded too where execve is.
    """
    wanted = tuple(architectures)
    seen: dict[tuple[bool, Permission], set[str]] = {}
    for rule in () if suppressed(rules) else rules.lines:
        if rule.list != "exit" or not rule.permissions or not _below(path, rule.path):
            continue
        told, _ = who(rule)
        if rule.action != "always":
            if told == "everybody":
                break
            continue
        for permission in rule.permissions if told in ("everybody", "people") else ():
            of = {rule.architecture} if rule.architecture else set(wanted)
            seen.setdefault((False, permission), set()).update(of)
            if told == "everybody":
                seen.setdefault((True, permission), set()).update(of)
    run = of_call(rules, "execve", wanted)
    seen.setdefault((False, "x"), set()).update(run.people)
    seen.setdefault((True, "x"), set()).update(run.everybody)
    everybody, people = (
        tuple(p for p in PERMISSIONS if set(wanted) <= seen.get((all_of_them, p), set()))
        for all_of_them in (True, False)
    )
    return everybody, people


def _below(path: str, folder: str) -> bool:
    folder = folder.rstrip("/")
    return path == folder or path.startswith(folder + "/")
