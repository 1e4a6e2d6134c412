"""Where the chain ends that the collector acknowledged, kept beside the spool, and whether its epoch is over.

A spool that was damaged may have lost numbers that were given, so in its epoch none is given any more: the machine asks
for the next one by itself (`rotation`), and names this end. Only whoever holds the folder's lock writes here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final

import msgspec

from vonggac_contract.decode import decode_as
from vonggac_contract.errors import ContractError
from vonggac_contract.limits import KIB
from vonggac_contract.report import AgentId, Digest

from .log import log
from .safety import write_whole
from .seal import Chain
from .spool_rows import Link

FILE: Final = "head.json"
MACHINE_ID: Final = Path("/etc/machine-id")


class Head(msgspec.Struct, frozen=True):
    """The newest report of an epoch for which there is a receipt, 0 and None if there is none. `over`: see above.

    `machine`: on which it was noted (`this_machine`), "" if that is not known.
    """

    agent_id: AgentId
    epoch: int
    sequence: Annotated[int, msgspec.Meta(ge=0)] = 0
    digest: Digest | None = None
    over: bool = False
    machine: str = ""


def read(folder: Path, chain: Chain) -> Head:
    """That of `chain`; of another epoch, unreadable or not there it counts as none."""
    found = _held(folder)
    return found if found is not None and (found.agent_id, found.epoch) == tuple(chain) else Head(*chain)


def _held(folder: Path) -> Head | None:
    try:
        return decode_as((folder / FILE).read_bytes(), Head, maximum=KIB)
    except (FileNotFoundError, ContractError):
        return None


def this_machine() -> str:
    """SHA-256 of this installation's id (machine-id(5)), which is nobody else's business; "" if it has none."""
    try:
        found = MACHINE_ID.read_bytes()[:KIB].strip()
    except OSError:
        return ""
    return hashlib.sha256(found).hexdigest() if found else ""


def is_of_another_machine(folder: Path, chain: Chain) -> bool:
    """Whether this folder was copied from another machine: what is missing in it is not lost there."""
    return read(folder, chain).machine not in ("", this_machine())


def note(folder: Path, link: Link) -> None:
    """The spool has a receipt for `link`: so where this has no room, sending goes on without. One for an epoch that is
    over may come late, on a medium, and changes nothing.
    """
    held = _held(folder)
    if held is not None and held.agent_id == link.chain.agent_id and held.epoch > link.chain.epoch:
        return
    before = read(folder, link.chain)
    if link.sequence <= before.sequence:
        return
    machine = before.machine or this_machine()
    after = msgspec.structs.replace(before, sequence=link.sequence, digest=link.digest, machine=machine)
    try:
        write_whole(folder / FILE, msgspec.json.encode(after))
    except OSError as error:
        log("warning", "end-of-chain-not-kept", message=str(error))


def end_epoch(folder: Path, chain: Chain) -> None:
    """From now on nothing is numbered in this epoch."""
    over = msgspec.structs.replace(read(folder, chain), over=True)
    write_whole(folder / FILE, msgspec.json.encode(over))


def reaching(links: Iterable[Link], head: Head) -> list[Link]:
    """Those that follow `head` without a gap. What lies behind one would wait there, and keep the epoch from ending."""
    found, due = [], head.sequence + 1
    for link in links:
        if (*link.chain, link.sequence) == (head.agent_id, head.epoch, due):
            found.append(link)
            due += 1
    return found
