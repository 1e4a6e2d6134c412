"""The words for searching: kinds, fields, and what is wrong with a search (codes of `vonggac_collector.search`)."""

from __future__ import annotations

from typing import Final

from vonggac_collector.search.query import Kind
from vonggac_collector.search.syntax import Code, Unfit

from .inert import visible
from .language import Language, translatable

KINDS: Final[dict[Kind, str]] = {
    "findings": translatable("Findings"),
    "hosts": translatable("Machines"),
    "packages": translatable("Packages"),
    "ports": translatable("Open ports"),
    "certificates": translatable("Certificates"),
    "accounts": translatable("Accounts"),
}
FIELDS: Final = {
    "outcome": translatable("Outcome"),
    "severity": translatable("Severity"),
    "domain": translatable("Domain"),
    "rule": translatable("Rule"),
    "reason": translatable("Reason"),
    "since": translatable("Since"),
    "weight": translatable("Severity as a number, 1 to 4"),
    "unit": translatable("Unit, with all beneath it"),
    "host": translatable("Name of the machine"),
    "id": translatable("Id of the machine"),
    "os": translatable("System software"),
    "platform": translatable("Platform"),
    "system": translatable("Information system"),
    "level": translatable("Level"),
    "agent": translatable("State of the agent"),
    "sample": translatable("Sample data"),
    "failing": translatable("Failing rules"),
    "critical": translatable("Critical failures"),
    "unknown": translatable("Rules that could not be judged"),
    "looked": translatable("Newest report"),
    "silent": translatable("Silent"),
    "silent-since": translatable("Of silent machines: last heard"),
    "missing": translatable("Reports are missing"),
    "score": translatable("Score"),
    "address": translatable("Address"),
    "agent-version": translatable("Version of the agent"),
    "version": translatable("Version"),
    "package": translatable("Package"),
    "architecture": translatable("Architecture"),
    "source": translatable("Source package"),
    "port": translatable("Port"),
    "transport": translatable("Protocol"),
    "reach": translatable("Reach"),
    "process": translatable("Process"),
    "user": translatable("User"),
    "subject": translatable("Subject"),
    "issuer": translatable("Issuer"),
    "names": translatable("Names on the certificate"),
    "expires": translatable("Expires"),
    "tls": translatable("TLS version"),
    "key": translatable("Key type"),
    "bits": translatable("Key bits"),
    "fingerprint": translatable("Fingerprint (SHA-256)"),
    "self-signed": translatable("Self-signed"),
    "trusted": translatable("Trusted by its machine"),
    "uid": translatable("User number"),
    "login": translatable("Can sign in"),
    "administrator": translatable("Administrator"),
    "password": translatable("Password"),
}
UNFIT: Final[dict[Code, str]] = {
    "too-long": translatable("The text is longer than %(most)s characters."),
    "too-many": translatable("There are more than %(most)s terms."),
    "open-quote": translatable("This quotation mark is never closed."),
    "no-field": translatable(
        "There is no field “%(given)s”. To look for the text itself, put it in quotation marks."
    ),
    "too-many-others": translatable("At most %(most)s other things that a machine has can be named."),
    "too-wide": translatable("More than %(most)s machines have that: narrow it down, or look among them."),
    "no-value": translatable("“%(field)s” lacks its value."),
    "not-a-value": translatable("“%(field)s” is never “%(given)s”."),
    "not-a-number": translatable("“%(field)s” wants a whole number, not “%(given)s”."),
    "not-tenths": translatable(
        "“%(field)s” wants a number with at most one decimal after a point, not “%(given)s”."
    ),
    "not-a-flag": translatable("“%(field)s” is true or false, not “%(given)s”."),
    "not-a-time": translatable("“%(field)s” wants a day or a length of time, not “%(given)s”."),
    "needs-comparison": translatable("A length of time needs < or > before it."),
    "not-compared": translatable(
        "“%(field)s” is not compared with <, > or “..”; put a value with these signs in quotation marks."
    ),
    "no-beginning": translatable("“%(field)s” cannot end in *."),
    "one-value": translatable("After a comparison or before * stands one value."),
}
EXAMPLES: Final = (
    ("outcome:fail severity:critical,high", translatable("failed, and critical or high")),
    ('"máy chủ" -web', translatable("these words in this order, and nothing that begins with web")),
    ("rule:linux.ssh.* unit:01", translatable("rules that begin like this, in a unit and all beneath it")),
    ("since:>30d", translatable("for longer than 30 days (h hours, d days, w weeks, y years)")),
    ("expires:<30d", translatable("over within 30 days, or already")),
    ("package:openssl version:<3.0", translatable("older than a version")),
    (
        "outcome:fail severity:high unit:01 port:3389",
        translatable("failed and high, in a unit, on machines where that port is open"),
    ),
    ("port:1..1023 reach:any,public", translatable("a port from 1 to 1023 that is open to others")),
    ("silent:true silent-since:>30d", translatable("machines not heard from for longer than 30 days")),
    ("score:<50 -sample:true", translatable("machines with less than 50 points; no sample data")),
)
"""A search, and what it finds."""


def complaint(language: Language, error: Unfit) -> str:
    """What is wrong, in the reader's language."""
    said = {name: visible(str(value)) for name, value in error.values.items()}
    return language.gettext(UNFIT[error.why]) % said
