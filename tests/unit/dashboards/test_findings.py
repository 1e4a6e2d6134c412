"""The page of findings: the box, what it finds, what it says when it cannot, and what every link leads to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import msgspec
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient
from tests.unit.collector.search.test_search import TERMS, House
from tests.unit.dashboards import sample, searched
from tests.unit.dashboards.house import SampleQueries, make_app, signed_in
from tests.unit.dashboards.test_pages import LARGEST, shown_text, weight

from vonggac_collector.index.asked import TooMany
from vonggac_collector.search.fields import FIELDS
from vonggac_collector.search.query import KINDS
from vonggac_collector.search.results import FoundRow
from vonggac_collector.search.syntax import MESSAGES, Unfit, read
from vonggac_collector.views import UnitLink
from vonggac_dashboards.app import mount
from vonggac_dashboards.language import language
from vonggac_dashboards.pages.findings import corrections
from vonggac_dashboards.pages.found import COLUMNS, cells
from vonggac_dashboards.search_words import EXAMPLES, UNFIT
from vonggac_dashboards.search_words import FIELDS as FIELD_WORDS


@pytest.fixture(scope="module")
def queries() -> SampleQueries:
    return SampleQueries()


@pytest.fixture(scope="module")
def app(queries: SampleQueries) -> FastAPI:
    return make_app(queries)


@pytest.fixture(scope="module")
def browser(app: FastAPI) -> TestClient:
    return signed_in(app)


def links(html: str, start: str = "/findings") -> list[str]:
    return [unescape(a) for a in re.findall(r'href="([^"]*)"', html) if a.startswith(start)]


def total(html: str) -> int:
    found = re.search(r"<h2>(\d+) kết quả", html)
    return 0 if found is None else int(found[1])


def test_every_field_and_every_complaint_has_its_words() -> None:
    names = {name for kind in KINDS for name in FIELDS[kind]}
    assert names == FIELD_WORDS.keys()
    assert UNFIT == MESSAGES
    for kind in KINDS:
        for name, sort in COLUMNS[kind]:
            assert name in FIELDS[kind]
            assert not sort or FIELDS[kind][sort].sorts


def test_every_example_of_the_help_can_be_asked(browser: TestClient) -> None:
    for text, _ in EXAMPLES:
        assert browser.get("/findings", params={"q": text}).status_code == 200, text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("code", ["vi", "en"])
def test_every_kind_has_its_page(browser: TestClient, kind: str, code: str) -> None:
    answer = browser.get("/findings", params={"kind": kind, "lang": code})
    assert answer.status_code == 200
    assert answer.text.count('<th scope="row">') > 10
    assert weight(answer.text) < LARGEST


@pytest.mark.parametrize("kind", KINDS)
def test_pages_lead_from_the_first_row_to_the_last_that_is_counted(browser: TestClient, kind: str) -> None:
    page = browser.get("/findings", params={"kind": kind, "lang": "vi"}).text
    counted, seen, first = total(page), 0, True
    while True:
        table = page[page.index('<section id="rows">') : page.index("</table>")]
        seen += table.count('<tr><th scope="row">')
        following = re.search(r'<a href="([^"]*)" rel="next"', page)
        assert first or "Về đầu danh sách" in page
        if following is None:
            break
        page, first = browser.get(unescape(following[1])).text, False
    assert seen == counted > 40


def test_a_facet_narrows_and_its_link_takes_it_out_again(browser: TestClient) -> None:
    whole = browser.get("/findings?lang=vi").text
    side = whole[whole.index('id="facets"') :]
    link, count = re.findall(r'<a href="([^"]*outcome%3Afail[^"]*)">.*?small soft">(\d+)<', side)[0]
    narrowed = browser.get(unescape(link)).text
    assert total(narrowed) == int(count) < total(whole)
    (back,) = re.findall(r'<a href="([^"]*)" aria-current="true">', narrowed[narrowed.index('id="facets"') :])
    assert total(browser.get(unescape(back)).text) == total(whole)


def test_a_head_sorts_and_sorts_the_other_way_round(browser: TestClient) -> None:
    page = browser.get("/findings?kind=packages&lang=vi").text
    assert re.findall(r'aria-sort="(\w+)"', page) == ["ascending"]
    version = next(x for x in links(page) if "sort=version" in x)
    rising = browser.get(version).text
    falling = browser.get(next(x for x in links(rising) if "sort=-version" in x)).text
    cell = r"data-head=\"Phiên bản\"><bdi>([^<]*)<"
    assert re.findall(cell, rising)[0].startswith("0.1")
    assert max(re.findall(cell, falling)[:3]).startswith("2.1")


def test_a_silent_machine_is_marked_beside_its_score_and_since_when_it_was_last_heard() -> None:
    heard = {"score": 86.0, "looked": "2026-11-20T03:00:00Z", "silent": False}
    silent = heard | {"silent": True, "silent-since": "2026-11-22T03:00:00Z"}
    row = FoundRow("1", "1", "may-1", UnitLink("vn", "Việt Nam", "Viet Nam", True), True, heard)
    names = [name for name, _ in COLUMNS["hosts"]]
    score, looked = names.index("score"), names.index("looked")
    shown = cells(language("vi"), "hosts", row)
    assert "86,0" in shown[score].content
    assert "Im lặng" not in shown[score].content + shown[looked].content
    assert "20/11/2026" in shown[looked].content
    shown = cells(language("vi"), "hosts", msgspec.structs.replace(row, fields=silent))
    assert shown[score].numeric
    assert all("Im lặng" in shown[n].content for n in (score, looked))
    assert "86,0" in shown[score].content
    assert "22/11/2026" in shown[looked].content
    assert "20/11/2026" not in shown[looked].content


def test_the_export_is_of_what_is_shown(browser: TestClient) -> None:
    page = browser.get("/findings?kind=ports&q=port:22&sort=-host").text
    assert sorted(links(page, "/api/")) == [
        f"/api/v1/search/export?q=port%3A22&kind=ports&sort=-host&format={f}" for f in ("csv", "json")
    ]


@pytest.mark.parametrize(
    ("text", "wrong", "suggested"),
    [
        ("outcome:fail sevrity:high", "sevrity:", "outcome:fail severity:high"),
        ("severity:hgih", "severity:hgih", "severity:high"),
        ('"máy chủ', '"', '"máy chủ"'),
        ("since:30d web", "since:30d", "since:>30d web"),
        ("outcome:", "outcome:", "outcome:fail"),
        ("-sample:maybe", "-sample:maybe", "-sample:true"),
        ("x port:99999999999999999", "port:99999999999999999", "x"),
    ],
)
def test_what_cannot_be_read_is_shown_at_its_place_with_what_would_fit(
    browser: TestClient, text: str, wrong: str, suggested: str
) -> None:
    for code, told in (("vi", "Ở ký tự thứ"), ("en", "At character")):
        answer = browser.get("/findings", params={"q": text, "lang": code})
        assert answer.status_code == 422
        assert f"{told} {text.index(wrong) + 1}:" in answer.text
        mark = re.search(r"<mark>(.*?)</mark>", answer.text)
        assert mark
        assert shown_text(mark[1]) == wrong
        assert f'value="{text.replace(chr(34), "&#34;")}"' in answer.text
        assert suggested in shown_text(answer.text[answer.text.index("<mark>") :])


def test_a_field_of_another_kind_narrows_to_machines_and_the_page_says_so(browser: TestClient) -> None:
    every = total(browser.get("/findings?kind=hosts&lang=vi").text)
    page = browser.get("/findings?kind=hosts&q=port:22&lang=vi").text
    without = browser.get("/findings?kind=hosts&q=-port:22&lang=vi").text
    assert 0 < total(page) < every == total(page) + total(without)
    assert "Chỉ trên các máy có thứ này, trong mục Cổng đang mở: port:22" in shown_text(page)
    assert "Chỉ trên các máy không có thứ này, trong mục Cổng đang mở: port:22" in shown_text(without)
    assert "/findings?q=port%3A22&kind=ports" in links(page)


def test_what_too_many_machines_have_leads_to_the_search_among_them(
    browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def search(*_: object, **__: object) -> None:
        raise TooMany("ports")

    monkeypatch.setattr(searched.index(), "search", search)
    answer = browser.get("/findings?kind=hosts&q=web+port:22&lang=vi")
    assert answer.status_code == 422
    assert "Ở ký tự thứ 5:" in answer.text
    assert "Hơn 65536 máy có thứ này" in answer.text
    assert "/findings?q=web+port%3A22&kind=ports" in links(answer.text)


@given(st.text(alphabet='ab:-"“,*<>. \n\\', max_size=40) | st.text(max_size=40))
def test_what_is_suggested_can_be_read(text: str) -> None:
    try:
        read(text)
    except Unfit as e:
        for suggested in corrections(text, e):
            read(suggested)


def test_nothing_found_says_what_to_try(browser: TestClient) -> None:
    text = browser.get("/findings?q=kh%C3%B4ng-c%C3%B3+level:5&lang=vi").text
    assert "Trong các đơn vị của bạn không có gì phù hợp." in text
    assert "/findings?q=level%3A5&kind=findings" in links(text)


def test_search_that_is_behind_says_by_how_much_and_since_when(
    queries: SampleQueries, browser: TestClient
) -> None:
    assert "chậm hơn sổ" not in browser.get("/findings?lang=vi").text
    queries.lag = searched.BEHIND
    try:
        shown = shown_text(browser.get("/findings?lang=vi").text)
        assert "Tìm kiếm chậm hơn sổ 12 thay đổi, từ 23/11/2026 19:58." in shown
        english = shown_text(browser.get("/findings?lang=en").text)
        assert "Search is behind the record by 12 changes, since 23 Nov 2026 19:58." in english
    finally:
        queries.lag = searched.EVEN


def test_while_search_is_built_from_the_record_the_page_says_that_it_is_not_whole(
    browser: TestClient,
) -> None:
    assert "đang được dựng lại từ sổ" not in browser.get("/findings?lang=vi").text
    with searched.index().building():
        assert "Tìm kiếm đang được dựng lại từ sổ" in browser.get("/findings?lang=vi").text
        assert "Search is being built from the record" in browser.get("/findings?lang=en").text


def test_search_that_does_not_answer_keeps_what_was_typed(
    queries: SampleQueries, browser: TestClient
) -> None:
    queries.search_down = True
    try:
        answer = browser.get("/findings?q=outcome:fail&lang=vi")
        assert answer.status_code == 503
        assert "Tìm kiếm không trả lời" in answer.text
        assert 'value="outcome:fail"' in answer.text
        assert browser.get("/rules").status_code == 200
    finally:
        queries.search_down = False


@pytest.mark.hostile
@pytest.mark.parametrize("kind", KINDS)
def test_hostile_values_are_inert(browser: TestClient, kind: str) -> None:
    for sort in ("host", "-host"):
        text = browser.get("/findings", params={"q": "gpj", "kind": kind, "sort": sort, "lang": "vi"}).text
        assert "<script>" not in text
        assert not [c for c in ("\u202e", "\x1b", "\x00", "\u200b") if c in text]
    if kind != "certificates":
        assert "U+202E" in text


@pytest.mark.hostile
@settings(max_examples=40)
@given(
    st.text(max_size=80)
    | st.sampled_from([sample.HOSTILE, "a" * 10_000, '"' * 999, "<script>" * 60, "x:" * 400])
)
def test_whatever_is_typed_comes_back_inert_on_a_light_page(browser: TestClient, text: str) -> None:
    answer = browser.get("/findings", params={"q": text})
    assert answer.status_code in (200, 422)
    assert weight(answer.text) < LARGEST
    assert "<script>" not in answer.text
    outside = re.sub(r'(?:value|href)="[^"]*"', "", answer.text)
    assert not [c for c in ("\u202e", "\x1b", "\x00", "\u200b") if c in outside]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("findings"))
    mount(made.app)
    yield made
    made.index.close()


UNITS = ("ha-noi/so-y-te", "ha-noi/so-noi-vu", "hue/so-y-te")
CALLERS = ("ha-noi/so-noi-vu", "ha-noi", "hue")


@pytest.fixture(scope="module")
def callers(house: House) -> dict[str, TestClient]:
    return {unit: house.client(unit) for unit in CALLERS}


@pytest.mark.worlds
@settings(max_examples=60)
@given(
    st.lists(TERMS, max_size=3).map(" ".join), st.sampled_from(["", *KINDS]), st.sampled_from(["vi", "en"])
)
def test_no_page_and_no_answer_shows_anything_from_outside_the_callers_units(
    house: House, callers: dict[str, TestClient], text: str, kind: str, code: str
) -> None:
    for caller, client in callers.items():
        inside = [u for u in UNITS if u == caller or u.startswith(caller + "/")]
        outside = [
            w
            for u in UNITS
            if u not in inside
            for w in (u, "may-" + u.replace("/", "-"), house.machines[u].agent_id)
        ]
        asked = {"q": text, "kind": kind, "lang": code}
        page = client.get("/findings", params=asked)
        answer = client.get("/api/v1/search", params=asked)
        assert (page.status_code, answer.status_code) in ((200, 200), (422, 422))
        shown = page.text + answer.text
        if answer.status_code == 200:
            found = answer.json()
            shown += client.get("/api/v1/search/export", params=asked).text
            assert {r["unit"]["code"] for r in found["rows"]} <= set(inside)
            assert found["total"] == len(found["rows"])
        assert [w for w in outside if w in shown] == []


def test_the_box_of_every_page_leads_to_the_findings(browser: TestClient, app: FastAPI) -> None:
    assert 'class="seek"' in browser.get("/rules").text
    assert 'class="seek"' not in browser.get("/findings").text
    assert 'class="seek"' not in TestClient(app).get("/login").text
