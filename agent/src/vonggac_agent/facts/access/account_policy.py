"""account.policy: what the machine demands of passwords and logins. PAM's stacks are read by `pam`.

Told is what every local way in demands: of the password stack of passwd, and of the auth stacks of login and sshd,
whichever asks least. Values are those the modules use, their own defaults included.

Sources: login.defs(5), pam_pwquality(8), pwquality.conf(5), pam_cracklib(8), pam_passwdqc(8), pam_unix(8),
pam_pwhistory(8), pwhistory.conf(5), pam_faillock(8), faillock.conf(5), pam_tally2(8), bash(1) TMOUT.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.access import AccountPolicy

from ...host import Host
from . import login_defs, pam_stack
from .pam import Step

PASSWORD_SERVICES: Final = ("passwd", "common-password", "system-auth")
"""Where a password is changed; the first that is there counts."""
LOGIN_SERVICES: Final = ("login", "sshd")
LOGIN_FALLBACKS: Final = ("common-auth", "system-auth", "password-auth")
HASHES: Final = ("yescrypt", "gost_yescrypt", "blowfish", "sha512", "sha256", "md5", "bigcrypt")
CREDITS: Final = ("dcredit", "ucredit", "lcredit", "ocredit")
_NUMBER: Final = re.compile(r"-?[0-9]{1,9}")
_TMOUT: Final = re.compile(
    r"(?:^|[;&\s{])(?P<fixed>readonly\s+|(?:declare|typeset)\s+-[a-z]*r[a-z]*\s+)?"
    r"(?:export\s+|(?:declare|typeset)\s+-[a-z]+\s+)?TMOUT(?::?=)[\"']?(?P<seconds>[0-9]{1,9})\b"
)
_READONLY: Final = re.compile(
    r"(?:^|[;&\s])(?:readonly|(?:declare|typeset)\s+-[a-z]*r[a-z]*)\s[^;&]*\bTMOUT\b"
)


class Quality(NamedTuple):
    """What one password check asks: shortest length (credits taken off) and classes of characters."""

    length: int
    classes: int


def assignments(lines: Iterable[str]) -> dict[str, str]:
    """`name = value` lines, and bare names with an empty value; `#` starts a comment. A name's last line counts."""
    found: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition("#")[0].partition("=")
        if name.strip():
            found[name.strip().lower()] = value.strip()
    return found


def number(value: str | None) -> int | None:
    """`value` as a whole number of at most nine digits; None if it is none."""
    return int(value) if value is not None and _NUMBER.fullmatch(value) else None


def quality(step: Step, settings: Mapping[str, str]) -> Quality | None:
    """What one line of a password stack asks; None if it asks nothing. `settings` are those of pwquality.conf."""
    if not step.can_refuse:
        return None
    if step.module == "pam_pwquality.so":
        return _pwquality(step, settings)
    if step.module == "pam_cracklib.so":
        # pam_cracklib(8): minlen 9, every credit 1, unless told otherwise
        return _credited(step, {"minlen": 9, "minclass": 0, **dict.fromkeys(CREDITS, 1)}, {}, shortest=6)
    if step.module == "pam_passwdqc.so":
        return Quality(_passwdqc(step.value("min")), 0)
    if step.module == "pam_unix.so":
        told = number(step.value("minlen"))
        if told is None and "obscure" not in step.arguments:
            return None
        return Quality(6 if told is None else told, 0)  # pam_unix(8) as Debian builds it: 6
    return None


def _pwquality(step: Step, settings: Mapping[str, str]) -> Quality | None:
    enforcing = step.value("enforcing") or settings.get("enforcing")
    if number(enforcing) == 0:
        return None
    # pwquality.conf(5): minlen 8 and never below 6, minclass 0, every credit 0
    return _credited(step, {"minlen": 8, "minclass": 0, **dict.fromkeys(CREDITS, 0)}, settings, shortest=6)


def _credited(
    step: Step, defaults: Mapping[str, int], settings: Mapping[str, str], *, shortest: int
) -> Quality:
    """A positive credit shortens the password by that many characters, a negative one asks for its class."""
    values = dict(defaults)
    for name in defaults:
        told = number(step.value(name))
        if told is None:
            told = number(settings.get(name))
        if told is not None:
            values[name] = told
    credits = [values[name] for name in CREDITS]
    length = max(shortest, values["minlen"]) - sum(credit for credit in credits if credit > 0)
    asked = sum(1 for credit in credits if credit < 0)
    return Quality(max(0, length), max(asked, values["minclass"]))


def _passwdqc(value: str | None) -> int:
    """pam_passwdqc(8): min=N0,N1,N2,N3,N4, each a number or `disabled`; default disabled,24,11,8,7."""
    kinds = (value or "disabled,24,11,8,7").split(",")
    lengths = [told for told in map(number, kinds) if told is not None]
    return min(lengths, default=0)


def history(steps: Iterable[Step], settings: Mapping[str, str]) -> int | None:
    """Old passwords that the stack refuses; None if nothing remembers. `settings` are those of pwhistory.conf."""
    found: list[int] = []
    for step in steps:
        if step.module == "pam_pwhistory.so" and step.can_refuse:
            told = number(step.value("remember") or settings.get("remember"))
            found.append(10 if told is None else told)  # pam_pwhistory(8): 10
        elif step.module == "pam_unix.so":
            told = number(step.value("remember"))
            if told is not None:
                found.append(told)
    return max(found, default=None)


