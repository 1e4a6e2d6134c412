"""Where there is no line: the spool onto a medium, for the collector's eyes only, and receipts back from one."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.unit.agent.twin import AGENT, Clock, Machine, rulebook_bytes

from vonggac_agent import boxkey, carry, rulebooks
from vonggac_agent.carry import Brought, Carried, bring, export
from vonggac_agent.cli import main
from vonggac_agent.errors import AgentError, AlreadyRunning
from vonggac_agent.link import Answer
from vonggac_agent.lock import take_lock
from vonggac_agent.seal import Chain
from vonggac_agent.settings import Settings, load_settings
from vonggac_agent.spool_rows import Link
from vonggac_agent.status import status
from vonggac_contract.box import BoxKey
from vonggac_contract.envelope import Envelope, envelope_from_bytes, envelope_to_bytes, keyid_of
from vonggac_contract.media import (
    BoxKeyNotice,
    Export,
    box_key_name,
    exports_among,
    manifest_name,
    open_export,
    part_name,
    receipts_name,
    rulebook_name,
    seal_box_key,
)

pytestmark = pytest.mark.usb
BOX = BoxKey(b"b" * 32)


class Site:
    """A machine that holds the collector's key for boxes, and a medium."""

    def __init__(self, machine: Machine, medium: Path, clock: Clock) -> None:
        self.machine, self.medium, self.clock = machine, medium, clock
        self.settings: Settings = load_settings(None, {"VONGGAC_STATE_DIR": str(machine.folder)})[0]
        self.pinned = machine.collector.public
        boxkey.keep(machine.folder, self.pinned, self.notice(BOX))

    def notice(self, key: BoxKey, **later: float) -> bytes:
        said = BoxKeyNotice(1, self.clock() + timedelta(**later), key.public)
        return envelope_to_bytes(seal_box_key(said, self.machine.collector.key))

    def export(self, *, again: bool = False) -> Carried:
        return export(self.settings, self.medium, self.clock(), again=again)

    def bring(self) -> Brought:
        self.machine.spool.close()
        try:
            return bring(self.settings, self.medium)
        finally:
            self.machine.spool = self.machine.open()

    def told(self) -> dict[str, Any]:
        return status(self.settings, self.clock())

    def answer(self, *receipts: Envelope) -> None:
        lines = b"\n".join(map(envelope_to_bytes, receipts))
        (self.medium / receipts_name(self.machine.chain.agent_id)).write_bytes(lines)

    def receipt(self, link: Link, **other: object) -> Envelope:
        values = {"sequence": link.sequence, **other}
        return self.machine.collector.sealed(self.machine.chain, link.digest, **values)

    def manifest(self, name: str) -> Export:
        envelope = envelope_from_bytes(BOX.open((self.medium / manifest_name(name)).read_bytes()))
        return open_export(envelope, self.machine.key.public_key().public_bytes_raw())

    def carried(self, name: str) -> list[bytes]:
        """The envelopes of an export, read as a collector does."""
        lines = []
        for number, part in enumerate(self.manifest(name).parts, 1):
            raw = (self.medium / part_name(name, number)).read_bytes()
            assert (len(raw), hashlib.sha256(raw).hexdigest()) == (part.size, part.digest)
            lines += BOX.open(raw).split(b"\n")
        return lines

    def files(self) -> set[str]:
        return {p.name for p in self.medium.iterdir()}


@pytest.fixture
def site(machine: Machine, tmp_path: Path, clock: Clock) -> Site:
    medium = tmp_path / "medium"
    medium.mkdir()
    return Site(machine, medium, clock)


def test_what_is_unsent_goes_out_in_order_and_the_spool_stays_as_it_is(site: Site) -> None:
    links = [site.machine.report(name) for name in "abc"]
    beat = site.machine.heartbeat()
    done = site.export()
    assert (done.reports, done.parts, done.left) == (3, 1, 0)
    spool = site.machine.spool
    assert site.carried(done.name) == [*map(spool.envelope, links), spool.envelope(beat)]
    assert site.files() == {manifest_name(done.name), part_name(done.name, 1)}
    assert [link.digest for link in spool.unsent()] == [link.digest for link in links]
    told = site.manifest(done.name)
    assert (told.agent_id, told.epoch, told.first) == (*site.machine.chain, 1)


