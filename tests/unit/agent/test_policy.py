"""Rulebooks by the policy repository: what it vouches for is taken, and whatever goes wrong the last good one stays."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.unit.agent.real import RealCollector, Station
from tests.unit.agent.twin import TOKEN, Clock, Collector, Machine, rulebook_bytes
from tests.unit.collector.conftest import NOW
from tests.unit.policy_twin import Repository, a_key, public
from tuf.api.metadata import Key, Metadata, TargetFile

from vonggac_agent import following, policy, rulebooks
from vonggac_agent.carry import Brought, bring
from vonggac_agent.enrol import enrol
from vonggac_agent.errors import Unreachable
from vonggac_agent.following import MAX_STEP, follow
from vonggac_agent.link import Answer
from vonggac_agent.look import look
from vonggac_agent.policy import Standing
from vonggac_agent.rotation import want
from vonggac_agent.settings import load_settings
from vonggac_agent.ship import Outcome, Shipper
from vonggac_agent.state import open_state
from vonggac_collector import policy as serving
from vonggac_collector.state import make_state
from vonggac_contract.enrolment import PolicyRoot
from vonggac_contract.envelope import envelope_from_bytes, envelope_to_bytes
from vonggac_contract.media import policy_name, receipts_name, rulebook_name
from vonggac_contract.report import SECTION_TOPICS, statement_from_envelope
from vonggac_rules import repository as signing
from vonggac_rules.builtin import default_rulebook_bytes

pytestmark = pytest.mark.policy
DAY = timedelta(days=1)


@pytest.fixture
def clock() -> Clock:
    """The client asks the real clock when metadata expires, so the others go with it."""
    return Clock(datetime.now(UTC).replace(microsecond=0))


@pytest.fixture
def repository(clock: Clock, collector: Collector) -> Repository:
    made = collector.repository = Repository(clock())
    made.publish(collector.rulebook)
    return made


@pytest.fixture
def pinned(repository: Repository, machine: Machine) -> Machine:
    """Enrolled with the repository's root as its pin, and on the collector's rulebook."""
    assert ship(machine) == Outcome(0, 0, False, "")
    assert in_force(machine) == machine.collector.rulebook_digest
    return machine


def ship(machine: Machine) -> Outcome:
    collector = machine.collector
    return Shipper(
        machine.folder, machine.spool, machine.identity, collector, collector.clock, lambda: 0.5
    ).run()


def in_force(machine: Machine) -> str:
    return rulebooks.in_force(machine.folder)[0].digest


def standing(machine: Machine) -> Standing:
    found = policy.read(machine.folder)
    assert found is not None
    return found


def ask(machine: Machine, wanted: str | None = None, **more: Any) -> Standing:
    pin = machine.identity.enrolled.policy
    assert pin is not None
    digest = wanted or machine.collector.rulebook_digest
    return follow(
        machine.folder, machine.collector, pin, digest, **{"now": machine.collector.clock(), **more}
    )


def another(machine: Machine, version: str = "2") -> str:
    """The collector names a new rulebook in its receipts; its digest."""
    machine.collector.rulebook = rulebook_bytes(version)
    machine.report(version)
    return machine.collector.rulebook_digest


def test_a_rulebook_that_the_targets_vouch_for_is_taken(pinned: Machine, repository: Repository) -> None:
    digest = another(pinned)
    repository.publish(pinned.collector.rulebook)
    assert ship(pinned) == Outcome(1, 0, False, "")
    assert in_force(pinned) == digest
    assert rulebooks.in_force(pinned.folder)[2] == ""
    assert standing(pinned).trouble == ""
    assert not (pinned.folder / following.WORK).exists()


@pytest.mark.hostile
def test_whoever_owns_the_collector_alone_puts_no_rulebook_in_force(
    pinned: Machine, repository: Repository
) -> None:
    good = in_force(pinned)
    digest = another(pinned)
    repository.rulebooks[digest] = pinned.collector.rulebook  # served in every place, signed by nobody
    assert ship(pinned) == Outcome(1, 0, False, "")
    assert in_force(pinned) == good
    assert standing(pinned).trouble.startswith("policy-not-vouched")
    assert (
        f"{digest[:16]} is not in force here; looked by {good[:16]}" in rulebooks.in_force(pinned.folder)[2]
    )


@pytest.mark.hostile
def test_not_even_this_releases_rulebook_is_in_force_by_the_collectors_word(
    pinned: Machine, repository: Repository
) -> None:
    good = in_force(pinned)
    pinned.collector.rulebook = default_rulebook_bytes()
    pinned.report("b")
    ship(pinned)
    assert in_force(pinned) == good
    repository.publish(pinned.collector.rulebook)
    pinned.report("c")
    ship(pinned)
    assert in_force(pinned) == hashlib.sha256(default_rulebook_bytes()).hexdigest()


def test_the_way_back_leads_to_a_rulebook_that_is_vouched_for_still(
    pinned: Machine, repository: Repository
) -> None:
    first = pinned.collector.rulebook
    second = another(pinned)
    repository.publish(pinned.collector.rulebook)
    ship(pinned)
    pinned.collector.rulebook = first
    assert ask(pinned).good == hashlib.sha256(first).hexdigest()
    repository.withdraw(second)
    assert ask(pinned, second).trouble.startswith("policy-not-vouched")
    assert in_force(pinned) == hashlib.sha256(first).hexdigest()


def test_a_rulebook_that_was_withdrawn_while_it_is_in_force_stays_and_is_owned_up_to(
    pinned: Machine, repository: Repository
) -> None:
    good = in_force(pinned)
    repository.withdraw(good)
    assert ask(pinned, good).trouble.startswith("policy-not-vouched")
    assert in_force(pinned) == good


def test_enrolling_pins_the_root_and_takes_the_rulebook(
    tmp_path: Path, collector: Collector, repository: Repository, clock: Clock
) -> None:
    folder = tmp_path / "new"
    folder.mkdir(mode=0o700)
    enrolled, trouble = enrol(
        folder, collector="https://c.example", ca="", token=TOKEN, transport=collector, now=clock
    )  # fmt: skip
    assert trouble == ""
    assert enrolled.policy == repository.pin
    assert rulebooks.in_force(folder)[0].digest == collector.rulebook_digest
    found = policy.read(folder)
    assert found is not None
    assert found.vouched == (collector.rulebook_digest,)


def test_enrolling_again_where_nobody_signs_forgets_the_pin(pinned: Machine, clock: Clock) -> None:
    pinned.collector.repository = None
    enrol(
        pinned.folder, collector="https://c.example", ca="", token=TOKEN, transport=pinned.collector, now=clock,
        again=True,
    )  # fmt: skip
    assert policy.read(pinned.folder) is None
    assert in_force(pinned) == pinned.collector.rulebook_digest


Attack = Callable[[Machine, Repository], None]


def _served(name: str, change: Callable[[bytes], bytes]) -> Attack:
    def attack(machine: Machine, repository: Repository) -> None:
        repository.publish(rulebook_bytes("3"))
        found = next(n for n in reversed(repository.files) if n.endswith(name))
        repository.files[found] = change(repository.files[found])

    return attack


def _signed_by(name: str, *keys: str | Ed25519PrivateKey) -> Attack:
    """The newest of that name, signed by those keys instead."""

    def change(raw: bytes) -> bytes:
        metadata: Metadata[Any] = Metadata.from_bytes(raw)
        metadata.signatures.clear()
        for key in keys:
            signing.sign(metadata, a_key(key) if isinstance(key, str) else key)
        return signing.to_bytes(metadata)

    return _served(name, change)


def _by_the_machine(machine: Machine, repository: Repository) -> None:
    _signed_by("targets.json", machine.key)(machine, repository)


def _rolled_back(machine: Machine, repository: Repository) -> None:
    before = dict(repository.files)
    repository.renew()
    assert ask(machine).trouble == ""
    repository.files = before


def _rolled_back_whole(machine: Machine, repository: Repository) -> None:
    """The timestamp goes on, what it names is of before."""
    targets = repository.targets
    repository.publish(rulebook_bytes("3"))
    assert ask(machine).trouble == ""
    repository.targets = targets
    repository.renew()


def _signed_twice(machine: Machine, repository: Repository) -> None:
    version = Metadata[Any].from_bytes(repository.files["timestamp.json"]).signed.version
    repository.renew(version=version, expires=(repository.now + 3 * DAY).replace(microsecond=0))


def _targets_signed_twice(machine: Machine, repository: Repository) -> None:
    signing.vouch_for(repository.targets.signed, rulebook_bytes("3"))
    repository.sign_targets()


def _far_ahead(machine: Machine, repository: Repository) -> None:
    version = Metadata[Any].from_bytes(repository.files["timestamp.json"]).signed.version
    repository.renew(version=version + MAX_STEP + 1)


def _at_the_end_of_numbers(machine: Machine, repository: Repository) -> None:
    repository.renew(version=2**63 - 1)


def _another_pages(machine: Machine, repository: Repository) -> None:
    """Snapshot of the version before, under the new one's name."""
    repository.publish(rulebook_bytes("3"))
    numbers = sorted(int(n.split(".")[0]) for n in repository.files if "snapshot" in n)
    repository.files[f"{numbers[-1]}.snapshot.json"] = repository.files[f"{numbers[-2]}.snapshot.json"]


