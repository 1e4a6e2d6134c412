"""The collector through a relay of the site: every question in a box, every answer under the collector's signature.

To the rest of the agent it is a link like any other. A relay is believed nothing: what is not signed for this very
question counts as no answer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol

import msgspec

from vonggac_contract.box import close_box
from vonggac_contract.decode import decode_as
from vonggac_contract.errors import ContractError
from vonggac_contract.limits import KIB, MIB
from vonggac_contract.sealed import Asked, answer_from_bytes, request_to_content

from . import boxkey, link
from .errors import BadAnswer, StateDamaged, Unreachable
from .identity import Identity
from .link import MAX_ANSWER_BYTES, Answer, Transport, parse_address
from .safety import sync_folder, write_whole

FILE: Final = "relay.json"
SEALED: Final = "/agent/v1/sealed"
_HEAD_BYTES: Final = 8 * KIB


class Relay(msgspec.Struct, frozen=True):
    """Where the relay is, the word it wants to be shown, and the CA that vouches for its TLS ("": the system's)."""

    url: str
    word: str
    ca: str


def read(folder: Path) -> Relay | None:
    """The relay this machine goes through; None: none. Raises StateDamaged."""
    try:
        raw = (folder / FILE).read_bytes()
    except FileNotFoundError:
        return None
    try:
        return decode_as(raw, Relay, maximum=2 * MIB)
    except ContractError as error:
        raise StateDamaged("{path}: {error}", path=folder / FILE, error=error) from error


def write(folder: Path, relay: Relay | None) -> None:
    """Go through that relay from now on, or through none."""
    if relay is not None:
        write_whole(folder / FILE, msgspec.json.encode(relay))
    else:
        (folder / FILE).unlink(missing_ok=True)
        sync_folder(folder)


class _Link(Transport, Protocol):
    def close(self) -> None: ...


class RelayLink:
    """A `Transport` to the collector by way of `there`, which leads to the relay."""

    def __init__(self, folder: Path, collector_key: bytes, there: _Link) -> None:
        self._folder = folder
        self._collector_key = collector_key
        self._there = there

    def close(self) -> None:
        """Close the connection, if one is open."""
        self._there.close()

    def ask(
        self, method: str, path: str, body: bytes | None = None, *, limit: int = MAX_ANSWER_BYTES
    ) -> Answer:
        """See `Transport.ask`."""
        if path == boxkey.PATH:
            return self._there.ask(method, path, limit=limit)
        notice = boxkey.kept(self._folder, self._collector_key)
        if notice is None:
            raise Unreachable("the collector's key for boxes is not here yet")
        asked = Asked("POST" if method == "POST" else "GET", path)
        box = close_box(request_to_content(asked, body or b""), notice.public_key)
        found = self._there.ask("POST", SEALED, box, limit=limit + _HEAD_BYTES)
        if found.status != 200:
            self._renew_key()
            raise Unreachable("the relay passed nothing on: {status}", status=found.status)
        try:
            said, answer = answer_from_bytes(found.body, box, self._collector_key)
        except ContractError as error:
            raise BadAnswer("the relay brought no answer of the collector: {error}", error=error) from error
        if len(answer) > limit:
            raise BadAnswer("an answer of more than {limit} bytes", limit=limit)
        headers = {"retry-after": str(said.retry_after)} if said.retry_after else {}
        return Answer(said.status, headers, answer)

    def _renew_key(self) -> None:
        """Perhaps the box was for a key that is no longer there."""
        try:
            answer = self._there.ask("GET", boxkey.PATH, limit=boxkey.MAX_BYTES)
            if answer.status == 200:
                boxkey.keep(self._folder, self._collector_key, answer.body)
        except (ContractError, BadAnswer):
            return  # what is here stays in force


def open_link(folder: Path, who: Identity) -> link.HttpLink | RelayLink:
    """The way to the collector: straight, or through the relay that was named. Raises StateDamaged, WrongSetting."""
    through = read(folder)
    if through is None:
        return link.HttpLink(parse_address(who.collector), who.ca)
    there = link.HttpLink(parse_address(through.url), through.ca, word=through.word)
    return RelayLink(folder, who.enrolled.collector_key, there)