def test_a_lost_medium_tells_nothing_of_the_machine(site: Site) -> None:
    site.machine.report("ten-may-chu", packages={"packages": ["openssl"]})
    site.export()
    for path in site.medium.iterdir():
        raw = path.read_bytes()
        for word in (b"payload", b"vnd.vonggac", site.machine.chain.agent_id.encode(), b"{"):
            assert word not in raw.partition(b"\n")[0]
            assert len(word) < 4 or word not in raw


def test_the_service_may_run_while_a_medium_is_written(site: Site) -> None:
    site.machine.report()
    lock = take_lock(site.machine.folder)
    try:
        assert site.export().reports == 1
        with pytest.raises(AlreadyRunning):
            bring(site.settings, site.medium)
    finally:
        lock.release()


def test_many_reports_go_out_in_several_parts(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    links = [site.machine.report(str(n)) for n in range(9)]
    raw = [site.machine.spool.envelope(link) for link in links]
    monkeypatch.setattr("vonggac_contract.media.MAX_BOX_CONTENT", 2 * len(raw[0]) + 200)
    done = site.export()
    assert done.parts > 3
    assert site.carried(done.name) == raw


def test_what_does_not_fit_waits_for_the_next_export(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    links = [site.machine.report(str(n)) for n in range(5)]
    raw = [site.machine.spool.envelope(link) for link in links]
    monkeypatch.setattr(carry, "MAX_EXPORT_BYTES", sum(map(len, raw[:3])))
    done = site.export()
    assert (done.reports, done.left) == (3, 2)
    assert site.carried(done.name) == raw[:3]


def test_again_means_what_was_received_and_is_still_kept_too(site: Site) -> None:
    links = [site.machine.report(name) for name in "ab"]
    raw = [site.machine.spool.envelope(link) for link in links]
    site.machine.spool.mark_received(links[0], b"receipt")
    done, all_of_it = site.export(), site.export(again=True)
    assert site.carried(done.name) == raw[1:]
    assert site.manifest(done.name).first == 2
    assert site.carried(all_of_it.name) == raw
    site.machine.spool.mark_received(links[1], b"receipt")
    assert site.export().parts == 0


def test_without_the_collectors_key_nothing_is_written(site: Site) -> None:
    site.machine.report()
    (site.machine.folder / boxkey.FILE).unlink()
    with pytest.raises(AgentError, match="key for boxes is not here yet"):
        site.export()
    assert site.files() == set()


@pytest.mark.disk
@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_a_medium_that_fails_at_any_step_is_left_without_a_half_export(
    site: Site, monkeypatch: pytest.MonkeyPatch, call: str, error: int
) -> None:
    for name in "abc":
        site.machine.report(name)
    size = len(site.machine.spool.envelope(site.machine.spool.unsent()[0]))
    monkeypatch.setattr("vonggac_contract.media.MAX_BOX_CONTENT", size + 20)
    before = [link.digest for link in site.machine.spool.unsent()]
    calls: dict[str, Callable[..., object]] = {"write": os.open, "fsync": os.fsync, "rename": os.rename}
    real = calls[call]
    for nth in range(1, 20):
        count = 0

        def failing(*args: object, **more: object) -> object:
            nonlocal count
            if call != "write" or "dir_fd" in more:
                count += 1
                if count == nth:  # noqa: B023 - used within this turn only
                    raise OSError(error, os.strerror(error))
            return real(*args, **more)

        with monkeypatch.context() as patched:
            patched.setattr(os, {"write": "open"}.get(call, call), failing)
            said = ""
            try:
                done = site.export()
            except AgentError as refused:
                said = str(refused)
        if not said:
            assert len(site.carried(done.name)) == 3
            break
        assert os.strerror(error) in said
        assert site.files() == set()
    else:
        pytest.fail("it never ended")
    assert nth > 4
    assert [link.digest for link in site.machine.spool.unsent()] == before


def test_an_export_that_was_cut_short_is_cleared_away_by_the_next_and_no_others(site: Site) -> None:
    site.machine.report()
    own = site.machine.identity.keyid[:16]
    others = "f" * 16
    for name in (part_name(f"{own}-{'0' * 16}", 1), part_name(f"{own}-{'0' * 16}", 2) + ".new",
                 part_name(f"{others}-{'0' * 16}", 1), "letter.docx"):  # fmt: skip
        (site.medium / name).write_bytes(b"x")
    first = site.export()
    second = site.export()
    assert exports_among(site.files()) == {
        first.name: (True, 1),
        second.name: (True, 1),
        f"{others}-{'0' * 16}": (False, 1),
    }
    assert "letter.docx" in site.files()


def test_receipts_that_come_back_empty_the_spool_in_any_order_and_twice(site: Site) -> None:
    links = [site.machine.report(name) for name in "abc"]
    site.answer(*(site.receipt(link) for link in reversed(links)))
    assert site.bring()[:3] == (3, 0, 0)
    assert site.machine.spool.unsent() == []
    assert site.machine.spool.receipted(site.machine.chain, 2) is not None
    assert site.bring()[:3] == (0, 0, 0)


def test_a_medium_without_anything_for_this_machine_is_no_success(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VONGGAC_STATE_DIR", str(site.machine.folder))
    link = site.machine.report()
    (site.medium / receipts_name("11111111-2222-3333-4444-555555555555")).write_bytes(b"")
    site.machine.spool.close()
    assert main(["import", str(site.medium), "--lang", "vi"]) == 1
    said = capsys.readouterr().err
    assert "trên thiết bị không có gì cho máy này" in said
    assert f"vonggac-collector media export DIR --agent {AGENT}" in said
    assert main(["import", str(site.medium), "--json"]) == 1
    site.answer(site.receipt(link))
    for _ in range(2):
        assert main(["import", str(site.medium)]) == 0


def test_what_came_on_a_medium_is_a_contact_and_ends_the_trouble_of_the_line(
    site: Site, clock: Clock
) -> None:
    links = [site.machine.report(name) for name in "ab"]
    last = {"at": clock(), "received": 0, "refused": 0, "trouble": "the line failed"}
    noted = {"last_round": msgspec.json.encode(last).decode(), "last_contact": clock().isoformat()}
    site.machine.spool.write_notes(**noted)
    site.answer(site.receipt(links[0], digest="f" * 64, received_at=clock() - timedelta(days=2)))
    site.bring()
    assert site.told()["problems"] == ["last sending: the line failed"]
    later = clock() + timedelta(days=1)
    site.answer(*(site.receipt(link, received_at=later) for link in links))
    site.bring()
    told = site.told()
    assert (told["health"], told["problems"], told["last_contact"]) == ("green", [], later.isoformat())
    # The service goes on trying: that there is no line is news only when no medium came for a month.
    last["trouble"] = "ConnectionRefusedError: [Errno 111] Connection refused"
    site.machine.spool.write_notes(last_round=msgspec.json.encode(last).decode())
    assert (site.told()["health"], site.told()["on_medium"]) == ("green", True)
    clock.forward(days=33)
    assert "last sending: ConnectionRefusedError" in site.told()["problems"][0]


@pytest.mark.hostile
def test_no_other_receipt_than_its_own_lets_a_report_go(site: Site) -> None:
    link = site.machine.report()
    collector, chain = site.machine.collector, site.machine.chain
    thief = Ed25519PrivateKey.from_private_bytes(b"x" * 32)
    own, elsewhere = collector.key, []
    for other in (
        {"epoch": 2},
        {"epoch": 7},
        {"sequence": 2},
        {"digest": "f" * 64},
        {"sequence": 0, "counter": 1},
    ):
        elsewhere.append(site.receipt(link, **other))
    collector.key = thief
    forged = site.receipt(link)
    collector.key = own
    another = collector.sealed(Chain("11111111-2222-3333-4444-555555555555", 1), link.digest, sequence=1)
    site.answer(*elsewhere, forged, another)
    file = site.medium / receipts_name(chain.agent_id)
    file.write_bytes(file.read_bytes() + b"\n" + site.machine.spool.envelope(link) + b"\nrubbish\n{}")
    assert site.bring()[:3] == (0, 5, 5)
    assert site.machine.spool.unsent() == [link]
    assert site.machine.spool.counter("posture_bad_ack_total") == 5


@pytest.mark.hostile
def test_an_old_receipt_carried_again_never_brings_back_old_rules(site: Site) -> None:
    link = site.machine.report()
    old = site.receipt(link, profile="old-level-1", received_at=site.clock() - timedelta(days=9))
    before = rulebooks.judged_by(site.machine.folder)
    site.answer(old)
    assert site.bring().received == 1
    assert rulebooks.judged_by(site.machine.folder) == before


def test_a_newer_receipt_brings_the_rules_that_lie_beside_it(site: Site) -> None:
    link = site.machine.report()
    raw = rulebook_bytes("2")
    digest = hashlib.sha256(raw).hexdigest()
    later = site.clock() + timedelta(days=1)
    site.answer(site.receipt(link, rulebook=digest, received_at=later))
    (site.medium / rulebook_name(digest)).write_bytes(b"other rules" + raw)
    assert "not the one the receipt names" in site.bring().trouble[0]
    (site.medium / rulebook_name(digest)).write_bytes(raw)
    assert site.bring().rulebook == digest
    assert rulebooks.in_force(site.machine.folder)[0].digest == digest


def test_a_new_key_for_boxes_comes_on_a_medium_and_an_old_one_never_again(site: Site) -> None:
    file = site.medium / box_key_name(keyid_of(site.pinned))
    newer = BoxKey(b"n" * 32)
    for raw, taken in ((site.notice(newer, days=1), True), (site.notice(BOX), False),
                       (site.notice(newer, days=1), False)):  # fmt: skip
        file.write_bytes(raw)
        assert site.bring().box_key is taken
        kept = boxkey.kept(site.machine.folder, site.pinned)
        assert kept is not None
        assert kept.keyid == newer.keyid


@pytest.mark.hostile
@pytest.mark.parametrize("trap", ["link", "fifo", "folder", "endless", "rubbish", "by another"])
def test_a_hostile_medium_changes_nothing_and_is_told(site: Site, tmp_path: Path, trap: str) -> None:
    link = site.machine.report()
    good = tmp_path / "good"
    good.write_bytes(envelope_to_bytes(site.receipt(link)))
    wrong = seal_box_key(
        BoxKeyNotice(1, site.clock(), BOX.public), Ed25519PrivateKey.from_private_bytes(b"x" * 32)
    )
    for name in (receipts_name(site.machine.chain.agent_id), box_key_name(keyid_of(site.pinned))):
        path = site.medium / name
        if trap == "link":
            path.symlink_to(good)
        elif trap == "fifo":
            os.mkfifo(path)
        elif trap == "folder":
            path.mkdir()
        elif trap == "endless":
            path.touch()
            os.truncate(path, 1 << 40)
        else:
            path.write_bytes(b"\0\xff{[" * 99 if trap == "rubbish" else envelope_to_bytes(wrong))
    kept = (site.machine.folder / boxkey.FILE).read_bytes()
    done = site.bring()
    assert (done.received, done.box_key) == (0, False)
    assert done.trouble
    assert site.machine.spool.unsent() == [link]
    assert (site.machine.folder / boxkey.FILE).read_bytes() == kept


def test_a_folder_that_is_a_link_or_not_there_is_no_medium(site: Site, tmp_path: Path) -> None:
    site.machine.report()
    (tmp_path / "link").symlink_to(site.medium)
    for path in (tmp_path / "link", tmp_path / "nowhere", tmp_path / "medium" / "x"):
        with pytest.raises(AgentError, match="cannot open the folder"):
            export(site.settings, path, site.clock())
    assert site.files() == set()


class Line:
    """A collector that has one answer."""

    def __init__(self, body: bytes) -> None:
        self.body, self.asked = body, 0

    def ask(self, method: str, path: str, body: bytes | None = None, *, limit: int = 0) -> Answer:
        self.asked += 1
        return Answer(200, {}, self.body)


def test_the_key_is_asked_for_once_a_day_and_only_the_pinned_collectors_is_kept(site: Site) -> None:
    folder = site.machine.folder
    (folder / boxkey.FILE).unlink()
    line = Line(site.notice(BOX))
    boxkey.fetch(folder, site.pinned, line, site.clock())
    kept = boxkey.kept(folder, site.pinned)
    assert kept is not None
    assert kept.keyid == BOX.keyid
    at = datetime.fromtimestamp((folder / boxkey.FILE).stat().st_mtime, UTC)
    boxkey.fetch(folder, site.pinned, line, at + timedelta(hours=23))
    assert line.asked == 1
    line.body = b"<html>"
    boxkey.fetch(folder, site.pinned, line, at + timedelta(hours=25))
    boxkey.fetch(folder, site.pinned, line, at - timedelta(days=9))
    assert line.asked == 3
    assert boxkey.kept(folder, site.pinned) == kept
    assert boxkey.kept(folder, Ed25519PrivateKey.generate().public_key().public_bytes_raw()) is None
