"""A collector that holds its own key and means harm: whatever it says under it, the machine stays as it was."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import msgspec
import pytest
from tests.unit.agent.twin import Clock, Collector, Machine, problem

from vonggac_agent import rulebooks
from vonggac_agent.cli import main
from vonggac_agent.errors import Unreachable
from vonggac_agent.link import Answer
from vonggac_agent.ship import CAP_S, Shipper

pytestmark = [pytest.mark.hostile, pytest.mark.net]
NAMES = [
    "../../etc/cron.d/x", "/etc/passwd", "..", ".", "", "\x1b[2J\x1b]0;owned\x07", "a\nb", "\u202eevil", "$(reboot)",
    "`id`", "%s%n", "x" * 200, "con", "tcvn14423-level3/../../x",
]  # fmt: skip
KEPT = re.compile(
    r"[a-z]+(-[a-z]+)?(\.json)?|rulebook-[0-9a-f]{64}\.json|key-[0-9a-f]{64}\.pem|spool\.db(-wal|-shm)?"
)


def ship(machine: Machine) -> None:
    collector = machine.collector
    Shipper(machine.folder, machine.spool, machine.identity, collector, collector.clock, lambda: 0.5).run()


def around(folder: Path) -> dict[str, str]:
    """Every file beside the state folder, with its digest."""
    found = [p for p in folder.parent.rglob("*") if p.is_file() and folder not in p.parents]
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in found}


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_of_any_name_is_a_name_and_no_path(machine: Machine, name: str) -> None:
    outside = around(machine.folder)
    machine.report()
    machine.collector.profile = name
    ship(machine)
    assert machine.spool.unsent() == []
    book, profile, notice = rulebooks.in_force(machine.folder)
    assert profile in book.profiles
    assert "is not in rulebook" in notice
    assert around(machine.folder) == outside
    assert not [p for p in machine.folder.rglob("*") if not KEPT.fullmatch(p.name)]


@pytest.mark.parametrize("digest", ["../x", "0" * 63, "A" * 64, "0" * 64 + "/..", "", "\0" * 64])
def test_a_rulebook_that_is_a_path_is_never_asked_for(machine: Machine, digest: str) -> None:
    link = machine.report()
    sealed = machine.collector.sealed(machine.chain, link.digest, sequence=1, rulebook=digest)
    machine.collector.lies = [lambda _: Answer(200, {}, msgspec.json.encode(sealed))]
    before = rulebooks.judged_by(machine.folder)
    ship(machine)
    assert rulebooks.judged_by(machine.folder) == before
    assert {path for _, path, _ in machine.collector.asked} == {"/agent/v1/envelopes"}


@pytest.mark.parametrize("status", [401, 403, 409, 422, 503, 418, 204, 302, 500])
@pytest.mark.parametrize(
    "text", ["\x1b[2J\x1b]0;owned\x07", "\u202e\u2066", "x" * 60_000, "\x00\x9b31m", "%(asctime)s {0}"]
)
def test_what_a_refusal_says_does_nothing_to_who_reads_it(
    machine: Machine,
    status: int,
    text: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine.report()
    machine.collector.refusals = [problem(status, "malformed", text, **{"retry-after": text[:50]})]
    ship(machine)
    machine.spool.close()
    monkeypatch.setenv("VONGGAC_STATE_DIR", str(machine.folder))
    main(["status"])
    said = capsys.readouterr().out
    assert said
    assert all(c.isprintable() or c == "\n" for c in said)
    assert len(said) < 4_000
    machine.spool = machine.open()
    assert len(machine.spool.unsent()) + len(machine.spool.refused()) == 1


@pytest.mark.parametrize(
    "wait", ["0", "1", "999999999", "9" * 5_000, "-1", "1e9", "Wed, 21 Oct 2099 07:28:00 GMT", "٣"]
)
def test_no_word_of_a_collector_silences_the_machine_for_more_than_an_hour(
    machine: Machine, clock: Clock, wait: str
) -> None:
    machine.report()
    machine.collector.refusals = [problem(503, "busy", "later", **{"retry-after": wait})]
    ship(machine)
    clock.forward(seconds=CAP_S + 1)
    ship(machine)
    assert machine.spool.unsent() == []


def test_a_collector_that_hangs_up_on_every_report_gets_no_other_one_than_before(
    machine: Machine, clock: Clock
) -> None:
    def gone(_: Answer) -> Answer:
        raise Unreachable("reset by peer")

    machine.report()
    for _ in range(20):
        machine.collector.lies = [gone]
        ship(machine)
        clock.forward(hours=2)
    bodies = {body for _, path, body in machine.collector.asked}
    assert len(bodies) == 1
    assert isinstance(machine.collector, Collector)
