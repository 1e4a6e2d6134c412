"""nginx.servers: every server block for HTTP with what takes effect in it.

Sources: nginx.org/en/docs/http: ngx_http_core_module, ngx_http_ssl_module, ngx_http_headers_module,
ngx_http_log_module, ngx_http_limit_conn_module, ngx_http_limit_req_module, ngx_http_rewrite_module,
ngx_http_access_module, ngx_http_stub_status_module; each default below is "Default:" there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from vonggac_contract import limits
from vonggac_contract.facts.web import NginxServer, NginxServers

from ...formats import cipher_string
from ...host import Host
from ...untrusted import bounded
from ..protection import crypto_openssl
from . import nginx_config, served
from .expressions import NotUnderstood
from .nginx_config import Directive, Place

PROGRAMS: Final = ("usr/sbin/nginx", "usr/local/nginx/sbin/nginx", "usr/local/sbin/nginx")
CONFIGS: Final = (
    "/etc/nginx/nginx.conf",
    "/usr/local/nginx/conf/nginx.conf",
    "/usr/local/etc/nginx/nginx.conf",
)
DEFAULT_PROTOCOLS: Final = ["TLSv1", "TLSv1.1", "TLSv1.2"]
"""Until 1.23.3; later ones add TLSv1.3, and 1.27.3 left out those before TLSv1.2. The oldest is taken."""
DEFAULT_CIPHERS: Final = "HIGH:!aNULL:!MD5"
COMBINED: Final = (
    "remote_addr", "remote_user", "time_local", "request", "status", "body_bytes_sent", "http_referer",
    "http_user_agent",
)  # fmt: skip
"""The predefined format `combined`."""
DOTFILES: Final = ("/.git/config", "/.env", "/.htpasswd")
HANDED_ON: Final = (
    "proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass", "memcached_pass", "stub_status",
)  # fmt: skip
_VARIABLE: Final = re.compile(r"\$\{?([a-z0-9_]{1,80})")
_MAX_AGE: Final = re.compile(r"max-age\s*=\s*\"?([0-9]{1,12})", re.IGNORECASE)
_HTTPS: Final = re.compile(r"https://", re.IGNORECASE)
_LOOPBACK: Final = ("127.", "localhost", "[::1]", "unix:")


def gather(host: Host, selector: tuple[str, ...]) -> tuple[NginxServers, str]:
    """Topic nginx.servers. Raises CouldNotLook: permission-denied, too-large, malformed (a file nginx would refuse)."""
    if not any(host.exists(program) for program in PROGRAMS):
        return NginxServers(installed=False), PROGRAMS[0]
    path = next((path for path in CONFIGS if host.exists(path)), CONFIGS[0])
    main = Place(nginx_config.load(host, path))
    user = main.word("user", "nobody")
    servers: list[NginxServer] = []
    for block in main.own("http"):
        http = Place(block, main)
        formats = log_formats(http)
        for server in http.own("server"):
            host.in_time()
            if server.block is not None and len(servers) < limits.MAX_FACT_LIST:
                servers.append(describe(host, Place(server, http), formats, user))
    return NginxServers(installed=True, user=bounded(user), servers=servers), path


def describe(host: Host, server: Place, formats: dict[str, list[str]], user: str) -> NginxServer:
    """One server block. Raises ValueError for a size or time that is none."""
    places = server.everywhere()
    listens = server.own("listen") or [Directive("listen", ("*:80",), None, "")]
    encrypted = [("ssl" in d.arguments or "quic" in d.arguments) for d in listens]
    all_tls = server.word("ssl", "off") == "on"
    added = [headers(place) for place in differing(places)]
    root = server.word("root", "")
    ciphers = server.word("ssl_ciphers", DEFAULT_CIPHERS)
    return NginxServer(
        names=_shown(name for d in server.own("server_name") for name in d.arguments),
        source=server.directive.source,
        listens=_shown(d.arguments[0] for d in listens if d.arguments),
        local=all(d.arguments[:1] and d.arguments[0].startswith(_LOOPBACK) for d in listens),
        tls=all_tls or any(encrypted),
        plain=not all_tls and not all(encrypted),
        upgrades=upgrades(server),
        protocols=_shown(p for d in server.effective("ssl_protocols")[:1] for p in d.arguments)
        or crypto_openssl.spoken(host, DEFAULT_PROTOCOLS, ciphers, minimum=False),
        ciphers=bounded(ciphers),
        weak_ciphers=_shown(cipher_string.weak(ciphers)),
        certificates=_shown(d.arguments[0] for d in server.effective("ssl_certificate") if d.arguments),
        key_exposed=served.exposed(
            host, [d.arguments[0] for d in server.effective("ssl_certificate_key") if d.arguments]
        ),
        hsts=shortest_hsts(added),
        headers=_shown(sorted(set.intersection(*(set(names) for names in added)))),
        tokens=bounded(server.word("server_tokens", "on")),
        listed=_shown(place.shown or "/" for place in places if place.word("autoindex", "off") == "on"),
        body_limit=_largest_body(places),
        header_timeout=nginx_config.seconds(server.word("client_header_timeout", "60s")),
        body_timeout=max(nginx_config.seconds(place.word("client_body_timeout", "60s")) for place in places),
        idle_timeout=max(nginx_config.seconds(place.word("keepalive_timeout", "75s")) for place in places),
        send_timeout=max(nginx_config.seconds(place.word("send_timeout", "60s")) for place in places),
        connection_limit=_connection_limit(server),
        request_limited=bool(server.effective("limit_req")),
        logged=_logged(server),
        log_fields=log_fields(server, formats),
        errors_logged=_errors_logged(server),
        dotfiles=dotfiles_served(server),
        status_open=_shown(p.shown for p in places if p.own("stub_status") and not guarded(p)),
        root=bounded(root),
        root_writable=served.writable(host, root, user),
    )


def differing(places: list[Place]) -> list[Place]:
    """One place for each list of headers that takes effect: most inherit the same one."""
    found: dict[tuple[int, ...], Place] = {}
    for place in places:
        own: list[int] = []
        at: Place | None = place
        while at is not None:
            own.append(id(at.directive) if at.own("more_set_headers") else 0)
            at = at.outer
        added = place.effective("add_header")
        found.setdefault((id(added) if added else 0, *(i for i in own if i)), place)
    return list(found.values())


def headers(place: Place) -> dict[str, str]:
    """Headers that are added in this place, lower-case names to values; `more_set_headers` adds to outer ones."""
    found: dict[str, str] = {}
    at: Place | None = place
    while at is not None:
        for directive in at.own("more_set_headers"):
            for text in directive.arguments:
                name, _, value = text.partition(":")
                found.setdefault(name.strip().lower(), value.strip())
        at = at.outer
    for directive in place.effective("add_header"):
        if len(directive.arguments) >= 2 and directive.arguments[1]:
            found[directive.arguments[0].lower()] = directive.arguments[1]
    return found


def shortest_hsts(added: list[dict[str, str]]) -> int | None:
    """The least max-age of Strict-Transport-Security (RFC 6797, 6.1.1) over all places; None if one lacks it."""
    ages: list[int] = []
    for names in added:
        match = _MAX_AGE.search(names.get("strict-transport-security", ""))
        if match is None:
            return None
        ages.append(int(match[1]))
    return min(ages, default=None)


def upgrades(server: Place) -> bool:
    """Whatever is asked, the answer is a redirection to https or an error; ACME's folder may be served."""
    if _sends_away(server):
        return True
    places = [p for p in server.locations() if "/.well-known/" not in p.shown]
    return any(p.shown.split()[-1:] == ["/"] for p in places) and all(_sends_away(p) for p in places)