def _gone(name: str) -> Attack:
    def attack(machine: Machine, repository: Repository) -> None:
        repository.publish(rulebook_bytes("3"))
        del repository.files[next(n for n in reversed(repository.files) if n.endswith(name))]

    return attack


def _a_root_by_one_thief(machine: Machine, repository: Repository) -> None:
    repository.next_root().add_key(public("thief"), "targets")
    repository.sign_root("an")


def _a_key_twice(machine: Machine, repository: Repository) -> None:
    """One stolen key under a second id: it signs twice, and counts as two in a careless client."""
    root = repository.next_root()
    twin = public("an").to_dict()
    root.add_key(Key.from_dict("f" * 64, twin), "root")
    repository.sign_root("an")
    name = f"{root.version}.root.json"
    value = msgspec.json.decode(repository.files[name])
    value["signatures"].append({**value["signatures"][0], "keyid": "f" * 64})
    repository.files[name] = msgspec.json.encode(value)


def _a_hole(machine: Machine, repository: Repository) -> None:
    repository.next_root()
    repository.next_root()
    repository.sign_root("an", "binh")
    version = repository.root.signed.version
    repository.files[f"{version - 1}.root.json"] = repository.files[f"{version}.root.json"]


def _expired(machine: Machine, repository: Repository) -> None:
    repository.renew(expires=(repository.now - DAY).replace(microsecond=0))


