"""dovecot.server: how the IMAP and POP3 server is set, dovecot.conf with its includes. doveconf is not run.

Settings inside blocks (local, remote, protocol, service) hold for some connections only and are passed over. Source:
"Dovecot configuration file" of doc.dovecot.org; defaults as `doveconf -d` of 2.3 tells them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Literal, NamedTuple

from vonggac_contract import limits
from vonggac_contract.facts.mail import DovecotServer

from ...formats import includes
from ...formats.lines import significant, within
from ...formats.words import unquoted
from ...host import Host
from ...untrusted import bounded

PROGRAMS: Final = ("usr/sbin/dovecot", "usr/local/sbin/dovecot")
CONFIG: Final = "etc/dovecot/dovecot.conf"
SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_TIME: Final = re.compile(r"(\d{1,9})\s*([a-z]*)", re.IGNORECASE)
Ssl = Literal["no", "yes", "required"]
SSL: Final[dict[str, Ssl]] = {"no": "no", "yes": "yes", "required": "required"}


class Line(NamedTuple):
    """What one line says: a setting, or an include (`key` is !include or !include_try)."""

    key: str
    value: str


def parse(text: str) -> Iterator[Line]:
    """Settings and includes outside of blocks. Raises ValueError for over `lines.MAX_LINES` lines."""
    depth = 0
    for _, line in significant(within(text), continuation="\\"):
        bare = line.partition(" #")[0].rstrip()
        if bare.endswith("{"):
            depth += 1
        elif bare == "}":
            depth = max(0, depth - 1)
        elif depth == 0 and bare.startswith("!include"):
            word, _, place = bare.partition(" ")
            yield Line(word, place.strip())
        elif depth == 0 and "=" in bare:
            key, _, value = bare.partition("=")
            yield Line(key.strip(), unquoted(value.strip()))


def settings(text: str, read: Callable[[str], Iterable[str]]) -> dict[str, str]:
    """Settings by name, the last of equal ones; `read` gives the texts an include draws in.

    Raises ValueError as `includes.put_in` does.
    """

    def drawn(line: Line) -> Iterable[str] | None:
        return read(line.value) if line.key.startswith("!include") else None

    return {line.key: line.value for line in includes.put_in(text, parse, drawn, "dovecot.conf")}


def seconds(text: str, default: int) -> int:
    """A time such as `2 secs`, `1 mins`, `3h`; `default` if it is none. A number alone is seconds."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return default
    unit = match[2].lower()
    if unit.startswith("ms") or unit.startswith("milli"):
        return int(match[1]) // 1000
    return int(match[1]) * SECONDS.get(unit[:1] or "s", 1)


def describe(given: dict[str, str]) -> DovecotServer:
    """The server by its settings, names of 2.3 and 2.4."""
    count = given.get("mail_max_userip_connections", "10")

    def on(key: str, default: bool) -> bool:
        return {"yes": True, "no": False}.get(given.get(key, "").lower(), default)

    logged = given.get("auth_verbose_passwords", "no").lower().partition(":")[0]
    return DovecotServer(
        installed=True,
        protocols=[bounded(word) for word in given.get("protocols", "").split()][: limits.MAX_FACT_LIST],
        ssl=SSL.get(given.get("ssl", "yes").lower(), "yes"),
        min_protocol=bounded(given.get("ssl_min_protocol", "TLSv1.2")),
        clear_passwords=on("auth_allow_cleartext", not on("disable_plaintext_auth", True)),
        failure_delay=seconds(given.get("auth_failure_delay", "2 secs"), 2),
        user_connections=int(count) if count.isascii() and count.isdigit() and len(count) <= 9 else 0,
        logs_logins=on("auth_verbose", False),
        logs_passwords=on("auth_debug_passwords", False) or logged == "plain",
        trusted_networks=[
            bounded(word) for word in given.get("login_trusted_networks", "").replace(",", " ").split()
        ][: limits.MAX_FACT_LIST],
    )


def gather(host: Host, selector: tuple[str, ...]) -> tuple[DovecotServer, str]:
    """Topic dovecot.server. Raises CouldNotLook as `Host.text` does."""
    if not any(host.exists(program) for program in PROGRAMS):
        return DovecotServer(installed=False), CONFIG

    def included(place: str) -> Iterable[str]:
        path = place if place.startswith("/") else f"etc/dovecot/{place}"
        return (host.text(name) or "" for name in host.glob(path, limit=includes.MAX_FILES))

    return describe(settings(host.text(CONFIG) or "", included)), CONFIG
