"""The words for the codes of the contract and the ledger, one word per thing on every page.

A code that this release does not know (a newer agent's) is shown as it came, with nothing in it unseen.
"""

from __future__ import annotations

from typing import Final

from .inert import visible
from .language import Language, translatable
from .topics import TOPICS

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
REMEDIES: Final = {
    "permission-denied": translatable("Let the agent run as its service: vonggac-agent service install."),
    "timed-out": translatable(
        "It is tried again at the next look; if it stays, see what keeps the machine busy."
    ),
    "too-large": translatable("The finding on the host's page names what was too large."),
    "malformed": translatable("The finding on the host's page names the file; correct it there."),
    "disabled-by-owner": translatable("Agree with the machine's owner to switch it on again."),
    "withheld": translatable("Agree with the machine's owner to have it sent."),
    "not-reported": translatable(
        "The agent is older than the rules, or has not yet looked by them: update it."
    ),
    "no-rules": translatable("Publish a rulebook that has a profile for this level."),
}
"""What to do about a reason, where there is anything to do."""
AGENT_STATES: Final = {
    "active": translatable("Active"),
    "quarantined": translatable("Quarantined"),
    "restored": translatable("Decided: the machine that was set back goes on"),
    "stray": translatable("Decided: the machine of this chain goes on"),
    "revoked": translatable("Revoked"),
    "never": translatable("Never heard from"),
}
APPLICANT_STATES: Final = {
    "waiting": translatable("Waiting"),
    "approved": translatable("Approved"),
    "refused": translatable("Refused"),
    "expired": translatable("Waited too long"),
}
REPORT_STATES: Final = {
    "committed": translatable("Committed"),
    "pending": translatable("Waiting for an earlier report"),
    "fork": translatable("Fork: kept as evidence"),
}
FLAGS: Final = {
    "clock-ahead": translatable("The clock is ahead"),
    "carried-late": translatable("Carried late"),
    "section-missing": translatable("A part of the inventory that it names never arrived"),
    "policy-expired": translatable("What vouches for its rules expired"),
    "policy-not-followed": translatable("It did not follow the policy repository"),
    "reports-dropped": translatable("The machine dropped reports before it: no room, or too large"),
}
POLICY_ROLES: Final = {
    "root": translatable("Root: whose keys count"),
    "targets": translatable("Targets: which rulebooks there are"),
    "timestamp": translatable("Timestamp: that this is the newest"),
}
RULEBOOK_STATES: Final = {
    "in-force": translatable("in force for all"),
    "tried": translatable("tried before it is in force for all"),
    "earlier": translatable("an earlier one"),
    "unknown": translatable("published by nobody here"),
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

PLATFORMS: Final = {"linux": "Linux", "windows": "Windows"}
SCHEMES: Final = {
    "tcvn14423": translatable("Controls of TCVN 14423"),
    "cis": "CIS Benchmark",
    "nist80053": "NIST SP 800-53",
}
"""What the maps of rules point into."""
FIELDS: Final = {
    "active": translatable("running"),
    "on_access": translatable("scanning at every access"),
    "signatures": translatable("signatures of"),
    "security": translatable("security update"),
    "installed": translatable("installed"),
    "version": translatable("version"),
    "port": translatable("port"),
    "protocol": translatable("protocol"),
    "address": translatable("address"),
    "scope": translatable("reach"),
    "process": translatable("process"),
    "package": translatable("package"),
    "name": translatable("name"),
    "who": translatable("who"),
    "hosts": translatable("on hosts"),
    "everything": translatable("any command"),
    "no_password": translatable("no password asked"),
    "password": translatable("password"),
    "scheme": translatable("hash"),
    "groups": translatable("groups"),
    "maximum_age": translatable("days a password lasts"),
    "changed": translatable("password changed"),
    "last_login": translatable("last sign-in"),
    "uid": translatable("user number"),
    "can_log_in": translatable("can sign in"),
    "system": translatable("system account"),
    "oldest_version": translatable("oldest version offered"),
    "cipher": translatable("cipher"),
    "name_matches": translatable("name on the certificate fits"),
    "certificate": translatable("certificate"),
    "certificate.not_after": translatable("certificate's end"),
    "certificate.key_type": translatable("key type"),
    "certificate.key_bits": translatable("key bits"),
    "certificate.signature": translatable("signature"),
    "certificate.self_signed": translatable("self-signed"),
    "permissions": translatable("permissions"),
    "owner": translatable("owner"),
    "group": translatable("group"),
}
"""Fields of entries and files, as evidence names them."""
GROUPS: Final = {
    "outcome": OUTCOMES,
    "severity": SEVERITIES,
    "domain": DOMAINS,
    "topic": TOPICS,
    "reason": REASONS,
    "agent_state": AGENT_STATES,
    "applicant_state": APPLICANT_STATES,
    "report_state": REPORT_STATES,
    "flag": FLAGS,
    "rulebook_state": RULEBOOK_STATES,
    "policy_role": POLICY_ROLES,
    "role": ROLES,
    "scope": SCOPES,
    "password": PASSWORDS,
    "family": FAMILIES,
    "cause": CAUSES,
    "platform": PLATFORMS,
    "scheme": SCHEMES,
}


def word(language: Language, group: str, code: str) -> str:
    """The word for `code` of `group`. Raises KeyError for a group that is not there."""
    known = GROUPS[group].get(code)
    return language.gettext(known) if known else visible(code)


def profile_name(language: Language, profile: str) -> str:
    """A profile as people call it: the built-in ones by their level (`tcvn14423-level3`), others by their id."""
    level = profile.removeprefix("tcvn14423-level")
    if level in ("1", "2", "3", "4", "5"):
        return language.gettext("Level %(level)s") % {"level": level}
    return visible(profile)