def _sends_away(place: Place) -> bool:
    inside_if = [
        d
        for condition in place.own("if")
        if set(condition.arguments) & {"($scheme", "($https"}
        for d in condition.block or []
    ]
    for directive in place.own("return") + [d for d in inside_if if d.name == "return"]:
        words = directive.arguments
        if words[:1] and words[0].isdigit() and int(words[0]) >= 400:
            return True
        if words and _HTTPS.match(words[-1]):
            return True
    rewrites = place.own("rewrite") + [d for d in inside_if if d.name == "rewrite"]
    everything = ("^", "^(.*)$", "(.*)", "^(.*)", ".*", "^.*$", "^/(.*)$", "^/(.*)", "^.*", "^/")
    return any(
        len(d.arguments) >= 2 and d.arguments[0] in everything and _HTTPS.match(d.arguments[1])
        for d in rewrites
    )


def log_formats(http: Place) -> dict[str, list[str]]:
    """Names of `log_format` to the variables that they write."""
    found = {"combined": list(COMBINED)}
    for directive in http.own("log_format"):
        name, *texts = directive.arguments or ("",)
        found[name] = list(dict.fromkeys(_VARIABLE.findall("".join(texts))))
    return found


def log_fields(server: Place, formats: dict[str, list[str]]) -> list[str]:
    """Variables that the access logs of a server write; empty if it writes none."""
    found: dict[str, None] = {}
    for directive in server.effective("access_log") or [
        Directive("access_log", ("logs/access.log",), None, "")
    ]:
        words = directive.arguments
        if words[:1] == ("off",):
            continue
        named = next((word for word in words[1:] if "=" not in word), "combined")
        found |= dict.fromkeys(formats.get(named, []))
    return _shown(found)


