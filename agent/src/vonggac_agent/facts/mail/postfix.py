"""Reads Postfix's main.cf and master.cf, postconf(5), master(5): a topic's view of them is made in `mail_transfer`.

postconf is not run: as another user than root it answers the same from the same files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final, Literal, NamedTuple

from vonggac_contract import limits
from vonggac_contract.facts.mail import MailServer

from ...formats.lines import split, within
from ...formats.words import words
from ...untrusted import bounded

DEFAULTS: Final = {
    "inet_interfaces": "all",
    "mail_name": "Postfix",
    "smtpd_banner": "$myhostname ESMTP $mail_name",
    "smtpd_relay_restrictions": "permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination",
    "smtpd_recipient_restrictions": "",
    "smtpd_tls_security_level": "",
    "smtp_tls_security_level": "",
    "smtpd_tls_auth_only": "no",
    "smtpd_sasl_auth_enable": "no",
    "smtpd_tls_wrappermode": "no",
    "disable_vrfy_command": "no",
    "smtpd_client_connection_count_limit": "50",
    "smtpd_client_auth_rate_limit": "0",
    "message_size_limit": "10240000",
    "mynetworks": "",
    "smtpd_milters": "",
    "content_filter": "",
}
"""postconf(5), as of 3.7."""
MAX_DEPTH: Final = 8
MAX_VALUE: Final = 65_536
MAX_VARIABLES: Final = 2_000
MAX_SERVICES: Final = 2_000
EVERYBODY: Final = frozenset({"0.0.0.0/0", "[::]/0", "::/0", "0/0"})
LOOPBACK: Final = frozenset({"loopback-only", "localhost", "127.0.0.1", "::1", "[::1]"})
STOPS_RELAY: Final = frozenset({"reject_unauth_destination", "defer_unauth_destination", "reject", "defer"})
SCANNERS: Final = (
    ("clamav-milter", re.compile(r"clamav|:7357\b|inet:7357@", re.IGNORECASE)),
    ("amavis", re.compile(r"amavis|:10024\b", re.IGNORECASE)),
    ("clamsmtp", re.compile(r"clamsmtp|scan:\[?127\.0\.0\.1\]?:10025\b|:10026\b", re.IGNORECASE)),
    ("mimedefang", re.compile(r"mimedefang", re.IGNORECASE)),
)
"""Sockets and ports as their packages and manuals have them; one who chooses another name is not seen."""
RSPAMD: Final = re.compile(r"rspamd|:11332\b", re.IGNORECASE)
DKIM: Final = re.compile(r"opendkim|:8891\b|:12301\b|dkimpy", re.IGNORECASE)
SENDERS: Final = re.compile(r"spf|opendmarc|:8893\b", re.IGNORECASE)
NAMES_SOFTWARE: Final = re.compile(
    r"postfix|debian|ubuntu|centos|red ?hat|rocky|alma|suse|\d\.\d+\.\d", re.IGNORECASE
)
_VARIABLE: Final = re.compile(r"\$(?:\{([^{}]{0,400})\}|\(([^()]{0,400})\)|([A-Za-z0-9_]+))")
Level = Literal["off", "offered", "required"]


class Service(NamedTuple):
    """One service of master.cf with the settings that its -o options replace."""

    name: str
    type: str
    command: str
    overrides: Mapping[str, str]


def _logical(text: str) -> Iterator[str]:
    """Lines with those that begin with a blank joined to the one before; comments and blank lines left out."""
    carried: list[str] = []
    for line in split(within(text)):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line[0] in " \t" and carried:
            carried.append(line.strip())
            continue
        if carried:
            yield " ".join(carried)
        carried = [line.strip()]
    if carried:
        yield " ".join(carried)


def main_cf(text: str) -> dict[str, str]:
    """Settings by name, the last of equal ones. Raises ValueError for over MAX_FILE_BYTES or MAX_LINES."""
    found: dict[str, str] = {}
    for line in _logical(text):
        name, equals, value = line.partition("=")
        if equals and name.strip():
            found[name.strip()] = value.strip()
    return found


def master_cf(text: str) -> list[Service]:
    """Services: name, type, private, unprivileged, chroot, wakeup, maximum, command with arguments.

    Raises ValueError for over MAX_SERVICES services.
    """
    found: list[Service] = []
    for line in _logical(text):
        fields = line.split(None, 7)
        if len(fields) < 8:
            continue
        arguments = words(_braces(fields[7]), escape=False)
        overrides: dict[str, str] = {}
        for option, value in pairwise(arguments):
            if option == "-o":
                key, _, setting = value.partition("=")
                overrides[key.strip()] = setting.strip()
        found.append(Service(fields[0], fields[1], arguments[0] if arguments else "", overrides))
        if len(found) > MAX_SERVICES:
            raise ValueError(f"master.cf has over {MAX_SERVICES} services")
    return found


def _braces(text: str) -> str:
    """`-o { name = value }` as one quoted word (Postfix 3.0 and later)."""
    return text.replace('"', "").replace("{ ", '"').replace(" }", '"') if "{ " in text else text


class Settings:
    """main.cf with the overrides of one service; variables put in, `${name?yes}` and `${name:no}` included."""

    def __init__(self, given: Mapping[str, str], overrides: Mapping[str, str] | None = None) -> None:
        self._put_in = self._grown = 0
        self._given = {**DEFAULTS, **given, **(overrides or {})}

    def __getitem__(self, name: str) -> str:
        """The value with its variables. Raises ValueError if that grows over MAX_VALUE characters or MAX_VARIABLES."""
        self._put_in = self._grown = 0
        return self._expanded(self._given.get(name, ""), 0)

    def words(self, name: str) -> list[str]:
        """A list: words between commas and blanks."""
        return self[name].replace(",", " ").split()

    def on(self, name: str) -> bool:
        return self[name].strip().lower() == "yes"

    def number(self, name: str) -> int:
        """A number; 0 if it is none."""
        text = self[name].strip()
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else 0

    def _expanded(self, value: str, depth: int) -> str:
        if depth > MAX_DEPTH or "$" not in value:
            return value[:MAX_VALUE]

        def put_in(match: re.Match[str]) -> str:
            found = self._value(match[1] or match[2] or match[3] or "", depth)
            self._put_in += 1
            self._grown += len(found)
            if self._put_in > MAX_VARIABLES or self._grown > MAX_DEPTH * MAX_VALUE:
                raise ValueError(f"main.cf: a value is over {MAX_VALUE} characters with its variables")
            return found

        return _VARIABLE.sub(put_in, value[:MAX_VALUE])[:MAX_VALUE]

    def _value(self, name: str, depth: int) -> str:
        for mark in "?:":
            key, marked, text = name.partition(mark)
            if marked:
                given = bool(self._given.get(key.strip(), ""))
                return self._expanded(text, depth + 1) if given == (mark == "?") else ""
        return self._expanded(self._given.get(name, ""), depth + 1)


def stops_relay(restrictions: list[str]) -> bool:
    """A list of restrictions refuses strangers' destinations before it permits everything."""
    for word in restrictions:
        if word.lower() in STOPS_RELAY:
            return True
        if word.lower() == "permit":
            return False
    return False


