"""Where there is no line: what the spool holds goes onto a medium in sealed boxes, and receipts come back on one.

Decides what goes and what an answer that was carried means; files are put and read by `vonggac_media`, their forms are
`vonggac_contract.media`'s. Only a receipt empties the spool, so a medium may be lost, come twice or come late.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from vonggac_contract.box import close_box
from vonggac_contract.enrolment import PolicyRoot
from vonggac_contract.envelope import envelope_from_bytes, envelope_to_bytes, keyid_of
from vonggac_contract.errors import ContractError, Malformed
from vonggac_contract.media import (
    MAX_EXPORT_BYTES,
    MAX_RECEIPTS_BYTES,
    SCHEMA,
    Export,
    Part,
    box_key_name,
    exports_among,
    manifest_name,
    packed,
    part_name,
    policy_name,
    receipts_name,
    rulebook_name,
    seal_export,
)
from vonggac_contract.receipt import Receipt, open_receipt
from vonggac_media.folder import Folder
from vonggac_rules.rulebook import MAX_RULEBOOK_BYTES

from . import boxkey, head, identity, policy, rulebooks
from .errors import AgentError, BadAnswer, SpoolFailing, SpoolFull
from .following import METADATA, follow
from .identity import Identity
from .link import MAX_ANSWER_BYTES, Answer
from .rounds import opened, utc_now
from .seal import Chain
from .settings import Settings
from .spool import Spool, reading
from .spool_rows import Beat, Link
from .state import open_state

_ALL: Final = 2**53


class Carried(NamedTuple):
    """An export: the name of its files, reports and bytes in it, and how many more reports did not fit."""

    name: str
    reports: int
    parts: int
    bytes: int
    left: int


class Brought(NamedTuple):
    """What an import did. `elsewhere`: receipts for reports that the spool does not hold; `bad`: lines that are no
    receipt of the pinned collector's. `rulebook`, `box_key`: taken from the medium, being new. `nothing`: there was
    nothing for the machine `agent_id`.
    """

    received: int
    elsewhere: int
    bad: int
    rulebook: str
    box_key: bool
    trouble: tuple[str, ...]
    agent_id: str
    nothing: bool


def export(settings: Settings, path: Path, now: datetime, *, again: bool = False) -> Carried:
    """Write what is unsent into the folder `path` of a medium. `again`: what was received and is still kept as well.

    In the spool nothing but a mark is written that these were offered, so the service may run. Raises AgentError,
    ContractError; then nothing of it is left there.
    """
    state = open_state(settings.state_dir)
    who = identity.read_identity(state)
    notice = boxkey.required(state, who.enrolled.collector_key)
    key = identity.read_key(state, who.keyid)
    with _medium(path) as medium, reading(state, max_bytes=settings.spool_bytes) as spool:
        if spool is None:
            raise AgentError("this machine was never looked at", hint="Look first: vonggac-agent run --once")
        items = chosen(state, spool, who.chain, again=again)
        _mark_offered(settings, items)
        name = f"{who.keyid[:16]}-{secrets.token_hex(8)}"
        try:
            _clear_unfinished(medium, who.keyid[:16])
            parts, gone = _put_parts(medium, name, spool, items, notice.public_key)
            first = min((i.sequence for i in items[:gone] if _of(i, who)), default=0)
            manifest = Export(
                SCHEMA, who.enrolled.agent_id, who.enrolled.epoch, name, now, first, tuple(parts)
            )
            sealed = envelope_to_bytes(seal_export(manifest, key))
            medium.put(manifest_name(name), close_box(sealed, notice.public_key))
        except BaseException as error:
            with suppress(OSError, ContractError):
                _take_back(medium, name)
            if isinstance(error, OSError):
                raise _failing(path, error) from error
            raise
    reports = sum(isinstance(i, Link) for i in items)
    left = sum(isinstance(i, Link) for i in items[gone:])
    return Carried(name, reports - left, len(parts), sum(p.size for p in parts), left)


def bring(settings: Settings, path: Path) -> Brought:
    """Take what the collector sent back in the folder `path`: its key for boxes, receipts, the rulebook they name.

    Raises AgentError, ContractError. What does not fit is told in `trouble`, and changes nothing.
    """
    with opened(settings) as (state, spool, who), _medium(path) as medium:
        pinned, trouble = who.enrolled.collector_key, list[str]()
        name = box_key_name(keyid_of(pinned))
        raw = _read(medium, name, boxkey.MAX_BYTES, trouble)
        new_key = False
        try:
            new_key = raw is not None and boxkey.keep(state, pinned, raw)
        except ContractError as error:
            trouble.append(f"{name}: {error}")
        raw = _read(medium, receipts_name(who.enrolled.agent_id), MAX_RECEIPTS_BYTES, trouble)
        received, elsewhere, bad = _take_receipts(state, spool, who, (raw or b"").split(b"\n"))
        rulebook = _take_rulebook(state, medium, who.enrolled.policy, trouble)
        nothing = raw is None and not (new_key or rulebook or trouble)
        return Brought(
            received, elsewhere, bad, rulebook, new_key, tuple(trouble), who.enrolled.agent_id, nothing
        )


def chosen(state: Path, spool: Spool, chain: Chain, *, again: bool) -> list[Link | Beat]:
    """What a medium takes along. Of an epoch that is over, as the service sends: what lies behind a gap would keep it
    from ending.
    """
    known = head.read(state, chain)
    if known.over:
        return [*head.reaching(spool.unsent(), known)]
    kept = spool.between(chain, 1, _ALL) if again else []
    here = {link.digest for link in kept}
    items: list[Link | Beat] = [*(u for u in spool.unsent() if u.digest not in here), *kept]
    beat = spool.beat(chain)
    if beat is not None and beat.state == "unsent" and not spool.quarantined(chain):
        items.append(beat)
    return items


def _mark_offered(settings: Settings, items: list[Link | Beat]) -> None:
    """Before any of them leaves, so that none is dropped for want of room. A disk that takes no mark drops nothing."""
    with (
        suppress(SpoolFailing, SpoolFull),
        closing(Spool(settings.state_dir, max_bytes=settings.spool_bytes)) as spool,
    ):
        spool.mark_offered(*(item for item in items if isinstance(item, Link) and item.state == "unsent"))


def _of(item: Link | Beat, who: Identity) -> bool:
    return isinstance(item, Link) and item.chain == (who.enrolled.agent_id, who.enrolled.epoch)


def _put_parts(
    medium: Folder, name: str, spool: Spool, items: list[Link | Beat], public: bytes
) -> tuple[list[Part], int]:
    """The parts on the medium, and how many items are in them."""
    gone = 0

    def envelopes() -> Iterator[bytes]:
        nonlocal gone
        room = MAX_EXPORT_BYTES
        for item in items:
            with suppress(KeyError):  # received meanwhile by the service, and let go
                raw = spool.envelope(item)
                room -= len(raw)
                if room < 0:
                    return
                yield raw
            gone += 1

    parts: list[Part] = []
    for content in packed(envelopes()):
        box = close_box(content, public)
        parts.append(Part(len(box), hashlib.sha256(box).hexdigest()))
        medium.put(part_name(name, len(parts)), box)
    return parts, gone


def _clear_unfinished(medium: Folder, keyid: str) -> None:
    """Parts of this machine's exports that were cut short: without a manifest they are of no use to anybody."""
    for name, (whole, _) in exports_among(medium.names()).items():
        if name.startswith(keyid) and not whole:
            _take_back(medium, name)


