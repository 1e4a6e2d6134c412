"""What each inventory section of a report holds, as labelled facts and rows of a table.

The content is converted to the fact's declared Struct first, so what has another shape is refused, never guessed at.
Searching and bounding the rows is left to `inventory`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from vonggac_contract.facts.access import Accounts
from vonggac_contract.facts.network import ListeningSockets, TlsListeners
from vonggac_contract.facts.packages import PackageInventory, PackageUpdates
from vonggac_contract.facts.system import HostIdentity, KernelRunning, OsRelease, OsSupport

from ..format import NOTHING, day_text, moment_text, number
from ..language import Language
from ..words import word


class Head(msgspec.Struct, frozen=True):
    """A column's head."""

    text: str
    numeric: bool = False


class Shape(msgspec.Struct, frozen=True):
    """What a section's content becomes: facts with their labels, heads and rows."""

    facts: Sequence[tuple[str, str]] = ()
    heads: Sequence[Head] = ()
    rows: Sequence[tuple[str, ...]] = ()


def _host(language: Language, content: Any) -> Shape:
    fact = msgspec.convert(content, HostIdentity)
    memory = NOTHING if fact.memory is None else number(language, fact.memory / 2**30, 1) + " GiB"
    return Shape(
        [
            (language.gettext("Host name"), fact.hostname),
            (language.gettext("Architecture"), fact.architecture),
            (language.gettext("Addresses"), ", ".join(fact.addresses) or NOTHING),
            (language.gettext("Processors"), NOTHING if fact.cpus is None else number(language, fact.cpus)),
            (language.gettext("Memory"), memory),
            (language.gettext("Container"), fact.container or language.gettext("none")),
        ]
    )


def _os(language: Language, content: Any) -> Shape:
    fact = msgspec.convert(content, OsRelease)
    return Shape(
        [(language.gettext("Release"), fact.name), (language.gettext("Code name"), fact.codename or NOTHING)]
    )


def _support(language: Language, content: Any) -> Shape:
    fact = msgspec.convert(content, OsSupport)
    regular = NOTHING if fact.support_end is None else day_text(language, fact.support_end)
    extended = NOTHING if fact.extended_end is None else day_text(language, fact.extended_end)
    return Shape(
        [
            (language.gettext("Product"), f"{fact.product} {fact.cycle}"),
            (
                language.gettext("Security support until"),
                language.gettext("ended") if fact.ended else regular,
            ),
            (language.gettext("Extended support until"), extended),
        ]
    )


def _kernel(language: Language, content: Any) -> Shape:
    given = {"booted_at": _NO_TIME, **content} if isinstance(content, dict) else content
    fact = msgspec.convert(given, KernelRunning)
    yes, no = language.gettext("yes"), language.gettext("no")
    return Shape(
        [
            (language.gettext("Running kernel"), fact.release),
            (language.gettext("Newest installed"), fact.newest_installed or NOTHING),
            (language.gettext("Restart needed"), yes if fact.reboot_required else no),
            (language.gettext("Because of"), ", ".join(fact.reboot_because) or NOTHING),
        ]
    )


_NO_TIME: Final = "1970-01-01T00:00:00Z"
"""`booted_at` is volatile, so it is not in the section; it is not shown either."""


def _sockets(language: Language, content: Any) -> Shape:
    fact = msgspec.convert(content, ListeningSockets)
    heads = [
        Head(language.gettext("Port")),
        Head(language.gettext("Reachable from")),
        Head(language.gettext("Address")),
        Head(language.gettext("Process")),
        Head(language.gettext("User")),
        Head(language.gettext("Package")),
    ]
    unseen = language.gettext("not visible")
    rows = [
        (
            f"{s.port}/{s.protocol}",
            word(language, "scope", s.scope),
            s.address,
            s.process or unseen,
            s.user or unseen,
            s.package or NOTHING,
        )
        for s in sorted(fact.sockets, key=lambda s: (s.scope == "loopback", s.port, s.protocol, s.address))
    ]
    return Shape(heads=heads, rows=rows)