def accepts_old_tls(protocols: str) -> bool:
    """smtpd_tls_protocols lets TLS older than 1.2 in: `>=TLSv1.2`, `!TLSv1, !TLSv1.1`, or a list of names."""
    found = protocols.replace(",", " ").replace(":", " ").split()
    lower = [word.lower() for word in found]
    for word in lower:
        if word.startswith(">="):
            return word[2:] not in ("tlsv1.2", "tlsv1.3", "0303", "0304")
    named = {word for word in lower if not word.startswith(("!", "<"))}
    if named:
        return bool(named & {"sslv2", "sslv3", "tlsv1", "tlsv1.1"})
    return not {"!tlsv1", "!tlsv1.1"} <= set(lower)


def _level(settings: Settings) -> Level:
    level = settings["smtpd_tls_security_level"].strip().lower()
    if not level:  # the names of before 2.3
        level = (
            "encrypt"
            if settings.on("smtpd_enforce_tls")
            else "may"
            if settings.on("smtpd_use_tls")
            else "none"
        )
    return "required" if level == "encrypt" else "offered" if level == "may" else "off"


def _clear_passwords(settings: Settings) -> bool:
    if not settings.on("smtpd_sasl_auth_enable") or settings.on("smtpd_tls_wrappermode"):
        return False
    return _level(settings) != "required" and not settings.on("smtpd_tls_auth_only")


