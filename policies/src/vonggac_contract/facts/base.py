"""How a fact is declared, addressed and carried; what each topic holds is declared in the modules beside this one.

A *topic* is a msgspec Struct whose fields say type, unit and source. A *key* is a topic with the values of its
selector. A gathered fact is `Known` or `Unavailable`. Gathering is the agent's work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Literal, TypeVar

import msgspec

from ..errors import UnknownFact

Platform = Literal["linux", "windows"]
Cadence = Literal["look", "daily"]


class Reason(StrEnum):
    """Why something could not be looked at. The words are wire values."""

    NOT_INSTALLED = "not-installed"
    NOT_SUPPORTED = "not-supported"
    PERMISSION_DENIED = "permission-denied"
    TIMED_OUT = "timed-out"
    TOO_LARGE = "too-large"
    MALFORMED = "malformed"
    DISABLED_BY_OWNER = "disabled-by-owner"


class CouldNotLook(Exception):
    """Raised while gathering; becomes `Unavailable(reason, detail)`. `detail` is English, bounded, for the reader."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail[:400]


class Topic(msgspec.Struct, frozen=True):
    """A declared fact: its value type, its selector's keys, and how it is gathered."""

    name: str
    value: type[msgspec.Struct]
    selector: tuple[str, ...]
    platforms: tuple[Platform, ...]
    main: str | None
    """The field a rule compares when it names none."""
    cadence: Cadence
    """`daily` for facts that are dear to gather or that others notice; they stay known until the next look is due."""
    privileged: bool
    """True if an ordinary user sees less or nothing."""
    live: bool
    """True if it needs the running system, so that `--root` cannot answer it."""
    renewed_by: tuple[str, ...] = ()
    """Topics of which a change makes a daily fact due at once."""
    in_turns: bool = False
    """True if one look may take several turns of the service; until it is whole, the one before it counts."""
    misfit: Callable[[Mapping[str, str]], tuple[str, str, str] | None] | None = None
    """What of a selector can name nothing: the part of it, why, and what would; None of one that can."""
    choices: dict[str, tuple[str, ...]] = {}
    """The words that a key of the selector may be, where not any text will do."""


TOPICS: dict[str, Topic] = {}

S = TypeVar("S", bound=type[msgspec.Struct])


def topic(
    name: str,
    *,
    selector: tuple[str, ...] = (),
    platforms: tuple[Platform, ...] = ("linux",),
    main: str | None = None,
    cadence: Cadence = "look",
    privileged: bool = False,
    live: bool = False,
    renewed_by: tuple[str, ...] = (),
    in_turns: bool = False,
    choices: dict[str, tuple[str, ...]] | None = None,
    misfit: Callable[[Mapping[str, str]], tuple[str, str, str] | None] | None = None,
) -> Callable[[S], S]:
    """Declare the decorated Struct as the value of topic `name`."""

    def declare(struct: S) -> S:
        if name in TOPICS:
            raise ValueError(f"topic {name} is declared twice")
        TOPICS[name] = Topic(
            name,
            struct,
            selector,
            platforms,
            main,
            cadence,
            privileged,
            live,
            renewed_by,
            in_turns,
            misfit,
            choices or {},
        )
        return struct

    return declare


def about(
    description: str,
    *,
    source: str = "",
    unit: str = "",
    volatile: bool = False,
    secret: bool = False,
    unseen: tuple[str, ...] = (),
    below_zero: bool = False,
) -> msgspec.Meta:
    """What a field means, for `Annotated[type, about(…)]`.

    `source`: the file, call or key it is read from. `unit`: of numbers (s, bytes, days, …). `volatile`: moves by itself
    (process ids, counters, times), so it stays out of the content digest. `secret`: evidence shows it redacted.
    `unseen`: values that stand for "could not look": every comparison with them is unknown, so that a rule which
    forgets them cannot pass by them. `below_zero`: a number that may be negative; no rule compares another with one.
    """
    extra = {
        "source": source, "unit": unit, "volatile": volatile, "secret": secret, "unseen": unseen,
        "below_zero": below_zero,
    }  # fmt: skip
    return msgspec.Meta(description=description, extra=extra)


class FactKey(msgspec.Struct, frozen=True, order=True):
    """A topic with its selector's values, in the selector's declared order."""

    topic: str
    selector: tuple[str, ...] = ()

    def __str__(self) -> str:
        if not self.selector:
            return self.topic
        names = TOPICS[self.topic].selector if self.topic in TOPICS else ()
        pairs = ", ".join(f"{n}: {v}" for n, v in zip(names, self.selector, strict=False))
        return f"{self.topic}{{{pairs}}}"


def fact_key(name: str, selector: Mapping[str, str] | None = None) -> FactKey:
    """The key of topic `name` with `selector`. Raises UnknownFact if the topic or a selector key is not declared."""
    declared = TOPICS.get(name)
    given = dict(selector or {})
    if declared is None:
        raise UnknownFact(f"no fact is called {name!r}")
    if set(given) != set(declared.selector):
        wanted = ", ".join(declared.selector) or "no selector"
        raise UnknownFact(f"{name} takes {wanted}; given: {', '.join(sorted(given)) or 'nothing'}")
    return FactKey(name, tuple(given[k] for k in declared.selector))


class Known(msgspec.Struct, frozen=True, tag="known", tag_field="state"):
    """A fact that was looked at. `value` is an instance of the topic's Struct; `source` says where it was read."""

    value: Any
    source: str
    took_ms: float = 0.0


class Unavailable(msgspec.Struct, frozen=True, tag="unavailable", tag_field="state"):
    """A fact that could not be looked at, and why."""

    reason: Reason
    detail: str
    took_ms: float = 0.0


Fact = Known | Unavailable
