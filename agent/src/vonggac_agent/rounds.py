"""One round of the service's work in this process: a look, or sending; for the service's children and `run --once`.

Opens what the round needs (settings are given), closes it again, and restrains the process. When rounds happen is
decided by `supervisor`.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from vonggac_contract.errors import ContractError

from . import head, identity, policy, revoked, skipped, waiting
from .errors import (
    AgentError,
    AwaitsApproval,
    BadAnswer,
    Refused,
    SpoolFailing,
    SpoolFull,
    StateDamaged,
    Unreachable,
)
from .failpoints import Failpoint, reach
from .identity import Identity
from .lock import take_lock
from .salvage import end_if_damaged, is_behind, take_back
from .settings import Settings
from .ship import Outcome
from .spool import FILE, Spool
from .spool_room import UNHEARD
from .state import open_state
from .stranded import carry_over


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def look_round(settings: Settings) -> dict[str, object]:
    """Look once and seal. Returns what to log. Raises AgentError, ContractError.

    A look that the spool could not keep is counted, so that the next report owns up to it.
    """
    from .look import look

    try:
        with _mended(settings), opened(settings) as (folder, spool, who):
            if head.read(folder, who.chain).over:
                raise SpoolFailing(
                    "the spool was damaged, and the collector has not given this machine its next epoch yet",
                    hint="The service asks by itself; if it is refused: vonggac-agent enrol … --again",
                )
            key = identity.read_key(folder, who.keyid)
            done = look(folder, spool, who, key, settings, utc_now)
    except (SpoolFull, SpoolFailing) as error:
        try:
            skipped.add(settings.state_dir, 1)
        except OSError as also:
            raise SpoolFailing(
                "{error}; counting it as skipped: {reason}", error=error, reason=also.strerror
            ) from error
        raise
    return done._asdict()


def only_waits(settings: Settings) -> bool:
    """Whether this machine has no identity yet and waits for one, or was refused: there is nothing to look for."""
    folder = open_state(settings.state_dir)
    return not (folder / identity.FILE).exists() and waiting.read(folder) is not None


def epoch_is_over(settings: Settings) -> bool:
    """Whether nothing can be sealed before the collector gives this machine its next epoch."""
    folder = open_state(settings.state_dir)
    return head.read(folder, identity.read_identity(folder).chain).over


def has_to_send(settings: Settings) -> bool:
    """Whether this round has something to tell the collector or to ask it, or it was not spoken to for `heartbeat_s`.

    That is counted in looks, which no clock that is set makes more or fewer. Raises as `ship_round`.
    """
    from .rotation import ASKED
    from .rotation import FILE as ROTATION

    folder = open_state(settings.state_dir)
    if waiting.read(folder) is not None or any((folder / name).exists() for name in (ROTATION, ASKED)):
        return True
    with _mended(settings), opened(settings) as (_, spool, who):
        chain = who.chain
        if head.read(folder, chain).over:
            return True
        undecided = spool.quarantined(chain) or spool.note("rotation")
        last = msgspec.json.decode(spool.note("last_round") or "{}")
        standing = policy.read(folder)
        trouble = last.get("trouble") or (standing.trouble if standing is not None else "")
        if spool.unsent() or undecided or trouble or revoked.read(spool, who) is not None:
            return True
        return spool.counter(UNHEARD) >= max(1, settings.heartbeat_s // settings.interval_s)


def ship_round(settings: Settings) -> Outcome:
    """Send what there is to send, and ask again for an enrolment that waits.

    Raises AgentError, ContractError for what is wrong on this machine only.
    """
    asked = _ask_round(settings)
    if only_waits(settings):
        return asked
    sent = _send_round(settings)
    return sent._replace(again=sent.again or asked.again, trouble=sent.trouble or asked.trouble)


def _ask_round(settings: Settings) -> Outcome:
    folder = open_state(settings.state_dir)
    waits = waiting.read(folder)
    if waits is None or waits.refused:
        return Outcome(0, 0, False, waits.refused if waits is not None else "")
    from .enrol import ask_again
    from .link import HttpLink, parse_address

    lock = take_lock(folder)
    try:
        # Killed when the identity was written, and this was not gone yet.
        if identity.in_force(folder) == waits.keyid:
            waiting.forget(folder)
            return Outcome(0, 0, False, "")
        with closing(HttpLink(parse_address(waits.collector), waits.ca)) as link:
            ask_again(folder, waits, link, utc_now)
    except (AwaitsApproval, Unreachable, BadAnswer) as error:
        return Outcome(0, 0, True, str(error))
    except Refused as error:
        after = waiting.read(folder)
        return Outcome(0, 1, after is not None and not after.refused, str(error))
    finally:
        lock.release()
    return Outcome(0, 0, False, "")


def _send_round(settings: Settings) -> Outcome:
    from .relay import open_link
    from .rotation import FILE as ROTATION
    from .rotation import Turn
    from .ship import REVOKED, Shipper

    with _mended(settings), opened(settings) as (folder, spool, who):
        if (gone := revoked.read(spool, who)) is not None:
            return Outcome(0, 0, False, gone.why)
        with closing(open_link(folder, who)) as link:
            sent = Shipper(folder, spool, who, link, utc_now).run()
            waits = waiting.read(folder)
            if waits is not None and not waits.refused and sent.code != REVOKED:
                return sent  # a new key is asked for already, in another way
            done = Turn(folder, spool, who, link, utc_now).run(sent, days=settings.key_days)
            # A rotation whose answer was lost ends the key too: that one is asked for again.
            if done.code == REVOKED and not (folder / ROTATION).exists():
                revoked.note(spool, who, done.trouble, utc_now())
            return done


@contextmanager
def _mended(settings: Settings) -> Iterator[None]:
    """Whatever went wrong inside, if the spool is damaged it is set aside, and its epoch over: SpoolFailing."""
    try:
        yield
    except Exception as error:
        if isinstance(error, (AgentError, ContractError, OSError)) and not isinstance(error, StateDamaged):
            raise
        folder = open_state(settings.state_dir)
        lock = take_lock(folder)
        try:
            if not end_if_damaged(folder, identity.read_identity(folder).chain):
                raise
        finally:
            lock.release()
        raise SpoolFailing(
            "the spool was damaged ({error}); the machine asks for its next epoch",
            hint="Check the disk below the state folder (dmesg, smartctl).",
            error=error,
        ) from error


@contextmanager
def opened(settings: Settings) -> Iterator[tuple[Path, Spool, Identity]]:
    """The state folder, this process's alone, with its spool and identity. Raises AgentError."""
    folder = open_state(settings.state_dir)
    lock = take_lock(folder)
    try:
        reach(Failpoint.OPENED)
        who = identity.read_identity(folder)
        looks = settings.spool_days * 86_400 // settings.interval_s
        spool = Spool(folder, max_bytes=settings.spool_bytes, max_looks=looks)
        with closing(spool):
            if is_behind(folder, spool, who.chain):
                raise StateDamaged("{path} lacks reports that were received", path=folder / FILE)
            with suppress(SpoolFull, SpoolFailing):  # no room yet: tried at every round
                take_back(folder, spool)
            if (newest := spool.newest_received(who.chain)) is not None:
                head.note(folder, newest)  # of an earlier release, or killed or without room when it was due
            if not head.read(folder, who.chain).over:
                carry_over(folder, spool, who, utc_now)
            yield folder, spool, who
    finally:
        lock.release()