ATTACKS: dict[str, tuple[Attack, str]] = {
    "an older timestamp": (_rolled_back, "policy-rollback"),
    "an older snapshot and targets under a newer timestamp": (_rolled_back_whole, "policy-rollback"),
    "one version signed twice": (_signed_twice, "policy-equivocation"),
    "one version of the targets signed twice": (_targets_signed_twice, "policy-equivocation"),
    "a timestamp that is over": (_expired, "policy-expired"),
    "a version that runs far ahead": (_far_ahead, "policy-fast-forward"),
    "the last version that a number can hold": (_at_the_end_of_numbers, "policy-malformed"),
    "the snapshot of before under the new one's name": (_another_pages, "policy-mixed"),
    "a timestamp by nobody": (_signed_by("timestamp.json"), "policy-unsigned"),
    "a timestamp by the targets' key": (_signed_by("timestamp.json", "dung"), "policy-unsigned"),
    "targets by the online key": (_signed_by("targets.json", "online"), "policy-mixed"),
    "targets by this machine's own key": (_by_the_machine, "policy-mixed"),
    "a missing snapshot": (_gone("snapshot.json"), "policy-unreachable"),
    "missing targets": (_gone("targets.json"), "policy-unreachable"),
    "a root by one of two keys": (_a_root_by_one_thief, "policy-unsigned"),
    "a root by one key under two ids": (_a_key_twice, "policy-unsigned"),
    "a hole in the roots": (_a_hole, "policy-rollback"),
    "targets cut short": (_served("targets.json", lambda raw: raw[:-9]), "policy-malformed"),
    "a timestamp without an end": (
        _served("timestamp.json", lambda raw: raw + b" " * 20_000),
        "policy-bad-answer",
    ),
    "a login page": (_served("timestamp.json", lambda raw: b"<html>"), "policy-malformed"),
    "a million brackets": (_served("timestamp.json", lambda raw: b"[" * 16_000), "policy-malformed"),
    "a key twice in one object": (
        _served(
            "timestamp.json", lambda raw: raw.replace(b'{"signatures"', b'{"signatures":[],"signatures"', 1)
        ),
        "policy-malformed",
    ),
}