def _tls(language: Language, content: Any) -> Shape:
    fact = msgspec.convert(content, TlsListeners)
    heads = [
        Head(language.gettext("Endpoint")),
        Head(language.gettext("Subject")),
        Head(language.gettext("Issuer")),
        Head(language.gettext("Valid until")),
        Head(language.gettext("Key")),
        Head(language.gettext("Signature")),
        Head(language.gettext("Version agreed")),
    ]
    rows = []
    for endpoint in fact.endpoints:
        name, certificate = f"{endpoint.address}:{endpoint.port}", endpoint.certificate
        if certificate is None:
            rows.append(
                (
                    name,
                    language.gettext("no certificate"),
                    NOTHING,
                    NOTHING,
                    NOTHING,
                    NOTHING,
                    endpoint.version,
                )
            )
            continue
        rows.append(
            (
                name,
                certificate.subject,
                language.gettext("itself") if certificate.self_signed else certificate.issuer,
                moment_text(language, certificate.not_after),
                f"{certificate.key_type} {certificate.key_bits}",
                certificate.signature,
                endpoint.version,
            )
        )
    return Shape(heads=heads, rows=rows)


def _updates(language: Language, content: Any) -> Shape:
    fact = msgspec.convert(content, PackageUpdates)
    lists = NOTHING if fact.lists_updated is None else moment_text(language, fact.lists_updated)
    facts = [
        (language.gettext("Security updates waiting"), number(language, fact.security_pending)),
        (language.gettext("Package lists fetched"), lists),
    ]
    heads = [
        Head(language.gettext("Package")),
        Head(language.gettext("Installed")),
        Head(language.gettext("Offered")),
        Head(language.gettext("Kind")),
    ]
    kinds = {True: language.gettext("security"), False: language.gettext("other")}
    waiting = sorted(fact.pending, key=lambda p: (not p.security, p.name))
    return Shape(facts, heads, [(p.name, p.installed, p.candidate, kinds[p.security]) for p in waiting])


def _packages(language: Language, content: Any) -> Shape:
    fact = msgspec.convert(content, PackageInventory)
    heads = [
        Head(language.gettext("Package")),
        Head(language.gettext("Version")),
        Head(language.gettext("Architecture")),
    ]
    facts = [(language.gettext("Package manager"), fact.manager)]
    return Shape(facts, heads, [(p.name, p.version, p.architecture) for p in fact.packages])


def _accounts(language: Language, content: Any) -> Shape:
    fact = msgspec.convert(content, Accounts)
    facts = [(language.gettext("Administrators"), ", ".join(fact.administrators) or NOTHING)]
    heads = [
        Head(language.gettext("Account")),
        Head(language.gettext("User number"), numeric=True),
        Head(language.gettext("Can sign in")),
        Head(language.gettext("Password")),
        Head(language.gettext("Hash")),
        Head(language.gettext("Last sign-in")),
        Head(language.gettext("SSH keys"), numeric=True),
    ]
    yes, no = language.gettext("yes"), language.gettext("no")
    rows = [
        (
            a.name,
            str(a.uid),
            yes if a.can_log_in else no,
            word(language, "password", a.password),
            a.scheme or NOTHING,
            NOTHING if a.last_login is None else day_text(language, a.last_login),
            NOTHING if a.authorized_keys is None else number(language, a.authorized_keys),
        )
        for a in sorted(fact.accounts, key=lambda a: (not a.can_log_in, a.uid))
    ]
    return Shape(facts, heads, rows)


SECTIONS: Final[dict[str, tuple[Callable[[Language], str], Callable[[Language, Any], Shape]]]] = {
    "sockets": (lambda t: t.gettext("Open ports"), _sockets),
    "tls": (lambda t: t.gettext("Certificates of local services"), _tls),
    "updates": (lambda t: t.gettext("Updates waiting"), _updates),
    "packages": (lambda t: t.gettext("Packages"), _packages),
    "accounts": (lambda t: t.gettext("Accounts"), _accounts),
    "host": (lambda t: t.gettext("Machine"), _host),
    "os": (lambda t: t.gettext("System software"), _os),
    "support": (lambda t: t.gettext("End of support"), _support),
    "kernel": (lambda t: t.gettext("Kernel"), _kernel),
}


def titled(language: Language, name: str) -> str:
    """What people call that section of a report; its name on the wire where they have no word for it."""
    known = SECTIONS.get(name)
    return name if known is None else known[0](language)
