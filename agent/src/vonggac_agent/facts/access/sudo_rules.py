"""sudo.rules: who may become whom. The grammar is read by `sudoers`; here includes are followed and rules decided.

Only files are looked at: rules that come from LDAP or SSSD (nsswitch.conf(5) "sudoers:") are not told, and the source
says so.

Source: sudoers(5), sudo 1.9.13.
"""

from __future__ import annotations

import math
import posixpath
import re
from collections.abc import Callable, Mapping, Set
from typing import Final, NamedTuple, TypeVar

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.access import SudoRule, SudoRules

from ...host import Host
from ...kernel import interfaces
from ...untrusted import bounded
from ..files import owners
from ..packages import package_inventory
from . import account_files, sudo_commands, sudoers
from .sudo_aliases import MAX_STEPS, Aliases
from .sudoers import Alias, Include, Rule, Setting

MAX_FILES: Final = 1000
MAX_LINES: Final = 50_000
"""Lines of all files together, those of a file as often as it is included."""
MAX_DEPTH: Final = 128
"""sudoers(5): nested includes end at 128 files."""
UPSTREAM_TIMEOUT: Final = 5.0
DEBIAN_TIMEOUT: Final = 15.0
"""timestamp_timeout as sudo is built by itself and as Debian builds it (--with-timeout=15)."""
USE_PTY_SINCE: Final = (1, 9, 14)
"""sudo 1.9.14 switched use_pty on by default (its NEWS)."""
_SCOPES: Final = {"": 0, "@": 0, ":": 0, ">": 1, "!": 2}
"""sudoers(5) "Defaults": those for all, a host and a user are applied first, then run-as users', then commands'."""
_BY_RULE: Final = ("authenticate", "exempt_group", "noexec")
"""Settings that are decided for each rule."""
_V = TypeVar("_V")


class Placed(NamedTuple):
    """A rule and where it stands."""

    rule: Rule
    source: str


class Book(NamedTuple):
    """Everything that the files say, in order, and which files were read."""

    rules: list[Placed]
    settings: list[Setting]
    aliases: dict[tuple[str, str], Alias]
    files: list[str]
    lines: list[int]
    """How many lines each of the files has."""


class Defaults(NamedTuple):
    """What holds where the files say nothing."""

    use_pty: bool
    timeout: float


def decide(book: Book, defaults: Defaults, members: Callable[[], Mapping[str, Set[str]]]) -> SudoRules:
    """The fact from what the files say; `members` is for `Aliases`. Raises CouldNotLook(too-large) where it does."""
    book = book._replace(settings=sorted(book.settings, key=lambda setting: _SCOPES[setting.scope]))
    syslog, logfile, asks_other = True, False, False
    for setting in book.settings:
        if setting.scope:
            continue
        if setting.name == "syslog":
            syslog = setting.on
        elif setting.name == "logfile":
            logfile = setting.on and bool(setting.value)
        elif setting.name in ("targetpw", "rootpw"):
            asks_other = setting.on
    timeouts = _values(book, "timestamp_timeout", defaults.timeout, _timeout)
    use_pty: list[bool] = _values(book, "use_pty", defaults.use_pty, _on)
    secure_path: list[bool] = _values(book, "secure_path", False, _on)
    aliases = Aliases(book.aliases, members)
    by_rule = book._replace(settings=[setting for setting in book.settings if setting.name in _BY_RULE])
    return SudoRules(
        [_rule(placed, by_rule, aliases) for placed in book.rules],
        use_pty=all(use_pty),
        logged=syslog or logfile,
        timestamp_minutes=_whole_minutes(min(timeouts) if min(timeouts) < 0 else max(timeouts)),
        log_output=_last(book, "log_output"),
        secure_path=all(secure_path),
        asks_other=asks_other,
    )


def _values(book: Book, name: str, start: _V, read: Callable[[Setting, _V], _V]) -> list[_V]:
    """What a setting comes to for all, then for each scope that says otherwise; of the same scope the last counts."""
    for_all, scoped = start, dict[tuple[str, tuple[str, ...]], _V]()
    for setting in book.settings:
        if setting.name != name:
            continue
        if setting.scope:
            scoped[setting.scope, setting.items] = read(setting, for_all)
        else:
            for_all = read(setting, for_all)
            scoped.clear()
    return [for_all, *scoped.values()]


