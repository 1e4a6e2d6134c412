"""What leaves the machine: sections by digest, nothing volatile, and nothing that the owner keeps back."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.agent.twin import NOW, PROFILE, rulebook_bytes

from vonggac_agent.report import build_report, section_digests, without_known_sections
from vonggac_agent.scan import Scan
from vonggac_agent.withhold import WITHHELD, check_field, without_evidence
from vonggac_contract.facts import Fact, FactKey, Known, Reason, Unavailable, access, network, packages
from vonggac_contract.finding import Evidence, Finding, Outcome
from vonggac_contract.report import SECTION_TOPICS, Report, section_digest
from vonggac_contract.snapshot import Snapshot
from vonggac_rules.rulebook import load_rulebook

BOOK = load_rulebook(rulebook_bytes())


def account(name: str = "lan", last_login: datetime | None = NOW) -> access.Account:
    return access.Account(
        name, 1000, 1000, "/bin/bash", f"/home/{name}", False, True, ["sudo"], "set", last_login=last_login
    )


def socket_on(port: int, pid: int) -> network.Listener:
    return network.Listener("tcp", "0.0.0.0", port, "any", "nginx", "root", "nginx", "/usr/sbin/nginx", pid)


def report_of(
    facts: dict[FactKey, Fact], findings: list[Finding] | None = None, withhold: tuple[str, ...] = ()
) -> Report:
    scan = Scan(Snapshot(NOW, "linux", facts), BOOK, PROFILE, findings or [], NOW, NOW, 0.25)
    return build_report(scan, withhold=withhold)


ACCOUNTS = FactKey("account.users")
SOCKETS = FactKey("socket.listening")


def known(value: msgspec.Struct) -> Known:
    return Known(value, "test")


def test_a_value_that_moves_by_itself_neither_leaves_nor_changes_the_content() -> None:
    first, second = (
        report_of({SOCKETS: known(network.ListeningSockets([socket_on(443, pid)], 0))}) for pid in (11, 22)
    )
    assert first.content == second.content
    assert "pid" not in first.sections["sockets"].content["sockets"][0]
    third = report_of({SOCKETS: known(network.ListeningSockets([socket_on(444, 11)], 0))})
    assert third.content != first.content


def test_a_fact_that_could_not_be_looked_at_says_so_in_its_section_and_in_the_health() -> None:
    report = report_of({ACCOUNTS: Unavailable(Reason.PERMISSION_DENIED, "etc/shadow")})
    assert report.sections["accounts"].unavailable == "permission-denied"
    assert report.sections["accounts"].content is None
    assert [(h.fact, h.reason) for h in report.facts_unavailable] == [("account.users", "permission-denied")]
    assert report.facts_known == 0


def test_every_section_names_a_declared_fact_that_is_looked_for() -> None:
    report = report_of(
        {FactKey(topic): Unavailable(Reason.TIMED_OUT, "") for topic in SECTION_TOPICS.values()}
    )
    assert set(report.sections) == set(SECTION_TOPICS)


def test_a_withheld_field_never_leaves_and_the_report_says_so() -> None:
    facts: dict[FactKey, Fact] = {ACCOUNTS: known(access.Accounts([account()], ["lan"]))}
    open_, kept_back = report_of(facts), report_of(facts, withhold=("accounts.last_login", "accounts.home"))
    assert b"2026-03-01T08" in msgspec.json.encode(open_.sections["accounts"])
    section = kept_back.sections["accounts"]
    assert section.withheld == ("home", "last_login")
    raw = msgspec.json.encode(section)
    assert b'"last_login"' not in raw.replace(b'"withheld":["home","last_login"]', b"")
    assert b"/home/lan" not in raw
    assert section.digest == section_digest(section.content)


def test_evidence_that_quotes_a_withheld_field_is_withheld_and_the_outcome_stays() -> None:
    finding = Finding(
        "r", Outcome.FAIL, "high", "access",
        evidence=[
            Evidence("account.users accounts", "none", "0/1", "none", [{"name": "lan", "last_login": "2026"}], 1),
            Evidence("account.users accounts.last_login", "x", "2026"),
            Evidence("account.policy", 1, 2),
        ],
    )  # fmt: skip
    hidden = without_evidence(finding, ("accounts.last_login",))
    assert hidden.outcome is Outcome.FAIL
    assert hidden.evidence[0].offenders == [{"name": "lan"}]
    assert hidden.evidence[1].actual == WITHHELD
    assert hidden.evidence[2] == finding.evidence[2]
    assert b"2026" not in msgspec.json.encode(hidden)


@given(st.sets(st.sampled_from(["last_login", "home", "shell", "groups", "name"])))
def test_whatever_is_withheld_does_not_stand_in_the_section(fields: set[str]) -> None:
    people = [account("an"), account("bình", None)]
    withhold = tuple(check_field(f"accounts.{field}") for field in sorted(fields))
    report = report_of({ACCOUNTS: known(access.Accounts(people, []))}, withhold=withhold)
    for each in report.sections["accounts"].content["accounts"]:
        assert not fields & set(each)


@pytest.mark.parametrize("text", ["accounts", "accounts.", "accounts.none", ".x", "packages.name", ""])
def test_only_fields_that_exist_can_be_withheld(text: str) -> None:
    with pytest.raises(ValueError, match="names no"):
        check_field(text)


def test_a_section_the_collector_holds_is_named_by_its_digest() -> None:
    inventory = packages.PackageInventory("dpkg", [packages.Package("bash", "5.2", "amd64")])
    report = report_of({FactKey("package.inventory"): known(inventory)})
    digests = section_digests(report)
    thin = without_known_sections(report, digests)
    assert thin.sections["packages"].content is None
    assert thin.sections["packages"].digest == digests["packages"]
    assert thin.content == report.content
    assert without_known_sections(report, {"packages": "0" * 64}) == report


def test_times_are_utc() -> None:
    assert report_of({}).started_at.tzinfo is UTC
