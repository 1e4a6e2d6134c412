"""Asks the service's helper what the service itself may not: to run a fixed program, or to ask the kernel.

Which questions there are is said by `answers`, which answers them in a unit of its own, over a socket that only root
may use.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.limits import KIB

T = TypeVar("T")

SOCKET: Final = "/run/vonggac-agent-answers.sock"
START_S: Final = 5.0
"""Beside the time that the question itself may take: the helper is started for each; the project's own figure."""
TOLD_S: Final = 5.0
TOLD_BYTES: Final = 64 * KIB
HEAD_BYTES: Final = 4 * KIB
_PART: Final = 256 * KIB


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`words`: a program with its arguments, or the name of a function. `seconds` and `bytes` bound the answer."""

    words: tuple[str, ...]
    seconds: float
    bytes: int


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line of an answer: whole unless there is a `reason`. What was asked for follows it."""

    reason: Reason | None = None
    detail: str = ""


def name_of(ask: Callable[[], Any]) -> str:
    """How a question to the kernel is named."""
    return f"{ask.__module__}.{ask.__qualname__}"


def told(ask: Callable[[], T]) -> T:
    """What the helper is told by `ask()`, one of `answers.FUNCTIONS`. Raises CouldNotLook."""
    said: T = msgspec.json.decode(ask_helper((name_of(ask),), timeout=TOLD_S, limit=TOLD_BYTES))
    return said


def ask_helper(words: tuple[str, ...], *, timeout: float, limit: int) -> bytes:
    """The helper's answer, of at most `limit` bytes.

    Raises CouldNotLook as the helper did; permission-denied where there is no helper, timed-out, malformed.
    """
    until = time.monotonic() + timeout + START_S
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(START_S)
            line.connect(SOCKET)
            line.sendall(msgspec.json.encode(Question(words, timeout, limit)))
            line.shutdown(socket.SHUT_WR)
            raw = bytearray()
            while len(raw) <= HEAD_BYTES + limit:
                line.settimeout(max(0.001, until - time.monotonic()))
                part = line.recv(_PART)
                if not part:
                    break
                raw += part
    except TimeoutError:
        raise CouldNotLook(Reason.TIMED_OUT, f"{words[0]}: the service's helper took too long") from None
    except OSError as error:
        raise CouldNotLook(
            Reason.PERMISSION_DENIED, f"{words[0]}: the service's helper does not answer: {error.strerror}"
        ) from None
    first, ended, answer = bytes(raw).partition(b"\n")
    try:
        head = msgspec.json.decode(first, type=Head)
    except msgspec.DecodeError:
        raise CouldNotLook(Reason.MALFORMED, f"{words[0]}: the service's helper broke off") from None
    if head.reason is not None:
        raise CouldNotLook(head.reason, head.detail)
    if not ended or len(answer) > limit:
        raise CouldNotLook(Reason.TOO_LARGE, f"{words[0]} was answered with over {limit} bytes")
    return answer