@pytest.mark.hostile
@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_leaves_the_last_good_rulebook_in_force_and_says_what_it_was(
    name: str, pinned: Machine, repository: Repository
) -> None:
    attack, code = ATTACKS[name]
    good = in_force(pinned)
    before = standing(pinned)
    attack(pinned, repository)
    wanted = hashlib.sha256(rulebook_bytes("3")).hexdigest()
    found = ask(pinned, wanted)
    assert found.trouble.startswith(f"{code}:"), found.trouble
    assert (found.good, in_force(pinned)) == (good, good)
    assert policy.notices(pinned.folder, pinned.collector.clock()) == (found.trouble,)
    assert found.targets in (before.targets, standing(pinned).targets)
    assert not (pinned.folder / following.WORK).exists()
    # And again after a restart: what was refused was not kept.
    assert ask(pinned, wanted).trouble.partition(":")[0] == code


def test_a_version_may_run_ahead_as_far_as_a_decade_of_signing_and_no_further(
    pinned: Machine, repository: Repository
) -> None:
    version = Metadata[Any].from_bytes(repository.files["timestamp.json"]).signed.version
    repository.renew(version=version + MAX_STEP)
    assert ask(pinned).trouble == ""
    repository.renew(version=version + 2 * MAX_STEP + 1)
    assert ask(pinned).trouble.startswith("policy-fast-forward")


def test_after_a_thief_ran_ahead_a_root_with_another_online_key_begins_anew(
    pinned: Machine, repository: Repository
) -> None:
    version = Metadata[Any].from_bytes(repository.files["timestamp.json"]).signed.version
    repository.renew(version=version + MAX_STEP)
    assert ask(pinned).trouble == ""
    root = repository.next_root()
    for role in signing.ONLINE:
        root.revoke_key(root.roles[role].keyids[0], role)
        root.add_key(public("new"), role)
    repository.sign_root("an", "binh")
    repository.online = "new"
    repository.renew(version=version + 1)
    assert ask(pinned).trouble == ""
    repository.online = "online"
    repository.renew(version=version + 2)
    assert ask(pinned).trouble.startswith("policy-unsigned"), "the stolen key signs nothing any more"


def test_three_turns_of_the_root_keys_are_followed_and_kept(pinned: Machine, repository: Repository) -> None:
    signers = ["an", "binh", "chi"]
    for new in ("dung-2", "em", "giang"):
        root = repository.next_root()
        root.revoke_key(public(signers[0]).keyid, "root")
        root.add_key(public(new), "root")
        signers = [*signers[1:], new]
        repository.sign_root(*signers)
    assert ask(pinned).trouble == ""
    assert standing(pinned).root_version == 4
    assert len(standing(pinned).roots) == 4
    repository.next_root()
    repository.sign_root("an", "binh", "chi")
    assert ask(pinned).trouble.startswith("policy-unsigned"), "those who signed the first root sign no more"
    assert standing(pinned).root_version == 4


@pytest.mark.hostile
def test_a_root_that_failed_is_not_trusted_on_the_next_run(pinned: Machine, repository: Repository) -> None:
    _a_root_by_one_thief(pinned, repository)
    for _ in range(3):
        assert ask(pinned).trouble.startswith("policy-unsigned")
        assert standing(pinned).root_version == 1


@pytest.mark.hostile
def test_another_root_than_the_pinned_one_is_never_begun_with(
    tmp_path: Path, collector: Collector, repository: Repository
) -> None:
    folder = tmp_path / "fresh"
    folder.mkdir(mode=0o700)
    repository.root.signed.expires += DAY
    pin = repository.pin
    repository.sign_root("an", "binh")
    found = follow(folder, collector, pin, collector.rulebook_digest, now=collector.clock())
    assert found.trouble.startswith("policy-unsigned: the root is not the one that was pinned")
    assert (found.roots, found.good) == ((), "")


@pytest.mark.clock
def test_a_clock_that_is_set_back_makes_nothing_valid_again(pinned: Machine, repository: Repository) -> None:
    clock = pinned.collector.clock
    assert isinstance(clock, Clock)
    repository.renew(expires=clock() + 2 * DAY)
    assert ask(pinned, floor=clock()).trouble == ""
    late = clock() + 3 * DAY
    assert ask(pinned, floor=late).trouble.startswith("policy-expired")
    clock.forward(days=-2)
    assert ask(pinned).trouble.startswith("policy-expired")
    assert standing(pinned).is_expired(clock())


