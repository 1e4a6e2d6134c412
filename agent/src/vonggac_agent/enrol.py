"""Makes this machine known to a collector: the key is made here, the collector's signed answer is kept.

What travels is declared in `vonggac_contract.enrolment`; what is kept, in `identity`.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import stat
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from vonggac_contract.decode import decode_as
from vonggac_contract.enrolment import SCHEMA, Enrolled, EnrolmentRequest, fingerprint, open_enrolled
from vonggac_contract.envelope import ENROLMENT, envelope_from_bytes, envelope_to_bytes, keyid_of, seal
from vonggac_contract.errors import ContractError
from vonggac_contract.facts import FactKey, Known
from vonggac_contract.limits import KIB

from . import VERSION, boxkey, facts, identity, policy, rulebooks, skipped, waiting
from .errors import AgentError, AwaitsApproval, BadAnswer, NotEnrolled, Refused, Unreachable, UnsafePath
from .host import Host
from .identity import Identity
from .link import Answer, Transport
from .plan import PLATFORM
from .reasons import Why
from .salvage import set_aside
from .ship import fetch_rulebook, problem_of

PATH: Final = "/agent/v1/enrol"
NOT_LET_IN: Final = "enrolment-refused"
FINAL: Final = frozenset({NOT_LET_IN, "token-refused", "key-in-use"})
"""Codes after which an enrolment that waited is asked for no more."""


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
    AgentError: this machine is enrolled already and `again` was not given, the collector refused, or its answer is bad;
    AwaitsApproval: it waits, and is asked for again by the same call. Until the answer is kept, an identity that was
    there before stays in force.
    """
    before = _identity_before(folder)
    if before is not None and not again:
        raise AgentError(
            "this machine is enrolled already, as {agent} with {collector}",
            hint="--again gives it a new key and begins a new epoch; reports still unsent stay in the spool.",
            agent=before.enrolled.agent_id,
            collector=before.collector,
        )
    in_force = before.keyid if before is not None else None
    _forget_other(folder, token, in_force)
    key = identity.key_for_enrolment(folder, in_force)
    public = key.public_key().public_bytes_raw()
    hostname, machine_id = _who(now())
    request = EnrolmentRequest(SCHEMA, token, public, hostname, machine_id, PLATFORM, VERSION, now())
    answer = transport.ask(
        "POST", PATH, envelope_to_bytes(seal(ENROLMENT, msgspec.json.encode(request), key))
    )
    if answer.status == 202:
        about = waiting.Waiting(
            waiting.SCHEMA, collector, ca, token, keyid_of(public), hostname, machine_id, now(), now()
        )
        raise _waits(folder, about, answer)
    if answer.status != 200:
        raise _refused(folder, keyid_of(public), answer)
    try:
        enrolled = open_enrolled(envelope_from_bytes(answer.body), public)
    except ContractError as error:
        raise BadAnswer("no answer of a collector: {error}", error=error) from error
    skipped.prepare(folder)
    rulebooks.note_judged_by(
        folder, rulebooks.JudgedBy(enrolled.profile, enrolled.rulebook, enrolled.enrolled_at)
    )
    policy.begin(folder, enrolled.policy)
    identity.write_identity(
        folder, Identity(identity.SCHEMA, collector, ca, keyid_of(public), enrolled, now())
    )
    waiting.forget(folder)
    if before is not None:
        set_aside(folder)
    with contextlib.suppress(Unreachable):
        boxkey.fetch(folder, enrolled.collector_key, transport, now())
    if enrolled.policy is not None:
        from .following import follow  # its library takes a while to import

        standing = follow(folder, transport, enrolled.policy, enrolled.rulebook, now=now())
        return enrolled, standing.trouble
    if rulebooks.is_at_hand(folder, enrolled.rulebook):
        return enrolled, ""
    try:
        fetch_rulebook(folder, transport, enrolled.rulebook)
    except (Unreachable, BadAnswer) as error:
        return enrolled, str(error)
    return enrolled, ""


def ask_again(
    folder: Path, waits: waiting.Waiting, transport: Transport, now: Callable[[], datetime]
) -> tuple[Enrolled, str]:
    """Ask once more for an enrolment that waits. Returns and raises as `enrol`."""
    return enrol(
        folder, collector=waits.collector, ca=waits.ca, token=waits.token, transport=transport, now=now, again=True
    )  # fmt: skip


def _forget_other(folder: Path, token: str, in_force: str | None) -> None:
    """An enrolment that waits with another token gives way: another token is another request, by another key."""
    waits = waiting.read(folder)
    if waits is not None and not hmac.compare_digest(waits.token, token):
        if waits.keyid != in_force:
            identity.drop_key(folder, waits.keyid)
        waiting.forget(folder)


def _waits(folder: Path, about: waiting.Waiting, answer: Answer) -> AgentError:
    try:
        said = decode_as(answer.body, waiting.Answer, maximum=4 * KIB)
    except ContractError as error:
        return BadAnswer("202 that can't be read: {error}", error=error)
    if (said.status, said.keyid) != ("waiting", about.keyid):
        return BadAnswer("the answer is for another key than this machine's")
    before = waiting.read(folder)
    since = before.since if before is not None else about.since
    waiting.keep(folder, msgspec.structs.replace(about, since=since, until=said.until))
    return AwaitsApproval(
        "waiting for approval; host name {host}, machine id {machine}, fingerprint of its key: {fingerprint}",
        host=about.hostname,
        machine=about.machine_id or "-",
        fingerprint=" ".join(fingerprint(about.keyid)),
    )


def _refused(folder: Path, keyid: str, answer: Answer) -> Refused:
    problem, waits = problem_of(answer), waiting.read(folder)
    if waits is not None and problem.code in FINAL:
        waiting.keep(folder, msgspec.structs.replace(waits, token="", refused=str(problem)))
    if problem.code == NOT_LET_IN:
        identity.drop_key(folder, keyid)  # with a new token it asks by a new key
    return Refused("the collector refused: {why}", why=Why(f"{answer.status} {problem}"))


def read_token(path: Path) -> str:
    """The token, or a relay's word, in a file: one line, nobody else's to read. Raises AgentError, UnsafePath."""
    try:
        with path.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            raw = stream.read(KIB + 1)
    except OSError as error:
        raise AgentError(
            "cannot read {path}: {reason}",
            hint="Write the token, or the relay's word, into a file and name it.",
            path=path,
            reason=error.strerror,
        ) from error
    if stat.S_ISREG(mode) and mode & stat.S_IRWXO:
        raise UnsafePath(
            "{path} holds a secret and may be reached by every user (mode {mode:04o})",
            hint="Run: chmod 600 {path}",
            path=path,
            mode=stat.S_IMODE(mode),
        )
    text = raw.decode("ascii", "replace").strip()
    if not 16 <= len(text) <= 200 or not text.isascii() or len(text.split()) != 1:
        raise AgentError(
            "{path} holds no secret word",
            hint="It is one word of 16 characters at least: a token as the collector printed it, or the relay's word.",
            path=path,
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
