"""The words for the codes of the contract and the ledger, one word per thing on every page.

A code that this release does not know (a newer agent's) is shown as it came, with nothing in it unseen.
"""

from __future__ import annotations

from typing import Final

from .inert import visible
from .language import Language, translatable

OUTCOMES: Final = {
    "pass": translatable("Pass"),
    "fail": translatable("Fail"),
    "partial": translatable("Partial"),
    "unknown": translatable("Unknown"),
    "not-applicable": translatable("Not applicable"),
    "waived": translatable("Waived"),
}
SEVERITIES: Final = {
    "critical": translatable("Critical"),
    "high": translatable("High"),
    "medium": translatable("Medium"),
    "low": translatable("Low"),
}
DOMAINS: Final = {
    "patching": translatable("Patching"),
    "exposure": translatable("Exposure"),
    "tls": translatable("TLS and certificates"),
    "configuration": translatable("Configuration"),
    "access": translatable("Access"),
    "logging": translatable("Logging"),
    "protection": translatable("Protection"),
}
REASONS: Final = {
    "not-installed": translatable("it is not installed"),
    "not-supported": translatable("this system does not offer it"),
    "permission-denied": translatable("the agent was not allowed to look"),
    "timed-out": translatable("looking took too long"),
    "too-large": translatable("there was too much to read"),
    "malformed": translatable("what was there could not be read"),
    "disabled-by-owner": translatable("the machine's owner switched it off"),
    "no-value": translatable("the setting has no value"),
    "condition": translatable("the rule's condition does not hold here"),
    "platform": translatable("the rule is for another platform"),
    "not-reported": translatable("the report left it out"),
    "withheld": translatable("the machine's owner keeps it back"),
    "not-held": translatable("the collector does not hold its content"),
    "no-rules": translatable("no rulebook could be applied"),
}
AGENT_STATES: Final = {
    "active": translatable("Active"),
    "quarantined": translatable("Quarantined"),
    "revoked": translatable("Revoked"),
    "never": translatable("Never heard from"),
}
REPORT_STATES: Final = {
    "committed": translatable("Committed"),
    "pending": translatable("Waiting for an earlier report"),
    "fork": translatable("Fork: kept as evidence"),
}
FLAGS: Final = {
    "clock-skew": translatable("The clock is off"),
    "carried-late": translatable("Carried late"),
}
ROLES: Final = {
    "sysadmin": translatable("System administrator"),
    "officer": translatable("Security officer"),
    "it-centre": translatable("IT centre"),
    "auditor": translatable("Auditor"),
    "administrator": translatable("Administrator"),
}
SCOPES: Final = {
    "loopback": translatable("this machine only"),
    "link": translatable("link-local"),
    "private": translatable("private network"),
    "public": translatable("public address"),
    "any": translatable("every address"),
}
PASSWORDS: Final = {
    "set": translatable("set"),
    "empty": translatable("empty"),
    "locked": translatable("locked"),
    "none": translatable("none"),
    "not-seen": translatable("not seen"),
}
OPERATORS: Final = {
    "equals": translatable("equals"),
    "one_of": translatable("one of"),
    "at_least": translatable("at least"),
    "at_most": translatable("at most"),
    "between": translatable("between"),
    "matches": translatable("matches"),
    "contains": translatable("contains"),
    "subset_of": translatable("nothing but"),
    "exists": translatable("is there"),
    "absent": translatable("is not there"),
    "newer_than": translatable("newer than"),
    "older_than": translatable("older than"),
    "is": translatable("is"),
    "each": translatable("in each"),
    "any": translatable("in at least one"),
    "none": translatable("in none"),
    "count": translatable("number"),
}
CAUSES: Final = {
    "silence": translatable("Silent hosts, or data grown old"),
    "known-exploited-reachable": translatable(
        "Cap: a weakness known to be exploited can be reached from outside"
    ),
    "end-of-life": translatable("Cap: the operating system no longer gets fixes"),
    "critical-overdue": translatable("Cap: a critical finding is past its deadline"),
    "system-cap": translatable("Cap: a system's most important host that is weakest"),
    "unassigned": translatable("Hosts in no information system"),
    "no-rules": translatable("Nothing here could be judged"),
}
"""What takes points without being a rule (docs/scoring.md)."""
FAMILIES: Final = {
    "any": translatable("Every system"),
    "debian": translatable("Debian, Ubuntu"),
    "redhat": translatable("Red Hat, AlmaLinux, Rocky"),
    "suse": translatable("SUSE"),
    "other": translatable("Other systems"),
}

GROUPS: Final = {
    "outcome": OUTCOMES,
    "severity": SEVERITIES,
    "domain": DOMAINS,
    "reason": REASONS,
    "agent_state": AGENT_STATES,
    "report_state": REPORT_STATES,
    "flag": FLAGS,
    "role": ROLES,
    "scope": SCOPES,
    "password": PASSWORDS,
    "operator": OPERATORS,
    "family": FAMILIES,
    "cause": CAUSES,
}


def word(language: Language, group: str, code: str) -> str:
    """The word for `code` of `group`. Raises KeyError for a group that is not there."""
    known = GROUPS[group].get(code)
    return language.gettext(known) if known else visible(code)


def operator_words(language: Language, operator: str) -> str:
    """An operator of evidence, which may be two of them, such as `count at_most`."""
    return " ".join(word(language, "operator", part) for part in operator.split(" ")[:3])


def profile_name(language: Language, profile: str) -> str:
    """A profile as people call it: the built-in ones by their level (`tcvn14423-level3`)."""
    level = profile.rpartition("-level")[2]
    if level in ("1", "2", "3", "4", "5"):
        return language.gettext("Level %(level)s") % {"level": level}
    return visible(profile)
