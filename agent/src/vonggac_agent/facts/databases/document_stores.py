"""mongodb.server and elasticsearch.server: who may come in to stores of documents, and over what.

Sources: mongodb.com/docs/manual/reference/configuration-options (YAML; the older form has `key = value`);
elastic.co/guide/en/elasticsearch/reference/8: "Networking", "Security settings" (on by default since 8.0), "Auditing";
opensearch.org/docs: "Security configuration" (on unless plugins.security.disabled).
"""

from __future__ import annotations

import re
from typing import Any, Final

from vonggac_contract.facts.databases import ElasticsearchServer, MongodbServer

from ...formats import assignments, documents
from ...host import Host
from ...untrusted import bounded
from . import postgresql_clusters

MONGOD: Final = ("usr/bin/mongod", "usr/local/bin/mongod")
MONGOD_CONFIGS: Final = ("etc/mongod.conf", "etc/mongodb.conf")
ELASTIC: Final = (
    ("elasticsearch", "usr/share/elasticsearch/bin/elasticsearch", "etc/elasticsearch/elasticsearch.yml"),
    ("opensearch", "usr/share/opensearch/bin/opensearch", "etc/opensearch/opensearch.yml"),
)
MAX_KEYS: Final = 20_000
_LOOPBACK: Final = ("127.", "localhost", "::1", "_local_", "/")
_OLD_NAMES: Final = {"bind_ip": "net.bindIp", "auth": "security.authorization", "keyfile": "security.keyFile"}
Settings = dict[str, str]


def flat(value: Any) -> Settings:
    """A YAML mapping with its keys joined by dots; lists by commas. Raises ValueError for over MAX_KEYS."""
    found: Settings = {}
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        name, inner = waiting.pop()
        if isinstance(inner, dict):
            waiting += [(f"{name}.{key}" if name else str(key), part) for key, part in inner.items()]
        elif isinstance(inner, list):
            found[name] = ",".join(str(part) for part in inner if not isinstance(part, dict | list))
        elif inner is not None:
            found[name] = str(inner).lower() if isinstance(inner, bool) else str(inner)
        if len(waiting) + len(found) > MAX_KEYS:
            raise ValueError(f"over {MAX_KEYS} settings")
    return found


def mongod_settings(text: str) -> Settings:
    """Settings of mongod.conf in either form. Raises ValueError."""
    if re.search(r"^[A-Za-z_]+\s*=", text, re.MULTILINE):
        entries = assignments.parse(text, inline=True)
        return {_OLD_NAMES.get(entry.key.lower(), entry.key): entry.value for entry in entries}
    return flat(documents.parse_yaml(text))


def mongodb(host: Host, selector: tuple[str, ...]) -> tuple[MongodbServer, str]:
    """Topic mongodb.server. Raises CouldNotLook: permission-denied; malformed."""
    if not any(host.exists(program) for program in MONGOD):
        return MongodbServer(installed=False), ", ".join(MONGOD)
    path = next((p for p in MONGOD_CONFIGS if host.exists(p)), MONGOD_CONFIGS[0])
    told = mongod_settings(host.text(path) or "")
    everywhere = _on(told.get("net.bindIpAll", "false"))
    addresses = ["*"] if everywhere else _words(told.get("net.bindIp", "127.0.0.1"))
    return (
        MongodbServer(
            installed=True,
            addresses=[bounded(address) for address in addresses],
            remote=_remote(addresses),
            # A key file or certificates among members switch authorization on as well.
            authorization=_on(told.get("security.authorization", "disabled"))
            or bool(told.get("security.keyFile") or told.get("security.clusterAuthMode")),
            tls=bounded(told.get("net.tls.mode") or told.get("net.ssl.mode") or "disabled"),
            audited=bool(told.get("auditLog.destination")),
            data_closed=postgresql_clusters.closed(host, told.get("storage.dbPath") or "/var/lib/mongodb"),
        ),
        path,
    )


def elasticsearch(host: Host, selector: tuple[str, ...]) -> tuple[ElasticsearchServer, str]:
    """Topic elasticsearch.server. Raises CouldNotLook: permission-denied (closed to ordinary users); malformed."""
    product, program, path = next((e for e in ELASTIC if host.exists(e[1])), ("", "", ""))
    if not product:
        return ElasticsearchServer(installed=False), ", ".join(e[1] for e in ELASTIC)
    told = flat(documents.parse_yaml(host.text(path) or ""))
    addresses = _words(
        told.get("http.host") or told.get("http.bind_host") or told.get("network.host") or "_local_"
    )
    if product == "elasticsearch":
        major = version(host.names(program.replace("/bin/elasticsearch", "/lib")))
        on = "true" if major >= 8 else "false"
        security = _on(told.get("xpack.security.enabled", on))
        tls = _on(told.get("xpack.security.http.ssl.enabled", "false"))
        audited = _on(told.get("xpack.security.audit.enabled", "false"))
    else:
        security = not _on(told.get("plugins.security.disabled", "false"))
        tls = _on(told.get("plugins.security.ssl.http.enabled", "false"))
        audited = bool(told.get("plugins.security.audit.type"))
    return (
        ElasticsearchServer(
            installed=True,
            product="elasticsearch" if product == "elasticsearch" else "opensearch",
            addresses=[bounded(address) for address in addresses],
            remote=_remote(addresses),
            authentication=security and told.get("xpack.security.authc.anonymous.roles") is None,
            tls=security and tls,
            audited=security and audited,
        ),
        path,
    )


def version(names: list[str]) -> int:
    """The major version in the name of the program's own archive, elasticsearch-8.15.0.jar; 0 if there is none."""
    found = (re.fullmatch(r"elasticsearch-([0-9]{1,3})\.[0-9.]{1,20}\.jar", name) for name in names)
    return max((int(match[1]) for match in found if match), default=0)


def _words(text: str) -> list[str]:
    return [word for part in text.split(",") if (word := part.strip().strip("[]\"' "))]


def _remote(addresses: list[str]) -> bool:
    return not all(address.lower().startswith(_LOOPBACK) for address in addresses)


def _on(text: str) -> bool:
    return text.strip().lower() in ("true", "enabled", "1", "yes")
