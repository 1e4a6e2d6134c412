"""TLS of real listeners on loopback is told as it is; hostile ones are left within the time limits."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from tests.services.ports import free_port

from vonggac_agent.tls import hello, local
from vonggac_contract.facts.network import Listener, TlsEndpoint, TlsListeners

NOW = datetime.now(UTC)
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class Pair(NamedTuple):
    """Files of a certificate and its key."""

    certificate: Path
    key: Path


def pair(folder: Path, name: str, key: Key, *, names: tuple[str, ...] = (), ended: bool = False) -> Pair:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begin = NOW - timedelta(days=30)
    end = NOW - timedelta(days=1) if ended else NOW + timedelta(days=30)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 9, begin, end)
    if names:
        alternative = [x509.IPAddress(ip_address(n)) if n[0].isdigit() else x509.DNSName(n) for n in names]
        builder = builder.add_extension(x509.SubjectAlternativeName(alternative), critical=False)
    made = Pair(folder / f"{name}.pem", folder / f"{name}.key")
    made.certificate.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return made


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pair]:
    folder = tmp_path_factory.mktemp("certificates")
    curve = ec.generate_private_key(ec.SECP256R1())
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 - weak on purpose
    return {
        "old": pair(folder, "old", weak, ended=True),
        "good": pair(folder, "good", curve, names=("here.example.vn", "127.0.0.1")),
        "foreign": pair(folder, "foreign", curve, names=("elsewhere.example.vn",)),
    }


@contextlib.contextmanager
def openssl(pair_: Pair, *options: str) -> Iterator[int]:
    """`openssl s_server`: a server that is not Python's own."""
    program = shutil.which("openssl")
    assert program, "the flow lane needs the openssl program"
    port = free_port()
    files = ("-cert", str(pair_.certificate), "-key", str(pair_.key))
    process = subprocess.Popen(
        [program, "s_server", "-accept", f"127.0.0.1:{port}", *files, "-quiet", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < until, "openssl s_server did not come up"
                time.sleep(0.02)
        yield port
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def server(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """A listener on loopback that runs `talk` in a thread of its own for each connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def one(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            talk(connection)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=one, args=(connection,))
            thread.start()
            threads.append(thread)

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join()
        for thread in threads:
            thread.join()


def look(*ports: int, names: tuple[str, ...] = ("here.example.vn",), seconds: float = 6.0) -> TlsListeners:
    listeners = [Listener("tcp", "127.0.0.1", port, "loopback", process="test") for port in ports]
    return local.look(listeners, names, seconds)


def only(found: TlsListeners) -> TlsEndpoint:
    assert len(found.endpoints) == 1
    assert found.endpoints[0].certificate is not None
    return found.endpoints[0]


LEGACY = ("-cipher", "ALL:@SECLEVEL=0")


@pytest.mark.parametrize(
    ("options", "version", "oldest"),
    [
        (("-tls1_3",), "TLSv1.3", "TLSv1.3"),
        (("-tls1_2",), "TLSv1.2", "TLSv1.2"),
        (("-tls1_1", *LEGACY), "TLSv1.1", "TLSv1.1"),
        (("-tls1", *LEGACY), "TLSv1", "TLSv1"),
        (("-no_tls1", *LEGACY), "TLSv1.3", "TLSv1.1"),
        (LEGACY, "TLSv1.3", "TLSv1"),
    ],
)
def test_the_newest_and_the_oldest_version_of_a_server_are_told(
    options: tuple[str, ...], version: str, oldest: str, pairs: dict[str, Pair]
) -> None:
    with openssl(pairs["good"], *options) as port:
        found = only(look(port))
    assert (found.version, found.oldest_version, found.port) == (version, oldest, port)
    assert (found.chain_length, found.trusted, found.name_matches) == (1, False, True)


def test_a_weak_expired_certificate_is_told_as_it_is(pairs: dict[str, Pair]) -> None:
    with openssl(pairs["old"], *LEGACY) as port:
        told = only(look(port))
    assert told.certificate is not None
    assert (told.certificate.key_type, told.certificate.key_bits) == ("rsa", 1024)
    assert told.certificate.not_after < NOW
    assert told.certificate.self_signed
    assert (told.trusted, told.name_matches) == (False, False)


def test_a_certificate_for_another_name_does_not_match(pairs: dict[str, Pair]) -> None:
    with openssl(pairs["foreign"]) as port:
        assert only(look(port)).name_matches is False
        assert only(look(port, names=("elsewhere.example.vn",))).name_matches is True


def test_a_chain_that_the_machines_store_holds_is_trusted(
    pairs: dict[str, Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(pairs["good"].certificate))
    with openssl(pairs["good"]) as port:
        assert only(look(port)).trusted is True


def test_a_server_in_python_is_told_with_its_cipher(pairs: dict[str, Pair]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pairs["good"].certificate, pairs["good"].key)
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    def talk(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(1)

    with server(talk) as port:
        found = only(look(port))
    assert (found.version, found.oldest_version) == ("TLSv1.2", "TLSv1.2")
    assert found.cipher.startswith("ECDHE-ECDSA-")


def record(kind: int, body: bytes, version: int = 0x0300) -> bytes:
    return bytes([kind]) + version.to_bytes(2, "big") + len(body).to_bytes(2, "big") + body


def ssl3_only(der: bytes) -> Callable[[socket.socket], None]:
    """A server that knows SSL 3.0 alone, which no library of today speaks."""
    hello_ = b"\x03\x00" + bytes(32) + b"\0" + b"\x00\x05" + b"\0"
    listed = len(der).to_bytes(3, "big") + der
    body = len(listed).to_bytes(3, "big") + listed
    handshake = (
        b"\x02" + len(hello_).to_bytes(3, "big") + hello_ + b"\x0b" + len(body).to_bytes(3, "big") + body
    )

    def talk(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(record(22, handshake))
        connection.recv(4096)

    return talk


def test_a_server_of_ssl_3_alone_is_measured_though_no_library_talks_to_it(pairs: dict[str, Pair]) -> None:
    der = ssl.PEM_cert_to_DER_cert(pairs["old"].certificate.read_text())
    with server(ssl3_only(der)) as port:
        found = only(look(port))
    assert (found.version, found.oldest_version) == ("SSLv3", "SSLv3")
    assert found.cipher == "TLS_RSA_WITH_RC4_128_SHA"
    assert found.trusted is None


def banner(connection: socket.socket) -> None:
    connection.sendall(b"220 mail.example.vn ESMTP\r\n")
    connection.recv(4096)


def endless_banner(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"hello " * 1000)


def endless_records(connection: socket.socket) -> None:
    while True:
        connection.sendall(record(21, b"\x01\x70", 0x0303) * 1000)


def garbage_record(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(record(22, b"\xff" * 500, 0x0303))


def trickle(connection: socket.socket) -> None:
    connection.recv(4096)
    for byte in record(22, b"\x02\x00\x10\x00" + bytes(4000), 0x0303):
        connection.sendall(bytes([byte]))
        time.sleep(0.05)


def silent(connection: socket.socket) -> None:
    while connection.recv(4096):
        continue


def closes(connection: socket.socket) -> None:
    connection.recv(1)


def huge_certificate(connection: socket.socket) -> None:
    connection.recv(4096)
    hello_ = b"\x03\x03" + bytes(32) + b"\0" + b"\xc0\x2f" + b"\0"
    start = b"\x02" + len(hello_).to_bytes(3, "big") + hello_ + b"\x0b" + (2**24 - 1).to_bytes(3, "big")
    connection.sendall(record(22, start, 0x0303))
    for _ in range(1024):
        connection.sendall(record(22, bytes(2**14), 0x0303))


@pytest.mark.hostile
@pytest.mark.parametrize("talk", [banner, endless_banner, garbage_record, closes])
def test_a_server_that_speaks_no_tls_is_asked_and_left(talk: Callable[[socket.socket], None]) -> None:
    with server(talk) as port:
        started = time.monotonic()
        found = look(port)
        assert time.monotonic() - started < 2.5
    assert found == TlsListeners([], 1, [])


@pytest.mark.hostile
@pytest.mark.parametrize("talk", [silent, trickle])
def test_a_server_that_gives_no_answer_in_time_is_told_as_silent(
    talk: Callable[[socket.socket], None],
) -> None:
    with server(talk) as port:
        started = time.monotonic()
        found = look(port)
        assert time.monotonic() - started < 2.5
    assert found == TlsListeners([], 1, [port])


@pytest.mark.hostile
def test_a_certificate_of_16_mib_is_not_read_and_the_version_is_told_all_the_same() -> None:
    with server(huge_certificate) as port:
        started = time.monotonic()
        found = look(port)
        assert time.monotonic() - started < 7.5
    (endpoint,) = found.endpoints
    assert (endpoint.version, endpoint.certificate, endpoint.name_matches) == ("TLSv1.2", None, None)


@pytest.mark.hostile
def test_endless_warnings_are_left_at_the_bound_and_nothing_counts_as_known() -> None:
    with server(endless_records) as port:
        started = time.monotonic()
        found = look(port)
        assert time.monotonic() - started < 7.5
    assert found == TlsListeners([], 1, [port])


@pytest.mark.hostile
def test_many_silent_servers_are_done_within_the_time_for_all_and_none_counts_as_clean() -> None:
    with contextlib.ExitStack() as stack:
        ports = [stack.enter_context(server(silent)) for _ in range(30)]
        started = time.monotonic()
        found = look(*ports, seconds=2.0)
        assert time.monotonic() - started < 3.0
    assert (found.endpoints, found.silent) == ([], sorted(ports))


def test_a_port_that_refuses_is_no_silence() -> None:
    port = free_port()
    assert look(port) == TlsListeners([], 1, [])


def test_listeners_that_would_act_on_what_they_hear_are_not_asked() -> None:
    heard: list[bytes] = []
    with server(lambda connection: heard.append(connection.recv(10))) as port:
        listeners = [
            Listener("tcp", "127.0.0.1", port, "loopback", process="p910nd"),
            Listener("udp", "127.0.0.1", port, "loopback", process="dns"),
            Listener("tcp", "127.0.0.1", 22, "loopback", process=""),
        ]
        assert local.look(listeners, [], 1.0) == TlsListeners([], 0, [])
    assert heard == []


def test_an_endpoint_is_asked_by_at_most_seven_connections(pairs: dict[str, Pair]) -> None:
    count: list[int] = []
    with openssl(pairs["good"], "-tls1_2") as behind:

        def relay(connection: socket.socket) -> None:
            count.append(1)
            with socket.create_connection(("127.0.0.1", behind)) as onward:
                back = threading.Thread(target=pump, args=(onward, connection))
                back.start()
                pump(connection, onward)
                back.join()

        with server(relay) as port:
            assert only(look(port)).version == "TLSv1.2"
    assert 0 < len(count) <= 7


def pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(65_536):
            target.sendall(chunk)
        target.shutdown(socket.SHUT_WR)


def test_the_versions_asked_by_hand_are_those_the_field_promises() -> None:
    assert list(hello.VERSIONS) == ["SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]
