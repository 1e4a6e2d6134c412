"""One question over a real socket: bounded in time and bytes, no redirect, TLS before a byte of a report."""

from __future__ import annotations

import datetime
import resource
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from tests.flow.served import Hostile, serving
from tests.unit.agent.twin import Clock, Collector

from vonggac_agent.errors import BadAnswer, Unreachable, WrongSetting
from vonggac_agent.link import HttpLink, parse_address

SECRET = b"a sealed report"


def _read_request(connection: socket.socket) -> bytes:
    got = b""
    while SECRET not in got and (chunk := connection.recv(65536)):
        got += chunk
    return got


def _drip(head: bytes, piece: bytes) -> Callable[[socket.socket], None]:
    def behave(connection: socket.socket) -> None:
        _read_request(connection)
        connection.sendall(head)
        while True:
            connection.sendall(piece)
            time.sleep(0.1)

    return behave


def _silent(connection: socket.socket) -> None:
    while connection.recv(65536):
        continue


def _reset_after_request(connection: socket.socket) -> None:
    _read_request(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")


def _says(*parts: bytes) -> Callable[[socket.socket], None]:
    def behave(connection: socket.socket) -> None:
        _read_request(connection)
        for part in parts:
            connection.sendall(part)

    return behave


def _endless(connection: socket.socket) -> None:
    _read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")


OK = b"HTTP/1.1 200 OK\r\n"
SLOW = {
    "an answer that never comes": _silent,
    "a head that drips": _drip(b"HTTP/1.1 200 OK\r\nX: ", b"y"),
    "a head of endless fields": _drip(OK, b"X: y\r\n"),
    "a body that drips": _drip(OK + b"Content-Length: 100000\r\n\r\n", b"z"),
    "a chunked body that drips": _drip(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nz\r\n"),
    "interim answers for ever": _drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}


@pytest.mark.net
@pytest.mark.hostile
@pytest.mark.parametrize("name", SLOW)
def test_a_slow_collector_is_left_at_the_total_deadline(name: str) -> None:
    with (
        Hostile(SLOW[name]) as server,
        closing(HttpLink(parse_address(f"http://127.0.0.1:{server.port}"), deadline_s=1.0)) as link,
    ):
        started, used = time.monotonic(), time.process_time()
        with pytest.raises(Unreachable, match="no whole answer within 1 s"):
            link.ask("POST", "/", SECRET)
        assert 0.5 < time.monotonic() - started < 10
        assert time.process_time() - used < 0.5


WRONG: dict[str, tuple[Callable[[socket.socket], None], str]] = {
    "an endless body": (_endless, "more than"),
    "a length beyond the limit": (_says(OK + b"Content-Length: 99999999999\r\n\r\n"), "99999999999 bytes"),
    "a packed body": (
        _says(OK + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b"),
        "packed as 'gzip'",
    ),
}


@pytest.mark.net
@pytest.mark.hostile
@pytest.mark.parametrize("name", WRONG)
def test_an_answer_that_the_contract_does_not_allow_is_refused(name: str) -> None:
    behaviour, said = WRONG[name]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with (
        Hostile(behaviour) as server,
        closing(HttpLink(parse_address(f"http://127.0.0.1:{server.port}"), deadline_s=10)) as link,
        pytest.raises(BadAnswer, match=said),
    ):
        link.ask("POST", "/", SECRET)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024


BROKEN = {
    "a reset": _reset_after_request,
    "an end before the answer": _says(b""),
    "an end within the status": _says(b"HTTP/1.1 20"),
    "an end within the body": _says(OK + b"Content-Length: 50\r\n\r\nhalf"),
    "an end within a chunk": _says(OK + b"Transfer-Encoding: chunked\r\n\r\nff\r\nhalf"),
    "no HTTP": _says(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "a line of a megabyte": _says(OK + b"X: " + b"y" * (1 << 20) + b"\r\n\r\n"),
    "a thousand fields": _says(OK + b"X: y\r\n" * 1000 + b"\r\n"),
    "a length that is no number": _says(OK + b"Content-Length: many\r\n\r\n"),
}


@pytest.mark.net
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_connection_is_no_answer(name: str) -> None:
    with (
        Hostile(BROKEN[name]) as server,
        closing(HttpLink(parse_address(f"http://127.0.0.1:{server.port}"), deadline_s=5)) as link,
    ):
        if name == "a length that is no number":
            assert link.ask("POST", "/", SECRET).body == b""
            return
        with pytest.raises(Unreachable):
            link.ask("POST", "/", SECRET)


def test_nothing_follows_a_redirect() -> None:
    with Hostile(_says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as elsewhere:
        to = f"http://127.0.0.1:{elsewhere.port}/"
        head = f"HTTP/1.1 307 Go\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()
        with (
            Hostile(_says(head)) as server,
            closing(HttpLink(parse_address(f"http://127.0.0.1:{server.port}"))) as link,
        ):
            assert link.ask("POST", "/", SECRET).status == 307
        assert elsewhere.connections == 0


@pytest.mark.parametrize(("size", "taken"), [(999, True), (1000, True), (1001, False)])
@pytest.mark.parametrize("length", [True, False])
def test_an_answer_is_read_up_to_its_limit(size: int, taken: bool, length: bool) -> None:
    head = b"Content-Length: %d\r\n" % size if length else b"Connection: close\r\n"
    with (
        Hostile(_says(OK + head + b"\r\n" + b"x" * size)) as server,
        closing(HttpLink(parse_address(f"http://127.0.0.1:{server.port}"))) as link,
    ):
        if taken:
            assert len(link.ask("POST", "/", SECRET, limit=1000).body) == size
        else:
            with pytest.raises(BadAnswer, match=r"1000|1001"):
                link.ask("POST", "/", SECRET, limit=1000)


def test_nobody_there_is_said_in_plain_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (
        closing(HttpLink(parse_address(f"http://127.0.0.1:{port}"))) as link,
        pytest.raises(Unreachable, match="Connection refused"),
    ):
        link.ask("GET", "/")


def test_the_environments_proxy_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    collector = Collector(Clock())
    with serving(collector) as address, Hostile(_says(OK + b"\r\n")) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        with closing(HttpLink(parse_address(address))) as link:
            assert link.ask("GET", "/nowhere").status == 404
        assert proxy.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://collector.example/", "http://10.0.0.1", "http://[::2]:80", "ftp://127.0.0.1", "collector", "",
        "https://", "https://user@host", "https://host/?q", "https://host/#f", "https://host:99999",
        "https://ho st", "https://host\n", "http://127.0.0.1.evil.example", "https://[::1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_safe_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(WrongSetting) as refused:
        parse_address(url)
    assert "Example: https://" in refused.value.hint


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:1/x/", "https://h/p/"]
)
def test_https_and_this_machine_are_addresses(url: str) -> None:
    assert not parse_address(url).prefix.endswith("/")


class Authority:
    """A CA made for one test."""

    def __init__(self, name: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(self.name, self.key, days=30, ca=True, host=None)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def _sign(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, days: int, ca: bool, host: str | None
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        built = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=60))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
            )
        )
        if ca:
            usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
            built = built.add_extension(usage, critical=True)
        if host is not None:
            built = built.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        return built.sign(self.key, hashes.SHA256())

    def context(self, folder: Path, *, host: str = "localhost", days: int = 30) -> ssl.SSLContext:
        """A server's TLS with a certificate for `host` that ends in so many days."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        certificate = self._sign(name, key, days=days, ca=False, host=host)
        path = folder / "server.pem"
        path.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            + certificate.public_bytes(Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


class TlsServer:
    """Answers one request with 200; `received` is what it could read of it."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.received = b""
        self._context = context
        self._server = Hostile(self._behave)

    def _behave(self, connection: socket.socket) -> None:
        with self._context.wrap_socket(connection, server_side=True) as wrapped:
            while SECRET not in self.received and (chunk := wrapped.recv(65536)):
                self.received += chunk
            wrapped.sendall(OK + b"Content-Length: 2\r\n\r\nok")

    def ask(self, ca: str) -> bytes:
        with (
            self._server as server,
            closing(HttpLink(parse_address(f"https://localhost:{server.port}"), ca, deadline_s=5)) as link,
        ):
            return link.ask("POST", "/", SECRET).body


def test_a_collector_with_the_pinned_authority_is_asked(tmp_path: Path) -> None:
    authority = Authority("right")
    assert TlsServer(authority.context(tmp_path)).ask(authority.pem) == b"ok"


@pytest.mark.net
@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("another authority", "unable to get local issuer certificate|self-signed|signature failure"),
        ("another host", "Hostname mismatch"),
        ("expired", "certificate has expired"),
        ("no pinned authority", "unable to get local issuer certificate|self-signed"),
    ],
)
def test_no_byte_of_a_report_goes_to_a_collector_that_cannot_prove_itself(
    tmp_path: Path, how: str, said: str
) -> None:
    right, wrong = Authority("same name"), Authority("same name")
    signing = wrong if how == "another authority" else right
    host = "elsewhere.example" if how == "another host" else "localhost"
    server = TlsServer(signing.context(tmp_path, host=host, days=-1 if how == "expired" else 30))
    with pytest.raises(Unreachable, match=said):
        server.ask("" if how == "no pinned authority" else right.pem)
    assert server.received == b""


@pytest.mark.net
def test_tls_older_than_1_2_is_not_spoken(tmp_path: Path) -> None:
    authority = Authority("right")
    context = authority.context(tmp_path)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    server = TlsServer(context)
    with pytest.raises(Unreachable):
        server.ask(authority.pem)
    assert server.received == b""


def test_a_certificate_authority_that_holds_nothing_is_a_wrong_setting() -> None:
    with pytest.raises(WrongSetting, match="no certificate"):
        HttpLink(parse_address("https://localhost"), "-----BEGIN CERTIFICATE-----\nnonsense\n")


def test_no_thread_is_left_after_a_question() -> None:
    before = threading.active_count()
    with serving(Collector(Clock())) as address, closing(HttpLink(parse_address(address))) as link:
        link.ask("GET", "/x")
    assert threading.active_count() == before
