"""Asks one endpoint over sockets: hellos by hand, then one ordinary handshake. Every wait and every byte is bounded.

Decides nothing: what was heard goes back as `Heard`. Used for local listeners by `facts.tls_listener`.
"""

from __future__ import annotations

import os
import socket
import ssl
import sys
import threading
import time
from typing import Final, Literal, NamedTuple

from . import hello
from .hello import Answer, Version
from .suites import name_of

CONNECT_SECONDS: Final = 0.5
HANDSHAKE_SECONDS: Final = 1.5
MAX_HANDSHAKE: Final = 256 * 1024
"""Bytes that a server may send in one handshake."""
Silence = Literal["silent", "refused", "closed", "not-tls", "broken"]
"""Why an endpoint is not described; broken: it began as TLS and then broke the form or the bounds."""
Trust = Literal["accepted", "refused", "not-asked"]


class Agreed(NamedTuple):
    """What an ordinary handshake came to; certificates are DER, the server's own first."""

    version: str
    cipher: str
    certificates: tuple[bytes, ...]


class Heard(NamedTuple):
    """What one endpoint answered. `silence` says why it speaks no TLS, None if it does."""

    silence: Silence | None
    first: Answer | None = None
    agreed: Agreed | None = None
    trusted: bool | None = None
    oldest: Version | None = None


class Contexts:
    """The two kinds of handshake, made once: with the machine's trust store, and with none.

    Both take every version and cipher the library has: an old server is to be described, not avoided. Reading the trust
    store takes longer than asking ten servers, so it waits for the first that speaks TLS.
    """

    def __init__(self) -> None:
        self.careless = _context(ssl.CERT_NONE)
        self._strict: ssl.SSLContext | None = None
        self._making = threading.Lock()
        self.names = {
            int(str(cipher["id"])) & 0xFFFF: str(cipher["name"]) for cipher in self.careless.get_ciphers()
        }

    @property
    def strict(self) -> ssl.SSLContext:
        """A handshake that asks the machine's trust store."""
        with self._making:
            if self._strict is None:
                self._strict = _context(ssl.CERT_REQUIRED)
                self._strict.load_default_certs(ssl.Purpose.SERVER_AUTH)
            return self._strict

    def cipher_name(self, number: int) -> str:
        """The library's name of a suite, so that one suite is called the same however it was seen."""
        return self.names.get(number) or name_of(number)


def _context(verify: ssl.VerifyMode) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = verify
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def ask(address: str, port: int, contexts: Contexts, until: float) -> Heard:
    """Ask `address`:`port`, done by `time.monotonic()` = `until`. Raises nothing for what the server does."""
    otherwise: Silence = "closed"
    try:
        first = _say_hello(address, port, "TLSv1.2", until)
    except TimeoutError:
        return Heard("silent")
    except ConnectionRefusedError:
        return Heard("refused")
    except hello.NotTls:
        return Heard("not-tls")
    except ValueError:
        first, otherwise = None, "broken"
    except OSError:
        first = None  # closed without a word: a server of TLS 1.3 alone may do so too
    agreed, trusted = _shake_hands(address, port, contexts, until, speaks_tls=first is not None)
    if first is None and agreed is None:
        return Heard(otherwise)
    oldest = _oldest(address, port, first, agreed, until)
    return Heard(None, first, agreed, trusted, oldest)


def _oldest(
    address: str, port: int, first: Answer | None, agreed: Agreed | None, until: float
) -> Version | None:
    older: tuple[Version, ...] = ("SSLv3", "TLSv1", "TLSv1.1")
    for version in older:
        try:
            told = _say_hello(address, port, version, until)
        except (OSError, ValueError):
            continue
        if told is not None and told.version == version:
            return version
    if first is not None and first.version is not None:
        return first.version
    return next((version for version in hello.VERSIONS if agreed and version == agreed.version), None)


def _say_hello(address: str, port: int, version: Version, until: float) -> Answer | None:
    """The server's answer; what came of it before it broke the form, if it had said its hello.

    Raises TimeoutError, ConnectionRefusedError, OSError (closed without an answer), NotTls.
    """
    with _Line(address, port, until) as line:
        line.send(hello.client_hello(version, os.urandom(32)))
        received = b""
        while True:
            try:
                told = hello.answer(received) if received else None
            except hello.NotTls:
                raise
            except ValueError:
                told = hello.hello_seen(received)
                if told is None:
                    raise
            if told is not None:
                return told
            try:
                chunk = line.receive()
            except OSError:
                told = hello.hello_seen(received) if received else None
                if told is None:
                    raise
                return told
            received += chunk


def _shake_hands(
    address: str, port: int, contexts: Contexts, until: float, *, speaks_tls: bool
) -> tuple[Agreed | None, bool | None]:
    """(what was agreed, whether the machine's store accepts the chain); None where it could not be told.

    Whether a server that has closed without a word speaks TLS at all is asked before the store is read for it.
    """
    try:
        if not speaks_tls:
            _agree(address, port, contexts.careless, until)
        return _agree(address, port, contexts.strict, until), True
    except ssl.SSLCertVerificationError:
        trusted: bool | None = False
    except (OSError, ValueError):
        if not speaks_tls:
            return None, None
        trusted = None
    try:
        return _agree(address, port, contexts.careless, until), trusted
    except (OSError, ValueError):
        return None, trusted


def _agree(address: str, port: int, context: ssl.SSLContext, until: float) -> Agreed:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing)
    with _Line(address, port, until) as line:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                line.send(outgoing.read())
                incoming.write(line.receive())
        cipher = tls.cipher()
        return Agreed(tls.version() or "", cipher[0] if cipher else "", _chain(tls))


def _chain(tls: ssl.SSLObject) -> tuple[bytes, ...]:
    """Every certificate that the server sent. Public since Python 3.13; before it, by the object beneath."""
    if sys.version_info >= (3, 13):
        return tuple(tls.get_unverified_chain())
    sent = tls._sslobj.get_unverified_chain()  # type: ignore[attr-defined]
    return tuple(certificate.public_bytes(_DER) for certificate in sent or ())


_DER: Final = 2
"""_ssl.ENCODING_DER"""


class _Line:
    """One connection with a deadline for all of it and a bound on what it may send.

    The deadline is asked before each wait, so that a server that sends a byte now and then gains no time.
    """

    def __init__(self, address: str, port: int, until: float) -> None:
        now = time.monotonic()
        self._until = min(until, now + HANDSHAKE_SECONDS)
        self._received = 0
        wait = min(CONNECT_SECONDS, self._until - now)
        if wait <= 0:
            raise TimeoutError("no time was left")
        self._socket = socket.create_connection((address, port), timeout=wait)

    def __enter__(self) -> _Line:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._wait()
        self._socket.sendall(data)

    def receive(self) -> bytes:
        """The next bytes. Raises TimeoutError, ConnectionError at the end, ValueError over the bound."""
        self._wait()
        chunk = self._socket.recv(16_384)
        if not chunk:
            raise ConnectionResetError("the server closed the connection")
        self._received += len(chunk)
        if self._received > MAX_HANDSHAKE:
            raise ValueError(f"a handshake of over {MAX_HANDSHAKE} bytes")
        return chunk

    def _wait(self) -> None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time for this connection was used up")
        self._socket.settimeout(left)
