"""tomcat.servers: Apache Tomcat's server.xml, its users, its manager applications.

Sources: tomcat.apache.org/tomcat-10.1-doc/config: server, http, ajp, host, realm, valve; manager-howto; web.xml
(servlet specification). Passwords of tomcat-users.xml are compared with a few well-known ones and go no further.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from vonggac_contract import limits
from vonggac_contract.facts.web import TomcatConnector, TomcatServer, TomcatServers, TomcatUser

from ...formats import cipher_string, documents
from ...host import Host
from ...untrusted import bounded
from . import served
from .apache_servers import items

PLACES: Final = (
    ("/etc/tomcat*/server.xml", "/usr/share/{}/bin/bootstrap.jar", "/var/lib/{}"),
    ("/opt/*tomcat*/conf/server.xml", "/opt/{}/bin/bootstrap.jar", "/opt/{}"),
    ("/usr/local/*tomcat*/conf/server.xml", "/usr/local/{}/bin/bootstrap.jar", "/usr/local/{}"),
)
"""server.xml, what shows that the program is there, and CATALINA_BASE; {} is the folder's name."""
MANAGERS: Final = ("manager", "host-manager")
KNOWN_PASSWORDS: Final = frozenset(
    ("", "tomcat", "admin", "password", "manager", "s3cret", "secret", "changeit", "changethis", "root", "123456",
     "<must-be-changed>", "must-be-changed", "role1", "both", "j5brn9")
)  # fmt: skip
"""Printed in Tomcat's own example and documentation, or the first that anybody tries."""
COMBINED: Final = '%h %l %u %t "%r" %s %b "%{Referer}i" "%{User-Agent}i"'
COMMON: Final = '%h %l %u %t "%r" %s %b'
DIGEST: Final = re.compile(r"[0-9A-Fa-f]{32,}|[0-9A-Fa-f]{16,}\$[0-9]+\$[0-9A-Fa-f]{32,}|\{[A-Za-z0-9-]+\}.+")
"""What bin/digest.sh writes: plain hexadecimal, or salt$iterations$key."""
ADDRESS_VALVES: Final = ("RemoteAddrValve", "RemoteCIDRValve", "RemoteHostValve")
_LOOPBACK: Final = ("127.", "localhost", "::1", "[::1]", "0:0:0:0:0:0:0:1")
Element = dict[str, Any]


def gather(host: Host, selector: tuple[str, ...]) -> tuple[TomcatServers, str]:
    """Topic tomcat.servers. Raises CouldNotLook: permission-denied (closed to ordinary users), malformed."""
    found: list[TomcatServer] = []
    for pattern, program, base in PLACES:
        for path in host.glob(pattern):
            name = path.split("/")[-2] if path.startswith("/etc/") else path.split("/")[-3]
            if host.exists(program.format(name)):
                found.append(server(host, path, base.format(name), name))
    return TomcatServers(installed=bool(found), servers=found[: limits.MAX_FACT_LIST]), "server.xml"


def server(host: Host, path: str, base: str, name: str) -> TomcatServer:
    """One server.xml. Raises ValueError if it or a file beside it is no XML."""
    folder = path.rpartition("/")[0]
    top = xml(host, path).get("Server", {})
    engines = documents.at(top, "/Service/Engine/*")
    hosts = [h for e in engines for h in e.get("Host", [])]
    seconds, listings = web(xml(host, f"{folder}/web.xml"))
    here = [m for m in MANAGERS if deployed(host, folder, base, m) is not None]
    limited = any(limits_addresses(e) for e in engines) or (bool(hosts) and all(map(limits_addresses, hosts)))
    after, lasting = lockout(engines)
    return TomcatServer(
        source=path,
        shutdown_port=number(top.get("@port", ""), 8005),
        shutdown_default=top.get("@shutdown", "SHUTDOWN") == "SHUTDOWN",
        connectors=[connector(c) for c in documents.at(top, "/Service/Connector/*")[: limits.MAX_FACT_LIST]],
        auto_deploy=any(truth(h.get("@autoDeploy"), default=True) for h in hosts),
        access_logged=logged(engines, hosts),
        log_fields=log_fields([*engines, *hosts]),
        tells_version=tells_version(engines, hosts),
        lockout_after=after,
        lockout_seconds=lasting,
        session_seconds=seconds,
        listings=listings,
        managers=here,
        managers_open=[
            m for m in here if not limited and not limits_addresses(deployed(host, folder, base, m) or {})
        ],
        users=users(xml(host, f"{folder}/tomcat-users.xml"))[: limits.MAX_FACT_LIST],
        user=bounded(served.runs_as(host, f"{name}.service")),
    )


