"""Asks the local listeners by `ask`, several at once within one deadline, and describes what was heard.

Which listeners there are is the work of `facts.socket_listening`. Nobody is asked who would act on what he hears (a raw
printer) or is known to speak otherwise (SSH). No server name is sent, so that a server shows the certificate it shows
to strangers.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from queue import Empty, SimpleQueue
from typing import Final, NamedTuple

from vonggac_contract.facts.network import Certificate, Listener, TlsEndpoint, TlsListeners

from . import ask
from .ask import Contexts, Heard

ALL_SECONDS: Final = 6.0
WORKERS: Final = 12
MAX_ASKED: Final = 256
NEVER_ASKED_PORTS: Final = frozenset((22,))
NEVER_ASKED_PROCESSES: Final = frozenset(("sshd", "p910nd", "cupsd-lpd"))
"""Servers that would print or log what they hear."""


class Question(NamedTuple):
    """A listener and the address under which it is asked."""

    listener: Listener
    address: str


def questions(listeners: Iterable[Listener]) -> list[Question]:
    """The TCP listeners worth asking, each once; every address stands for the loopback."""
    local = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - a name of what others bind
    return [
        Question(listener, local.get(listener.address, listener.address))
        for listener in listeners
        if listener.protocol == "tcp"
        and listener.port not in NEVER_ASKED_PORTS
        and listener.process not in NEVER_ASKED_PROCESSES
    ]


def endpoint(question: Question, heard: Heard, names: Sequence[str], contexts: Contexts) -> TlsEndpoint:
    """The fact about one listener that speaks TLS. `names` are this machine's names and addresses."""
    first, agreed = heard.first, heard.agreed
    chain = agreed.certificates if agreed is not None and agreed.certificates else ()
    if not chain and first is not None:
        chain = first.certificates
    own, named = _read(chain[0], [*names, question.address]) if chain else (None, None)
    version, cipher = "", ""
    if agreed is not None:
        version, cipher = agreed.version, agreed.cipher
    elif first is not None and first.version is not None and first.suite is not None:
        version, cipher = first.version, contexts.cipher_name(first.suite)
    return TlsEndpoint(
        address=question.address,
        port=question.listener.port,
        scope=question.listener.scope,
        process=question.listener.process,
        version=version,
        cipher=cipher,
        oldest_version=heard.oldest or "",
        certificate=own,
        chain_length=len(chain),
        name_matches=named,
        trusted=heard.trusted,
    )


def _read(der: bytes, names: Sequence[str]) -> tuple[Certificate, bool] | tuple[None, None]:
    """The certificate and whether it is for one of `names`; None if it cannot be read."""
    from . import certificate  # X.509 costs 15 ms and 3 MiB that a machine without TLS never needs

    try:
        own = certificate.read(der)
    except ValueError:
        return None, None
    return own, certificate.matches(own.names, names)


def _ask_all(asked: Sequence[Question], contexts: Contexts, until: float) -> dict[int, Heard]:
    """Place in `asked` to what was heard; a place is missing if its turn did not come in time."""
    waiting: SimpleQueue[int] = SimpleQueue()
    for place in range(len(asked)):
        waiting.put(place)
    heard: dict[int, Heard] = {}

    def work() -> None:
        while time.monotonic() < until:
            try:
                place = waiting.get_nowait()
            except Empty:
                return
            heard[place] = ask.ask(asked[place].address, asked[place].listener.port, contexts, until)

    workers = [
        threading.Thread(target=work, name=f"tls-{n}", daemon=True) for n in range(min(WORKERS, len(asked)))
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return heard


def look(listeners: Iterable[Listener], names: Sequence[str], seconds: float = ALL_SECONDS) -> TlsListeners:
    """The fact about `listeners`, after `seconds` at most. `names` are this machine's names and addresses.

    A listener whose turn did not come, or whose answer broke off, counts as silent: nothing is known of it.
    """
    found = questions(listeners)
    asked = found[:MAX_ASKED]
    if not found:
        return TlsListeners([], 0, [])
    contexts = Contexts()
    heard = _ask_all(asked, contexts, time.monotonic() + seconds)
    endpoints = [
        endpoint(question, heard[place], names, contexts)
        for place, question in enumerate(asked)
        if place in heard and heard[place].silence is None
    ]
    silent = {
        question.listener.port
        for place, question in enumerate(found)
        if place not in heard or heard[place].silence in ("silent", "broken")
    }
    return TlsListeners(endpoints, len(asked), sorted(silent))