@pytest.mark.clock
def test_a_collector_whose_clock_ran_ahead_once_ends_no_policy_for_good(
    pinned: Machine, repository: Repository
) -> None:
    clock = pinned.collector.clock
    assert ask(pinned, floor=clock() + 3650 * DAY).trouble.startswith("policy-expired")
    assert ask(pinned, floor=clock()).trouble == ""
    assert not standing(pinned).is_expired(clock())


@pytest.mark.clock
def test_a_clock_ten_years_ahead_says_expired_and_all_is_well_when_it_is_right_again(
    pinned: Machine, repository: Repository
) -> None:
    clock, good = pinned.collector.clock, in_force(pinned)
    assert isinstance(clock, Clock)
    clock.forward(days=3650)
    assert ask(pinned).trouble.startswith("policy-expired")
    assert in_force(pinned) == good
    clock.forward(days=-3650)
    assert ask(pinned).trouble == ""
    assert policy.notices(pinned.folder, clock()) == ()


def test_an_expired_policy_is_told_by_the_next_report_once_and_so_is_its_end(
    pinned: Machine, repository: Repository, tmp_path: Path
) -> None:
    clock = pinned.collector.clock
    assert isinstance(clock, Clock)
    settings, _ = load_settings(None, {
        "VONGGAC_STATE_DIR": str(pinned.folder),
        "VONGGAC_DISABLED_FACTS": ",".join(sorted(set(SECTION_TOPICS.values()) - {"os.release"})),
    })  # fmt: skip

    def looked() -> tuple[str, tuple[str, ...]]:
        done = look(pinned.folder, pinned.spool, pinned.identity, pinned.key, settings, clock)
        tail = pinned.spool.tail(pinned.chain)
        assert tail is not None
        notices = statement_from_envelope(envelope_from_bytes(pinned.spool.envelope(tail))).report.notices
        return done.kind, tuple(notices)

    assert looked() == ("report", ())
    assert looked()[0] == "heartbeat"
    clock.forward(days=3)
    kind, notices = looked()
    assert kind == "report"
    assert notices[0].startswith("policy-expired: what vouches for the rules was good until")
    assert looked()[0] == "heartbeat"
    repository.now = clock()
    repository.renew()
    ask(pinned)
    assert looked() == ("report", ())


@pytest.mark.hostile
@pytest.mark.parametrize(
    "name", ["rulebook.json", "rulebook-{}.json", "policy-work", "{}.json", "policy-online.key"]
)
def test_a_file_that_somebody_puts_where_the_agent_reads_is_no_policy(
    name: str, pinned: Machine, repository: Repository
) -> None:
    good, raw = in_force(pinned), rulebook_bytes("evil")
    digest = hashlib.sha256(raw).hexdigest()
    (pinned.folder / name.format(digest)).write_bytes(raw)
    rulebooks.note_judged_by(
        pinned.folder, rulebooks.JudgedBy(pinned.collector.profile, digest, pinned.collector.clock())
    )
    assert in_force(pinned) == good
    assert ask(pinned, digest).trouble.startswith("policy-not-vouched")
    assert in_force(pinned) == good


@pytest.mark.hostile
@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[" * 1000, b"\xff\xfe", b'{"pin": {"version": 0, "digest": ""}}']
)
def test_a_damaged_state_is_said_and_mends_itself(
    content: bytes, pinned: Machine, repository: Repository
) -> None:
    (pinned.folder / policy.FILE).write_bytes(content)
    assert in_force(pinned) == hashlib.sha256(default_rulebook_bytes()).hexdigest(), (
        "nobody's word alone counts"
    )
    assert policy.notices(pinned.folder, pinned.collector.clock())[0].startswith("policy-state-damaged")
    ship(pinned)
    assert standing(pinned).trouble == ""
    assert in_force(pinned) == pinned.collector.rulebook_digest