def _take_back(medium: Folder, export: str) -> None:
    for name in medium.names():
        if name.startswith((manifest_name(export), f"vonggac-{export}-")):
            medium.remove(name)


def _take_receipts(state: Path, spool: Spool, who: Identity, lines: list[bytes]) -> tuple[int, int, int]:
    received = elsewhere = bad = 0
    newest: Receipt | None = None
    for line in filter(None, lines):
        try:
            receipt = open_receipt(envelope_from_bytes(line), who.enrolled.collector_key)
            if receipt.agent_id != who.enrolled.agent_id or receipt.received_at.tzinfo is None:
                raise Malformed("another machine's, or without a zone")
        except ContractError:
            bad += 1
            continue
        if newest is None or (receipt.epoch, receipt.sequence) > (newest.epoch, newest.sequence):
            newest = receipt
        chain = Chain(receipt.agent_id, receipt.epoch)
        found = spool.between(chain, receipt.sequence, receipt.sequence)
        if not found or found[0].digest != receipt.digest:
            elsewhere += 1
        elif found[0].state != "received":
            spool.mark_received(found[0], line)
            received += 1
    said = rulebooks.judged_by(state)
    if newest is not None and (said is None or said.said_at > utc_now() or newest.received_at > said.said_at):
        # An old receipt carried again never brings back old rules.
        rulebooks.note_judged_by(
            state, rulebooks.JudgedBy(newest.profile, newest.rulebook, newest.received_at)
        )
    if bad:
        spool.count("posture_bad_ack_total", bad)
    if newest is not None:
        _note_contact(spool, newest.received_at, heard=received > 0)
    return received, elsewhere, bad


