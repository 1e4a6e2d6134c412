"""The fields that a query may name, by kind of document; where each stands in a document (names of ECS). Pure.

ECS: Elastic Common Schema 8.17, https://www.elastic.co/guide/en/ecs/8.17/; what it has no name for is under vonggac.*.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from vonggac_contract.finding import DOMAINS, SEVERITIES

from .query import KINDS, Kind, Sort

FieldType = Literal["term", "name", "number", "time", "flag", "unit", "version"]
"""term: a word of machines, compared as it is. name: words of people, compared folded. flag: yes or no.
unit: a code of the tree of units, which stands for its whole subtree. version: equal as it is, ordered as `versions`
says."""


class Field(msgspec.Struct, frozen=True):
    """`name` as people write it, `path` as documents have it. `facet`: counted by value beside the results; `sorts`:
    may be sorted by. `values`: every value it can have, if these are few and fixed. `order`: the path of what it is
    ordered by, where that is not the value itself. `tenths`: people write a number with a decimal, documents have its
    tenths.
    """

    name: str
    path: str
    type: FieldType
    facet: bool = False
    sorts: bool = False
    values: tuple[str, ...] = ()
    order: str = ""
    tenths: bool = False

    @property
    def sort_path(self) -> str:
        """Where documents have what the field is ordered by."""
        return self.order or self.path


VERSION_ORDER: Final = "vonggac.version_order"
OUTCOMES: Final = ("fail", "partial", "unknown")
"""Of the findings that are searched: what passed or does not apply is none."""

COMMON: Final = (
    Field("unit", "organization.id", "unit", facet=True),
    Field("host", "host.name", "name", sorts=True),
    Field("id", "host.id", "term"),
    Field("os", "host.os.full", "name", facet=True),
    Field("platform", "host.os.type", "term"),
    Field("system", "vonggac.system.id", "term", facet=True),
    Field("level", "vonggac.level", "number", facet=True, sorts=True),
    Field("agent", "vonggac.agent", "term", values=("active", "quarantined", "revoked")),
    Field("sample", "vonggac.sample", "flag"),
)
"""Of the host that a document is about."""

_OWN: Final[dict[Kind, tuple[Field, ...]]] = {
    "findings": (
        Field("outcome", "vonggac.outcome", "term", facet=True, values=OUTCOMES),
        Field("severity", "vonggac.severity", "term", facet=True, values=SEVERITIES),
        Field("weight", "event.severity", "number", sorts=True),
        Field("domain", "rule.category", "term", facet=True, values=DOMAINS),
        Field("rule", "rule.id", "term", facet=True, sorts=True),
        Field("reason", "vonggac.reason", "term"),
        Field("since", "vonggac.since", "time", sorts=True),
    ),
    "hosts": (
        Field("failing", "vonggac.failing", "number", sorts=True),
        Field("critical", "vonggac.critical", "number", sorts=True),
        Field("unknown", "vonggac.unknown", "number", sorts=True),
        Field("looked", "vonggac.looked", "time", sorts=True),
        Field("silent", "vonggac.silent", "flag", facet=True),
        Field("silent-since", "vonggac.silent_since", "time", sorts=True),
        Field("missing", "vonggac.missing", "flag"),
        Field("score", "vonggac.score", "number", sorts=True, tenths=True),
        Field("address", "host.ip", "name"),
        Field("agent-version", "agent.version", "version", facet=True, sorts=True, order=VERSION_ORDER),
    ),
    "packages": (
        Field("package", "package.name", "term", facet=True, sorts=True),
        Field("version", "package.version", "version", facet=True, sorts=True, order=VERSION_ORDER),
        Field("architecture", "package.architecture", "term", facet=True),
        Field("source", "vonggac.source", "term"),
    ),
    "ports": (
        Field("port", "server.port", "number", facet=True, sorts=True),
        Field("transport", "network.transport", "term", facet=True, values=("tcp", "udp")),
        Field(
            "reach",
            "vonggac.reach",
            "term",
            facet=True,
            values=("loopback", "link", "private", "public", "any"),
        ),
        Field("address", "server.address", "term"),
        Field("process", "process.name", "term", facet=True, sorts=True),
        Field("user", "user.name", "term"),
        Field("package", "package.name", "term"),
    ),
    "certificates": (
        Field("subject", "tls.server.subject", "name", sorts=True),
        Field("issuer", "tls.server.issuer", "name", facet=True),
        Field("names", "tls.server.x509.alternative_names", "name"),
        Field("expires", "tls.server.not_after", "time", sorts=True),
        Field("port", "server.port", "number", facet=True, sorts=True),
        Field("process", "process.name", "term"),
        Field("tls", "tls.version", "term", facet=True),
        Field("key", "tls.server.x509.public_key_algorithm", "term", facet=True),
        Field("bits", "tls.server.x509.public_key_size", "number"),
        Field("fingerprint", "tls.server.hash.sha256", "term"),
        Field("self-signed", "vonggac.self_signed", "flag"),
        Field("trusted", "vonggac.trusted", "flag"),
    ),
    "accounts": (
        Field("user", "user.name", "term", facet=True, sorts=True),
        Field("uid", "vonggac.uid", "number", sorts=True),
        Field("login", "vonggac.login", "flag"),
        Field("administrator", "vonggac.administrator", "flag"),
        Field(
            "password",
            "vonggac.password",
            "term",
            facet=True,
            values=("set", "empty", "locked", "none", "not-seen"),
        ),
    ),
}

FIELDS: Final[dict[Kind, dict[str, Field]]] = {
    kind: {f.name: f for f in (*COMMON, *_OWN[kind])} for kind in KINDS
}
"""Every field of a kind by the name that people write."""

OWN: Final[dict[Kind, tuple[Field, ...]]] = _OWN
"""The fields of a kind that are not of its host."""

HOMES: Final[tuple[Kind, ...]] = ("hosts", "packages", "accounts", "ports", "certificates", "findings")
"""Of kinds that have a field alike, the first is meant when another kind is shown: a user is an account."""

ORDER: Final[dict[Kind, Sort]] = {
    "findings": Sort("weight", descending=True),
    "hosts": Sort("host"),
    "packages": Sort("package"),
    "ports": Sort("port"),
    "certificates": Sort("expires"),
    "accounts": Sort("user"),
}
"""How a kind is sorted if nothing is asked for. Equal documents are sorted by their ids, whatever the sort."""