def _open_relay(settings: Settings) -> bool:
    if set(settings.words("mynetworks")) & EVERYBODY:
        return True
    return not any(
        stops_relay(settings.words(f"smtpd_{name}_restrictions")) for name in ("relay", "recipient")
    )


def scanners(text: str) -> list[str]:
    """Scanners that milters and filters name."""
    return [name for name, pattern in SCANNERS if pattern.search(text[:MAX_VALUE])]


def describe(main: Mapping[str, str], services: list[Service], *, rspamd_scans: bool) -> MailServer:
    """The server by its two files. `rspamd_scans`: rspamd has its antivirus module set up."""
    top = Settings(main)
    interfaces = top.words("inet_interfaces")
    smtpds = [s for s in services if s.type in ("inet", "pass") and s.command.rpartition("/")[2] == "smtpd"]
    # What listens on loopback alone is a filter's way back; behind postscreen(8) stands a smtpd of type pass
    outer = [s for s in smtpds if s.type == "pass" or _reachable(s.name, interfaces)] or smtpds
    each = [Settings(main, s.overrides) for s in outer] or [top]
    fronts = [
        s for s in services if s.type == "inet" and s.command.rpartition("/")[2] in ("smtpd", "postscreen")
    ]
    everyone = [top, *(Settings(main, s.overrides) for s in smtpds)]
    filters = " ".join(s[name] for s in everyone for name in ("smtpd_milters", "content_filter"))
    filters += " ".join(s.command for s in services)[:MAX_VALUE]
    found = scanners(filters)
    if RSPAMD.search(filters) and rspamd_scans:
        found.append("rspamd")
    policies = filters + " ".join(
        f"{s['smtpd_recipient_restrictions']} {s['smtpd_sender_restrictions']}" for s in everyone
    )
    plain = next(
        (s for s, d in zip(each, outer, strict=False) if d.name.rpartition(":")[2] in ("smtp", "25")), top
    )
    protocols = [
        s[name] or ">=TLSv1"
        for s in each
        for name in ("smtpd_tls_protocols", "smtpd_tls_mandatory_protocols")
    ]
    banner = top["smtpd_banner"]
    return MailServer(
        program="postfix",
        reachable=any(_reachable(s.name, interfaces) for s in fronts),
        open_relay=any(_open_relay(s) for s in each),
        tls=_level(plain),
        clear_passwords=any(_clear_passwords(s) for s in each),
        old_tls=any(accepts_old_tls(value) for value in protocols),
        outbound_tls=top["smtp_tls_security_level"].strip().lower() not in ("", "none")
        or top.on("smtp_use_tls"),
        verify=not top.on("disable_vrfy_command"),
        banner_tells=bool(NAMES_SOFTWARE.search(banner)),
        scanners=found,
        connection_limit=min(s.number("smtpd_client_connection_count_limit") for s in each),
        login_limit=min(
            (s.number("smtpd_client_auth_rate_limit") for s in each if s.on("smtpd_sasl_auth_enable")),
            default=None,
        ),
        size_limit=top.number("message_size_limit"),
        signs=bool(DKIM.search(filters) or RSPAMD.search(filters)),
        checks_senders=bool(SENDERS.search(policies[: 4 * limits.MAX_FILE_BYTES]) or RSPAMD.search(filters)),
    )


def _reachable(service: str, interfaces: list[str]) -> bool:
    """master(5): a service's name may carry the address it listens on, else inet_interfaces says."""
    host, colon, _ = service.rpartition(":")
    if colon:
        return bounded(host.strip("[]")) not in LOOPBACK
    return any(word.lower() not in LOOPBACK for word in interfaces)
