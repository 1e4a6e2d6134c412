"""Media that machines without a line send: their exports taken in as if they had come over one, answers carried back.

An export is taken if its manifest is there, sealed by a machine that is known, and every part is as the manifest says;
else it is refused as a whole. Each envelope in it then goes the way of all envelopes (`ingest.accept`), which knows
what it has and in what order; so a medium may come twice, late, or beside another.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vonggac_contract.box import MAX_BOX_BYTES, OVERHEAD
from vonggac_contract.envelope import RECEIPT, envelope_from_bytes, envelope_to_bytes, keyid_of, seal
from vonggac_contract.errors import ContractError, TooLarge
from vonggac_contract.media import (
    MAX_MANIFEST_BYTES,
    MAX_RECEIPTS,
    Export,
    box_key_name,
    exports_among,
    manifest_name,
    open_export,
    part_name,
    policy_name,
    receipts_name,
    rulebook_name,
)
from vonggac_contract.receipt import Receipt
from vonggac_media.folder import Folder

from . import audit
from .boxes import Boxes
from .errors import NotFound, Refused, code_of
from .gaps import missing
from .ingest.accept import accept, known_holder
from .ledger.interface import Ledger
from .rulebooks import Shelf

PEER: Final = "medium"
"""In place of an address, in the audit log."""
_MAX_SEALED: Final = 2 * MAX_MANIFEST_BYTES + OVERHEAD
"""A manifest's box: base64 makes a third more of it."""
MAX_EXPORTS: Final = 5_000
"""On one medium; the project's own figure. A refused one costs a row of the audit log."""
_KEY: Final = 16
"""Digits of the machine's key that the name of an export begins with (`vonggac_contract.media`)."""
_MAX_LINES: Final = 20_000
"""Envelopes of one part; a heartbeat takes some 700 bytes."""


class FromMachine(msgspec.Struct):
    """What the exports of one machine came to. `missing`: first and last number of what was not in them or before."""

    agent: str
    hostname: str = ""
    exports: int = 0
    taken: int = 0
    known: int = 0
    waiting: int = 0
    refused: dict[str, int] = {}
    missing: list[tuple[int, int]] = []


class RefusedExport(msgspec.Struct, frozen=True):
    """An export of which nothing was taken: the name of its files, the refusal's code, and why.

    `agent`, `hostname`: whose it is, "" if nobody knows. Without a good manifest only the name of its files says so,
    which begins with the key's, and which whoever had the medium could choose.
    """

    name: str
    code: str
    detail: str
    agent: str = ""
    hostname: str = ""


class Imported(msgspec.Struct, frozen=True):
    """What was on a medium."""

    machines: list[FromMachine]
    refused: list[RefusedExport]


class Carried(msgspec.Struct, frozen=True):
    """What goes back: receipts for each machine, rulebooks."""

    receipts: dict[str, int]
    rulebooks: list[str]


def take_in(
    ledger: Ledger,
    medium: Folder,
    boxes: Boxes,
    key: Ed25519PrivateKey,
    clock: Callable[[], datetime],
    actor: str,
) -> Imported:
    """Take every export in the folder. Raises TooLarge (too many entries), OSError, Busy, StoreFailed: what was taken
    until then is taken, and the same medium once more goes on.
    """
    machines: dict[str, FromMachine] = {}
    refused = []
    for name, (whole, _) in _exports(medium):
        came: Counter[str] = Counter()
        export = None
        try:
            export = _manifest(ledger, medium, boxes, name, whole=whole)
            for raw in _envelopes(medium, boxes, export):
                answer = accept(ledger, raw, now=clock(), collector_key=key, peer=PEER)
                came[answer.code or answer.outcome] += 1
        except (ContractError, Refused) as e:
            refused.append(_refuse(ledger, name, e, clock(), export))
            if export is None or not came:
                continue
        machine = machines.setdefault(export.agent_id, FromMachine(export.agent_id))
        _note(ledger, machine, export, came, clock(), actor)
    _describe(ledger, machines, clock())
    return Imported([*machines.values()], _named(ledger, refused, clock()))


def give_back(
    ledger: Ledger,
    medium: Folder,
    boxes: Boxes,
    key: Ed25519PrivateKey,
    now: datetime,
    actor: str,
    agents: Sequence[str] = (),
) -> Carried:
    """Put receipts for the machines whose exports are in the folder, and for `agents`, the rulebooks that these name,
    and the key for boxes into it. Raises NotFound (no such agent), TooLarge, OSError.
    """
    wanted = dict.fromkeys(agents, 1)
    for name, (whole, _) in _exports(medium):
        try:
            export = _manifest(ledger, medium, boxes, name, whole=whole)
        except (ContractError, Refused):
            continue
        wanted[export.agent_id] = min(export.first or 1, wanted.get(export.agent_id, export.first or 1))
    receipts, named = {}, set()
    for agent, first in sorted(wanted.items()):
        found = _receipts(ledger, agent, first)
        medium.put(receipts_name(agent), b"\n".join(envelope_to_bytes(seal(RECEIPT, r, key)) for r in found))
        receipts[agent] = len(found)
        if found:
            named.add(msgspec.json.decode(found[0], type=Receipt).rulebook)
    shelf = Shelf(ledger)
    for digest in sorted(named):
        medium.put(rulebook_name(digest), shelf.raw(digest))
    with ledger.read() as tx:
        files = tx.policy.all()
    for name, raw in files.items():
        medium.put(policy_name(name), raw)
    medium.put(box_key_name(keyid_of(key.public_key().public_bytes_raw())), boxes.notice(key))
    with ledger.write() as tx:
        for agent, number in receipts.items():
            audit.record(tx, now, actor, "media-exported", agent, f"{number} receipts")
    return Carried(receipts, sorted(named))


