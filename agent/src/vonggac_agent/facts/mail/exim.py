"""Reads Exim's settings: Debian's update-exim4.conf.conf(8) with its macros, or the main part of exim.conf.

A topic's view of them is made in `mail_transfer`. Access control lists are programs of their own and are not followed;
only Exim's own defaults and Debian's answers to debconf tell whether it relays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from vonggac_contract import limits
from vonggac_contract.facts.mail import MailServer

from ...formats import assignments
from ...formats.lines import significant, within

LOCAL: Final = frozenset({"127.0.0.1", "::1", "::0001", "localhost"})
EVERYBODY: Final = frozenset({"0.0.0.0/0", "::/0", "*"})
BEGIN: Final = re.compile(r"begin\s+\w+")
_OPTION: Final = re.compile(
    r"(?:(?:hide|hostlist|domainlist|addresslist|localpartlist)\s+)?(\w+)(?:\s*==?\s*(.*))?"
)


def debconf(text: str) -> dict[str, str]:
    """The answers that Debian keeps, update-exim4.conf(8): dc_eximconfig_configtype and so on."""
    return {e.key: e.value for e in assignments.parse(within(text), posix=True)}


def options(texts: Iterable[str]) -> dict[str, str]:
    """Options and macros of the main part, by name; a flag alone is "true", `no_x` is x "false". The last counts.

    Raises ValueError for over `lines.MAX_LINES` lines or MAX_FILE_BYTES in one text.
    """
    found: dict[str, str] = {}
    for text in texts:
        for _, line in significant(within(text), continuation="\\"):
            if BEGIN.fullmatch(line):
                break
            if line.startswith("."):  # .ifdef and its like: every branch counts
                continue
            match = _OPTION.fullmatch(line)
            if match is None:
                continue
            name, value = match[1], match[2]
            if value is not None:
                found[name] = value.strip()
            else:
                found[name.removeprefix("no_").removeprefix("not_")] = (
                    "false" if name.startswith("no") else "true"
                )
    return found


def _list(value: str) -> list[str]:
    """An Exim list: `<; a ; b`, or words between semicolons or colons that stand between blanks."""
    value = value.strip()
    separator = ":"
    if value.startswith("<") and len(value) > 1:
        separator, value = value[1], value[2:]
    elif ";" in value:
        separator = ";"
    found = value.split(separator) if separator != ":" else re.split(r"\s+:\s+|\s+", value)
    return [word.strip() for word in found if word.strip()]


def _value(given: dict[str, str], name: str, default: str) -> str:
    """An option's value; one that is a macro of the same files is put in, one that is not defined leaves `default`."""
    value = given.get(name, default)
    return given.get(value, default) if value.isupper() and value.isidentifier() else value


def describe(answers: dict[str, str], given: dict[str, str], acl_scans: bool) -> MailServer:
    """The server by Debian's answers (empty elsewhere) and its options; `acl_scans`: an ACL asks for malware."""
    kind = answers.get("dc_eximconfig_configtype", "")
    interfaces = _list(answers.get("dc_local_interfaces", "") or given.get("local_interfaces", ""))
    relay = _list(answers.get("dc_relay_nets", "") or given.get("relay_from_hosts", ""))
    wants_tls = given.get("MAIN_TLS_ENABLE", "").lower() in ("true", "yes", "1")
    certificate = bool(given.get("tls_certificate")) and not given.get("tls_certificate", "").startswith(
        "MAIN_TLS"
    )
    advertised = given.get("tls_advertise_hosts", "").strip() not in ("", "MAIN_TLS_ADVERTISE_HOSTS")
    tls = wants_tls or certificate or (advertised and not answers)
    banner = _value(given, "smtp_banner", "Exim")
    clear = given.get("AUTH_SERVER_ALLOW_NOTLS_PASSWORDS", "").lower() in ("true", "yes", "1")
    scanner = _value(given, "av_scanner", "").partition(":")[0].strip()
    return MailServer(
        program="exim",
        reachable=kind != "none" and not (interfaces and all(word in LOCAL for word in interfaces)),
        open_relay=bool(set(relay) & EVERYBODY),
        tls="offered" if tls else "off",
        clear_passwords=clear,
        old_tls=None,
        outbound_tls=True,  # it starts TLS wherever it is offered, hosts_avoid_tls empty by default
        verify="acl_smtp_vrfy" in given,
        banner_tells=bool(re.search(r"(?i)exim|version_number|debian", banner)),
        scanners=[scanner] if scanner and acl_scans else [],
        connection_limit=_number(_value(given, "smtp_accept_max_per_host", "0")),
        login_limit=None,
        size_limit=_size(_value(given, "message_size_limit", "50M")),
        signs="dkim_private_key" in given or "DKIM_PRIVATE_KEY" in given,
        checks_senders=False,
    )


def _number(text: str) -> int:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0


def _size(text: str) -> int:
    match = re.fullmatch(r"(\d{1,12})([KMGkmg]?)", text.strip())
    if match is None:
        return 0
    number = int(match[1]) * {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}[match[2].lower()]
    return min(number, limits.MAX_SAFE_INTEGER)
