"""apache.servers: the main server and its virtual hosts with what takes effect in them.

Sources: httpd.apache.org/docs/2.4/mod: core, mod_ssl, mod_headers, mod_log_config, mod_alias, mod_rewrite, mod_status,
mod_autoindex, mod_info, mod_reqtimeout, mod_authz_core; each default is "Default:" there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.web import ApacheServers, ApacheSite

from ...formats import cipher_string
from ...host import Host
from ...untrusted import bounded
from ..protection import crypto_openssl
from ..system import os_release
from . import apache_access, apache_config, served
from .apache_config import Directive, Scope

MAX_WORK: Final = 500_000
"""Virtual hosts times the directives of the main server that each of them has to be held against."""
DEFAULT_CIPHERS: Final = "DEFAULT"
VERSIONS: Final = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
FORMATS: Final = {"common": '%h %l %u %t "%r" %>s %b'}
"""What TransferLog and a CustomLog without a format write: the Common Log Format."""
QUIET: Final = ("crit", "alert", "emerg")
_ITEM: Final = re.compile(r"%[!0-9,<>]*(?:\{([^}]{0,200})\})?(\^?[A-Za-z]{1,2})")
_MAX_AGE: Final = re.compile(r"max-age\s*=\s*\"?([0-9]{1,12})", re.IGNORECASE)
_EVERYTHING: Final = re.compile(r"\^?(/\??)?\(?(\.[*+])?\)?\$?")
_LOOPBACK: Final = ("127.", "localhost", "[::1]")


def gather(host: Host, selector: tuple[str, ...]) -> tuple[ApacheServers, str]:
    """Topic apache.servers. Raises CouldNotLook: permission-denied, too-large, malformed (what httpd would refuse)."""
    programs = dict.fromkeys(layout.program for layout in apache_config.LAYOUTS)
    there = [program for program in programs if host.exists(program)]
    layouts = [found for found in apache_config.LAYOUTS if found.program in there]
    if not layouts:
        return ApacheServers(installed=False), ", ".join(programs)
    layout = next((found for found in layouts if host.exists(found.config)), layouts[0])
    configuration = apache_config.load(host, layout)
    main, modules = configuration
    outer = Scope(main)
    user = outer.word("user", "")
    status = [d for d in main if d.name == "requestreadtimeout"]
    hosts = [d for d in main if d.name == "virtualhost"]
    listens = [d.arguments[0] for d in main if d.name == "listen" and d.arguments]
    shared = shared_by_sites(main)
    if len(hosts) * len(shared) > MAX_WORK or len(hosts) * len(listens) > MAX_WORK:
        raise CouldNotLook(Reason.TOO_LARGE, f"{len(hosts)} virtual hosts below {len(shared)} directives")
    sites = [site(host, outer, shared, d, listens, user) for d in hosts[: limits.MAX_FACT_LIST]]
    if not hosts or uncovered(listens, hosts):
        sites.append(site(host, outer, shared, None, listens, user))
    scopes = [outer, *(Scope(d.block, outer) for d in hosts if d.block)]
    roots = [s.root for s in sites if s.root and not s.upgrades]
    return (
        ApacheServers(
            installed=True,
            user=bounded(user),
            modules=_shown(sorted(modules)),
            tokens=bounded(outer.word("servertokens", "full").lower()),
            signature=any(scope.word("serversignature", "off").lower() != "off" for scope in scopes),
            timeout=max(_number(scope.word("timeout", ""), 60) for scope in scopes),
            idle_timeout=max(_number(scope.word("keepalivetimeout", ""), 5) for scope in scopes),
            slow_requests_ended="reqtimeout" in modules and bounds_requests(status),
            body_limit=_body_limit(outer),
            client_limits=bool(modules & {"qos", "evasive20", "evasive24", "evasive"}),
            root_closed=apache_access.root_closed(main),
            listed=_shown(apache_access.listed(main, hosts, roots)) if "autoindex" in modules else [],
            status_open=_shown(apache_access.status_open(main, hosts)),
            sites=sites,
        ),
        layout.config,
    )


def shared_by_sites(main: list[Directive]) -> list[Directive]:
    """What of the main server does more to a site than give it a default: sections, logs, headers, redirections."""
    names = (
        "header",
        "logformat",
        "customlog",
        "transferlog",
        "globallog",
        "sslciphersuite",
        "sslcertificatekeyfile",
    )
    return [
        d
        for d in main
        if (d.block is not None and d.name != "virtualhost")
        or d.name in names
        or d.name.startswith("redirect")
    ]


def site(
    host: Host,
    outer: Scope,
    main: list[Directive],
    virtual: Directive | None,
    listens: list[str],
    user: str,
) -> ApacheSite:
    """A virtual host, or the main server if that is None. `main` is what `shared_by_sites` gives."""
    host.in_time()
    own = outer.directives if virtual is None else virtual.block or []
    here = outer if virtual is None else Scope(own, outer)
    inner = [] if virtual is None else own
    scope = main + inner
    addresses = listens if virtual is None else list(virtual.arguments)
    root = here.word("documentroot", "")
    fields, logged = logs(main, inner)
    moved = upgrades(main, own)
    added = headers(scope, root)
    hsts = _MAX_AGE.search(added.get("strict-transport-security", ""))
    keys = [d.arguments[0] for d in scope if d.name == "sslcertificatekeyfile" and d.arguments]
    words, ciphers = here.words("sslprotocol"), _ciphers(scope)
    return ApacheSite(
        names=_shown(n for d in own if d.name in ("servername", "serveralias") for n in d.arguments),
        source="main server" if virtual is None else virtual.source,
        addresses=_shown(addresses),
        local=bool(addresses)
        and (all(map(_loopback, addresses)) or (bool(listens) and all(map(_loopback, listens)))),
        tls=Scope(own).word("sslengine", "off").lower() != "off",
        upgrades=moved,
        protocols=protocols(words) if words else _unsaid(host, ciphers),
        weak_ciphers=_shown(cipher_string.weak(ciphers)),
        key_exposed=served.exposed(host, keys),
        hsts=int(hsts[1]) if hsts else None,
        headers=_shown(sorted(added)),
        trace=here.word("traceenable", "on").lower() != "off",
        logged=logged,
        log_fields=_shown(fields),
        errors_logged=here.word("errorlog", "") != "/dev/null"
        and not any(level.lower() in QUIET for level in here.words("loglevel")),
        dotfiles=not moved and apache_access.dotfiles(main, inner, root),
        root=bounded(root),
        root_writable=served.writable(host, root, user),
    )


def _loopback(address: str) -> bool:
    return address.lower().startswith(_LOOPBACK)


def uncovered(listens: list[str], hosts: list[Directive]) -> bool:
    """A port is listened on for which no virtual host was made: the main server answers there."""
    ports = {_port(a) for d in hosts for a in d.arguments}
    return "*" not in ports and any(_port(listen) not in ports for listen in listens)


def _port(address: str) -> str:
    _, colon, port = address.rpartition(":")
    if address.endswith("]") or not colon:
        return address if address.isdigit() else "*"
    return port


def protocols(arguments: Iterable[str]) -> list[str]:
    """SSLProtocol: words add (+ or bare) and take away (-) in order; `all` are those OpenSSL 3 still has."""
    found: set[str] = set()
    names = {name.lower(): name for name in ("SSLv2", "SSLv3", *VERSIONS)}
    for text in arguments:
        bare = text.lstrip("+-").lower()
        named = set(VERSIONS) if bare == "all" else {names[bare]} if bare in names else set()
        found = found - named if text.startswith("-") else found | named
    return [name for name in ("SSLv2", "SSLv3", *VERSIONS) if name in found]


def _unsaid(host: Host, ciphers: str) -> list[str]:
    """Without SSLProtocol: what OpenSSL's own settings leave. The Red Hat family's mod_ssl keeps to its MinProtocol.

    That package has httpd-2.4.37-sslprotdefault.patch and later ones of that name; others set the minimum to TLSv1.
    """
    try:
        patched = os_release.look(host)[0].family == "redhat"
    except CouldNotLook:
        patched = False
    return crypto_openssl.spoken(host, list(VERSIONS), ciphers, minimum=patched)


def _ciphers(scope: list[Directive]) -> str:
    """SSLCipherSuite for TLS up to 1.2: it may begin with the word SSL; those for TLSv1.3 are all strong."""
    suites = [d.arguments for d in scope if d.name == "sslciphersuite"]
    older = [a for a in suites if a and a[0].lower() != "tlsv1.3"]
    return older[-1][-1] if older else DEFAULT_CIPHERS


def headers(scope: list[Directive], root: str) -> dict[str, str]:
    """Headers that are set for the whole site, lower-case names to values (mod_headers), the last word counting."""
    found: dict[str, str] = {}
    for directive in apache_access.whole_site(scope, root):
        if directive.name != "header":
            continue
        words = list(directive.arguments)
        if words[:1] and words[0].lower() in ("always", "onsuccess"):
            del words[0]
        action = words[0].lower() if words else ""
        if action == "unset" and len(words) > 1:
            found.pop(words[1].lower(), None)
        elif action in ("set", "setifempty", "append", "add", "merge") and len(words) > 2:
            found[words[1].lower().rstrip(":")] = words[2]
    return found


def logs(main: list[Directive], own: list[Directive]) -> tuple[list[str], bool]:
    """Items that the access logs write, and whether there is one: those of a virtual host replace the main server's."""
    formats = dict(FORMATS)
    for directive in main + own:
        if directive.name == "logformat" and len(directive.arguments) == 2:
            formats[directive.arguments[1]] = directive.arguments[0]
    names = ("customlog", "transferlog", "globallog")
    written = [d for d in own if d.name in names] or [d for d in main if d.name in names]
    written = [d for d in written if d.arguments[:1] not in ((), ("/dev/null",))]
    fields: dict[str, None] = {}
    for directive in written:
        nickname = directive.arguments[1] if len(directive.arguments) > 1 else "common"
        fields |= dict.fromkeys(items(formats.get(nickname, nickname)))
    return list(fields), bool(written)