@pytest.mark.disk
@pytest.mark.parametrize("at", range(1, 12))
def test_a_full_disk_at_any_write_leaves_the_old_policy_or_the_new(
    at: int, pinned: Machine, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = in_force(pinned), another(pinned)
    repository.publish(pinned.collector.rulebook)
    written, real = [0], os.replace

    def failing(*names: Any) -> None:
        written[0] += 1
        if written[0] == at:
            raise OSError(28, "No space left on device")
        real(*names)

    monkeypatch.setattr(os, "replace", failing)
    with contextlib.suppress(OSError):
        ask(pinned, new)
    monkeypatch.undo()
    assert in_force(pinned) in (old, new)
    assert rulebooks.kept(pinned.folder, standing(pinned).good) is not None
    assert ask(pinned, new).trouble == ""
    assert in_force(pinned) == new
    assert not (pinned.folder / following.WORK).exists()


def test_nothing_is_written_outside_the_state_folder(
    pinned: Machine, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    digest = another(pinned)
    repository.publish(pinned.collector.rulebook)
    assert ask(pinned, digest).trouble == ""
    assert in_force(pinned) == digest


def test_what_a_killed_run_left_is_in_nobodys_way(pinned: Machine, repository: Repository) -> None:
    work = pinned.folder / following.WORK
    (work / "root_history").mkdir(parents=True)
    (work / "targets.json").write_bytes(b"half")
    assert ask(pinned).trouble == ""
    assert not work.exists()


def test_the_repository_is_asked_four_times_a_day_and_at_once_when_something_is_new(
    pinned: Machine, repository: Repository
) -> None:
    clock = pinned.collector.clock
    assert isinstance(clock, Clock)

    def asked() -> int:
        return sum("policy" in path for _, path, _ in pinned.collector.asked)

    before = asked()
    for _ in range(23):
        clock.forward(minutes=15)
        ship(pinned)
    assert asked() == before
    clock.forward(minutes=15)
    repository.now = clock()
    repository.renew()
    ship(pinned)
    assert asked() == before + 3  # root, timestamp, snapshot
    another(pinned)
    repository.publish(pinned.collector.rulebook)
    ship(pinned)
    assert in_force(pinned) == pinned.collector.rulebook_digest


def test_trouble_with_the_policy_keeps_no_report_back(pinned: Machine, repository: Repository) -> None:
    def gone(answer: Answer) -> Answer:
        raise Unreachable("reset by peer")

    pinned.report("b")
    pinned.collector.rulebook = rulebook_bytes("5")
    pinned.collector.lies = [lambda answer: answer, gone]
    pinned.collector.repository = None
    outcome = ship(pinned)
    assert (outcome.received, outcome.again, outcome.trouble) == (1, False, "")
    assert standing(pinned).trouble == "policy-unreachable: reset by peer"


def test_the_state_folder_stays_one_that_the_agent_takes(pinned: Machine) -> None:
    open_state(pinned.folder)
    assert (pinned.folder / policy.FILE).stat().st_mode & 0o777 == 0o600


def test_a_target_whose_file_is_another_is_refused(pinned: Machine, repository: Repository) -> None:
    good, raw = in_force(pinned), rulebook_bytes("6")
    digest = hashlib.sha256(raw).hexdigest()
    other = rulebook_bytes("7")
    repository.targets = signing.following(repository.targets, repository.now + 300 * DAY)
    repository.targets.signed.targets[f"{digest}.json"] = TargetFile.from_data(
        f"{digest}.json", other, ["sha256"]
    )
    repository.rulebooks[hashlib.sha256(other).hexdigest()] = other
    repository.sign_targets()
    assert ask(pinned, digest).trouble.startswith("policy-malformed")
    assert in_force(pinned) == good


class Stick:
    """A medium with what a collector gives back: a receipt, rulebooks and the policy repository."""

    def __init__(self, machine: Machine, medium: Path) -> None:
        medium.mkdir(exist_ok=True)
        self.machine, self.medium = machine, medium

    def answer(self, at: datetime) -> str:
        """Everything as the collector has it at that moment; the rulebook that the receipt names."""
        collector = self.machine.collector
        assert collector.repository is not None
        tail = self.machine.report(f"at {at}")
        receipt = collector.sealed(
            self.machine.chain,
            tail.digest,
            sequence=tail.sequence,
            received_at=at,
            rulebook=collector.rulebook_digest,
        )
        (self.medium / receipts_name(self.machine.chain.agent_id)).write_bytes(envelope_to_bytes(receipt))
        for name, raw in collector.repository.files.items():
            (self.medium / policy_name(name)).write_bytes(raw)
        for digest, raw in collector.repository.rulebooks.items():
            (self.medium / rulebook_name(digest)).write_bytes(raw)
        return collector.rulebook_digest

    def bring(self) -> Brought:
        self.machine.spool.close()
        try:
            return bring(load_settings(None, {"VONGGAC_STATE_DIR": str(self.machine.folder)})[0], self.medium)
        finally:
            self.machine.spool = self.machine.open()


@pytest.fixture
def stick(pinned: Machine, tmp_path: Path) -> Stick:
    return Stick(pinned, tmp_path / "stick")


@pytest.mark.usb
def test_rules_come_on_a_medium_weeks_later_with_what_vouches_for_them(
    stick: Stick, repository: Repository
) -> None:
    clock = stick.machine.collector.clock
    assert isinstance(clock, Clock)
    another(stick.machine)
    repository.publish(stick.machine.collector.rulebook)
    digest = stick.answer(clock() + timedelta(hours=1))
    clock.forward(days=20)
    brought = stick.bring()
    assert (brought.rulebook, brought.trouble) == (digest, ())
    assert in_force(stick.machine) == digest
    assert stick.bring().rulebook == ""


@pytest.mark.usb
@pytest.mark.hostile
def test_a_medium_brings_no_rulebook_that_nobody_vouches_for_and_no_older_repository(
    stick: Stick, repository: Repository
) -> None:
    clock, good = stick.machine.collector.clock, in_force(stick.machine)
    assert isinstance(clock, Clock)
    old = dict(repository.files)
    repository.renew()
    assert ask(stick.machine).trouble == ""
    digest = another(stick.machine)
    repository.rulebooks[digest] = stick.machine.collector.rulebook
    stick.answer(clock() + timedelta(hours=1))
    assert stick.bring().trouble[0].startswith("policy-not-vouched")
    repository.files = old
    stick.answer(clock() + timedelta(hours=2))
    assert stick.bring().trouble[0].startswith("policy-rollback")
    assert in_force(stick.machine) == good
    (stick.medium / policy_name("timestamp.json")).unlink()
    assert stick.bring().trouble == ()
    assert in_force(stick.machine) == good


@pytest.fixture
def real(tmp_path: Path) -> tuple[RealCollector, Path]:
    """A collector, and its state folder; nobody signs yet."""
    make_state(tmp_path / "collector")
    return RealCollector(Clock(NOW)), tmp_path / "collector"


def turned(station: Station) -> PolicyRoot | None:
    """The pin after the machine changed its key."""
    epoch = station.who.enrolled.epoch
    want(station.folder)
    station.ship()
    assert station.who.enrolled.epoch == epoch + 1
    return station.who.enrolled.policy


def test_a_machine_of_before_is_pinned_when_its_key_turns(
    real: tuple[RealCollector, Path], tmp_path: Path
) -> None:
    collector, folder = real
    station = Station(tmp_path / "state", collector).enrol(collector.desk.token())
    station.look("a")
    station.ship()
    assert station.who.enrolled.policy is None
    serving.begin(collector.ledger, folder, NOW, "test")
    with collector.ledger.read() as tx:
        assert turned(station) == serving.pin(tx, folder) is not None
    assert policy.read(station.folder) is not None


@pytest.mark.hostile
def test_a_turn_of_the_key_moves_no_pin(real: tuple[RealCollector, Path], tmp_path: Path) -> None:
    collector, folder = real
    serving.begin(collector.ledger, folder, NOW, "test")
    station = Station(tmp_path / "state", collector).enrol(collector.desk.token())
    pin = station.who.enrolled.policy
    assert pin is not None
    station.look("a")
    station.ship()
    with collector.ledger.write() as tx:
        for name in tx.policy.all():
            tx.policy.drop(name)
    make_state(tmp_path / "thief")
    serving.begin(collector.ledger, tmp_path / "thief", NOW, "thief")
    assert turned(station) == pin
    with collector.ledger.write() as tx:
        for name in tx.policy.all():
            tx.policy.drop(name)
    assert turned(station) == pin


def test_a_receipt_of_a_clock_that_was_ahead_keeps_no_machine_without_a_line_on_old_rules(
    stick: Stick, repository: Repository, clock: Clock
) -> None:
    another(stick.machine)
    repository.publish(stick.machine.collector.rulebook)
    stick.answer(clock() + timedelta(days=3650))
    stick.bring()
    for number in range(2):
        clock.forward(days=20)
        repository.now = clock()
        repository.renew()
        digest = another(stick.machine, str(10 + number))
        repository.publish(stick.machine.collector.rulebook)
        stick.answer(clock())
        assert not stick.bring().trouble
        assert in_force(stick.machine) == digest
