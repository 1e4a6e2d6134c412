"""A rulebook judges only as the bytes that were published, and whoever edits one in the ledger is named."""

from __future__ import annotations

import hashlib
import zlib
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.unit.collector.conftest import NOW, Desk
from tests.unit.collector.machines import Machine
from tests.unit.collector.test_verification import edit

from vonggac_collector.errors import LedgerDamaged
from vonggac_collector.ledger.memory import MemoryLedger
from vonggac_collector.ledger.rows import PublishedRulebook
from vonggac_collector.published import maker_of
from vonggac_collector.rollup import publish_day
from vonggac_collector.rulebooks import Shelf, unpacked
from vonggac_collector.verification import Fault, verify_ledger

HOUR = timedelta(hours=1)


def published(desk: Desk) -> PublishedRulebook:
    with desk.ledger.read() as tx:
        ((digest, _),) = tx.rulebooks.published(NOW)
        row = tx.rulebooks.get(digest)
    assert row is not None
    return row


def change_row(desk: Desk, change: dict[str, Any] | None) -> None:
    table = "books" if isinstance(desk.ledger, MemoryLedger) else "rulebooks"
    edit(desk.ledger, table, {"digest": published(desk).digest}, change)


def milder(row: PublishedRulebook) -> bytes:
    book = msgspec.json.decode(unpacked(row))
    for rule in book["rules"]:
        rule["severity"] = "low"
    return zlib.compress(msgspec.json.encode(book))


def faults(desk: Desk, *, whole: bool = False) -> list[Fault]:
    return verify_ledger(desk.ledger, whole=whole).faults


@pytest.mark.hostile
@pytest.mark.parametrize("whole", [False, True])
def test_rules_that_were_edited_under_their_digest_judge_nobody_and_are_named(
    whole: bool, desk: Desk, machine: Machine
) -> None:
    desk.accept(machine.report(NOW, {1, 2, 3}), NOW)
    publish_day(desk.ledger, NOW.date(), NOW + HOUR, maker=maker_of(desk.ledger))
    row = published(desk)
    assert faults(desk, whole=whole) == []
    change_row(desk, {"raw": milder(row)})
    shelf = Shelf(desk.ledger)
    for ask in (shelf.get, shelf.raw, lambda digest: shelf.profile_for_level(digest, 3)):
        with pytest.raises(LedgerDamaged, match=f"rulebook {row.digest} was changed"):
            ask(row.digest)
    with pytest.raises(LedgerDamaged):
        publish_day(desk.ledger, NOW.date(), NOW + HOUR, maker=maker_of(desk.ledger))
    assert faults(desk, whole=whole) == [
        Fault(f"rulebook {row.digest}", "its bytes are not of that digest"),
    ]


@pytest.mark.hostile
@pytest.mark.parametrize("raw", [b"", b"no zlib", zlib.compress(b"0" * 64 * 1024 * 1024)])
def test_bytes_that_are_no_rulebook_are_refused_before_they_fill_the_memory(raw: bytes, desk: Desk) -> None:
    row = msgspec.structs.replace(published(desk), raw=raw)
    with pytest.raises(LedgerDamaged):
        unpacked(row)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"published_at": NOW + HOUR}, "its row says otherwise"),
        ({"version": "2"}, "its row says otherwise"),
        ({"levels": b'{"1":"level-1","2":"level-1"}'}, "its profiles by level"),
        (None, "is not there"),
    ],
    ids=str,
)
def test_a_rulebook_that_was_edited_or_deleted_is_named(
    change: dict[str, Any] | None, what: str, desk: Desk
) -> None:
    row = published(desk)
    assert faults(desk) == []
    change_row(desk, change)
    (fault,) = faults(desk)
    assert fault.where == f"rulebook {row.digest}"
    assert what in fault.what


def test_profiles_follow_from_the_rulebook_and_not_from_its_row(desk: Desk) -> None:
    row = published(desk)
    levels = dict.fromkeys("12345", "level-1")
    change_row(desk, {"levels": msgspec.json.encode(levels)})
    assert Shelf(desk.ledger).profile_for_level(row.digest, 3) == "level-3"


def test_a_rulebook_that_nobody_published_is_named_with_all_others(desk: Desk) -> None:
    row = published(desk)
    digests = []
    with desk.ledger.write() as tx:
        for version in "234":
            raw = unpacked(row).replace(b'"version":"1"', f'"version":"{version}"'.encode())
            digest = hashlib.sha256(raw).hexdigest()
            digests.append(digest)
            tx.rulebooks.add(PublishedRulebook(digest, version, NOW, row.levels, zlib.compress(raw)))
    (fault,) = faults(desk)
    first, *others = (f"rulebook {digest}" for digest in sorted(digests))
    assert fault == Fault(first, "was published by no row of the audit log; so are 2 more", tuple(others))
