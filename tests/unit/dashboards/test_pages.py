"""The pages as answers: who may see them, what they carry, what they refuse, how large they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from html.parser import HTMLParser

import msgspec
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient
from tests.unit.dashboards import sample
from tests.unit.dashboards.house import PASSWORD, SampleQueries, client_of, make_app, signed_in

from vonggac_collector.auth import Caller
from vonggac_collector.enrolment_views import EnrolPage
from vonggac_collector.policy_views import PolicyPage
from vonggac_collector.views import DeductionRow, HostPage, LookRow, RulePage
from vonggac_dashboards import static_files
from vonggac_dashboards.language import language
from vonggac_dashboards.pages.enrol import ended, two_lines, usable
from vonggac_dashboards.pages.forms import MAX_BYTES
from vonggac_dashboards.pages.host import grouped
from vonggac_dashboards.pages.rule import list_context, topics
from vonggac_dashboards.pages.sections import SECTIONS
from vonggac_dashboards.pages.sign_in import own_address
from vonggac_dashboards.rendering import CONTENT_SECURITY_POLICY

PAGES = (
    "/",
    "/units/48/so-khcn",
    f"/hosts/{sample.HOST_ID}",
    "/rules",
    "/policy",
    "/rules/linux.ssh.root-login",
    "/findings",
    "/findings?kind=hosts",
    "/enrol",
)
LARGEST = 100_000
"""Bytes of a page with its style and script, before fonts."""


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return make_app()


@pytest.fixture(scope="module")
def browser(app: FastAPI) -> Iterator[TestClient]:
    with signed_in(app) as client:
        yield client


def shown_text(html: str) -> str:
    pieces: list[str] = []

    class Reader(HTMLParser):
        def handle_data(self, data: str) -> None:
            pieces.append(data)

    Reader().feed(html)
    return "".join(pieces)


def csrf_of(html: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', html)
    assert found
    return found[1]


def weight(html: str) -> int:
    files = ("style.css", "page.js", "mark.svg")
    return len(html.encode()) + sum(len(static_files.asset(f).content) for f in files)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("code", ["vi", "en"])
def test_every_page_is_light_strict_and_in_its_language(browser: TestClient, page: str, code: str) -> None:
    answer = browser.get(page, params={"lang": code})
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert answer.headers["cache-control"] == "no-store"
    assert f'<html lang="{code}"' in answer.text
    assert weight(answer.text) < LARGEST
    assert " style=" not in answer.text
    assert not re.search(r"<[^>]* on\w+=", answer.text)
    assert not re.search(r"<script(?! src=)", answer.text)


@pytest.mark.parametrize("page", PAGES)
def test_no_page_asks_anything_of_another_site(browser: TestClient, page: str) -> None:
    text = browser.get(page).text
    addresses = re.findall(r'(?:src|href|action)="([^"]*)"', text)
    assert addresses
    assert [a for a in addresses if not a.startswith(("/", "#")) or a.startswith("//")] == []


@pytest.mark.parametrize("page", PAGES)
def test_who_is_not_signed_in_is_sent_to_the_door_and_back(app: FastAPI, page: str) -> None:
    answer = client_of(app).get(page + "?find=a")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login?next=%2F")


def test_signing_in_leads_to_where_one_was_going(app: FastAPI) -> None:
    client = client_of(app)
    answer = client.post("/login", data={"name": "admin", "password": PASSWORD, "next": "/rules?find=ssh"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/rules?find=ssh")
    assert client.get("/rules").status_code == 200


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "",
        "/a\nb",
        "/x\\y",
        "/login",
    ],
)
def test_signing_in_leads_to_no_other_site(target: str) -> None:
    assert own_address(target) == "/"


@given(st.text(max_size=60))
def test_no_text_makes_signing_in_lead_elsewhere(target: str) -> None:
    led = own_address(target)
    assert led.startswith("/")
    assert not led.startswith(("//", "/\\"))
    assert led.isprintable()


def test_a_wrong_password_keeps_the_name_and_tells_nothing_more(app: FastAPI) -> None:
    answers = [
        client_of(app).post("/login", data={"name": name, "password": "wrong"})
        for name in ("admin", "nobody-here")
    ]
    assert [a.status_code for a in answers] == [401, 401]
    assert 'value="admin"' in answers[0].text
    assert "Tên đăng nhập hoặc mật khẩu không đúng" in answers[0].text
    assert answers[0].text.replace("admin", "") == answers[1].text.replace("nobody-here", "")


def test_a_refused_sign_in_is_counted() -> None:
    app = make_app()
    with client_of(app) as client:
        client.post("/login", data={"name": "admin", "password": "wrong"})
    with app.state.ledger.read() as tx:
        assert tx.trail.counts() == {"login-refused": 1}


def test_signing_out_ends_the_session(app: FastAPI) -> None:
    client = signed_in(app)
    token = csrf_of(client.get("/").text)
    assert client.post("/logout", data={"csrf": token}).status_code == 303
    assert client.get("/").status_code == 303


@pytest.mark.parametrize("path", ["/logout", "/enrol", "/enrol/0000000000000001/revoke"])
@pytest.mark.parametrize("token", ["", "forged"])
def test_a_form_without_the_sessions_token_changes_nothing(app: FastAPI, path: str, token: str) -> None:
    client = signed_in(app)
    answer = client.post(path, data={"csrf": token, "unit": "48", "uses": "1", "days": "1"})
    assert answer.status_code == 403
    assert "Biểu mẫu đã quá cũ" in answer.text
    assert client.get("/").status_code == 200


def test_a_form_from_another_site_is_refused(app: FastAPI) -> None:
    client = signed_in(app)
    form = {"csrf": csrf_of(client.get("/enrol").text), "unit": "48", "uses": "1", "days": "1"}
    assert client.post("/enrol", data=form, headers={"Origin": "https://evil.example"}).status_code == 403


def test_a_token_is_made_shown_once_and_revoked(app: FastAPI) -> None:
    client = signed_in(app)
    form = {"csrf": csrf_of(client.get("/enrol?unit=48").text), "unit": "48", "uses": "3", "days": "7"}
    made = client.post("/enrol?unit=48", data=form)
    assert made.status_code == 200
    text = re.search(r"vg1-[\w-]+", made.text)
    assert text
    assert "sudo vonggac-agent service install" in made.text
    assert text[0] not in client.get("/enrol").text
    with app.state.ledger.read() as tx:
        token = next(iter(tx.tokens.all()))
    assert token.uses_left == 3
    assert client.post(f"/enrol/{token.id}/revoke", data={"csrf": form["csrf"]}).status_code == 303
    with app.state.ledger.read() as tx:
        assert tx.tokens.get(token.id).revoked


@pytest.mark.parametrize(
    ("uses", "days", "told"),
    [
        ("0", "7", "Số máy"),
        ("1001", "7", "Số máy"),
        ("²", "7", "Số máy"),
        ("2", "91", "Hiệu lực"),
        ("2", "", "Hiệu lực"),
    ],
)
def test_a_value_that_does_not_fit_is_named_and_what_was_typed_stays(
    app: FastAPI, uses: str, days: str, told: str
) -> None:
    client = signed_in(app)
    form = {"csrf": csrf_of(client.get("/enrol").text), "unit": "48", "uses": uses, "days": days}
    answer = client.post("/enrol", data=form)
    assert answer.status_code == 422
    assert re.search(rf'role="alert">{told}: ', answer.text)
    assert f'value="{uses}"' in answer.text
    assert f'value="{days}"' in answer.text


def test_a_role_that_may_not_enrol_sees_no_way_to_it(app: FastAPI) -> None:
    client = signed_in(app, "kiemtoan")
    assert 'href="/enrol' not in client.get("/").text
    assert client.get("/enrol").status_code == 403
    form = {"csrf": csrf_of(client.get("/").text), "unit": "48", "uses": "1", "days": "1"}
    assert client.post("/enrol", data=form).status_code == 403


def test_what_does_not_exist_is_a_page_for_people_and_a_problem_for_programs(browser: TestClient) -> None:
    for path in ("/units/absent", "/hosts/absent", "/nowhere"):
        page = browser.get(path, params={"lang": "vi"})
        assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert "Không có trang này" in page.text
        plain = browser.get(path, headers={"Accept": "application/json"})
        assert (plain.status_code, plain.headers["content-type"]) == (404, "application/problem+json")
    assert browser.get("/api/v1/nowhere").headers["content-type"] == "application/problem+json"


def test_a_refusal_keeps_the_way_back_for_who_is_signed_in(app: FastAPI, browser: TestClient) -> None:
    for path in ("/units/absent", "/nowhere"):
        assert 'action="/logout"' in browser.get(path).text
        assert 'action="/logout"' not in client_of(app).get("/nowhere").text


def test_silent_hosts_come_before_what_to_fix() -> None:
    queries = SampleQueries()
    queries.unit_page = msgspec.structs.replace(sample.unit(), fixes=[], silent=3)
    text = signed_in(make_app(queries)).get("/units/48?lang=vi").text
    assert "Làm cho 3 máy im lặng gửi tin trở lại." in text
    assert "Không có gì phải khắc phục" not in text


def test_a_score_can_be_computed_again_from_the_weights_shown() -> None:
    queries = SampleQueries()
    systems = [
        msgspec.structs.replace(sample.system(), score=554_269, weight=4),
        msgspec.structs.replace(sample.system(), score=695_678, weight=1),
    ]
    queries.unit_page = msgspec.structs.replace(sample.unit(), systems=systems)
    text = signed_in(make_app(queries)).get("/units/48?lang=en").text
    rows = re.findall(
        r'data-head="Weight">(\d+)</td><td class="num strong" data-head="Score">([\d.]+)<small>', text
    )
    assert [(int(w), s) for w, s in rows] == [(4, "55.4"), (1, "69.5")]


def test_a_fault_of_the_collector_is_told_without_its_insides(browser: TestClient) -> None:
    page = browser.get("/hosts/broken?lang=vi")
    assert page.status_code == 500
    assert "Máy chủ thu thập gặp lỗi" in page.text
    assert re.search(r"nhật ký của máy chủ: <code>[0-9a-f]{16}</code>", page.text)
    assert page.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert "RuntimeError" not in page.text
    assert "own" not in shown_text(page.text)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"a" * (MAX_BYTES + 1), "application/x-www-form-urlencoded", 413),
        (b"a=%ff&b", "application/x-www-form-urlencoded", 422),
        (b"\xff\xfe", "application/x-www-form-urlencoded", 422),
        (b"&".join(b"f%d=1" % i for i in range(50)), "application/x-www-form-urlencoded", 422),
        (b"name=" + b"a" * 3_000, "application/x-www-form-urlencoded", 413),
        (b"{}", "application/json", 415),
        (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x", 415),
    ],
)
def test_a_form_that_is_none_is_refused(app: FastAPI, body: bytes, kind: str, status: int) -> None:
    answer = client_of(app).post("/login", content=body, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert "<html" in answer.text


def test_language_and_theme_are_kept_by_cookie_and_stay_in_the_address(app: FastAPI) -> None:
    client = signed_in(app)
    first = client.get("/rules?lang=en&theme=dark&find=ssh")
    assert '<html lang="en" data-theme="dark"' in first.text
    assert 'href="/rules?find=ssh&amp;lang=vi"' in first.text
    assert '<html lang="en" data-theme="dark"' in client.get("/").text
    assert '<html lang="vi" data-theme="dark"' in client.get("/?lang=vi").text
    assert '<html lang="vi">' in client.get("/?lang=vi&theme=auto").text


@pytest.mark.parametrize(
    "query", ["lang=xx", "lang=../../etc", "theme=<script>", "sort=__class__", "find=" + "x" * 5_000]
)
def test_what_an_address_asks_for_in_vain_is_left_aside(browser: TestClient, query: str) -> None:
    answer = browser.get("/?" + query)
    assert answer.status_code == 200
    assert "<script>" not in answer.text


def test_sample_data_is_marked_on_the_page_and_on_each_sample(browser: TestClient) -> None:
    text = browser.get("/?lang=vi").text
    assert "Dữ liệu mẫu." in text
    shown = sample.overview()
    assert text.count("dữ liệu mẫu</span>") >= len(shown.ranked) + len(shown.insufficient)
    assert "dữ liệu mẫu</span>" in browser.get("/units/48").text
    assert "dữ liệu mẫu</span>" in browser.get(f"/hosts/{sample.HOST_ID}").text


def test_a_real_country_carries_no_sample_mark() -> None:
    queries = SampleQueries()
    queries.overview_page = sample.empty_overview()
    text = signed_in(make_app(queries)).get("/").text
    assert "mẫu" not in text
    assert "Chưa có máy nào gửi báo cáo" in text
    assert 'href="/enrol"' in text


def test_units_with_insufficient_data_are_shown_below_the_ranking(browser: TestClient) -> None:
    text = browser.get("/?lang=en").text
    ranking, insufficient = text.index('id="ranking"'), text.index("silence is not a clean bill")
    assert ranking < insufficient < text.index("Lai Chau", insufficient)


def test_a_unit_is_found_without_accents(browser: TestClient) -> None:
    text = browser.get("/?find=da+nang").text
    table = text[text.index('id="ranked"') : text.index("</table>", text.index('id="ranked"'))]
    assert re.findall(r'href="/units/(\d\d)"', table) == ["48"]


@pytest.mark.parametrize("key", ["rank", "change", "coverage", "age", "silent", "critical"])
def test_the_ranking_can_be_sorted_by_its_heads(browser: TestClient, key: str) -> None:
    text = browser.get("/", params={"sort": key}).text
    assert len(re.findall(r"<th[^>]* aria-sort=", text)) == 1
    table = text[text.index('id="ranked"') :]
    assert len(set(re.findall(r'<th scope="row"><a href="/units/(\d\d)"', table))) == 34


def all_texts_hostile(page: HostPage) -> HostPage:
    bad = sample.HOSTILE
    findings = [
        msgspec.structs.replace(
            row,
            detail=bad,
            reason=bad,
            title={"vi": bad},
            why={"vi": bad},
            fix={"vi": "  " + bad},
            severity=bad,
            domain=bad,
            evidence=[
                msgspec.structs.replace(e, fact=bad, actual=bad, operator=bad, offenders=[bad])
                for e in row.evidence
            ],
        )
        for row in page.findings[:9]
    ]
    return msgspec.structs.replace(
        page,
        hostname=bad,
        os=bad,
        agent_version=bad,
        flags=[bad],
        findings=findings,
        reports=[msgspec.structs.replace(r, digest=bad, keyid=bad) for r in page.reports],
        domains={bad: 5},
        sections={
            bad: {"a": bad},
            "sockets": [bad],
            "packages": {"manager": "dpkg", "packages": [[bad, "1", "x", ""]]},
        },
    )


@pytest.mark.hostile
def test_hostile_text_in_every_field_is_shown_inert() -> None:
    queries = SampleQueries()
    queries.host_page = all_texts_hostile(sample.host())
    text = signed_in(make_app(queries)).get(f"/hosts/{sample.HOST_ID}?packages=gpj").text
    assert "<script>" not in text
    assert not [c for c in ("\u202e", "\x1b", "\x00", "\u200b") if c in text]
    assert "U+202E" in text
    assert weight(text) < LARGEST


@pytest.mark.hostile
def test_what_a_section_holds_in_another_shape_is_shown_as_unreadable() -> None:
    queries = SampleQueries()
    odd: list[object] = [
        None,
        3,
        "x",
        [],
        {"packages": 3},
        {"manager": "dpkg", "packages": [["a"]]},
        {"content": None},
    ]
    for content in odd:
        queries.host_page = msgspec.structs.replace(
            sample.host(), sections={"packages": content, "new-part": content}
        )
        text = signed_in(make_app(queries)).get(f"/hosts/{sample.HOST_ID}").text
        assert text.count("nội dung không đọc được") == 2


@pytest.mark.hostile
@pytest.mark.parametrize("name", sorted(SECTIONS))
def test_no_section_of_any_shape_takes_the_page_away(name: str) -> None:
    queries = SampleQueries()
    shapes: list[object] = [
        None,
        True,
        3,
        -1e308,
        2**53,
        "x",
        [],
        [[1, 2]],
        ["a"],
        {},
        {"a": {}},
        {"name": [1]},
    ]
    for content in shapes:
        queries.host_page = msgspec.structs.replace(sample.host(), sections={name: content})
        assert signed_in(make_app(queries)).get(f"/hosts/{sample.HOST_ID}").status_code == 200


@settings(max_examples=10)
@given(failing=st.integers(0, 90))
def test_a_host_page_loses_no_finding_however_much_is_wrong(failing: int) -> None:
    findings = sample.host(findings=failing).findings
    groups = grouped(language("vi"), findings)
    assert sum(g.count for g in groups) == len(findings)
    assert all(g.in_full <= g.count for g in groups)
    assert groups[0].in_full > 0 or not failing


def test_a_finding_that_fails_again_says_so_with_the_looks_that_changed_it() -> None:
    queries = SampleQueries()
    looks = [
        LookRow(sample.NOW - timedelta(days=n), o)
        for n, o in ((9, "fail"), (5, "pass"), (2, ""), (1, "fail"))
    ]
    row = msgspec.structs.replace(sample.finding(1, "fail"), mended=looks[1].at, looks=looks)
    queries.host_page = msgspec.structs.replace(sample.host(), findings=[row])
    client = signed_in(make_app(queries))
    page = client.get(f"/hosts/{queries.host_page.id}").text
    for told in ("Tái diễn", "đã từng khắc phục xong", "Các lần thay đổi", "không báo cáo"):
        assert told in page
    queries.host_page = msgspec.structs.replace(
        sample.host(), findings=[msgspec.structs.replace(row, mended=None, looks=looks[:1])]
    )
    page = client.get(f"/hosts/{queries.host_page.id}").text
    assert "Tái diễn" not in page
    assert "Các lần thay đổi" not in page


def test_a_finding_that_is_only_named_opens_with_its_evidence_by_one_click() -> None:
    queries = SampleQueries()
    last = msgspec.structs.replace(sample.finding(3, "fail"), rule="linux.the.last", points=1)
    queries.host_page = msgspec.structs.replace(
        sample.host(), findings=[*sample.host(findings=60).findings, last]
    )
    client = signed_in(make_app(queries))
    first = client.get(f"/hosts/{sample.HOST_ID}").text
    assert 'href="?rule=linux.the.last#chosen"' in first
    assert "<code><bdi>linux.the.last</bdi></code>" not in first
    opened = client.get(f"/hosts/{sample.HOST_ID}?rule=linux.the.last").text
    assert opened.count('<details id="chosen" open>') == 1
    assert "<code><bdi>linux.the.last</bdi></code>" in opened
    assert weight(opened) < LARGEST


def test_tokens_that_still_enrol_are_kept_apart_from_those_that_do_not() -> None:
    tokens = [msgspec.structs.replace(t, id=f"{t.id}-{i}") for i in range(60) for t in sample.tokens()]
    assert [t.id[15] for t in usable(tokens, sample.NOW)] == ["1"] * 60
    assert len(ended(tokens, sample.NOW)) == 180


def test_the_heaviest_pages_stay_light() -> None:
    queries = SampleQueries()
    queries.host_page = sample.host(findings=60)
    many = [sample.host_row(i) for i in range(100)]
    rows = sample.overview().ranked
    queries.unit_page = msgspec.structs.replace(sample.unit(), hosts=many, hosts_total=900, children=rows)
    client = signed_in(make_app(queries))
    assert weight(client.get(f"/hosts/{sample.HOST_ID}").text) < LARGEST
    assert weight(client.get("/units/48").text) < LARGEST
    queries.unit_page = msgspec.structs.replace(queries.unit_page, children=[])
    assert weight(client.get("/units/48").text) < LARGEST


def many_deductions(score: int, count: int) -> list[DeductionRow]:
    whole = 10**6 - score
    points = [whole // count + (i < whole % count) for i in range(count)]
    name = "Tường lửa chặn kết nối đi ra không có trong danh sách"
    return [DeductionRow("rule", f"linux.firewall.rule-{i}", name, name, p, 9) for i, p in enumerate(points)]


def test_all_deductions_of_five_hundred_rules_are_paged_and_add_up() -> None:
    queries = SampleQueries()
    rows = sample.overview().ranked
    score = sample.unit().standing.score or 0
    deductions = many_deductions(score, 480)
    queries.unit_page = msgspec.structs.replace(sample.unit(), deductions=deductions, children=rows)
    client = signed_in(make_app(queries))
    page = client.get("/units/48?lang=en").text
    assert weight(page) < LARGEST
    assert 'href="/units/48?show=deductions"' in page
    points: list[Decimal] = []
    for first in range(0, 480, 100):
        part = client.get(f"/units/48?show=deductions&from={first}&lang=en").text
        assert weight(part) < LARGEST
        table = part[part.index("<tbody>") : part.index("</tbody>")]
        figures = re.findall(r'<td class="num">(−?)([\d.]+)<small>(\d+)</small>', table)
        values = [Decimal(a + b) for _, a, b in figures]
        assert values[0] - sum(values[1:-1]) == values[-1]
        points += values[1:-1]
    assert 100 - sum(points) == values[-1] == Decimal(score) / 10_000
    assert "Carried forward" not in part


def test_all_deductions_of_a_host_lead_to_its_findings() -> None:
    queries = SampleQueries()
    deductions = many_deductions(sample.host().effective or 0, 80)
    queries.host_page = msgspec.structs.replace(sample.host(), deductions=deductions)
    client = signed_in(make_app(queries))
    here = f"/hosts/{sample.HOST_ID}"
    assert f'href="{here}?show=deductions"' in client.get(here).text
    assert f'href="{here}?rule=linux.firewall.rule-79#chosen"' in client.get(f"{here}?show=deductions").text


def test_the_hosts_of_a_unit_are_paged_and_found() -> None:
    queries = SampleQueries()
    many = [msgspec.structs.replace(sample.host_row(i), hostname=f"may-{i:03d}") for i in range(100)]
    queries.unit_page = msgspec.structs.replace(sample.unit(), hosts=many, hosts_total=900, children=[])
    client = signed_in(make_app(queries))
    assert "may-039" in client.get("/units/48").text
    assert "may-040" not in client.get("/units/48").text
    assert "may-040" in client.get("/units/48?from=40").text
    assert "1–1 trên 1" not in client.get("/units/48?host=may-077").text
    assert "may-077" in client.get("/units/48?host=may-077").text


def test_a_package_is_found_among_hundreds(browser: TestClient) -> None:
    text = browser.get(f"/hosts/{sample.HOST_ID}?packages=goi-777").text
    assert "lib-goi-777" in text
    assert "lib-goi-1<" not in text
    assert re.search(
        r'<details id="section-\d" open><summary><span class="title">(Gói phần mềm|Packages)', text
    )


def test_the_two_lines_keep_the_token_out_of_the_process_list_and_quote_what_they_are_given() -> None:
    first, second = two_lines("https://a.example/$(x)", "vg1-abc")
    assert first.startswith(" printf ")
    assert "'https://a.example/$(x)'" in first
    assert second == "sudo vonggac-agent service install"


def test_static_files_are_served_for_ever_and_no_other_file_is(app: FastAPI) -> None:
    client = client_of(app)
    found = client.get(static_files.address("style.css"))
    assert found.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert found.headers["content-type"] == "text/css; charset=utf-8"
    for name in static_files.TYPES:
        assert client.get(f"/static/{name}").status_code == 200
    for name in ("../app.py", "..%2fapp.py", "fonts/OFL.txt", "style.css/", "%2e%2e/app.py", ""):
        refused = client.get(f"/static/{name}")
        assert refused.status_code == 404
        assert refused.content, "every refusal says what it is"


def test_every_file_that_the_style_asks_for_is_served() -> None:
    style = static_files.asset("style.css").content.decode()
    asked = re.findall(r'url\("([^"]+)"\)', style)
    assert len(asked) == 12
    assert set(asked) <= set(static_files.TYPES)


def test_a_host_page_of_five_hundred_rules_stays_small_and_counts_by_topic_what_it_cannot_name() -> None:
    wrong = [
        msgspec.structs.replace(sample.finding(i, "fail"), rule=f"linux.ssh.wrong-{i}", points=300 - i)
        for i in range(200)
    ]
    right = [
        msgspec.structs.replace(sample.finding(i, outcome), rule=f"linux.{topic}.{outcome}-{i}", points=0)
        for outcome, topic in (("pass", "nginx"), ("not-applicable", "docker"))
        for i in range(150)
    ]
    groups = {g.outcome: g for g in grouped(language("en"), [*wrong, *right])}
    assert groups["fail"].in_full == 1
    assert 1 < groups["fail"].with_evidence < groups["fail"].listed < 200
    assert [f.rule for f in groups["fail"].findings] == [f.rule for f in wrong]
    queries = SampleQueries()
    queries.host_page = msgspec.structs.replace(sample.host(), findings=[*wrong, *right])
    page = signed_in(make_app(queries)).get(f"/hosts/{sample.HOST_ID}?lang=en").text
    assert weight(page) < LARGEST
    for topic, word in (("nginx", "nginx"), ("docker", "Docker")):
        assert f'<a href="/rules?topic={topic}"><bdi>{word}</bdi></a> <b class="figure">150</b>' in page
    assert f"{200 - groups['fail'].listed} more weigh less" in page


def test_the_list_of_rules_is_chosen_by_topic_and_paged_by_the_hundred() -> None:
    first = sample.rules()[0]
    rows = [
        msgspec.structs.replace(first, id=f"linux.{topic}.rule-{i}", failing=300 - i)
        for topic in ("nginx", "audit")
        for i in range(80)
    ]
    spoken = language("vi")
    assert topics(spoken, rows) == [("nginx", "nginx", 80), ("audit", "Quy tắc audit", 80)]
    everything = list_context(spoken, rows, "/rules", [("sort", "x")])
    part = everything["part"]
    assert (len(everything["rows"]), part.first, part.last, part.whole) == (100, 1, 100, 160)
    assert (part.previous, part.next) == ("", "/rules?sort=x&from=100#rules")
    rest = list_context(spoken, rows, "/rules", [("from", "100")])
    assert (len(rest["rows"]), rest["part"].previous, rest["part"].next) == (60, "/rules#rules", "")
    audit = list_context(spoken, rows, "/rules", [("topic", "audit")])
    assert {row.id.split(".")[1] for row in audit["rows"]} == {"audit"}
    assert list_context(spoken, rows, "/rules", [("topic", "nothing")])["topic"] == ""
    for wrong in ("160", "-1", "x", "9" * 20):
        assert list_context(spoken, rows, "/rules", [("from", wrong)])["part"].first == 1


def test_a_units_page_says_what_is_not_known_why_and_what_to_do_about_it(browser: TestClient) -> None:
    page = browser.get("/units/48?lang=vi").text
    unknown = page[page.index('id="unknown"') :]
    assert "agent không được phép xem" in unknown
    assert "Hãy chạy agent dưới dạng dịch vụ" in unknown
    assert 'href="/rules/linux.ssh.root-login#failing"' in unknown


def test_the_page_of_a_unit_with_one_host_leads_to_the_steps_on_that_host() -> None:
    queries = SampleQueries()
    alone = {"hosts": [sample.host_row(1)], "hosts_total": 1, "children": []}
    queries.unit_page = msgspec.structs.replace(sample.unit(), **alone)
    page = signed_in(make_app(queries)).get("/units/48?lang=en").text
    here = f"/hosts/{sample.host_row(1).id}"
    assert f'href="{here}?rule=linux.ssh.root-login#chosen"' in page
    assert f'href="{here}#findings"' in page


def test_a_unit_without_hosts_says_what_to_do_and_nothing_else() -> None:
    queries = SampleQueries()
    nothing = {"hosts": [], "hosts_total": 0, "children": [], "fixes": [], "unknown": [], "deductions": []}
    standing = msgspec.structs.replace(sample.unit().standing, score=None, grade=None, sufficient=False)
    queries.unit_page = msgspec.structs.replace(sample.unit(), standing=standing, **nothing)
    page = signed_in(make_app(queries)).get("/units/48?lang=en").text
    assert 'href="/enrol?unit=48-stttt"' in page
    assert "What to fix first" not in page
    assert "There is no score to explain yet" not in page


def test_a_collector_that_has_heard_nothing_leads_to_the_first_machine() -> None:
    queries = SampleQueries()
    empty = sample.overview().insufficient[0]
    standing = msgspec.structs.replace(empty.standing, score=None)
    empty = msgspec.structs.replace(empty, standing=standing, hosts=0)
    none: dict[str, object] = {"ranked": [], "tiles": [], "risen": None, "fallen": None, "own": None}
    queries.overview_page = msgspec.structs.replace(sample.overview(), insufficient=[empty], **none)
    page = signed_in(make_app(queries)).get("/?lang=en").text
    assert '<a class="button" href="/enrol">' in page
    assert "No unit can be compared" not in page


def test_a_rules_page_leads_to_what_was_found_on_each_host_and_pages_its_units() -> None:
    queries = SampleQueries()
    one = sample.rule().failures[0]
    many = [msgspec.structs.replace(one, unit=sample.province(c[0])) for c in sample.PROVINCES]
    queries.rule = lambda caller, rule_id, **_: msgspec.structs.replace(sample.rule(), failures=many)  # type: ignore[method-assign]
    client = signed_in(make_app(queries))
    page = client.get("/rules/linux.ssh.root-login?lang=vi").text
    assert f'href="/hosts/{sample.host_row(1).id}?rule=linux.ssh.root-login#chosen"' in page
    assert page.count('<th scope="row"><a href="/units/') == 20
    rest = client.get("/rules/linux.ssh.root-login?from=20&lang=vi").text
    assert rest.count('<th scope="row"><a href="/units/') == len(many) - 20


def test_beneath_a_unit_with_many_a_rules_page_leads_on_to_the_units_below_and_says_where_it_is() -> None:
    queries = SampleQueries()
    one = msgspec.structs.replace(sample.rule().failures[0], unit=sample.province("48"), hosts=[], beneath=94)
    asked: list[str] = []

    def rule(caller: Caller, rule_id: str, *, within: str = "", first: int = 0) -> RulePage:
        asked.append(within)
        here = sample.province(within) if within else None
        return msgspec.structs.replace(sample.rule(), failures=[one], within=here)

    queries.rule = rule  # type: ignore[method-assign]
    client = signed_in(make_app(queries))
    page = client.get("/rules/linux.ssh.root-login?lang=vi").text
    assert 'href="/rules/linux.ssh.root-login?unit=48#failing"' in page
    assert "94 đơn vị" in page
    below = client.get("/rules/linux.ssh.root-login?unit=48&lang=vi").text
    assert 'href="/rules/linux.ssh.root-login#failing"' in below
    assert asked == ["", "48"]


def test_a_province_with_many_communes_shows_some_at_a_time() -> None:
    queries = SampleQueries()
    row = queries.unit_page.children[0]
    codes = [f"48/{n:03}" for n in range(120)]
    many = [msgspec.structs.replace(row, unit=msgspec.structs.replace(row.unit, code=c)) for c in codes]
    queries.unit_page = msgspec.structs.replace(queries.unit_page, children=many)
    client = signed_in(make_app(queries))
    first = client.get("/units/48?lang=en").text
    assert ("1 to 50 of 120" in first, '/units/48/049"' in first) == (True, True)
    assert '/units/48/050"' not in first
    last = client.get("/units/48?units=100&lang=en").text
    assert ("101 to 120 of 120" in last, '/units/48/119"' in last) == (True, True)


def test_of_more_units_than_fit_the_enrolment_page_shows_those_whose_name_holds_a_text() -> None:
    queries = SampleQueries()
    asked: list[tuple[str, str]] = []

    def enrol(caller: Caller, *, find: str = "", unit: str = "") -> EnrolPage:
        asked.append((find, unit))
        found = [sample.province("48")] if find != "nowhere" else []
        return msgspec.structs.replace(sample.enrol(), units=found, units_total=3_355)

    queries.enrol = enrol  # type: ignore[method-assign]
    client = signed_in(make_app(queries))
    page = client.get("/enrol?lang=en&find=da+nang&unit=48").text
    assert 'name="find" value="da nang"' in page
    assert "Make a token" in page
    nowhere = client.get("/enrol?lang=en&find=nowhere").text
    assert "No unit's name holds that text." in nowhere.replace("&#39;", "'")
    assert asked == [("da nang", "48"), ("nowhere", "")]


def test_who_was_sent_to_the_door_is_told_why(app: FastAPI) -> None:
    client = client_of(app)
    sent = client.get("/units/48").headers["location"]
    assert "phiên làm việc đã hết hạn" in client.get(f"{sent}&lang=vi").text
    assert "phiên làm việc đã hết hạn" not in client.get("/login?lang=vi").text


def test_the_policy_s_page_says_what_is_tried_and_what_expired() -> None:
    with signed_in(make_app()) as browser:
        text = shown_text(browser.get("/policy").text)
    for word in ("2026.11", "2026.12", "10", "34", "Đã hết hạn", "Đà Nẵng", "1.204", "fefefefefefe"):
        assert word in text
    assert "vẫn nằm trên máy chủ thu thập" in text
    assert "policy-root.key, policy-targets.key" in text
    queries = SampleQueries()
    queries.policy_page = PolicyPage(queries.policy_page.as_of, None, None, 0, 0, [])
    with signed_in(make_app(queries)) as other:
        text = shown_text(other.get("/policy").text)
    assert "Chưa ban hành bộ quy tắc nào" in text
    assert "Không ai ký" in text
    assert "vẫn nằm trên máy chủ thu thập" not in text


@pytest.mark.parametrize(
    ("language", "foreign", "own"),
    [
        ("vi", "một kho chính sách khác với kho mà máy chủ thu thập này đã chấp nhận", "ký ở nơi khác"),
        ("en", "another policy repository than the one that this collector accepted", "signed elsewhere"),
    ],
)
def test_the_policy_s_page_says_whose_the_repository_is(language: str, foreign: str, own: str) -> None:
    queries, page = SampleQueries(), sample.policy()
    for changed, words in (
        (msgspec.structs.replace(page, foreign=True, signed=[]), {foreign}),
        (msgspec.structs.replace(page, own_keys=[]), {own}),
        (page, set()),
    ):
        queries.policy_page = changed
        with signed_in(make_app(queries)) as browser:
            text = shown_text(browser.get(f"/policy?lang={language}").text)
        assert {word for word in (foreign, own) if word in text} == words
        assert not changed.foreign or "Không ai ký" not in text


def test_the_overview_leads_to_the_policy() -> None:
    with signed_in(make_app()) as browser:
        assert 'href="/policy"' in browser.get("/").text
