"""One question to the collector over HTTP: bounded in time and bytes, no redirect, TLS with the pinned authority.

What is asked and what the answer means is known to `ship` and `enrol`. Certificate and host name are checked before a
byte of a report leaves; plain HTTP is only spoken to this machine itself.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, Protocol
from urllib.parse import urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from vonggac_contract.envelope import ENVELOPE_MEDIA
from vonggac_contract.limits import KIB, MAX_WIRE_BYTES

from . import VERSION
from .errors import BadAnswer, Unreachable, WrongSetting
from .messages import Said
from .reasons import Why

DEADLINE_S: Final = 60.0
"""From the first packet to the last byte of the answer, however slowly they come."""
SILENCE_S: Final = 20.0
"""Between two packets."""
MAX_ANSWER_BYTES: Final = 256 * KIB


class Answer(NamedTuple):
    """Status, header fields (names in lower case) and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    """What answers questions: a collector over HTTP, or its twin in tests."""

    def ask(
        self, method: str, path: str, body: bytes | None = None, *, limit: int = MAX_ANSWER_BYTES
    ) -> Answer:
        """The answer, of at most `limit` bytes. Raises Unreachable, BadAnswer."""
        ...


class Address(NamedTuple):
    """Where a collector is. `prefix`: the path before `/agent/v1`, without a slash at its end."""

    secure: bool
    host: str
    port: int
    prefix: str


def parse_address(url: str) -> Address:
    """Read a collector's URL. Raises WrongSetting: anything but https, or http to this machine."""
    example = Said("Example: https://vonggac.tinh.gov.vn:8443")
    if len(url) > 2000 or not url.isprintable() or " " in url:
        raise WrongSetting("{url!r} is no address of a collector", hint=example, url=url[:100])
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise WrongSetting(
            "{url!r} is no address of a collector: {error}", hint=example, url=url, error=error
        ) from error
    if parts.scheme not in ("https", "http") or not host:
        raise WrongSetting("{url!r} is no address of a collector", hint=example, url=url)
    if parts.username is not None or parts.query or parts.fragment:
        raise WrongSetting("{url!r}: an address has no user name, query or fragment", hint=example, url=url)
    secure = parts.scheme == "https"
    if not secure and not _is_this_machine(host):
        raise WrongSetting("{url!r}: plain http is only spoken to this machine itself", hint=example, url=url)
    return Address(secure, host, port or (443 if secure else 80), parts.path.rstrip("/"))


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class HttpLink:
    """A collector over HTTP. `ca`: PEM text of the only authority that is trusted; "": the system's trust store.

    `word`: shown to whoever wants one, which a relay does.
    """

    def __init__(
        self, address: Address, ca: str = "", *, deadline_s: float = DEADLINE_S, word: str = ""
    ) -> None:
        """Raises WrongSetting if `ca` holds no certificate."""
        self._address = address
        self._deadline_s = deadline_s
        self._word = word
        self._watch = _Watch()
        timeout = urllib3.Timeout(connect=min(SILENCE_S, deadline_s), read=min(SILENCE_S, deadline_s))
        self._pool: urllib3.HTTPConnectionPool
        if address.secure:
            self._pool = urllib3.HTTPSConnectionPool(
                address.host, address.port, timeout=timeout, maxsize=1, ssl_context=_tls(ca)
            )
            self._pool.ConnectionCls = _watched_tls(self._watch)
        else:
            self._pool = urllib3.HTTPConnectionPool(address.host, address.port, timeout=timeout, maxsize=1)
            self._pool.ConnectionCls = _watched(self._watch)

    def close(self) -> None:
        """Close the connection, if one is open."""
        self._pool.close()

    def ask(
        self, method: str, path: str, body: bytes | None = None, *, limit: int = MAX_ANSWER_BYTES
    ) -> Answer:
        """See `Transport.ask`."""
        headers = {"Accept-Encoding": "identity", "User-Agent": f"vonggac-agent/{VERSION}"}
        if self._word:
            headers["Authorization"] = f"Bearer {self._word}"
        if body is not None:
            if len(body) > MAX_WIRE_BYTES:
                raise BadAnswer(
                    "{size} bytes to send; a collector takes at most {limit}",
                    size=len(body),
                    limit=MAX_WIRE_BYTES,
                )
            headers["Content-Type"] = ENVELOPE_MEDIA
        with self._watch.deadline(self._deadline_s):
            try:
                response = self._pool.urlopen(
                    method, self._address.prefix + path, body=body, headers=headers, retries=False, redirect=False,
                    preload_content=False, decode_content=False,
                )  # fmt: skip
                try:
                    content = _read(response, limit)
                finally:
                    response.close()
            except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                if self._watch.cut:
                    raise Unreachable(
                        "no whole answer within {seconds:g} s", seconds=self._deadline_s
                    ) from error
                raise Unreachable("{why}", why=Why(_reason(error))) from error
        if self._watch.cut:
            raise Unreachable("no whole answer within {seconds:g} s", seconds=self._deadline_s)
        found = {name.lower(): value for name, value in response.headers.items()}
        if found.get("content-encoding", "identity") != "identity":
            raise BadAnswer(
                "an answer packed as {coding!r}, which was not asked for",
                coding=found["content-encoding"][:40],
            )
        return Answer(response.status, found, content)