def _logged(server: Place) -> bool:
    whole = [p for p in server.locations() if p.directive.arguments in (("/",), ("^~", "/"))]
    return not any(place.word("access_log", "") in ("off", "/dev/null") for place in (server, *whole))


def _errors_logged(server: Place) -> bool:
    """Levels from debug to error; `crit` and above leave out what an attack looks like."""
    logs = server.effective("error_log")
    if not logs:
        return True
    return any(
        d.arguments[:1] not in ((), ("/dev/null",)) and not set(d.arguments[1:]) & {"crit", "alert", "emerg"}
        for d in logs
    )


def _largest_body(places: list[Place]) -> int:
    found = [nginx_config.size(place.word("client_max_body_size", "1m")) for place in places]
    return 0 if 0 in found else max(found)


def _connection_limit(server: Place) -> int | None:
    numbers = [
        int(d.arguments[1])
        for d in server.effective("limit_conn")
        if len(d.arguments) >= 2
        and d.arguments[1].isascii()
        and d.arguments[1].isdigit()
        and len(d.arguments[1]) < 10
    ]
    return min(numbers, default=None)


def guarded(place: Place) -> bool:
    """Not for everybody: `deny all` (after what is allowed), a password, `internal`, or nothing but an error."""
    if any(d.arguments[:1] and d.arguments[0].startswith(("4", "5")) for d in place.own("return")):
        return True
    if place.own("internal") or place.word("auth_basic", "off") != "off" or place.effective("auth_request"):
        return True
    at: Place | None = place
    while at is not None and not (at.own("allow") or at.own("deny")):
        at = at.outer
    if at is None:
        return False
    if at.guards is None:
        at.guards = denies(at)
    return at.guards


def denies(place: Place) -> bool:
    """allow and deny of a block in order: whether `deny all` comes before an `allow all`."""
    for directive in place.directive.block or []:
        if directive.name in ("allow", "deny") and directive.arguments[:1] == ("all",):
            return directive.name == "deny"
    return False


def dotfiles_served(server: Place) -> bool | None:
    """One of DOTFILES would be sent as a file; None if that hangs on an expression that was not understood."""
    if server.own("return") or not (server.effective("root") or server.own("location")):
        return False
    try:
        return any(_sends_file(nginx_config.place_of(server, uri)) for uri in DOTFILES)
    except NotUnderstood:
        return None


def _sends_file(place: Place) -> bool:
    if guarded(place) or place.own("return") or any(place.own(name) for name in HANDED_ON):
        return False
    tried = place.effective("try_files")
    if tried and not any("$uri" in word or "$request_filename" in word for word in tried[0].arguments[:-1]):
        return False
    return bool(place.effective("root") or place.own("alias"))


def _shown(texts: Iterable[str]) -> list[str]:
    return [bounded(text) for text in texts][: limits.MAX_FACT_LIST]