def restrain(settings: Settings, *, heavy: bool) -> None:
    """Make this process modest: priority, address space, processor seconds, no core file; for a look disk priority too.

    Raises StateDamaged if the system refuses what a process may always do to itself.
    """
    try:
        if os.getpriority(os.PRIO_PROCESS, 0) < settings.nice:
            os.setpriority(os.PRIO_PROCESS, 0, settings.nice)
        for what, value in (
            (resource.RLIMIT_AS, settings.memory_bytes),
            (resource.RLIMIT_CPU, settings.cpu_s),
            (resource.RLIMIT_CORE, 0),  # a core file would hold the private key
        ):
            _, hard = resource.getrlimit(what)
            limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(what, (limit, limit))
    except (OSError, ValueError) as error:
        raise StateDamaged(
            "cannot limit this process: {error}",
            hint="See nice, memory_bytes and cpu_s in the settings.",
            error=error,
        ) from error
    if heavy and settings.io_class != "none":
        _modest_disk(settings.io_class)


def _modest_disk(io_class: str) -> None:
    import psutil

    wanted = psutil.IOPRIO_CLASS_IDLE if io_class == "idle" else psutil.IOPRIO_CLASS_BE
    me = psutil.Process()
    if me.ionice().ioclass != wanted:  # the service's unit has said so already, and lets nobody ask again
        me.ionice(wanted, 7 if wanted == psutil.IOPRIO_CLASS_BE else None)