def _on(setting: Setting, before: bool) -> bool:
    return setting.on


def _timeout(setting: Setting, before: float) -> float:
    return _minutes(setting.value, before) if setting.on else 0.0


def _last(book: Book, name: str) -> bool:
    """Whether a switch that is off by default was left on for everybody."""
    return next((s.on for s in reversed(book.settings) if s.name == name and not s.scope), False)


def _minutes(value: str | None, otherwise: float) -> float:
    try:
        minutes = float(value or "")
    except ValueError:
        return otherwise
    return minutes if math.isfinite(minutes) else otherwise


def _whole_minutes(minutes: float) -> int:
    """Rounded up, so that no time is told shorter than it is."""
    return -1 if minutes < 0 else min(math.ceil(minutes), limits.MAX_SAFE_INTEGER)


def _rule(placed: Placed, book: Book, aliases: Aliases) -> SudoRule:
    rule = placed.rule
    commands = aliases.commands(rule.commands)
    return SudoRule(
        who=bounded(", ".join(rule.users)),
        hosts=bounded(", ".join(rule.hosts)),
        run_as=bounded(rule.run_as),
        commands=bounded(", ".join(sudo_commands.shown(command) for command in rule.commands)),
        no_password=rule.no_password or _never_asked(rule, book, aliases),
        everything="ALL" in aliases.names("command", rule.commands),
        source=bounded(placed.source),
        everybody="ALL" in aliases.names("user", rule.users),
        as_root=sudo_commands.as_root(aliases.names("runas", _run_as(rule))),
        negated=sudo_commands.negated(commands),
        wildcards=sudo_commands.wildcards(commands),
        escapes=sudo_commands.escapes(commands, lambda command: _no_exec(command, rule, book, aliases)),
    )


def _run_as(rule: Rule) -> tuple[str, ...]:
    """The users of the run-as list; root without one, sudoers(5) "Runas_Spec"."""
    users = rule.run_as.partition(":")[0].strip()
    return tuple(user.strip() for user in users.split(",")) if users else ("root",)


def _no_exec(command: str, rule: Rule, book: Book, aliases: Aliases) -> bool:
    """A tag or a setting keeps the command from starting programs."""
    off = rule.no_exec
    aliases.spend(len(book.settings))
    for setting in book.settings:
        if setting.name != "noexec":
            continue
        if setting.scope == "!":
            named = aliases.names("command", setting.items)
            aliases.spend(len(named))
            concerned = "ALL" in named or command.split(" ")[0] in {one.split(" ")[0] for one in named}
        else:
            concerned = _concerns(setting, rule, aliases)
        off = setting.on if concerned else off
    return off


def _never_asked(rule: Rule, book: Book, aliases: Aliases) -> bool:
    """Defaults switch the password off for this rule: for all, or for a user, run-as user, host or command of it."""
    off = False
    aliases.spend(len(book.settings))
    for setting in book.settings:
        if setting.name == "authenticate" and _concerns(setting, rule, aliases):
            off = not setting.on
        elif setting.name == "exempt_group" and not setting.scope and setting.on:
            exempt = frozenset((f"%{setting.value}",))
            off = off or aliases.share_people(exempt, aliases.names("user", rule.users))
    return off


def _concerns(setting: Setting, rule: Rule, aliases: Aliases) -> bool:
    """A setting that is switched off concerns a rule if it may; one that is on, if it holds for all of the rule."""
    if not setting.scope:
        return True
    kind, named = {
        ":": ("user", rule.users),
        "@": ("host", rule.hosts),
        "!": ("command", rule.commands),
        ">": ("runas", tuple(re.split(r"[\s,:]+", rule.run_as or "root"))),
    }[setting.scope]
    meant, concerned = aliases.names(kind, setting.items), aliases.names(kind, named)
    if "ALL" in meant:
        return True
    if setting.on:
        aliases.spend(min(len(meant), len(concerned)))
        return concerned <= meant
    if "ALL" in concerned or aliases.share(meant, concerned):
        return True
    if kind == "user":
        return aliases.share_people(meant, concerned)
    return kind == "command" and aliases.share(aliases.programs(meant), aliases.programs(concerned))


