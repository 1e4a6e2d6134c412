"""Gathers declared facts: one topic a module here, each a pure parser above and one `gather` below.

What a topic holds is declared in `vonggac_contract.facts`. This module calls the right gatherer, times it and turns
every way of failing into a reason. Which facts are wanted is the work of `plan`; what they mean, of the rules.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final

import msgspec

from vonggac_contract.facts import TOPICS, CouldNotLook, Fact, FactKey, Known, Reason, Unavailable

from .. import alarm
from ..host import Host
from ..untrusted import as_text
from . import (
    access,
    backup,
    boot,
    commands,
    containers,
    databases,
    desktop,
    files,
    logs,
    mail,
    network,
    packages,
    protection,
    shares,
    storage,
    system,
    web,
)
from .base import Gather

SUBJECTS: Final = (
    access, backup, boot, commands, containers, databases, desktop, files, logs, mail, network, packages, protection,
    shares, storage, system, web,
)  # fmt: skip
GATHERERS: dict[str, Gather] = {
    topic: gatherer for subject in SUBJECTS for topic, gatherer in subject.GATHERERS.items()
}
"""Every topic's gatherer, from the tables of the subjects."""

SECONDS_A_FACT: Final = 20.0
GRACE_S: Final = 2.0
"""After the deadline, that a gatherer asks itself, until it is interrupted in whatever it computes."""
UNHURRIED: Final = frozenset({"file.walk"})
"""Topics that keep time by themselves, and may take longer by hand."""


def gather(host: Host, keys: Iterable[FactKey], *, deadline_s: float = SECONDS_A_FACT) -> dict[FactKey, Fact]:
    """Look for each key once, at most `deadline_s` seconds each. Never raises for what the machine holds.

    The deadline is asked at each access to the host; what computes beyond it is interrupted (`alarm`). A program gets
    its own time limit in `Host.run`.
    """
    facts: dict[FactKey, Fact] = {}
    for key in keys:
        if key not in facts:
            facts[key] = _look(host, key, deadline_s)
    return facts


def _look(host: Host, key: FactKey, deadline_s: float) -> Fact:
    started = time.perf_counter()
    host.deadline = time.monotonic() + deadline_s
    try:
        with alarm.after(deadline_s + GRACE_S if key.topic not in UNHURRIED else 0):
            value, source = _gather_one(host, key)
    except CouldNotLook as error:
        reason, detail = error.reason, error.detail
    except PermissionError as error:
        reason, detail = Reason.PERMISSION_DENIED, str(error)
    except FileNotFoundError as error:
        reason, detail = Reason.NOT_INSTALLED, str(error)
    except TimeoutError as error:
        reason, detail = Reason.TIMED_OUT, str(error)
    except (OSError, ValueError) as error:
        reason, detail = Reason.MALFORMED, str(error)
    except Exception as error:  # noqa: BLE001 - a fault of one gatherer is shown as that fact's, the others still count
        reason, detail = Reason.MALFORMED, f"{type(error).__name__}: {error}"
    else:
        return Known(value, source, _since(started))
    finally:
        host.deadline = None
    return Unavailable(reason, as_text(detail.encode("utf-8", "surrogateescape"))[:400], _since(started))


def _gather_one(host: Host, key: FactKey) -> tuple[msgspec.Struct, str]:
    topic = TOPICS.get(key.topic)
    gatherer = GATHERERS.get(key.topic)
    if topic is None or gatherer is None:
        raise CouldNotLook(Reason.NOT_SUPPORTED, f"this agent cannot look for {key.topic}")
    if len(key.selector) != len(topic.selector):
        raise CouldNotLook(Reason.NOT_SUPPORTED, f"{key.topic} takes {len(topic.selector)} selector values")
    if topic.live and not host.live:
        raise CouldNotLook(Reason.NOT_SUPPORTED, "needs the running system")
    value, source = gatherer(host, key.selector)
    if not isinstance(value, topic.value):
        raise TypeError(f"{key.topic} was gathered as {type(value).__name__}")
    return value, source


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 3)
