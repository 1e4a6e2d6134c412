"""How the collector reaches a cluster: TLS by a given authority, a login or API key from files, no secret told."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.services.between import between
from tests.services.elasticsearch import OwnServer, Server, own_server
from tests.unit.collector.index.machines import a_state, fails

from vonggac_collector.errors import IndexFailed
from vonggac_collector.index.elastic.client import Access
from vonggac_collector.index.elastic.index import ElasticIndex
from vonggac_collector.index.opening import make_index
from vonggac_collector.search.query import Query, Scope
from vonggac_collector.settings import Settings

pytestmark = pytest.mark.es
PASSWORD = "mật-khẩu-rất-dài"
SECURED = {
    "xpack.security.enabled": "true",
    "xpack.security.http.ssl.enabled": "true",
    "xpack.security.http.ssl.key": "key.pem",
    "xpack.security.http.ssl.certificate": "certificate.pem",
}


def certify(folder: Path) -> None:
    """A key and a certificate for 127.0.0.1 that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(key, hashes.SHA256())
    )
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def prepare(server: OwnServer) -> None:
    certify(server.home / "config")
    server.give()
    server.run("elasticsearch-keystore", "create")
    server.run("elasticsearch-keystore", "add", "-x", "-f", "bootstrap.password", told=PASSWORD.encode())


@pytest.fixture(scope="module")
def secured(elasticsearch: Server) -> Iterator[OwnServer]:
    """A server of our own with TLS that asks for a login."""
    # Where the session's server is not ours, no other is started either.
    _ = elasticsearch.owned
    with own_server(SECURED, prepare) as server:

        def answers() -> bool:
            try:
                url = f"https://127.0.0.1:{server.port}/_cluster/health"
                return httpx.get(url, verify=False, trust_env=False).status_code == 401  # noqa: S501  asks if it is there
            except httpx.TransportError:
                return False

        server.start(answers)
        yield server


def settings(folder: Path, server: OwnServer, password: str, *, ca: bool = True) -> Settings:
    (folder / "password").write_text(password + "\n")
    (folder / "password").chmod(0o600)
    return Settings.model_validate(
        {
            "state_dir": folder,
            "elasticsearch_url": f"https://127.0.0.1:{server.port}",
            "elasticsearch_ca": server.home / "config/certificate.pem" if ca else None,
            "elasticsearch_username": "elastic",
            "elasticsearch_password_file": folder / "password",
        }
    )


def test_a_cluster_with_tls_and_a_login_is_used_as_the_settings_say(
    secured: OwnServer, tmp_path: Path
) -> None:
    index = make_index(settings(tmp_path, secured, PASSWORD))
    with index.building() as build:
        build.put([a_state(failing=fails("linux.a"))])
        build.finish(1)
    index.refresh()
    assert index.count(Query("findings"), Scope("vn")) == 1
    assert index.health().state == "ready"
    index.close()


@pytest.mark.parametrize(("password", "ca"), [("wrong-secret", True), (PASSWORD, False)])
def test_who_is_not_let_in_or_not_known_gets_an_error_that_tells_no_secret(
    secured: OwnServer, tmp_path: Path, password: str, ca: bool
) -> None:
    index = make_index(settings(tmp_path, secured, password, ca=ca))
    with pytest.raises(IndexFailed) as refused:
        index.put([a_state()])
    assert password not in str(refused.value)
    assert ("credentials" in str(refused.value)) == ca
    index.close()


def test_an_api_key_is_sent_instead_of_a_login_and_shown_nowhere(elasticsearch: Server) -> None:
    access = Access("", username="name", password="p4ss", api_key="a2V5")
    assert "a2V5" not in repr(access)
    assert "p4ss" not in repr(access)
    with between(int(elasticsearch.url.rpartition(":")[2])) as (passed, url):
        index = ElasticIndex(Access(url, username="name", password="p4ss", api_key="a2V5"))
        index.health()
        assert passed.headers["authorization"] == "ApiKey a2V5"
        index.close()