def lockout(steps: Iterable[Step], settings: Mapping[str, str]) -> tuple[int, int] | None:
    """(failures, seconds) after and for which an auth stack locks an account; None if it never does.

    `settings` are those of faillock.conf. 0 seconds: until an administrator unlocks it.
    """
    for step in steps:
        if step.module == "pam_faillock.so" and "authfail" in step.arguments:
            deny = number(step.value("deny") or settings.get("deny"))
            unlock = step.value("unlock_time") or settings.get("unlock_time")
            # faillock.conf(5): deny 3, unlock_time 600; "never" is 0
            failures = 3 if deny is None else deny
            seconds = 0 if unlock == "never" else number(unlock)
            return None if failures <= 0 else (failures, 600 if seconds is None else seconds)
        if step.module in ("pam_tally2.so", "pam_tally.so"):
            deny = number(step.value("deny"))
            if deny is not None and deny > 0:
                return deny, number(step.value("unlock_time")) or 0
    return None


def weakest_lockout(found: Sequence[tuple[int, int] | None]) -> tuple[int | None, int | None]:
    """Most failures and shortest lock of all ways in; none as soon as one way in never locks."""
    locks = [lock for lock in found if lock is not None]
    if not locks or len(locks) != len(found):
        return None, None
    limited = [seconds for _, seconds in locks if seconds > 0]
    return max(failures for failures, _ in locks), min(limited, default=0)


def scheme(steps: Iterable[Step], settings: Mapping[str, str]) -> str:
    """Hash of new passwords: what pam_unix is told, else ENCRYPT_METHOD of login.defs; empty if neither says."""
    for step in steps:
        if step.module == "pam_unix.so":
            told = next((a for a in step.arguments if a in HASHES), None)
            if told is not None:
                return told
    return settings.get("ENCRYPT_METHOD", "").lower()


def session_timeout(files: Iterable[Sequence[str]]) -> int | None:
    """TMOUT after a shell has read `files` in order; a read-only one stays. 0 and none mean no time limit."""
    seconds: int | None = None
    for lines in files:
        for line in lines:
            code = re.sub(r"(^|\s)#.*", "", line)
            if "TMOUT" not in code:
                continue
            match = _TMOUT.search(code)
            if match is not None:
                seconds = int(match["seconds"])
            if seconds is not None and _READONLY.search(code):
                return seconds or None
    return seconds or None


def makes_read_only(code: str) -> bool:
    """A line of a shell, without its comment, that makes TMOUT read-only."""
    match = _TMOUT.search(code)
    return (match is not None and match["fixed"] is not None) or _READONLY.search(code) is not None


def gather(host: Host, selector: tuple[str, ...]) -> tuple[AccountPolicy, str]:
    """Topic account.policy."""
    defaults = login_defs.read(host)
    changing = first(host, PASSWORD_SERVICES, "password")
    if not defaults and changing is None:
        raise CouldNotLook(Reason.NOT_INSTALLED, "neither etc/login.defs nor etc/pam.d is there")
    steps = changing or []
    pwquality = settings_of(host, "etc/security/pwquality.conf")
    asked = [found for found in (quality(step, pwquality) for step in steps) if found is not None]
    faillock = settings_of(host, "etc/security/faillock.conf")
    failures, seconds = weakest_lockout([lockout(way, faillock) for way in ways_in(host)])
    policy = AccountPolicy(
        maximum_age=login_defs.number(defaults, "PASS_MAX_DAYS"),
        minimum_length=max((found.length for found in asked), default=None),
        minimum_classes=max((found.classes for found in asked), default=None),
        history=history(steps, settings_of(host, "etc/security/pwhistory.conf")),
        lockout_after=failures,
        lockout_seconds=seconds,
        scheme=scheme(steps, defaults),
        umask=defaults.get("UMASK", "")[:16],
        session_timeout=session_timeout(_profiles(host)),
    )
    return policy, "etc/login.defs, etc/pam.d, etc/security, etc/profile"


def ways_in(host: Host) -> list[list[Step]]:
    """The auth stacks of the console and of SSH; where neither has a file, those that other services include."""
    for services in (LOGIN_SERVICES, LOGIN_FALLBACKS):
        found = [steps for name in services if (steps := pam_stack.of_type(host, name, "auth")) is not None]
        if found:
            return found
    return []


def first(host: Host, services: Iterable[str], kind: str) -> list[Step] | None:
    """The steps of the first of `services` that has some of that type."""
    for service in services:
        steps = pam_stack.of_type(host, service, kind)
        if steps:
            return steps
    return None


def settings_of(host: Host, path: str) -> dict[str, str]:
    """The folder `<path>.d` is read first and the file last, pwquality.conf(5); the other two have no folder."""
    found: dict[str, str] = {}
    for name in host.names(f"{path}.d"):
        if name.endswith(".conf"):
            found.update(assignments(host.lines(f"{path}.d/{name}")))
    found.update(assignments(host.lines(path)))
    return found


def _profiles(host: Host) -> list[list[str]]:
    names = [name for name in host.names("etc/profile.d") if name.endswith(".sh")]
    paths = ["etc/profile", *(f"etc/profile.d/{name}" for name in names), "etc/bash.bashrc", "etc/bashrc"]
    return [host.lines(path) for path in paths]