def _read(host: Host, path: str, book: Book, depth: int) -> None:
    """Read `path` into `book`, includes at their place."""
    if depth >= MAX_DEPTH:
        raise ValueError(f"the includes of sudoers go deeper than {MAX_DEPTH}")
    if len(book.files) >= MAX_FILES:
        raise ValueError(f"sudoers includes over {MAX_FILES} files")
    lines = host.lines(path)
    book.files.append(path)
    book.lines.append(len(lines))
    if sum(book.lines) > MAX_LINES:
        raise ValueError(f"sudoers with its includes is over {MAX_LINES} lines")
    for number, text in sudoers.logical_lines(lines):
        where = f"{path}:{number}"
        try:
            entries = sudoers.parse_line(text)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None
        for entry in entries:
            if isinstance(entry, Alias):
                book.aliases[entry.kind, entry.name] = entry
            elif isinstance(entry, Setting):
                book.settings.append(entry)
            elif isinstance(entry, Rule):
                book.rules.append(Placed(entry, where))
            else:
                for included in _included(host, path, entry):
                    _read(host, included, book, depth + 1)
        if len(book.rules) > limits.MAX_FACT_LIST:
            raise CouldNotLook(Reason.TOO_LARGE, f"over {limits.MAX_FACT_LIST} rules in sudoers")


def _included(host: Host, path: str, include: Include) -> list[str]:
    """sudoers(5): names that hold a dot or end in `~` are passed over in a folder; %h is the short host name."""
    target = include.path.replace("%h", _short_hostname(host))
    if not target.startswith("/"):
        target = posixpath.join(posixpath.dirname(path), target)
    target = target.lstrip("/")
    if not include.folder:
        return [target] if host.exists(target) else []
    names = host.names(target, limit=MAX_FILES)
    return [f"{target}/{name}" for name in names if "." not in name and not name.endswith("~")]


def _short_hostname(host: Host) -> str:
    name = (
        host.told(interfaces.hostname) if host.live else (host.text("etc/hostname", limit=4096) or "").strip()
    )
    return name.partition(".")[0]


def gather(host: Host, selector: tuple[str, ...]) -> tuple[SudoRules, str]:
    """Topic sudo.rules. Raises CouldNotLook: not-installed without etc/sudoers; permission-denied."""
    if not host.exists("etc/sudoers"):
        raise CouldNotLook(Reason.NOT_INSTALLED, "etc/sudoers is absent")
    book = Book([], [], {}, [], [])
    _read(host, "etc/sudoers", book, 0)
    source = "etc/sudoers and what it includes"
    if re.search(r"(?m)^[ \t]*+sudoers:.*\b(?:ldap|sss)\b", host.text("etc/nsswitch.conf") or ""):
        source += "; rules from LDAP or SSSD not seen"
    return decide(
        book, _defaults(host), lambda: host.once("members for sudo", lambda: _members(host))
    ), source


def _members(host: Host) -> dict[str, set[str]]:
    """Each local group and number of an account as sudoers(5) "User_List" writes it, with its accounts.

    Raises CouldNotLook(too-large) for over MAX_STEPS members of all groups.
    """
    found: dict[str, set[str]] = {}
    for account in account_files.passwd(owners.lines(host, "etc/passwd")):
        found.setdefault(f"#{account.uid}", set()).add(account.name)
        found.setdefault(f"%#{account.gid}", set()).add(account.name)
    steps = 0
    for name, number, named in account_files.groups(owners.lines(host, "etc/group")):
        of_number = found.setdefault(f"%#{number}", set())
        of_number.update(named)
        found.setdefault(f"%{name}", set()).update(of_number)
        steps += len(of_number)
        if steps > MAX_STEPS:
            raise CouldNotLook(Reason.TOO_LARGE, f"groups have over {MAX_STEPS} members")
    return found


def _defaults(host: Host) -> Defaults:
    timeout = DEBIAN_TIMEOUT if host.exists("etc/debian_version") else UPSTREAM_TIMEOUT
    try:
        package = package_inventory.look(host).by_name.get("sudo")
    except CouldNotLook as error:
        if error.reason is Reason.TIMED_OUT:
            raise
        package = None
    version = "" if package is None else package.version.rpartition(":")[2]
    match = re.match(r"(\d{1,4})\.(\d{1,4})\.(\d{1,4})", version)
    return Defaults(match is not None and tuple(map(int, match.groups())) >= USE_PTY_SINCE, timeout)
