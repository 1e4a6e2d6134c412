"""Makes this machine known to a collector: the key is made here, the collector's signed answer is kept.

What travels is declared in `vonggac_contract.enrolment`; what is kept, in `identity`.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from vonggac_contract.enrolment import SCHEMA, Enrolled, EnrolmentRequest, open_enrolled
from vonggac_contract.envelope import ENROLMENT, envelope_from_bytes, envelope_to_bytes, keyid_of, seal
from vonggac_contract.errors import ContractError
from vonggac_contract.facts import FactKey, Known
from vonggac_contract.limits import KIB

from . import VERSION, boxkey, facts, identity, rulebooks, skipped
from .errors import AgentError, BadAnswer, NotEnrolled, Refused, Unreachable, UnsafePath
from .host import Host
from .identity import Identity
from .link import Transport
from .plan import PLATFORM
from .ship import fetch_rulebook, problem_of

PATH: Final = "/agent/v1/enrol"


def enrol(
    folder: Path,
    *,
    collector: str,
    ca: str,
    token: str,
    transport: Transport,
    now: Callable[[], datetime],
    again: bool = False,
) -> tuple[Enrolled, str]:
    """Ask the collector at `collector`, and keep its answer in the state folder.

    Returns the answer, and what went wrong with fetching the rulebook ("" if nothing; the service tries again). Raises
    AgentError: this machine is enrolled already and `again` was not given, the collector refused, or its answer is bad.
    Until the answer is kept, an identity that was there before stays in force.
    """
    before = _identity_before(folder)
    if before is not None and not again:
        raise AgentError(
            "this machine is enrolled already, as {agent} with {collector}",
            hint="--again gives it a new key and begins a new epoch; reports still unsent stay in the spool.",
            agent=before.enrolled.agent_id,
            collector=before.collector,
        )
    key = identity.key_for_enrolment(folder, before.keyid if before is not None else None)
    public = key.public_key().public_bytes_raw()
    hostname, machine_id = _who(now())
    request = EnrolmentRequest(SCHEMA, token, public, hostname, machine_id, PLATFORM, VERSION, now())
    answer = transport.ask(
        "POST", PATH, envelope_to_bytes(seal(ENROLMENT, msgspec.json.encode(request), key))
    )
    if answer.status != 200:
        raise Refused(
            "the collector refused: {status} {problem}", status=answer.status, problem=problem_of(answer)
        )
    try:
        enrolled = open_enrolled(envelope_from_bytes(answer.body), public)
    except ContractError as error:
        raise BadAnswer("no answer of a collector: {error}", error=error) from error
    skipped.prepare(folder)
    rulebooks.note_judged_by(
        folder, rulebooks.JudgedBy(enrolled.profile, enrolled.rulebook, enrolled.enrolled_at)
    )
    identity.write_identity(folder, Identity(identity.SCHEMA, collector, ca, keyid_of(public), enrolled))
    with contextlib.suppress(Unreachable):
        boxkey.fetch(folder, enrolled.collector_key, transport, now())
    if rulebooks.is_at_hand(folder, enrolled.rulebook):
        return enrolled, ""
    try:
        fetch_rulebook(folder, transport, enrolled.rulebook)
    except (Unreachable, BadAnswer) as error:
        return enrolled, str(error)
    return enrolled, ""


def read_token(path: Path) -> str:
    """The token in a file: one line, nobody else's to read. Raises AgentError, UnsafePath."""
    try:
        with path.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            raw = stream.read(KIB + 1)
    except OSError as error:
        raise AgentError(
            "cannot read the token file {path}: {reason}",
            hint="Write the token into a file and name it.",
            path=path,
            reason=error.strerror,
        ) from error
    if stat.S_ISREG(mode) and mode & stat.S_IRWXO:
        raise UnsafePath(
            "the token file {path} may be reached by every user (mode {mode:04o})",
            hint="Run: chmod 600 {path}",
            path=path,
            mode=stat.S_IMODE(mode),
        )
    text = raw.decode("ascii", "replace").strip()
    if not 16 <= len(text) <= 200 or not text.isascii() or len(text.split()) != 1:
        raise AgentError(
            "{path} holds no enrolment token", hint="It is one word, as the collector printed it.", path=path
        )
    return text


def _identity_before(folder: Path) -> Identity | None:
    with contextlib.suppress(NotEnrolled):
        return identity.read_identity(folder)
    return None


def _who(now: datetime) -> tuple[str, str]:
    """Host name and the keyed digest of the machine id, as far as they can be seen."""
    fact = facts.gather(Host(now=now), [FactKey("host.identity")])[FactKey("host.identity")]
    if isinstance(fact, Known):
        return fact.value.hostname[:255] or "unnamed", fact.value.machine_id[:128]
    return os.uname().nodename[:255] or "unnamed", ""
