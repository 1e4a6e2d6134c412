"""Runs the application on uvicorn, within its limits."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable

import structlog
import uvicorn
from fastapi import FastAPI

from .errors import SettingsError
from .http.body import MAX_HEAD_BYTES
from .http.protocol import Gate, Limits, protocol_within
from .settings import Settings

KEEP_ALIVE_S = 5
BACKLOG = 2_048
_ONE_SOURCE_ONLY = 1 << 30


def listening(settings: Settings) -> socket.socket:
    """The socket on the address that is set; the log says which. Raises SettingsError."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        made = socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except OSError as e:
        why = os.strerror(e.errno) if e.errno and e.errno > 0 else str(e)
        raise SettingsError(
            f"listen: {settings.listen} cannot be listened on: {why}; end the program that has it, or set another "
            "address and port (example: VONGGAC_LISTEN=127.0.0.1:8441)"
        ) from e
    scheme = "http" if settings.tls_certificate is None else "https"
    host, port = made.getsockname()[:2]
    structlog.get_logger().info(f"listening on {scheme}://{f'[{host}]' if ':' in host else host}:{port}")
    return made


def make_server(app: FastAPI, settings: Settings) -> uvicorn.Server:
    """A server that is not running yet. Behind a proxy all connections come from one source, so that limit is the
    proxy's to hold.
    """
    per_source = _ONE_SOURCE_ONLY if settings.behind_proxy else settings.connections_per_source
    gate = Gate(settings.connections, per_source)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=protocol_within(Limits(gate, app.state.refuse)),
        ws="none",
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=5,
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
        ssl_context_factory=None if settings.tls_certificate is None else _without_tickets,
    )
    return uvicorn.Server(config)


def _without_tickets(_: uvicorn.Config, make: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    """An agent's process ends with its shipment and takes up no session: two tickets (RFC 8446 section 4.6.1) on each
    of its connections would be an eighth of a heartbeat's bytes.
    """
    context = make()
    context.num_tickets = 0
    return context
