"""MongoDB and Elasticsearch by their files, as their documentation prints them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted
from tests.unit.properties import thorough

from vonggac_agent.facts.databases import document_stores
from vonggac_contract.facts.databases import ElasticsearchServer, MongodbServer

MONGOD = """\
storage:
  dbPath: /var/lib/mongodb
systemLog:
  destination: file
net:
  port: 27017
  bindIp: 127.0.0.1
#security:
"""


def mongodb(folder: Path, text: str, name: str = "etc/mongod.conf") -> MongodbServer:
    return document_stores.mongodb(mounted(folder, {"usr/bin/mongod": "", name: text}), ())[0]


def elasticsearch(folder: Path, text: str, **more: str | bytes | Link) -> ElasticsearchServer:
    files: dict[str, str | bytes | Link] = {
        "usr/share/elasticsearch/bin/elasticsearch": "",
        "etc/elasticsearch/elasticsearch.yml": text,
    }
    return document_stores.elasticsearch(mounted(folder, files | more), ())[0]


def test_mongodb_as_its_package_installs_it(tmp_path: Path) -> None:
    found = mongodb(tmp_path, MONGOD)
    assert (found.installed, found.addresses, found.remote) == (True, ["127.0.0.1"], False)
    assert (found.authorization, found.tls, found.audited, found.data_closed) == (
        False,
        "disabled",
        False,
        None,
    )


@pytest.mark.parametrize(
    ("text", "authorized"),
    [
        ("security:\n  authorization: enabled\n", True),
        ("security:\n  authorization: disabled\n", False),
        ("security:\n  keyFile: /etc/key\n", True),
        ("security: {clusterAuthMode: x509}\n", True),
        ("auth = true\n", True),
        ("#auth = true\nbind_ip = 127.0.0.1\n", False),
        ("", False),
    ],
)
def test_who_is_asked_for_a_password_by_mongodb(text: str, authorized: bool, tmp_path: Path) -> None:
    assert mongodb(tmp_path, text).authorization is authorized


def test_addresses_and_tls_of_mongodb_in_both_forms(tmp_path: Path) -> None:
    found = mongodb(tmp_path / "a", "net:\n  bindIp: localhost,10.0.0.4\n  tls:\n    mode: requireTLS\n")
    assert (found.addresses, found.remote, found.tls) == (["localhost", "10.0.0.4"], True, "requireTLS")
    assert mongodb(tmp_path / "b", "net:\n  bindIpAll: true\n").remote
    old = mongodb(tmp_path / "c", "bind_ip = 0.0.0.0\nauth = true\n", "etc/mongodb.conf")
    assert (old.remote, old.authorization) == (True, True)


def test_security_of_elasticsearch_is_on_since_8(tmp_path: Path) -> None:
    eight: dict[str, str | bytes | Link] = {"usr/share/elasticsearch/lib/elasticsearch-8.15.0.jar": ""}
    seven: dict[str, str | bytes | Link] = {
        "usr/share/elasticsearch/lib/elasticsearch-7.17.9.jar": "",
        "usr/share/elasticsearch/lib/elasticsearch-core-8.1.0.jar": "",
    }
    assert elasticsearch(tmp_path / "a", "", **eight).authentication
    assert not elasticsearch(tmp_path / "b", "", **seven).authentication
    off = elasticsearch(
        tmp_path / "c", "xpack.security.enabled: false\nxpack.security.http.ssl.enabled: true\n", **eight
    )
    assert (off.authentication, off.tls) == (False, False)
    anonymous = elasticsearch(
        tmp_path / "d", "xpack.security.authc:\n  anonymous:\n    roles: superuser\n", **eight
    )
    assert not anonymous.authentication


def test_nested_and_dotted_names_are_the_same(tmp_path: Path) -> None:
    found = elasticsearch(
        tmp_path,
        'network.host: [_local_, "10.0.0.4"]\nxpack:\n  security:\n    enabled: true\n    http.ssl:\n'
        "      enabled: true\n"
        "xpack.security.audit.enabled: true\n",
    )
    assert (found.addresses, found.remote) == (["_local_", "10.0.0.4"], True)
    assert (found.authentication, found.tls, found.audited) == (True, True, True)


def test_opensearch_is_secured_unless_switched_off(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "usr/share/opensearch/bin/opensearch": "",
        "etc/opensearch/opensearch.yml": "plugins.security.ssl.http.enabled: true\nnetwork.host: 0.0.0.0\n",
    }
    found, _ = document_stores.elasticsearch(mounted(tmp_path, files), ())
    assert (found.product, found.authentication, found.tls, found.remote) == ("opensearch", True, True, True)
    off = files | {"etc/opensearch/opensearch.yml": "plugins.security.disabled: true\n"}
    assert not document_stores.elasticsearch(mounted(tmp_path / "b", off), ())[0].authentication


def test_what_is_not_installed_is_not_there(tmp_path: Path) -> None:
    host = mounted(tmp_path, {"etc/mongod.conf": MONGOD, "etc/elasticsearch/elasticsearch.yml": ""})
    assert document_stores.mongodb(host, ())[0] == MongodbServer(installed=False)
    assert document_stores.elasticsearch(host, ())[0] == ElasticsearchServer(installed=False)


NAME = st.sampled_from(["net", "bindIp", "security", "tls"])
LEAF = st.sampled_from(["a", "10.0.0.1", "enabled"])
TREE = LEAF | st.dictionaries(NAME, LEAF, min_size=1, max_size=2)


def written(tree: object, indent: str) -> str:
    if not isinstance(tree, dict):
        return f' "{tree}"\n'
    return "\n" + "".join(f"{indent}{key}:{written(part, indent + '  ')}" for key, part in tree.items())


def joined(tree: object, name: str = "") -> dict[str, str]:
    if not isinstance(tree, dict):
        return {name: str(tree)}
    found: dict[str, str] = {}
    for key, part in tree.items():
        found |= joined(part, f"{name}.{key}" if name else key)
    return found


@given(st.dictionaries(NAME, TREE, min_size=1, max_size=3))
@thorough
def test_settings_read_as_they_were_written(tree: dict[str, object]) -> None:
    assert document_stores.mongod_settings(written(tree, "")) == joined(tree)


@pytest.mark.hostile
@given(st.text(max_size=150) | st.text("net:bindIp\n -[]{}'\"=&*", max_size=150))
@thorough
def test_any_text_is_read_or_refused_with_value_error(text: str) -> None:
    with suppress(ValueError):
        document_stores.mongod_settings(text)