def items(text: str) -> list[str]:
    """Items of a log format: `%>s` as s, `%{User-Agent}i` as {user-agent}i."""
    return [
        f"{{{name.lower()}}}{letter}" if name else letter
        for name, letter in (match.groups() for match in _ITEM.finditer(text))
    ]


def upgrades(main: list[Directive], own: list[Directive]) -> bool:
    """Redirect of / or a RewriteRule of everything leads to https, or / is refused."""
    for directive in own + [d for d in main if d.name.startswith("redirect")]:
        words = directive.arguments
        if directive.name in ("redirect", "redirectpermanent", "redirecttemp") and len(words) >= 2:
            if words[-1].lower().startswith("https://") and words[-2] == "/":
                return True
            if words[-1] == "/" and words[0].lower() in ("gone", "410", "403", "404"):
                return True
        elif directive.name in ("redirectmatch", "rewriterule") and len(words) >= 2:
            pattern, target = (
                (words[0], words[1]) if directive.name == "rewriterule" else (words[-2], words[-1])
            )
            if _EVERYTHING.fullmatch(pattern) and target.lower().startswith("https://"):
                return (
                    directive.name == "redirectmatch"
                    or Scope(own).word("rewriteengine", "off").lower() == "on"
                )
    return apache_access.refused(own, "/")


