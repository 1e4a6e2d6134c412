"""Facts of the cadence `daily`: taken over from a file in the state folder until their next look is due.

Which facts these are is declared with each topic (`vonggac_contract.facts`); looking is done by `facts.gather`. Only
the service's looks take a fact over; `scan` always looks anew.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import msgspec

from vonggac_contract import snapshot
from vonggac_contract.decode import decode_as
from vonggac_contract.errors import ContractError
from vonggac_contract.facts import TOPICS, CouldNotLook, Fact, FactKey, Known, Reason, Unavailable
from vonggac_contract.limits import KIB, MIB

from . import VERSION, facts
from .host import Host
from .log import log
from .safety import write_whole

FILE: Final = "daily-facts.json"
SCHEMA: Final = 1
MAX_BYTES: Final = 1 * MIB
DAY: Final = timedelta(hours=24)
BOOT_ID: Final = "proc/sys/kernel/random/boot_id"
"""Another one after each start of the kernel (random(4))."""
_SOCKETS: Final = FactKey("socket.listening")


class Circumstances(msgspec.Struct, frozen=True):
    """What must be the same for a fact to be taken over: agent, start of the kernel, listening TCP sockets.

    A listener is (address, port, process, process id): a server that was started again may answer otherwise. UDP is
    left out: ports of programs that only ask come and go, and no daily fact speaks of them.
    """

    agent_version: str
    boot: str
    listeners: tuple[tuple[str, int, str, int | None], ...]


class Moment(NamedTuple):
    """`now`: UTC, by a clock that can be set; `up_s`: seconds since the kernel's start, by one that cannot."""

    now: datetime
    up_s: float


class Kept(msgspec.Struct, frozen=True):
    """One fact and when it was looked at."""

    topic: str
    selector: tuple[str, ...]
    value: Any
    source: str
    taken_at: Annotated[datetime, msgspec.Meta(tz=True)]
    up_s: float
    circumstances: Circumstances


class _File(msgspec.Struct, frozen=True):
    schema: int
    facts: list[Kept]


def is_due(kept: Kept, moment: Moment, circumstances: Circumstances, *, after: timedelta = DAY) -> bool:
    """Whether to look again: the time has passed by either clock, a clock was set back, or the circumstances changed.

    The second clock keeps a fact from being carried on by setting the first one back a little, again and again. The
    listening sockets count only for topics that declare to be renewed by them.
    """
    aged = moment.now - kept.taken_at
    up = timedelta(seconds=moment.up_s) - timedelta(seconds=kept.up_s)
    young = all(timedelta(0) <= age < after for age in (aged, up))
    return not young or not _alike(kept, circumstances)


def _bridges(kept: Kept, fresh: Fact | None, moment: Moment, around: Circumstances) -> bool:
    """Whether the last whole look counts on, because the one that is due takes its turns."""
    going_on = isinstance(fresh, Unavailable) and fresh.reason == Reason.TIMED_OUT
    return going_on and TOPICS[kept.topic].in_turns and not is_due(kept, moment, around, after=2 * DAY)


def _alike(kept: Kept, now: Circumstances) -> bool:
    before = kept.circumstances
    if _SOCKETS.topic not in TOPICS[kept.topic].renewed_by:
        before = msgspec.structs.replace(before, listeners=now.listeners)
    return before == now


def gather(
    folder: Path, host: Host, keys: Iterable[FactKey], *, up_s: float | None = None
) -> dict[FactKey, Fact]:
    """As `facts.gather`, but daily facts that are not due are those of the file in `folder`.

    `up_s`: seconds since the kernel's start, None: asked of it. A fact that could not be looked at is not kept, so that
    it is looked at again each time; nothing is taken over while the listening sockets are not known. Where a look takes
    several turns, the last whole one counts for a day more.
    """
    wanted = list(keys)
    seldom = [key for key in wanted if key.topic in TOPICS and TOPICS[key.topic].cadence == "daily"]
    found = facts.gather(host, [key for key in wanted if key not in seldom])
    if not seldom:
        return found
    moment = Moment(host.now, time.clock_gettime(time.CLOCK_BOOTTIME) if up_s is None else up_s)
    around = _circumstances(host, found.get(_SOCKETS))
    stored = {} if around is None else {k: kept for k, kept in read(folder).items() if k in seldom}
    before = {k: kept for k, kept in stored.items() if around and not is_due(kept, moment, around)}
    fresh = facts.gather(host, [key for key in seldom if key not in before])
    if around is not None and fresh:
        made = {key: Kept(key.topic, key.selector, fact.value, fact.source, moment.now, moment.up_s, around)
                for key, fact in fresh.items() if isinstance(fact, Known)}  # fmt: skip
        _write(folder, stored | made)
        before |= {
            key: kept for key, kept in stored.items() if _bridges(kept, fresh.get(key), moment, around)
        }
    return found | fresh | {key: _taken_over(kept) for key, kept in before.items()}


def read(folder: Path) -> dict[FactKey, Kept]:
    """What is kept, each value as its topic's Struct; nothing if the file is absent, damaged or too large."""
    try:
        with (folder / FILE).open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
        file = decode_as(raw, _File, maximum=MAX_BYTES)
        if file.schema != SCHEMA:
            return {}
        return {
            FactKey(kept.topic, kept.selector): msgspec.structs.replace(
                kept, value=snapshot.known(kept.topic, kept.value).value
            )
            for kept in file.facts
        }
    except (OSError, ContractError):
        return {}  # whatever is missing here is looked at again


def _write(folder: Path, kept: Mapping[FactKey, Kept]) -> None:
    """Replace the file; a look goes on without it, and the next one looks again."""
    raw = msgspec.json.encode(_File(SCHEMA, list(kept.values())))
    try:
        if len(raw) > MAX_BYTES:
            (folder / FILE).unlink(missing_ok=True)
            log("warning", "daily-facts-not-kept", message=f"{len(raw)} bytes; at most {MAX_BYTES} are kept")
        else:
            write_whole(folder / FILE, raw)
    except OSError as error:
        log("warning", "daily-facts-not-kept", message=str(error))


def _taken_over(kept: Kept) -> Known:
    return Known(kept.value, f"{kept.source}; looked at {kept.taken_at:%Y-%m-%dT%H:%M:%SZ}")


def _circumstances(host: Host, sockets: Fact | None) -> Circumstances | None:
    """None if one of them is not known."""
    try:
        boot = (host.text(BOOT_ID, limit=KIB) or "").strip()
    except CouldNotLook:
        boot = ""
    if not boot or not isinstance(sockets, Known):
        return None
    listeners = sorted(
        {(s.address, s.port, s.process, s.pid) for s in sockets.value.sockets if s.protocol == "tcp"},
        key=repr,
    )
    return Circumstances(VERSION, boot, tuple(listeners))
