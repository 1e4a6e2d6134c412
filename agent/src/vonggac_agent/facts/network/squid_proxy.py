"""squid.proxy: who may use the proxy for what, from squid.conf with its includes. squid itself is not asked.

Source: squid.conf documented, "acl", "http_access" ("If none of the access lines cause a match, the default is the
opposite of the last line").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from vonggac_contract.facts.network import SquidProxy

from ...formats import directives, includes
from ...formats.directives import Directive
from ...formats.lines import within
from ...host import Host

PROGRAMS: Final = ("usr/sbin/squid", "usr/sbin/squid3")
CONFIGS: Final = ("etc/squid/squid.conf", "etc/squid3/squid.conf")
BY_WHO: Final = frozenset(
    ("src", "proxy_auth", "proxy_auth_regex", "arp", "eui64", "srcdomain", "srcdom_regex", "external", "ident",
     "ident_regex", "user_cert", "ext_user", "ext_user_regex", "localip", "myportname")
)  # fmt: skip
"""Kinds of access lists that tell clients apart."""
BY_WHERE: Final = frozenset(
    (
        "dst",
        "dstdomain",
        "dstdom_regex",
        "url_regex",
        "urlpath_regex",
        "ssl::server_name",
        "ssl::server_name_regex",
    )
)
"""Kinds that tell destinations apart."""
EVERYBODY: Final = frozenset({"all", "0.0.0.0/0", "::/0", "0.0.0.0/0.0.0.0", "ipv4", "ipv6"})
Acls = dict[str, tuple[str, bool]]
"""Access list to its kind, and whether it holds everybody."""
BUILT_IN: Final[Acls] = {
    "all": ("src", True),
    "localhost": ("src", False),
    "manager": ("url_regex", False),
    "to_localhost": ("dst", False),
    "to_linklocal": ("dst", False),
    "CONNECT": ("method", False),
}


def parse(text: str, read: Callable[[str], Iterable[str]]) -> list[Directive]:
    """Directives with includes in place; `read` gives the texts of one include.

    Raises ValueError as `includes.put_in` does.
    """

    def drawn(directive: Directive) -> Iterable[str] | None:
        if directive.name != "include":
            return None
        return (inner for place in directive.arguments for inner in read(place))

    return list(includes.put_in(text, _directives, drawn, "squid.conf"))


def _directives(text: str) -> list[Directive]:
    return directives.parse(within(text), continuation="\\", inline=True)


def _acls(found: list[Directive]) -> Acls:
    acls: Acls = dict(BUILT_IN)
    for d in found:
        if d.name == "acl" and len(d.arguments) >= 2:
            name, said = d.arguments[0], d.arguments[1].lower()
            kind, everybody = acls.get(name, (said, False))
            if kind == said:
                acls[name] = (kind, everybody or not EVERYBODY.isdisjoint(d.arguments[2:]))
    return acls


def _tells_apart(name: str, acls: Acls, kinds: frozenset[str]) -> bool:
    """The list `name`, not turned round, is of one of `kinds` and does not hold everybody."""
    kind, everybody = acls.get(name, ("", False))
    return not name.startswith("!") and kind in kinds and not everybody


def is_open(found: list[Directive]) -> bool:
    """Some rule lets every client in before all are denied."""
    acls = _acls(found)
    rules = [d.arguments for d in found if d.name == "http_access" and d.arguments]
    for action, *names in rules:
        if action.lower() == "deny" and all(_everybody(name, acls) for name in names):
            return False
        if action.lower() == "allow" and not any(_tells_apart(name, acls, BY_WHO) for name in names):
            return True
    return bool(rules) and rules[-1][0].lower() == "deny"


def _everybody(name: str, acls: Acls) -> bool:
    kind, everybody = acls.get(name, ("", False))
    return kind == "src" and everybody


def describe(found: list[Directive]) -> SquidProxy:
    """The proxy by its directives."""
    acls = _acls(found)
    rules = [d.arguments for d in found if d.name == "http_access" and d.arguments]
    filters = any(
        (
            action.lower() == "deny"
            and any(
                n.lstrip("!") not in BUILT_IN and acls.get(n.lstrip("!"), ("",))[0] in BY_WHERE for n in names
            )
        )
        or (
            action.lower() == "allow"
            and any(n not in BUILT_IN and _tells_apart(n, acls, BY_WHERE) for n in names)
        )
        for action, *names in rules
    )
    logs = [d.arguments for d in found if d.name in ("access_log", "cache_access_log")]
    return SquidProxy(
        installed=True,
        open=is_open(found),
        filters=filters or any(d.name in ("url_rewrite_program", "icap_service") for d in found),
        asks_password=any(d.name == "auth_param" for d in found)
        and any(
            acls.get(n.lstrip("!"), ("",))[0].startswith("proxy_auth") for _, *names in rules for n in names
        ),
        logged=not logs or any(words[:1] != ("none",) for words in logs),
        version_hidden=any(
            d.name == "httpd_suppress_version_string" and d.value.lower() == "on" for d in found
        ),
    )


def gather(host: Host, selector: tuple[str, ...]) -> tuple[SquidProxy, str]:
    """Topic squid.proxy."""
    path = next((path for path in CONFIGS if host.exists(path)), CONFIGS[0])
    if not any(host.exists(program) for program in PROGRAMS):
        return SquidProxy(installed=False), path

    def included(place: str) -> Iterable[str]:
        name = place if place.startswith("/") else f"{path.rpartition('/')[0]}/{place}"
        return (host.text(found) or "" for found in host.glob(name, limit=includes.MAX_FILES))

    return describe(parse(host.text(path) or "", included)), path