def _exports(medium: Folder) -> list[tuple[str, tuple[bool, int]]]:
    """The exports in the folder, by name: whether there is a manifest, how many parts. Raises TooLarge, OSError."""
    found = exports_among(medium.names())
    if len(found) > MAX_EXPORTS:
        raise TooLarge(f"{len(found)} exports on one medium; at most {MAX_EXPORTS} are taken")
    return sorted(found.items())


def _manifest(ledger: Ledger, medium: Folder, boxes: Boxes, name: str, *, whole: bool) -> Export:
    """The export's manifest. Raises Refused, ContractError."""
    if not whole:
        raise Refused("media-incomplete", "its manifest, which is written last, is not there")
    envelope = envelope_from_bytes(boxes.open(_read(medium, manifest_name(name), _MAX_SEALED)))
    with ledger.write() as tx:
        holder = known_holder(tx, envelope)
    export = open_export(envelope, holder.public_key)
    if export.agent_id != holder.agent.id:
        raise Refused("agent-mismatch", f"the export is of {export.agent_id}, the key of {holder.agent.id}")
    if export.name != name:
        raise Refused("media-incomplete", f"the manifest is that of {export.name}")
    return export


def _parts(medium: Folder, export: Export) -> Iterator[bytes]:
    """The boxes of the export, each as its manifest says, one at a time in memory. Raises Refused."""
    for number, part in enumerate(export.parts, 1):
        name = part_name(export.name, number)
        raw = _read(medium, name, MAX_BOX_BYTES)
        if len(raw) != part.size or hashlib.sha256(raw).hexdigest() != part.digest:
            raise Refused("media-incomplete", f"{name} is not as it was written")
        yield raw


def _read(medium: Folder, name: str, limit: int) -> bytes:
    try:
        return medium.read(name, limit)
    except FileNotFoundError:
        raise Refused("media-incomplete", f"{name} is not there") from None
    except OSError as e:
        raise Refused("media-incomplete", f"{name} cannot be read: {e.strerror}") from e


def _envelopes(medium: Folder, boxes: Boxes, export: Export) -> Iterator[bytes]:
    """The envelopes of an export, if it is whole: all is read through before. Raises Refused, ContractError."""
    for _ in _opened(medium, boxes, export):
        pass
    for lines in _opened(medium, boxes, export):
        yield from lines


def _opened(medium: Folder, boxes: Boxes, export: Export) -> Iterator[list[bytes]]:
    """What is in its boxes, each read as it was counted; machines put nothing but envelopes in."""
    for box in _parts(medium, export):
        lines = boxes.open(box).split(b"\n", _MAX_LINES)
        for raw in lines:
            envelope_from_bytes(raw)
        yield lines


def _note(
    ledger: Ledger, machine: FromMachine, export: Export, came: Counter[str], now: datetime, actor: str
) -> None:
    """Add what became of an export's envelopes to its machine's figures, and write it down."""
    said = ", ".join(f"{n} {what}" for what, n in sorted(came.items())) or "nothing"
    with ledger.write() as tx:
        audit.record(tx, now, actor, "media-imported", export.agent_id, f"export {export.name}: {said}")
    machine.exports += 1
    machine.taken += came.pop("accepted", 0)
    machine.known += came.pop("duplicate", 0)
    machine.waiting += came.pop("pending", 0)
    machine.refused = dict(Counter(machine.refused) + came)


def _refuse(
    ledger: Ledger, name: str, error: ContractError | Refused, now: datetime, export: Export | None
) -> RefusedExport:
    code = code_of(error)
    agent = export.agent_id if export is not None else error.agent if isinstance(error, Refused) else ""
    with ledger.write() as tx:
        audit.record_refusal(tx, now, code, actor=PEER, subject=name, detail=str(error))
    return RefusedExport(name, code, str(error), agent)


def _named(ledger: Ledger, refused: list[RefusedExport], now: datetime) -> list[RefusedExport]:
    """With machine and host name, where there are any."""
    with ledger.read() as tx:
        unsaid = any(not r.agent for r in refused)
        keys = {keyid[:_KEY]: agent for keyid, (agent, _) in tx.agents.every_key().items()} if unsaid else {}
        whose = [r.agent or keys.get(r.name[:_KEY], "") for r in refused]
        hosts = tx.tree.located([*dict.fromkeys(filter(None, whose))], now)
    return [
        msgspec.structs.replace(r, agent=a, hostname=hosts[a][0].hostname if a in hosts else "")
        for r, a in zip(refused, whose, strict=True)
    ]


def _describe(ledger: Ledger, machines: dict[str, FromMachine], now: datetime) -> None:
    """Host names, and what is still missing."""
    with ledger.read() as tx:
        located = tx.tree.located([*machines], now)
    for agent, found in located.items():
        machines[agent].hostname = found[0].hostname
    for gap in missing(ledger, now) if machines else ():
        if gap.agent in machines:
            machines[gap.agent].missing.append((gap.first, gap.last))


def _receipts(ledger: Ledger, agent: str, first: int) -> list[bytes]:
    """Receipts of the agent's present epoch from number `first` on, the newest first. Raises NotFound."""
    with ledger.read() as tx:
        known = tx.agents.get(agent)
        if known is None:
            raise NotFound
        heads = tx.chain.of_agent(agent, MAX_RECEIPTS)
    return [
        e.receipt
        for e in heads
        if e.receipt is not None and e.state == "committed" and e.epoch == known.epoch and e.sequence >= first
    ]
