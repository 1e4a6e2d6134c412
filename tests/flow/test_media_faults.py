"""Programs at a medium killed at every step, and media that are full or pulled out: an export is whole or refused."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.flow.agent_program import CHEAP, killed
from tests.unit.agent.test_carry import Site
from tests.unit.agent.twin import Clock, Collector, Machine
from tests.unit.collector.carrying import put_export
from tests.unit.collector.conftest import KEY, NOW, Desk, plant, sqlite_ledger
from tests.unit.collector.machines import Machine as Sender

from vonggac_collector.boxes import make_first, open_boxes
from vonggac_collector.ledger.sql.ledger import open_ledger
from vonggac_collector.media import take_in
from vonggac_collector.state import make_state
from vonggac_contract.envelope import envelope_from_bytes
from vonggac_contract.media import exports_among, open_box_key, part_name
from vonggac_media.folder import Folder

pytestmark = [pytest.mark.usb, pytest.mark.timeout(300)]
REPORTS = 10
STRACE = ("strace", "-f", "-qq", "-o", os.devnull)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    clock = Clock()
    machine = Machine(tmp_path / "state", Collector(clock))
    (tmp_path / "medium").mkdir()
    made = Site(machine, tmp_path / "medium", clock)
    for n in range(REPORTS):
        machine.report(f"{n}", packages={"noise": os.urandom(400 << 10).hex()})
    yield made
    machine.spool.close()


def program(site: Site, word: str, *prefix: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*prefix, sys.executable, "-m", "vonggac_agent", word, str(site.medium), "--json"],
        env={
            "PATH": "/usr/bin:/bin",
            "VONGGAC_STATE_DIR": str(site.machine.folder),
            "VONGGAC_DISABLED_FACTS": ",".join(CHEAP),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def kill_at(call: str, nth: int) -> tuple[str, ...]:
    return (*STRACE, "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={nth}")


def whole(site: Site) -> list[str]:
    """The exports with a manifest; each of them is read as a collector does, and holds all."""
    names = [name for name, (manifest, _) in exports_among(site.files()).items() if manifest]
    for name in names:
        assert len(site.carried(name)) == REPORTS
    return names


@pytest.mark.crash
@pytest.mark.parametrize("call", ["fsync", "renameat"])
def test_an_export_that_is_killed_at_any_step_is_whole_or_has_no_manifest(site: Site, call: str) -> None:
    for nth in range(1, 40):
        done = program(site, "export", *kill_at(call, nth))
        finished = whole(site)
        assert len(site.machine.spool.unsent()) == REPORTS
        if not killed(done):
            break
    assert done.returncode == 0, done.stderr
    assert nth > 3, "nothing was injected"
    assert not [n for n, (manifest, _) in exports_among(site.files()).items() if not manifest], "cleared away"
    assert finished


@pytest.mark.crash
def test_an_import_that_is_killed_at_any_step_is_gone_on_with(site: Site) -> None:
    links = site.machine.spool.unsent()
    site.answer(*(site.receipt(link) for link in links))
    site.machine.spool.close()
    left = REPORTS
    for nth in range(1, 40):
        done = program(site, "import", *kill_at("fdatasync", nth))
        site.machine.spool = site.machine.open()
        unsent = site.machine.spool.unsent()
        assert unsent == links[REPORTS - len(unsent) :], "in order, and none twice"
        assert len(unsent) <= left
        left = len(unsent)
        site.machine.spool.close()
        if not killed(done):
            break
    site.machine.spool = site.machine.open()
    assert done.returncode == 0, done.stderr
    assert (left, nth > 1) == (0, True)


@contextmanager
def mounted(folder: Path, *words: str) -> Iterator[None]:
    subprocess.run(["mount", *words, str(folder)], check=True)
    try:
        yield
    finally:
        with suppress(subprocess.CalledProcessError):
            subprocess.run(["umount", "-l", str(folder)], check=True, stderr=subprocess.DEVNULL)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a medium")


@needs_root
@pytest.mark.disk
@pytest.mark.parametrize("options", ["size=5m", "size=64k", "nr_inodes=3", "ro"])
def test_a_medium_without_room_is_left_as_it_was_and_the_next_one_takes_everything(
    site: Site, tmp_path: Path, options: str
) -> None:
    with mounted(site.medium, "-t", "tmpfs", "-o", options, "tmpfs"):
        done = program(site, "export")
        assert done.returncode == 2
        assert "cannot write to" in done.stderr
        assert site.files() == set()
    assert program(site, "export").returncode == 0
    assert len(whole(site)) == 1


@needs_root
@pytest.mark.disk
def test_a_stick_pulled_out_of_its_socket_amid_an_export_holds_a_whole_one_or_none(
    site: Site, tmp_path: Path
) -> None:
    image = tmp_path / "stick.img"
    image.touch()
    os.truncate(image, 24 << 20)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    for nth in (1, 3, 4, 6):
        with mounted(site.medium, "-o", "loop", str(image)):
            assert killed(program(site, "export", *kill_at("fsync", nth)))
            subprocess.run(["umount", "-l", str(site.medium)], check=True)
        with mounted(site.medium, "-o", "loop", str(image)):
            whole(site)
    with mounted(site.medium, "-o", "loop", str(image)):
        done = program(site, "export")
        assert done.returncode == 0, done.stderr
        assert whole(site)


@pytest.mark.crash
@pytest.mark.parametrize("nth", [3, 9])
def test_a_collector_killed_amid_an_import_has_what_it_committed_and_takes_the_rest_next_time(
    tmp_path: Path, nth: int
) -> None:
    state, medium = tmp_path / "state", tmp_path / "medium"
    make_state(state)
    medium.mkdir()
    ledger = sqlite_ledger(state)
    plant(ledger)
    sender = Desk(ledger).enrol(Sender())
    make_first(state, NOW)
    boxes = open_boxes(state, NOW)
    public = open_box_key(
        envelope_from_bytes(boxes.notice(KEY)), KEY.public_key().public_bytes_raw()
    ).public_key
    name = put_export(medium, sender, [[sender.report(NOW, {n})] for n in range(8)], NOW, public=public)
    ledger.close()
    done = subprocess.run(
        [
            *kill_at("fdatasync", nth),
            Path(sys.executable).with_name("vonggac-collector"),
            "media",
            "import",
            medium,
        ],
        env={"PATH": os.environ["PATH"], "VONGGAC_STATE_DIR": str(state)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert killed(done), done.stderr
    ledger = open_ledger(f"sqlite:///{state}/ledger.db")
    with Folder(medium) as folder:
        (told,) = take_in(ledger, folder, boxes, KEY, lambda: NOW, "test").machines
    assert told.taken + told.known == 8
    assert 0 < told.taken <= 8
    with ledger.read() as tx:
        assert [e.sequence for e in tx.chain.of_agent(sender.agent_id, 99)] == [*range(8, 0, -1)]
    ledger.close()
    assert (medium / part_name(name, 8)).exists(), "the medium stays as it was"
