"""What pages say about machines' keys and chains, and to whom: who waits, what may be decided, what is missing."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import msgspec
import pytest
from tests.unit.dashboards import sample
from tests.unit.dashboards.house import SampleQueries, make_app, signed_in

from vonggac_collector.identity_views import KeyRow, MissingRow
from vonggac_contract.enrolment import fingerprint

SINCE = sample.NOW - timedelta(hours=3)


def host_page(name: str, **more: object) -> str:
    queries = SampleQueries()
    keys = [KeyRow("ab" * 32, 1, SINCE, None)]
    queries.host_page = msgspec.structs.replace(sample.host(), keys=keys, **more)
    return signed_in(make_app(queries), name).get(f"/hosts/{queries.host_page.id}?lang=en").text


def test_who_may_decide_finds_the_forms_on_the_machines_page_and_nobody_else_does() -> None:
    shown, auditors = host_page("admin"), host_page("kiemtoan")
    for form in ("/revoke", "/token"):
        assert f'{form}"' in shown
        assert f'{form}"' not in auditors
    assert '/revoke"' not in host_page("admin", agent_state="revoked")
    assert '/token"' in host_page("admin", agent_state="revoked")


@pytest.mark.parametrize(
    ("last", "said"), [(7, "Report 7 of epoch 2 is"), (9, "Reports 7 to 9 of epoch 2 are")]
)
def test_what_is_missing_stands_on_the_machines_page(last: int, said: str) -> None:
    assert said in host_page("kiemtoan", missing=[MissingRow(2, 7, last, SINCE)])
    assert "missing: a later one" not in host_page("kiemtoan")


def test_each_machine_that_waits_is_shown_with_its_whole_fingerprint_and_nothing_of_it_acts() -> None:
    page = signed_in(make_app()).get("/enrol?lang=en").text
    for row in sample.applicants():
        lines = fingerprint(row.keyid)
        assert all((line in page) == (row.state == "waiting") for line in lines)
        assert (f"/enrol/machines/{row.keyid}/approve" in page) == (row.state == "waiting")
    assert "<script>alert" not in page
    assert "<b></code>" not in page


def test_a_machine_is_approved_only_where_its_fingerprint_name_and_address_are_shown_once_more() -> None:
    page = signed_in(make_app()).get("/enrol?lang=en").text
    asked = {
        m[1]: m[0]
        for m in re.finditer(r"<details>(?:(?!</details>).)*/machines/(\w+)/approve.*?</details>", page, re.S)
    }
    waiting = [row for row in sample.applicants() if row.state == "waiting"]
    assert [*asked] == [row.keyid for row in waiting]
    for row in waiting:
        shown = asked[row.keyid]
        for part in (*fingerprint(row.keyid), html.escape(row.hostname[1:6]), html.escape(row.address)):
            assert part in shown
    assert page.count("/approve") == len(waiting)


def test_machines_that_were_cloned_with_one_name_are_told_apart_where_they_appear() -> None:
    page = signed_in(make_app()).get("/enrol?lang=en").text
    for host in sample.enrol().recent:
        assert f"<code>{host.id[:8]}</code>" in page