def _note_contact(spool: Spool, at: datetime, *, heard: bool) -> None:
    """What a machine without a line hears from its collector: after that, that the line failed is no trouble."""
    before = spool.note("last_contact")
    since = datetime.fromisoformat(before) if before else None
    if not heard and since is not None and at <= since:
        return  # carried again
    notes = {"last_contact": max(at, since or at).isoformat(), "carried_contact": at.isoformat()}
    if last := msgspec.json.decode(spool.note("last_round") or "null"):
        notes["last_round"] = msgspec.json.encode(last | {"trouble": ""}).decode()
    spool.write_notes(**notes)


class _Repository:
    """The policy repository as it lies on a medium, asked as a collector is."""

    def __init__(self, medium: Folder) -> None:
        self._medium = medium

    def ask(
        self, method: str, path: str, body: bytes | None = None, *, limit: int = MAX_ANSWER_BYTES
    ) -> Answer:
        """See link.Transport."""
        name = path.rpartition("/")[2]
        metadata = path.startswith(METADATA)
        try:
            raw = self._medium.read(
                policy_name(name) if metadata else rulebook_name(name.partition(".")[0]), limit
            )
        except FileNotFoundError:
            return Answer(404, {}, b"")
        except ContractError as error:
            raise BadAnswer("{error}", error=error) from error
        return Answer(200, {}, raw)


def _follow_policy(state: Path, medium: Folder, pin: PolicyRoot, trouble: list[str]) -> str:
    """As of the newest receipt: a medium travels for longer than a timestamp lasts."""
    said, before = rulebooks.judged_by(state), policy.of_pin(state, pin)
    if said is None or policy_name("timestamp.json") not in medium.names():
        return ""
    after = follow(state, _Repository(medium), pin, said.rulebook, now=min(said.said_at, utc_now()))
    if after.trouble:
        trouble.append(after.trouble)
    return after.good if after.good != before.good else ""


def _take_rulebook(state: Path, medium: Folder, pin: PolicyRoot | None, trouble: list[str]) -> str:
    if pin is not None:
        return _follow_policy(state, medium, pin, trouble)
    said = rulebooks.judged_by(state)
    if said is None or rulebooks.is_at_hand(state, said.rulebook):
        return ""
    raw = _read(medium, rulebook_name(said.rulebook), MAX_RULEBOOK_BYTES, trouble)
    if raw is None:
        return ""
    try:
        rulebooks.keep(state, said.rulebook, raw)
    except (ContractError, ValueError) as error:
        trouble.append(f"{rulebook_name(said.rulebook)}: {error}")
        return ""
    return said.rulebook


def _read(medium: Folder, name: str, limit: int, trouble: list[str]) -> bytes | None:
    try:
        return medium.read(name, limit)
    except FileNotFoundError:
        return None
    except ContractError as error:
        trouble.append(str(error))
    except OSError as error:
        trouble.append(f"{name}: {error.strerror}")
    return None


def _medium(path: Path) -> Folder:
    try:
        return Folder(path)
    except OSError as error:
        raise AgentError(
            "cannot open the folder {path}: {reason}",
            hint="Mount the medium and name a folder on it, not a link.",
            path=path,
            reason=error.strerror,
        ) from error


def _failing(path: Path, error: OSError) -> AgentError:
    return AgentError(
        "cannot write to {path}: {reason}",
        hint="What was begun there counts for nothing, and the spool holds everything: try again on another medium.",
        path=path,
        reason=error.strerror,
    )
