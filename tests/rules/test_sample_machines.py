"""The demonstration's sample machines: every rule knows what it finds on a well-kept one, and on a badly kept one."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from vonggac_agent.plan import plan
from vonggac_contract.finding import Outcome
from vonggac_rules.pack import Pack, compile_pack
from vonggac_rules.rulebook import load_rulebook

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "packaging" / "demo"))

from vonggac_demo.bare import bare_facts
from vonggac_demo.country import SampleHost, country
from vonggac_demo.faults import FAULTS, UNSEEN
from vonggac_demo.machines import Span, Workshop, life_of, system_of
from vonggac_demo.well_kept import SYSTEMS

NOW = datetime(2026, 11, 26, 2, tzinfo=UTC)
KINDS = [
    (archetype, system.codename or system.id)
    for archetype, systems in SYSTEMS.items()
    for system in dict.fromkeys(systems)
]
FAILS = {"old": {"linux.support.lead-time", "linux.support.release"}}
"""What a well-kept machine fails: the old ones are kept on systems that their makers gave up."""


@pytest.fixture(scope="module")
def workshop(pack: Pack) -> Workshop:
    book = load_rulebook(compile_pack(pack, "test", {}))
    keys = {key for profile in book.profiles for key in plan(book, profile, "linux")}
    return Workshop(book, pack.cases, bare_facts(keys, NOW))


def host_of(archetype: str, system: str, care: float = 1.0) -> SampleHost:
    """A host of that kind: the system follows from the seed."""
    for seed in range(1000):
        host = SampleHost("mau-01.mau.vn", "01", "van-phong", None, archetype, care, 1, 0, seed)
        if system in (system_of(host).codename, system_of(host).id):
            return host
    raise AssertionError(f"no seed makes a {archetype} of {system}")


@pytest.mark.parametrize(("archetype", "system"), KINDS)
def test_a_well_kept_sample_machine_fails_only_what_its_age_makes_it_fail_and_leaves_nothing_unknown(
    workshop: Workshop, archetype: str, system: str
) -> None:
    host = host_of(archetype, system)
    for profile in workshop.book.profiles:
        findings = workshop.scan(host, [], 0, NOW, profile).findings
        good = (Outcome.PASS, Outcome.NOT_APPLICABLE)
        open_ = {f.rule for f in findings if f.outcome not in good}
        assert open_ == {rule for rule in FAILS.get(archetype, set()) if rule in {f.rule for f in findings}}
        assert sum(f.outcome is Outcome.PASS for f in findings) > len(findings) / 2


def test_a_sample_machine_can_fail_nearly_every_rule_that_it_passes(workshop: Workshop) -> None:
    host = host_of("web", "bookworm")
    passed = {
        f.rule
        for f in workshop.scan(host, [], 0, NOW, "tcvn14423-level5").findings
        if f.outcome is Outcome.PASS
    }
    assert len(passed - set(workshop.failings(host))) < 20
    for rule in list(workshop.failings(host))[::10]:
        findings = workshop.scan(host, [Span(rule, 0, 1)], 0, NOW, "tcvn14423-level5").findings
        assert {f.rule: f.outcome for f in findings}[rule] is Outcome.FAIL


def test_each_fault_that_is_written_by_hand_fails_something_on_some_kind_of_machine(
    workshop: Workshop,
) -> None:
    hosts = [host_of(*kind) for kind in KINDS]
    for fault in FAULTS:
        found = [workshop.scan(h, [Span(fault, 0, 1)], 0, NOW, "tcvn14423-level5").findings for h in hosts]
        failed = {
            f.rule for findings in found for f in findings if f.outcome in (Outcome.FAIL, Outcome.PARTIAL)
        }
        assert failed - FAILS["old"], fault


def test_a_badly_kept_sample_machine_leaves_nothing_unknown_but_what_nobody_could_look_at(
    workshop: Workshop,
) -> None:
    reasons = {str(why.reason) for _, why in UNSEEN.values()}
    for host in country(["01", "31", "48"]):
        spans = life_of(host, workshop.failings(host))
        findings = workshop.scan(host, spans, 0, NOW, "tcvn14423-level5").findings
        assert {f.reason for f in findings if f.outcome is Outcome.UNKNOWN} <= reasons
