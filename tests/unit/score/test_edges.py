"""The cases that a random country seldom hits, each with its exact number."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac_collector.score.apportion import apportion
from vonggac_collector.score.attested import Attestation, attested_points, composite
from vonggac_collector.score.coverage import Presence, coverage, is_expected
from vonggac_collector.score.freshness import effective_host, effective_points, look_time
from vonggac_collector.score.gain import fixed
from vonggac_collector.score.grades import grade, is_sufficient
from vonggac_collector.score.host import complete, host_score
from vonggac_collector.score.parameters import Parameters, parse_parameters
from vonggac_collector.score.system import agency_score, by_cause, parent_score, system_score
from vonggac_collector.score.values import (
    FULL,
    POINT,
    AgencyInput,
    Coverage,
    Deduction,
    HeldCap,
    HostInput,
    PlacedHost,
    RuleOutcome,
    RuleWeight,
    SystemInput,
)
from vonggac_collector.score.waivers import Waiver, is_active, waived_rules, with_waivers
from vonggac_contract.finding import Domain, Outcome, Severity

from .countries import DAY, NOW, PARAMETERS


def _rule(
    rule: str,
    outcome: Outcome,
    domain: Domain = "access",
    severity: Severity = "high",
    passed: int = 0,
    of: int = 0,
) -> RuleOutcome:
    return RuleOutcome(rule, domain, severity, outcome, passed, of)


def _host(host: str, met: int, *, expected: bool = True, criticality: int = 1) -> PlacedHost:
    """A host that scores met tenths of 100, looked at now."""
    rules = (_rule("a", Outcome.PARTIAL, passed=met, of=10),)
    return PlacedHost(host, host_score(HostInput(host, rules), PARAMETERS), NOW, expected, criticality)


class TestHosts:
    def test_a_domain_without_rules_is_left_out_of_the_mean(self) -> None:
        rules = (_rule("a", Outcome.PASS, "patching"), _rule("b", Outcome.FAIL, "tls"))
        score = host_score(HostInput("h", rules), PARAMETERS)
        assert score.score == FULL * 25 // 35
        assert [domain.domain for domain in score.domains] == ["patching", "tls"]

    def test_not_applicable_deducts_nothing_but_stays_in_the_denominator(self) -> None:
        rules = (_rule("a", Outcome.NOT_APPLICABLE), _rule("b", Outcome.FAIL))
        assert host_score(HostInput("h", rules), PARAMETERS).score == FULL // 2

    def test_unknown_deducts_fully_and_says_why(self) -> None:
        rules = (RuleOutcome("a", "tls", "low", Outcome.UNKNOWN, reason="permission-denied"),)
        assert host_score(HostInput("h", rules), PARAMETERS).deductions == (
            Deduction("unknown", "a", FULL, "h", reason="permission-denied"),
        )

    def test_a_host_for_which_there_are_no_rules_was_not_looked_at(self) -> None:
        score = host_score(HostInput("h", ()), PARAMETERS)
        assert score.score == 0
        assert [(d.kind, d.points) for d in score.deductions] == [("unknown", FULL)]

    def test_caps_deduct_one_after_the_other_from_the_loosest(self) -> None:
        caps = (HeldCap("known-exploited-reachable"), HeldCap("critical-overdue"), HeldCap("end-of-life"))
        score = host_score(HostInput("h", (_rule("a", Outcome.PASS),), caps), PARAMETERS)
        assert [(d.what, d.points) for d in score.deductions] == [
            ("critical-overdue", 40 * POINT),
            ("end-of-life", 10 * POINT),
            ("known-exploited-reachable", 10 * POINT),
        ]

    def test_a_cap_above_the_score_deducts_nothing(self) -> None:
        score = host_score(HostInput("h", (_rule("a", Outcome.FAIL),), (HeldCap("end-of-life"),)), PARAMETERS)
        assert [d.kind for d in score.deductions] == ["rule"]

    def test_a_cap_lifts_when_the_last_rule_that_holds_it_is_fixed(self) -> None:
        host = HostInput(
            "h",
            (_rule("a", Outcome.FAIL), _rule("b", Outcome.FAIL)),
            (HeldCap("end-of-life", frozenset("ab")),),
        )
        once = fixed(host, "a")
        assert once.caps == (HeldCap("end-of-life", frozenset("b")),)
        assert fixed(once, "b").caps == ()

    def test_a_cap_that_no_rule_holds_is_lifted_by_no_fix(self) -> None:
        host = HostInput("h", (_rule("a", Outcome.FAIL),), (HeldCap("end-of-life"),))
        assert fixed(host, "a").caps == host.caps

    def test_a_rule_named_twice_is_refused(self) -> None:
        rules = (_rule("a", Outcome.PASS), _rule("a", Outcome.FAIL))
        with pytest.raises(ValueError, match="host h: a rule is named twice"):
            host_score(HostInput("h", rules), PARAMETERS)

    @pytest.mark.parametrize(("passed", "of"), [(0, 0), (-1, 3), (4, 3), (1, -1)])
    def test_an_impossible_fraction_is_refused(self, passed: int, of: int) -> None:
        rules = (_rule("a", Outcome.PARTIAL, passed=passed, of=of),)
        with pytest.raises(ValueError, match=f"rule a: {passed} of {of} is no fraction"):
            host_score(HostInput("h", rules), PARAMETERS)

    def test_fractions_with_enormous_denominators_are_exact(self) -> None:
        rules = tuple(_rule(f"r{i}", Outcome.PARTIAL, passed=2**53 - i - 1, of=2**53 - i) for i in range(100))
        score = host_score(HostInput("h", rules), PARAMETERS)
        assert score.score == FULL - 1
        assert sum(d.points for d in score.deductions) == 1


class TestCompleteReports:
    FULL_LIST = (RuleWeight("b", "tls", "low"), RuleWeight("a", "access", "critical"))

    def test_a_rule_that_the_report_lacks_is_unknown(self) -> None:
        assert complete(self.FULL_LIST, []) == (
            RuleOutcome("a", "access", "critical", Outcome.UNKNOWN, reason="not-reported"),
            RuleOutcome("b", "tls", "low", Outcome.UNKNOWN, reason="not-reported"),
        )

    def test_weight_and_domain_are_the_lists_and_other_rules_count_nothing(self) -> None:
        said = [_rule("a", Outcome.FAIL, "tls", "low"), _rule("c", Outcome.PASS), _rule("b", Outcome.PASS)]
        assert complete(self.FULL_LIST, said) == (
            RuleOutcome("a", "access", "critical", Outcome.FAIL),
            RuleOutcome("b", "tls", "low", Outcome.PASS),
        )

    def test_a_rule_reported_twice_is_unknown_even_if_both_say_pass(self) -> None:
        first = complete(self.FULL_LIST, [_rule("a", Outcome.PASS), _rule("a", Outcome.PASS)])[0]
        assert (first.outcome, first.reason) == (Outcome.UNKNOWN, "reported-twice")

    def test_an_impossible_fraction_is_unknown(self) -> None:
        first = complete(self.FULL_LIST, [_rule("a", Outcome.PARTIAL, passed=3, of=2)])[0]
        assert (first.outcome, first.reason) == (Outcome.UNKNOWN, "malformed")


class TestFreshness:
    @pytest.mark.parametrize(
        ("age", "points"),
        [(-5, FULL), (0, FULL), (DAY, FULL), (DAY + 3_599, FULL), (DAY + 3_600, 996_794),
         (7 * DAY + DAY // 2, 500_000),
         (14 * DAY - 1, 3_205), (14 * DAY, 0), (400 * DAY, 0)],
    )  # fmt: skip
    def test_a_look_counts_fully_for_a_day_and_nothing_after_fourteen(self, age: int, points: int) -> None:
        assert effective_points(FULL, age, PARAMETERS) == points

    def test_the_earlier_clock_decides_how_old_a_look_is(self) -> None:
        assert look_time(NOW + 500, NOW) == NOW
        assert look_time(NOW - DAY, NOW) == NOW - DAY

    @pytest.mark.parametrize("looked_at", [None, NOW])
    def test_a_host_without_a_score_counts_nothing(self, looked_at: int | None) -> None:
        effective = effective_host(PlacedHost("h", None, looked_at), NOW, PARAMETERS)
        assert effective.score == 0
        assert effective.deductions == (Deduction("silence", "silence", FULL, "h"),)


class TestGroups:
    def test_a_system_without_expected_hosts_is_not_scored_and_not_counted(self) -> None:
        empty = SystemInput("empty", 5, (_host("x", 1, expected=False),))
        full = SystemInput("full", 1, (_host("y", 9),))
        alone = system_score(empty, NOW, PARAMETERS)
        assert (alone.score, alone.grade, alone.sufficient, alone.weight) == (None, None, False, 0)
        assert (alone.deductions, by_cause(alone)) == ((), ())
        agency = agency_score(AgencyInput("a", (empty, full)), NOW, PARAMETERS)
        assert (agency.score, agency.weight) == (90 * POINT, 1)

    def test_only_the_worst_host_of_criticality_three_caps_its_system(self) -> None:
        good = tuple(_host(f"good-{i}", 10, criticality=3) for i in range(9))
        low = system_score(SystemInput("s", 1, (*good, _host("bad", 0, criticality=2))), NOW, PARAMETERS)
        assert low.score == FULL * 27 // 29
        high = system_score(SystemInput("s", 1, (*good, _host("bad", 0, criticality=3))), NOW, PARAMETERS)
        assert high.score == 30 * POINT
        assert [(d.host, d.points) for d in high.deductions if d.kind == "system-cap"] == [
            ("bad", 60 * POINT)
        ]

    def test_unassigned_hosts_weigh_like_the_highest_level_declared(self) -> None:
        systems = (SystemInput("s", 1, (_host("x", 10),)), SystemInput("empty", 5, ()))
        agency = agency_score(AgencyInput("a", systems, (_host("loose", 0),)), NOW, PARAMETERS)
        assert (agency.score, agency.weight, agency.unassigned) == (FULL // 9, 1, 0)

    def test_better_unassigned_hosts_count_like_the_systems_and_the_rest_is_a_deduction(self) -> None:
        systems = (SystemInput("s", 1, (_host("x", 5),)),)
        agency = agency_score(AgencyInput("a", systems, (_host("loose", 10),)), NOW, PARAMETERS)
        assert (agency.score, agency.unassigned) == (50 * POINT, 50 * POINT)
        assert [(d.kind, d.points) for d in agency.deductions] == [
            ("rule", 25 * POINT),
            ("unassigned", 25 * POINT),
        ]

    def test_an_agency_without_systems_is_scored_by_its_unassigned_hosts_and_weighs_nothing(self) -> None:
        loose = agency_score(AgencyInput("a", (), (_host("loose", 4),)), NOW, PARAMETERS)
        assert (loose.score, loose.weight, loose.grade) == (40 * POINT, 0, "D")
        real = agency_score(AgencyInput("b", (SystemInput("s", 2, (_host("x", 9),)),)), NOW, PARAMETERS)
        parent = parent_score("p", [loose, real], PARAMETERS)
        assert (parent.score, parent.weightless, parent.coverage.expected) == (90 * POINT, ("a",), 2)

    def test_a_parent_whose_agencies_weigh_nothing_is_not_scored(self) -> None:
        loose = agency_score(AgencyInput("a", (), (_host("loose", 4),)), NOW, PARAMETERS)
        parent = parent_score("p", [loose], PARAMETERS)
        assert (parent.score, parent.grade, parent.sufficient) == (None, None, False)
        assert (parent.weightless, parent.deductions, parent.coverage.heard) == (("a",), (), 1)

    def test_a_unit_without_anything_is_not_scored(self) -> None:
        agency = agency_score(AgencyInput("a", ()), NOW, PARAMETERS)
        assert (agency.score, agency.coverage) == (None, Coverage(0, 0, ()))
        assert parent_score("p", [], PARAMETERS).score is None

    def test_causes_count_each_host_once_and_add_up(self) -> None:
        hosts = (_host("x", 5), _host("y", 6), PlacedHost("z", None, None))
        agency = agency_score(AgencyInput("a", (SystemInput("s", 1, hosts),)), NOW, PARAMETERS)
        assert [(d.kind, d.what, d.hosts, d.points) for d in by_cause(agency)] == [
            ("silence", "silence", 1, 333_334),
            ("rule", "a", 2, 300_000),
        ]

    def test_a_rule_on_very_many_hosts_is_not_lost_to_rounding(self) -> None:
        rules = (
            _rule("rare", Outcome.PARTIAL, passed=99_999, of=100_000),
            _rule("b", Outcome.FAIL, severity="low"),
        )
        base = host_score(HostInput("h", rules), PARAMETERS)
        hosts = tuple(
            PlacedHost(f"{i}", msgspec.structs.replace(base, host=f"{i}"), NOW) for i in range(1000)
        )
        agency = agency_score(AgencyInput("a", (SystemInput("s", 1, hosts),)), NOW, PARAMETERS)
        shown = {d.what: d.points for d in by_cause(agency)}
        assert shown == {d.what: d.points for d in base.deductions}

    @pytest.mark.parametrize("twice", ["host", "unassigned", "system", "agency"])
    def test_a_name_given_twice_is_refused(self, twice: str) -> None:
        two = (_host("x", 5), _host("x", 6))
        system = SystemInput("s", 1, two if twice == "host" else ())
        agency = AgencyInput(
            "a", (system,) * (2 if twice == "system" else 1), two if twice == "unassigned" else ()
        )

        def score() -> None:
            parent_score("p", [agency_score(agency, NOW, PARAMETERS)] * 2, PARAMETERS)

        with pytest.raises(ValueError, match="named twice"):
            score()

    def test_levels_and_criticalities_outside_the_scale_are_refused(self) -> None:
        with pytest.raises(ValueError, match="level 6 is not 1 to 5"):
            SystemInput("s", 6, ())
        with pytest.raises(ValueError, match="criticality 0 is not 1, 2 or 3"):
            PlacedHost("h", None, None, criticality=0)


class TestBesideTheScore:
    @pytest.mark.parametrize(
        ("points", "given"),
        [(FULL, "A"), (800_001, "A"), (800_000, "B"), (650_001, "B"), (650_000, "C"), (500_001, "C"),
         (500_000, "D"), (350_001, "D"), (350_000, "E"), (0, "E")],
    )  # fmt: skip
    def test_a_score_exactly_on_a_bound_has_the_lower_grade(self, points: int, given: str) -> None:
        assert grade(points, PARAMETERS) == given

    def test_sixty_percent_heard_is_enough_and_less_is_not(self) -> None:
        assert is_sufficient(Coverage(5, 3, ()), PARAMETERS)
        assert not is_sufficient(Coverage(1000, 599, ()), PARAMETERS)
        assert not is_sufficient(Coverage(0, 0, ()), PARAMETERS)

    def test_insufficient_data_keeps_its_score_and_has_no_grade(self) -> None:
        hosts = (_host("x", 10), PlacedHost("y", None, None))
        score = system_score(SystemInput("s", 1, hosts), NOW, PARAMETERS)
        assert (score.score, score.grade, score.sufficient) == (FULL // 2, None, False)
        assert score.coverage.share == 0.5

    def test_coverage_counts_expected_hosts_once_and_a_silent_one_as_not_heard(self) -> None:
        hosts = [
            PlacedHost("a", None, NOW),
            PlacedHost("a", None, NOW),
            PlacedHost("b", None, NOW - 14 * DAY),
            PlacedHost("c", None, None),
            PlacedHost("d", None, NOW - 14 * DAY + 1),
            PlacedHost("e", None, NOW, expected=False),
        ]
        covered = coverage(hosts, NOW, PARAMETERS)
        assert (covered.expected, covered.heard) == (4, 2)
        assert covered.freshness_s == 14 * DAY - 1

    def test_the_older_of_two_middle_looks_is_the_freshness(self) -> None:
        assert Coverage(2, 2, (1, 100)).freshness_s == 100
        assert Coverage(0, 0, ()).freshness_s is None

    @pytest.mark.parametrize(
        ("presence", "expected"),
        [
            (Presence(), False),
            (Presence(declared=True), True),
            (Presence(enrolled=True, dismissed=True), True),
            (Presence(discovered_at=NOW - 7 * DAY), True),
            (Presence(discovered_at=NOW - 7 * DAY + 1), False),
            (Presence(discovered_at=NOW - 30 * DAY, dismissed=True), False),
            (Presence(enrolled=True, taken_out_at=NOW - 5), False),
            (Presence(enrolled=True, taken_out_at=NOW + 5), True),
            (Presence(enrolled=True, taken_out_at=NOW - 5, last_seen=NOW - 5), False),
            (Presence(enrolled=True, taken_out_at=NOW - 5, last_seen=NOW - 4), True),
        ],
    )
    def test_who_is_expected(self, presence: Presence, expected: bool) -> None:
        assert is_expected(presence, NOW, PARAMETERS) is expected


class TestWaivers:
    GRANTED = Waiver("a", "host", "h", "old printer", "lan", NOW + 10, "minh", NOW - 10)

    @pytest.mark.parametrize(
        ("change", "active"),
        [
            ({}, True),
            ({"approved_by": None}, False),
            ({"approved_by": "lan"}, False),
            ({"approved_at": None}, False),
            ({"approved_at": NOW + 1}, False),
            ({"reason": "  "}, False),
            ({"expires": NOW}, False),
        ],
    )
    def test_a_waiver_needs_a_reason_another_persons_approval_and_time_left(
        self, change: dict[str, object], active: bool
    ) -> None:
        assert is_active(msgspec.structs.replace(self.GRANTED, **change), NOW) is active

    def test_a_waiver_holds_for_its_host_system_or_agency_only(self) -> None:
        waivers = [
            self.GRANTED,
            msgspec.structs.replace(self.GRANTED, rule="b", scope="system", of="s"),
            msgspec.structs.replace(self.GRANTED, rule="c", scope="agency", of="ag"),
            msgspec.structs.replace(self.GRANTED, rule="d", scope="agency", of="other"),
            msgspec.structs.replace(self.GRANTED, rule="e", of="s"),
        ]
        assert waived_rules(waivers, host="h", system="s", agency="ag", now=NOW) == {"a", "b", "c"}
        assert waived_rules(waivers, host="k", system=None, agency="ag", now=NOW) == {"c"}

    def test_a_waived_rule_deducts_nothing_and_the_cap_stays(self) -> None:
        host = HostInput("h", (_rule("a", Outcome.FAIL),), (HeldCap("end-of-life", frozenset("a")),))
        waived = with_waivers(host, frozenset("a"))
        assert host_score(host, PARAMETERS).score == 0
        assert host_score(waived, PARAMETERS).score == 50 * POINT


class TestAttested:
    MET = Attestation("c1", "met", "sha256:00", "lan", NOW + 1, "minh")

    @pytest.mark.parametrize(
        ("change", "points"),
        [
            ({}, FULL // 2),
            ({"state": "not-applicable"}, FULL // 2),
            ({"state": "partly"}, FULL // 4),
            ({"state": "not-met"}, 0),
            ({"evidence": ""}, 0),
            ({"approved_by": None}, 0),
            ({"approved_by": "lan"}, 0),
            ({"expires": NOW}, 0),
            ({"control": "other"}, 0),
        ],
    )
    def test_a_declaration_counts_with_evidence_approval_and_time_left(
        self, change: dict[str, object], points: int
    ) -> None:
        declared = [msgspec.structs.replace(self.MET, **change)]
        assert attested_points(["c1", "c2"], declared, NOW) == points

    def test_nothing_required_is_nothing_attested(self) -> None:
        assert attested_points([], [self.MET], NOW) is None

    def test_a_control_declared_twice_is_refused(self) -> None:
        with pytest.raises(ValueError, match="c1 is declared twice"):
            attested_points(["c1"], [self.MET, self.MET], NOW)

    def test_the_composite_is_eighty_and_twenty_and_needs_both(self) -> None:
        assert composite(500_001, FULL, PARAMETERS) == 600_000
        assert composite(None, FULL, PARAMETERS) is None
        assert composite(FULL, None, PARAMETERS) is None


class TestParameters:
    @pytest.mark.parametrize(
        ("name", "value", "says"),
        [
            (
                "severity_weights",
                {"critical": 10, "high": 6, "medium": 3},
                "severity_weights: needs a weight",
            ),
            ("level_weights", {"1": 0, "2": 2, "3": 4, "4": 6, "5": 8}, "level_weights: needs a weight"),
            ("caps", {"end-of-life": 101}, "caps: needs 0 to 100 points"),
            ("silent_after_s", 86_400, "silent_after_s: must be later"),
            ("attested_percent", 30, "must add up to 100"),
            ("grades", [{"grade": "A", "above": 80}], "grades: one bound for each"),
            (
                "grades",
                [
                    {"grade": grade, "above": above}
                    for grade, above in zip("ABCD", (50, 65, 80, 35), strict=True)
                ],
                "grades: bounds must fall",
            ),
            ("version", 1.5, "version"),
            ("severity_weights", {"critical": "NaN"}, "severity_weights"),
            ("surprise", 1, "unknown field `surprise`"),
        ],
    )
    def test_parameters_that_do_not_fit_are_refused_by_name(
        self, name: str, value: object, says: str
    ) -> None:
        told = msgspec.to_builtins(PARAMETERS, str_keys=True) | {name: value}
        with pytest.raises(msgspec.ValidationError, match=says):
            parse_parameters(msgspec.json.encode(told))

    def test_parameters_survive_being_stored(self) -> None:
        assert parse_parameters(msgspec.json.encode(PARAMETERS)) == PARAMETERS
        assert isinstance(PARAMETERS, Parameters)


class TestApportioning:
    def test_what_is_left_over_goes_to_the_largest_remainders_and_the_earlier_of_equals(self) -> None:
        assert apportion(10, [1, 1, 1]) == [4, 3, 3]
        assert apportion(10, [6, 6, 2]) == [4, 4, 2]
        assert apportion(1, [0, 1, 2]) == [0, 0, 1]

    def test_something_cannot_be_split_over_nothing(self) -> None:
        assert apportion(0, [0, 0]) == [0, 0]
        with pytest.raises(ValueError, match="3 to split"):
            apportion(3, [0])

    @given(st.integers(0, FULL), st.lists(st.integers(0, 2**60), min_size=1, max_size=30).filter(any))
    def test_parts_add_up_and_each_is_within_a_unit_of_its_due(self, total: int, shares: list[int]) -> None:
        parts = apportion(total, shares)
        assert sum(parts) == total
        assert all(
            abs(part * sum(shares) - total * share) < sum(shares)
            for part, share in zip(parts, shares, strict=True)
        )
