"""A spool that was damaged in any way: set aside when the machine is enrolled again, and what is whole of it saved."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest
from tests.unit.agent.twin import TOKEN, Collector, Machine

from vonggac_agent import identity
from vonggac_agent.enrol import enrol
from vonggac_agent.errors import StateDamaged
from vonggac_agent.look import look
from vonggac_agent.seal import Chain
from vonggac_agent.settings import load_settings
from vonggac_agent.ship import Shipper
from vonggac_agent.spool import FILE, Spool
from vonggac_agent.stranded import carry_over
from vonggac_contract.facts import TOPICS

REPORTS = 12
PAGE = 4096
Damage = Callable[[bytearray, random.Random], bytes]


def _flipped(raw: bytearray, chance: random.Random) -> bytes:
    for _ in range(chance.choice((1, 20, 400))):
        raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    return bytes(raw)


def _page_lost(raw: bytearray, chance: random.Random) -> bytes:
    at = PAGE * chance.randrange(len(raw) // PAGE)
    raw[at : at + PAGE] = bytes(PAGE)
    return bytes(raw)


def _of_another(raw: bytearray, chance: random.Random) -> bytes:
    first, second = (PAGE * chance.randrange(len(raw) // PAGE) for _ in range(2))
    raw[first : first + PAGE] = raw[second : second + PAGE]
    return bytes(raw)


DAMAGES: dict[str, Damage] = {
    "bits flipped": _flipped,
    "a page of zeros": _page_lost,
    "a page twice": _of_another,
    "cut short": lambda raw, chance: bytes(raw[: chance.randrange(len(raw))]),
    "nothing left": lambda raw, chance: b"",
    "something else": lambda raw, chance: chance.randbytes(len(raw)),
}


@pytest.fixture
def machine(tmp_path: Path, collector: Collector) -> Machine:
    made = Machine(tmp_path / "state", collector)
    for n in range(REPORTS):
        made.report(str(n), packages={"names": [random.Random(n).randbytes(3_000).hex()]})
        if n == 3:
            ship(made.spool, made)
    made.spool.close()
    return made


def ship(spool: Spool, machine: Machine) -> None:
    who = identity.read_identity(machine.folder)
    Shipper(machine.folder, spool, who, machine.collector, machine.collector.clock, lambda: 0.5).run()


def enrol_again(machine: Machine) -> Chain:
    clock = machine.collector.clock
    done, _ = enrol(
        machine.folder, collector="http://127.0.0.1:1", ca="", token=TOKEN, transport=machine.collector, now=clock,
        again=True,
    )  # fmt: skip
    return Chain(done.agent_id, done.epoch)


def look_once(machine: Machine, spool: Spool) -> None:
    disabled = ",".join(sorted(TOPICS.keys() - {"os.release", "file.stat"}))
    settings, _ = load_settings(
        environment={"VONGGAC_STATE_DIR": str(machine.folder), "VONGGAC_DISABLED_FACTS": disabled}
    )
    who = identity.read_identity(machine.folder)
    carry_over(machine.folder, spool, who, machine.collector.clock)
    key = identity.read_key(machine.folder, who.keyid)
    look(machine.folder, spool, who, key, settings, machine.collector.clock)


@pytest.mark.disk
@pytest.mark.parametrize("name", DAMAGES)
@pytest.mark.parametrize("seed", range(4))
def test_whatever_happened_to_a_spool_a_new_epoch_goes_on_with_all_that_is_whole(
    machine: Machine, name: str, seed: int
) -> None:
    path = machine.folder / FILE
    path.write_bytes(DAMAGES[name](bytearray(path.read_bytes()), random.Random(seed)))
    with suppress(StateDamaged):
        Spool(machine.folder, max_bytes=1 << 24).close()
    chain = enrol_again(machine)
    with closing(Spool(machine.folder, max_bytes=1 << 24)) as spool:
        left = len(spool.stranded(chain))
        look_once(machine, spool)
        ship(spool, machine)
        assert spool.unsent() == []
    taken = machine.collector.committed[chain]
    said = [machine.collector.statements[taken[n]].report for n in sorted(taken)]
    again = [report for report in said if any("sealed again" in notice for notice in report.notices)]
    assert len(again) == left
    assert len(said) == left + 1
    aside = [*machine.folder.glob(f"{FILE}.damaged-1")]
    told = [notice for notice in said[-1].notices if "was damaged" in notice]
    assert told == (
        [f"the spool was damaged; {left} unsent reports of it could still be read"] if aside else []
    )
    assert machine.collector.forks == []


def test_a_spool_of_which_a_page_is_lost_loses_no_more_than_is_on_it(machine: Machine) -> None:
    path = machine.folder / FILE
    raw = bytearray(path.read_bytes())
    raw[-PAGE:] = bytes(PAGE)  # the end of the newest report
    path.write_bytes(raw)
    chain = enrol_again(machine)
    with closing(Spool(machine.folder, max_bytes=1 << 24)) as spool:
        assert len(spool.stranded(chain)) >= REPORTS - 4 - 1


def test_a_sound_spool_stays_and_so_does_the_damaged_file_of_before(machine: Machine) -> None:
    enrol_again(machine)
    assert not [*machine.folder.glob("*damaged*")]
    for number in (1, 2):
        (machine.folder / FILE).write_bytes(b"not a database at all" * 500)
        enrol_again(machine)
        assert len([*machine.folder.glob(f"{FILE}.damaged-*")]) == number
