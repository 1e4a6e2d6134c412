"""What a machine is answered over TLS has no byte that only a browser would use."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from tests.flow.collector.serving import serving
from tests.flow.test_agent_link import Authority
from tests.unit.collector.conftest import ADMIN
from tests.unit.collector.machines import Machine

from vonggac_collector.enrolment import create_token
from vonggac_contract.envelope import ENVELOPE_MEDIA


def test_an_envelope_comes_without_a_page_s_headers_and_a_connection_without_tickets(tmp_path: Path) -> None:
    authority = Authority("light")
    authority.context(tmp_path)
    pem = tmp_path / "server.pem"
    trusted = ssl.create_default_context(cadata=authority.pem)
    now = datetime.now(UTC)
    with (
        serving(tmp_path, tls_certificate=pem, tls_key=pem) as running,
        httpx.Client(base_url=f"https://localhost:{running.port}", verify=trusted, trust_env=False) as client,
    ):
        token, _ = create_token(running.ledger, ADMIN, "ha-noi/so-y-te", "hsyt", 1, now + timedelta(1), now)
        named = {"Content-Type": ENVELOPE_MEDIA}
        answer = client.post("/agent/v1/enrol", content=Machine().request(token, now), headers=named)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == ENVELOPE_MEDIA
        assert set(answer.headers) == {
            "date", "content-length", "content-type", "cache-control", "x-content-type-options",
        }  # fmt: skip
        refused = client.post("/agent/v1/enrol", content=b"{}", headers=named)
        assert "default-src 'none'" in refused.headers["content-security-policy"]
        assert "strict-transport-security" in refused.headers
        with (
            socket.create_connection(("127.0.0.1", running.port)) as plain,
            trusted.wrap_socket(plain, server_hostname="localhost") as secure,
        ):
            secure.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert secure.recv(65_536).startswith(b"HTTP/1.1 200")
            assert secure.version() == "TLSv1.3"
            assert secure.session is not None
            assert not secure.session.has_ticket