def xml(host: Host, path: str) -> Element:
    """The document at `path`; {} if there is none. Raises ValueError."""
    text = host.text(path)
    return {} if text is None else documents.parse_xml(text)


def connector(found: Element) -> TomcatConnector:
    """One Connector."""
    protocol = str(found.get("@protocol", "HTTP/1.1"))
    ajp = "ajp" in protocol.lower()
    address = str(found.get("@address", ""))
    hosts = found.get("SSLHostConfig", [])
    named = [t for e in hosts for t in (e.get("@protocols"), e.get("@sslEnabledProtocols")) if t]
    named += [t for t in (found.get("@sslEnabledProtocols"), found.get("@sslProtocol")) if t]
    ciphers = [t for e in (found, *hosts) if (t := e.get("@ciphers"))]
    waits = found.get("@keepAliveTimeout") or found.get("@connectionTimeout") or "20000"
    return TomcatConnector(
        port=number(found.get("@port", ""), 0),
        protocol=bounded(protocol),
        address=bounded(address),
        local=address.lower().startswith(_LOOPBACK) or (ajp and not address),
        tls=truth(found.get("@SSLEnabled"), default=False),
        ajp=ajp,
        secret=bool(found.get("@secret") or found.get("@requiredSecret")),
        protocols=tls_versions(named),
        weak_ciphers=[bounded(word) for text in ciphers for word in cipher_string.weak(_as_openssl(text))],
        idle_timeout=-1 if number(waits, 20_000) < 0 else -(-number(waits, 20_000) // 1000),
        trace=truth(found.get("@allowTrace"), default=False),
    )


def tls_versions(named: list[str]) -> list[str]:
    """Versions that `protocols="TLSv1.2+TLSv1.3"` or a list with commas comes to; `all` and none named are the default.

    The default is `all`: SSLv2Hello, TLSv1, TLSv1.1, TLSv1.2, TLSv1.3; Java of today takes those before 1.2 out.
    """
    words = [w.strip().lstrip("+") for text in named for w in re.split(r"[,+\s]+", text.replace("-", " -"))]
    names = {w.lower(): w for w in words if w}
    if not names or "all" in names or "tls" in names:
        taken = {w[1:] for w in names if w.startswith("-")}
        return [v for v in ("TLSv1.2", "TLSv1.3") if v.lower() not in taken]
    return [bounded(w) for key, w in names.items() if not key.startswith("-")][: limits.MAX_FACT_LIST]


def _as_openssl(text: str) -> str:
    """Names of Java's suites (TLS_RSA_WITH_RC4_128_SHA) in parts that `cipher_string` knows."""
    return re.sub(r"\b(?:TLS|SSL)_\w+", lambda m: m.group().replace("_", "-"), text)


def lockout(engines: list[Element]) -> tuple[int | None, int | None]:
    """Failures and seconds of the first LockOutRealm (defaults 5 and 300); None, None without one."""
    waiting = [r for e in engines for r in e.get("Realm", [])]
    while waiting:
        realm = waiting.pop(0)
        if str(realm.get("@className", "")).endswith(".LockOutRealm"):
            return number(realm.get("@failureCount", ""), 5), number(realm.get("@lockOutTime", ""), 300)
        waiting += realm.get("Realm", [])
    return None, None


def valves(element: Element, *names: str) -> list[Element]:
    """The Valves of an element whose class has one of these names."""
    return [v for v in element.get("Valve", []) if str(v.get("@className", "")).rpartition(".")[2] in names]


def limits_addresses(element: Element) -> bool:
    """A valve lets only some addresses in."""
    return any(v.get("@allow") for v in valves(element, *ADDRESS_VALVES))


def _logs(element: Element) -> list[Element]:
    found = valves(element, "AccessLogValve", "ExtendedAccessLogValve", "JsonAccessLogValve")
    return [v for v in found if truth(v.get("@enabled"), default=True)]


def logged(engines: list[Element], hosts: list[Element]) -> bool:
    """A log for every Engine, or for every Host."""
    return bool(engines) and (all(map(_logs, engines)) or (bool(hosts) and all(map(_logs, hosts))))


def log_fields(elements: Iterable[Element]) -> list[str]:
    """Items of the patterns of all access logs."""
    found: dict[str, None] = {}
    for valve in (v for element in elements for v in _logs(element)):
        pattern = str(valve.get("@pattern", "common"))
        pattern = {"common": COMMON, "combined": COMBINED}.get(pattern, pattern)
        found |= dict.fromkeys(map(bounded, items(pattern)))
    return list(found)[: limits.MAX_FACT_LIST]


def tells_version(engines: list[Element], hosts: list[Element]) -> bool:
    """A Host without an ErrorReportValve that keeps quiet, where the Engine has none either."""

    def quiet(element: Element) -> bool:
        reports = valves(element, "ErrorReportValve", "JsonErrorReportValve")
        return any(not truth(v.get("@showServerInfo"), default=True) for v in reports)

    return not (bool(hosts) and all(quiet(h) for h in hosts)) and not (
        bool(engines) and all(map(quiet, engines))
    )


def deployed(host: Host, folder: str, base: str, name: str) -> Element | None:
    """The <Context> of an application; {} if it has none of its own; None if the application is not there.

    A descriptor in the folder of the Engine and Host hides that in META-INF (config/context.html).
    """
    descriptors = [*host.glob(f"{folder}/*/*/{name}.xml"), f"{base}/webapps/{name}/META-INF/context.xml"]
    for path in descriptors:
        if (text := host.text(path)) is not None:
            context: Element = documents.parse_xml(text).get("Context", {})
            return context
    return {} if host.exists(f"{base}/webapps/{name}") or host.exists(f"{base}/webapps/{name}.war") else None


def users(document: Element) -> list[TomcatUser]:
    """Accounts without their passwords."""
    top = document.get("tomcat-users", {})
    return [user for found in top.get("user", []) for user in _user(found)]


def _user(found: Element) -> Iterator[TomcatUser]:
    name = str(found.get("@username") or found.get("@name") or "")
    password = str(found.get("@password", ""))
    if name:
        yield TomcatUser(
            name=bounded(name),
            roles=[bounded(r.strip()) for r in str(found.get("@roles", "")).split(",") if r.strip()],
            guessable=password.lower() in KNOWN_PASSWORDS
            or hmac.compare_digest(password.encode(), name.encode()),
            plain=DIGEST.fullmatch(password[:1000]) is None,
        )


def web(document: Element) -> tuple[int, bool]:
    """Seconds of session-timeout (30 min where none is named), and whether the default servlet lists folders."""
    top = document.get("web-app", {})
    minutes = [t.get("#text", "") for t in documents.at(top, "/session-config/session-timeout/*")]
    listings = any(
        p.get("param-name", [{}])[0].get("#text") == "listings"
        and truth(p.get("param-value", [{}])[0].get("#text"), default=False)
        for p in documents.at(top, "/servlet/init-param/*")
    )
    return number(minutes[-1] if minutes else "", 30) * 60, listings


def truth(text: object, *, default: bool) -> bool:
    """An attribute that is true or false."""
    return default if text is None else str(text).strip().lower() in ("true", "yes", "on")


def number(text: object, default: int) -> int:
    """A whole number; the default if it is none (a variable such as ${shutdown.port})."""
    match = re.fullmatch(r"\s*(-?[0-9]{1,12})\s*", str(text))
    return int(match[1]) if match else default
