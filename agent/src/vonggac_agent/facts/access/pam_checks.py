"""pam.checks: what PAM asks of new passwords and of failures beyond account.policy, with the modules' own defaults.

Sources: pam_pwquality(8), pwquality.conf(5), pam_cracklib(8), pam_faillock(8), faillock.conf(5), pam_tally2(8),
pam_unix(8) nullok.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from vonggac_contract.facts.pam import PamChecks

from ...host import Host
from ...untrusted import as_text
from . import account_policy, pam, pam_stack
from .account_policy import number
from .pam import Step

QUALITY: Final = ("pam_pwquality.so", "pam_cracklib.so")
MAX_FILES: Final = 500


def asked(step: Step, settings: Mapping[str, str]) -> PamChecks | None:
    """What one line of a password stack asks; None if it is no check of quality or cannot refuse."""
    if step.module not in QUALITY or not step.can_refuse:
        return None
    if step.module == "pam_cracklib.so":
        # pam_cracklib(8): the dictionary always; reject_username, enforce_for_root, maxrepeat, maxsequence by word
        return PamChecks(
            dictionary=True,
            user_name="reject_username" in step.arguments,
            root_too="enforce_for_root" in step.arguments,
            maximum_repeat=number(step.value("maxrepeat")) or 0,
            maximum_sequence=number(step.value("maxsequence")) or 0,
        )
    if number(step.value("enforcing") or settings.get("enforcing")) == 0:
        return None

    def told(name: str, otherwise: int) -> int:
        value = number(step.value(name) or settings.get(name))
        return otherwise if value is None else value

    return PamChecks(
        # pwquality.conf(5): dictcheck 1, usercheck 1, maxrepeat 0, maxsequence 0
        dictionary=told("dictcheck", 1) != 0,
        user_name=told("usercheck", 1) != 0,
        root_too="enforce_for_root" in step.arguments or "enforce_for_root" in settings,
        maximum_repeat=told("maxrepeat", 0),
        maximum_sequence=told("maxsequence", 0),
    )


def locks_root(steps: Iterable[Step], settings: Mapping[str, str]) -> bool | None:
    """Whether one auth stack locks root too; None if it locks nobody. `settings` are those of faillock.conf."""
    steps = list(steps)
    if account_policy.lockout(steps, settings) is None:
        return None
    for step in steps:
        if step.module == "pam_faillock.so" and "authfail" in step.arguments:
            said = {*settings, *step.arguments}
            return "even_deny_root" in said or bool(
                step.value("root_unlock_time") or settings.get("root_unlock_time")
            )
        if step.module in ("pam_tally2.so", "pam_tally.so"):
            return "even_deny_root" in step.arguments
    return None


def empty_allowed(path: str, lines: Sequence[str]) -> list[str]:
    """Lines of one file of pam.d that let in with an empty password."""
    found: list[str] = []
    for number_, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if any(word in ("nullok", "nullok_secure") for word in words) and any(
            "pam_unix" in word for word in words
        ):
            found.append(f"{path}:{number_}")
    return found


def gather(host: Host, selector: tuple[str, ...]) -> tuple[PamChecks, str]:
    """Topic pam.checks. Raises CouldNotLook(not-installed) without a folder of PAM's services."""
    pam_stack.look(host)
    changing = account_policy.first(host, account_policy.PASSWORD_SERVICES, "password") or []
    pwquality = account_policy.settings_of(host, "etc/security/pwquality.conf")
    checks = next(
        (found for found in (asked(step, pwquality) for step in changing) if found is not None), None
    )
    faillock = account_policy.settings_of(host, "etc/security/faillock.conf")
    ways = [locks_root(way, faillock) for way in account_policy.ways_in(host)]
    checks = checks or PamChecks()
    return PamChecks(
        dictionary=checks.dictionary,
        user_name=checks.user_name,
        root_too=checks.root_too,
        maximum_repeat=checks.maximum_repeat,
        maximum_sequence=checks.maximum_sequence,
        root_locked=None if not ways or None in ways else all(ways),
        empty_allowed=_empty_allowed(host),
    ), "etc/pam.d, etc/security"


def _empty_allowed(host: Host) -> list[str]:
    seen: dict[str, str] = {}
    for folder in pam_stack.FOLDERS:
        for name in host.names(folder, limit=MAX_FILES):
            # dpkg and rpm leave copies beside a changed file, which no service is called
            if not name.endswith(("~", ".rpmnew", ".rpmsave", ".dpkg-old", ".dpkg-dist", ".bak")):
                seen.setdefault(name, f"{folder}/{name}")
    return [
        as_text(place)
        for path in seen.values()
        for place in empty_allowed(path, pam.joined(host.lines(path)))
    ][:MAX_FILES]