def bounds_requests(settings: list[Directive]) -> bool:
    """mod_reqtimeout's defaults (header=20-40,MinRate=500 body=20,MinRate=500) are changed by words; 0 is no bound."""
    times = {"header": "20", "body": "20"}
    for directive in settings:
        for text in directive.arguments:
            name, _, value = text.partition("=")
            if name.lower() in times:
                times[name.lower()] = re.split("[-,]", value)[0]
    return all(value.isdigit() and int(value[:9]) > 0 for value in times.values())


def _body_limit(main: Scope) -> int | None:
    text = main.word("limitrequestbody", "")
    return _number(text, 0) if text else None


def _number(text: str, default: int) -> int:
    """A number of seconds or bytes; a time may carry s, ms, min, h. Raises ValueError."""
    if not text:
        return default
    match = re.fullmatch(r"([0-9]{1,12})(ms|min|mi|m|s|h)?", text.lower())
    if match is None:
        raise ValueError(f"{text[:40]!r} is no number or time")
    number = int(match[1])
    if match[2] == "ms":
        return -(-number // 1000)
    return number * {"min": 60, "mi": 60, "m": 60, "h": 3600}.get(match[2] or "s", 1)


def _shown(texts: Iterable[str]) -> list[str]:
    return [bounded(text) for text in texts][: limits.MAX_FACT_LIST]
