"""One round of the service's work in this process: a look, or sending; for the service's children and `run --once`.

Opens what the round needs (settings are given), closes it again, and restrains the process. When rounds happen is
decided by `supervisor`.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from . import identity, skipped
from .errors import SpoolFailing, SpoolFull, StateDamaged
from .failpoints import Failpoint, reach
from .identity import Identity
from .lock import take_lock
from .settings import Settings
from .ship import Outcome
from .spool import Spool
from .state import open_state


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def look_round(settings: Settings) -> dict[str, object]:
    """Look once and seal. Returns what to log. Raises AgentError, ContractError.

    A look that the spool could not keep is counted, so that the next report owns up to it.
    """
    from .look import look

    try:
        with opened(settings) as (folder, spool, who):
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


def ship_round(settings: Settings) -> Outcome:
    """Send what there is to send. Raises AgentError, ContractError for what is wrong on this machine only."""
    from .link import HttpLink, parse_address
    from .ship import Shipper

    with opened(settings) as (folder, spool, who):
        link = HttpLink(parse_address(who.collector), who.ca)
        with closing(link):
            return Shipper(folder, spool, who, link, utc_now).run()


@contextmanager
def opened(settings: Settings) -> Iterator[tuple[Path, Spool, Identity]]:
    """The state folder, this process's alone, with its spool and identity. Raises AgentError."""
    folder = open_state(settings.state_dir)
    lock = take_lock(folder)
    try:
        reach(Failpoint.OPENED)
        who = identity.read_identity(folder)
        spool = Spool(folder, max_bytes=settings.spool_bytes)
        with closing(spool):
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
