"""Makes the fleet known to a collector, over the road that every machine takes: tokens, sealed requests, pinned key."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

import httpx

from vonggac_agent.enrol import PATH
from vonggac_agent.link import Address
from vonggac_agent.ship import BASE_S, BUSY, RULEBOOKS
from vonggac_contract.enrolment import Enrolled, open_enrolled
from vonggac_contract.envelope import envelope_from_bytes
from vonggac_rules.rulebook import MAX_RULEBOOK_BYTES, Rulebook, load_rulebook

from .agents import Agent, Sealer
from .wire import Connection

USES: Final = 10_000
"""Machines that one token enrols at most (`vonggac_collector.enrolment.MAX_USES`)."""
_VALID: Final = timedelta(hours=6)


class Refused(Exception):
    """The collector does not take the fleet."""


class Admin(NamedTuple):
    """Who makes the tokens, and for which unit and system."""

    name: str
    password: str
    unit: str
    system: str | None


def tokens_by(admin: Admin, url: str, agents: int, tls: ssl.SSLContext | None) -> list[str]:
    """As many tokens as the fleet needs, made as a person would by the interface. Raises Refused."""
    with httpx.Client(base_url=url, trust_env=False, verify=tls or False, timeout=30) as client:
        session = client.post("/api/v1/session", json={"name": admin.name, "password": admin.password})
        if session.status_code != 200:
            raise Refused(f"signing in as {admin.name}: {session.status_code} {session.text[:300]}")
        headers = {"X-CSRF-Token": session.json()["csrf"]}
        made = []
        for start in range(0, agents, USES):
            asked = {
                "unit": admin.unit,
                "system": admin.system,
                "uses": min(USES, agents - start),
                "expires_at": (datetime.now(UTC) + _VALID).isoformat(),
            }
            answer = client.post("/api/v1/tokens", json=asked, headers=headers)
            if answer.status_code != 201:
                raise Refused(f"making a token: {answer.status_code} {answer.text[:300]}")
            made.append(str(answer.json()["token"]))
        return made


def tokens_in(path: Path) -> list[str]:
    """The tokens in a file, one a line; each is used for so many machines as one token may enrol."""
    return path.read_text(encoding="ascii").split()


async def enrol_all(
    agents: list[Agent], tokens: list[str], sealer: Sealer, connections: list[Connection],
    progress: Callable[[int], None],
) -> Enrolled:  # fmt: skip
    """Enrol every agent; returns the collector's answer to the last. Raises Refused, NoAnswer."""
    left = iter(agents)
    found: list[Enrolled] = []

    async def work(connection: Connection, turn: Iterator[Agent]) -> None:
        for agent in turn:
            token = tokens[agent.number // USES]
            public = sealer.key(agent).public_key().public_bytes_raw()
            request = sealer.request(agent, token, datetime.now(UTC))
            answer = await connection.ask("POST", PATH, request)
            while answer.status in BUSY:
                await asyncio.sleep(BASE_S if answer.retry_after is None else answer.retry_after)
                answer = await connection.ask("POST", PATH, request)
            if answer.status != 200:
                raise Refused(f"enrolling: {answer.status} {answer.body[:300].decode(errors='replace')}")
            enrolled = open_enrolled(envelope_from_bytes(answer.body), public)
            agent.enrolled(enrolled.agent_id)
            found[:] = [enrolled]
            progress(agent.number + 1)

    await asyncio.gather(*(work(each, left) for each in connections))
    return found[0]


async def rulebook_of(digest: str, address: Address, tls: ssl.SSLContext | None) -> Rulebook:
    """The rulebook that the collector names. Raises Refused, NoAnswer, ContractError."""
    connection = Connection(address, tls, 0)
    answer = await connection.ask("GET", f"{RULEBOOKS}/{digest}", limit=MAX_RULEBOOK_BYTES)
    connection.close()
    if answer.status != 200:
        raise Refused(f"rulebook {digest[:16]}: {answer.status}")
    return load_rulebook(answer.body)
