"""The service's helper: answers one question of the service and ends. `python -m vonggac_agent.answers`, by a socket.

Started by systemd for each connection (`systemd/vonggac-agent-answers@.service`), so that the service, which reads
everybody's files, need not hold the rights to ask. Only questions that are written are answered, whoever asks: programs
with all their arguments (`programs`), and functions of `kernel`. Nothing that reads the machine's files is imported.
What it says back is `asking.Head` and the answer.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final

import msgspec

from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.limits import MIB

from . import programs
from .asking import HEAD_BYTES, Head, Question, name_of
from .errors import GOOD
from .host import Host
from .kernel import clock, interfaces, netfilter_tables

FUNCTIONS: Final[dict[str, Callable[[], Any]]] = {
    name_of(ask): ask
    for ask in (interfaces.addresses, interfaces.hostname, clock.synchronised, netfilter_tables.tables)
}
MAX_SECONDS: Final = 20.0
"""As long as one fact may take (`facts.SECONDS_A_FACT`)."""
MAX_BYTES: Final = 64 * MIB
"""Of an answer; the largest that is asked for has a quarter of it."""


def answer(raw: bytes) -> bytes:
    """What is said to a question. Never raises for what is asked."""
    try:
        said = _said(msgspec.json.decode(raw, type=Question))
    except CouldNotLook as error:
        head = Head(error.reason, error.detail[:400])
    except msgspec.DecodeError as error:
        head = Head(Reason.NOT_SUPPORTED, str(error)[:400])
    except PermissionError as error:
        head = Head(Reason.PERMISSION_DENIED, str(error)[:400])
    except TimeoutError as error:
        head = Head(Reason.TIMED_OUT, str(error)[:400])
    except (OSError, ValueError) as error:
        head = Head(Reason.MALFORMED, str(error)[:400])
    else:
        return msgspec.json.encode(Head()) + b"\n" + said
    return msgspec.json.encode(head) + b"\n"


def _said(question: Question) -> bytes:
    words, seconds = question.words, question.seconds
    if not (0 < seconds <= MAX_SECONDS and 0 < question.bytes <= MAX_BYTES):
        raise CouldNotLook(Reason.NOT_SUPPORTED, "a question is bounded")
    if words in programs.ALL:
        return Host(now=datetime.now(UTC)).run(words, timeout=seconds, limit=question.bytes)
    ask = FUNCTIONS.get(words[0]) if len(words) == 1 else None
    if ask is None:
        raise CouldNotLook(Reason.NOT_SUPPORTED, "this is not answered")
    return msgspec.json.encode(ask())


def main(asked: BinaryIO, said: BinaryIO) -> int:
    """One question, read to its end, and its answer."""
    said.write(answer(asked.read(HEAD_BYTES)))
    said.flush()
    return GOOD


if __name__ == "__main__":
    sys.exit(main(sys.stdin.buffer, sys.stdout.buffer))