def _tls(ca: str) -> ssl.SSLContext:
    # Not create_default_context: it would also obey SSLKEYLOGFILE.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if ca:
            context.load_verify_locations(cadata=ca)
        else:
            context.load_default_certs()
    except (ssl.SSLError, ValueError) as error:
        raise WrongSetting(
            "the CA holds no certificate that can be read: {error}",
            hint="Give a PEM file: --ca collector-ca.pem",
            error=error,
        ) from error
    return context


def _read(response: urllib3.BaseHTTPResponse, limit: int) -> bytes:
    length = response.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) > limit:
        raise BadAnswer("an answer of {size} bytes; at most {limit} are read", size=length[:20], limit=limit)
    chunks: list[bytes] = []
    got = 0
    while chunk := response.read(min(16 * KIB, limit + 1 - got), decode_content=False):
        chunks.append(chunk)
        got += len(chunk)
        if got > limit:
            raise BadAnswer("an answer of more than {limit} bytes", limit=limit)
    return b"".join(chunks)


def _reason(error: BaseException) -> str:
    """The innermost cause in one line: what the socket or TLS said."""
    cause: BaseException = error
    while cause.__cause__ is not None or (cause.__context__ is not None and not cause.__suppress_context__):
        cause = cause.__cause__ or cause.__context__ or cause
    text = " ".join(str(cause).split())
    return f"{type(cause).__name__}: {text[:300]}" if text else type(cause).__name__


class _Watch:
    """Ends whatever connection is in use when the time for a question is over, wherever it is stuck."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._until = 0.0
        self.cut = False

    @contextlib.contextmanager
    def deadline(self, seconds: float) -> Iterator[None]:
        self.cut = False
        self._until = time.monotonic() + seconds
        timer = threading.Timer(seconds, self._end)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()

    def connected(self, to: socket.socket | None) -> None:
        self._socket = to
        if self.cut:
            self._end()

    def _end(self) -> None:
        self.cut = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                # The plain socket's shutdown: an SSLSocket's own would first forget its TLS state under the reader.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def _watched(watch: _Watch) -> type[HTTPConnection]:
    class Watched(HTTPConnection):
        """A connection whose socket the watch knows from the moment it is there."""

        def connect(self) -> None:
            super().connect()
            watch.connected(self.sock)

    return Watched


def _watched_tls(watch: _Watch) -> type[HTTPSConnection]:
    class Watched(HTTPSConnection):
        """The same with TLS; the handshake has its own limit, the socket's timeout (ssl counts it as a whole)."""

        def connect(self) -> None:
            super().connect()
            watch.connected(self.sock)

    return Watched
