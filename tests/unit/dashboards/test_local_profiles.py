"""A profile of an administrator's own is shown as such: what it extends, what it changes, what it drops and why."""

from __future__ import annotations

import msgspec
import pytest
from tests.unit.dashboards import sample
from tests.unit.dashboards.house import SampleQueries, make_app, signed_in
from tests.unit.dashboards.test_pages import LARGEST, shown_text, weight

from vonggac_collector import views
from vonggac_contract.rule import Direction
from vonggac_dashboards.language import language
from vonggac_dashboards.words import profile_name


def text_of(page: str, code: str, local: views.LocalProfile | None = None) -> str:
    return " ".join(shown_text(answer(page, code, local)).split())


def answer(page: str, code: str, local: views.LocalProfile | None = None) -> str:
    queries = SampleQueries()
    queries.local = local or queries.local
    with signed_in(make_app(queries)) as client:
        found = client.get(page, params={"lang": code})
    assert found.status_code == 200
    return found.text


HOST, UNIT, RULE = "/hosts/local", "/units/local", "/rules/local"


@pytest.mark.parametrize("page", [HOST, UNIT])
def test_a_host_and_its_unit_name_the_profile_what_it_extends_and_each_change(page: str) -> None:
    vi, en = text_of(page, "vi"), text_of(page, "en")
    assert "Hồ sơ riêng: Thành phố Đà Nẵng, cấp độ 3" in vi
    assert "mở rộng từ TCVN 14423:2026, hệ thống thông tin cấp độ 3 · 3 thay đổi" in vi
    assert "Chu kỳ cài bản vá: từ 1 tháng thành 2 tuần" in vi
    assert "Lý do: Máy in của sở dùng dịch vụ này." in vi
    assert "Mọi hệ thống thông tin cấp độ 3 được đánh giá theo hồ sơ này." in vi
    assert (
        "Local profile: Da Nang City, level 3 extends TCVN 14423:2026, systems of level 3 · 3 changes" in en
    )
    assert "Cycle of patching: from 1 month to 2 weeks" in en
    assert "An administrator made these changes; they do not come from the standard." in en


@pytest.mark.parametrize(
    ("direction", "vi", "en"),
    [
        ("looser", "từ 1 tháng thành 2 tuần (lỏng hơn)", "from 1 month to 2 weeks (looser)"),
        ("tighter", "từ 1 tháng thành 2 tuần (chặt hơn)", "from 1 month to 2 weeks (tighter)"),
        ("other", "từ 1 tháng thành 2 tuần (có thể lỏng hơn)", "from 1 month to 2 weeks (may be looser)"),
        ("", "từ 1 tháng thành 2 tuần", "from 1 month to 2 weeks"),
    ],
)
def test_a_looser_threshold_is_shown_as_such(direction: Direction, vi: str, en: str) -> None:
    local = sample.local_profile()
    rows = [msgspec.structs.replace(c, direction=direction) for c in local.changes]
    changed = msgspec.structs.replace(local, changes=rows)
    for page in (HOST, UNIT, RULE):
        found = text_of(page, "vi", changed)
        assert vi in found
        assert ("hơn)" in found) is bool(direction)
        assert en in text_of(page, "en", changed)


def test_a_rules_page_names_the_local_profile_among_the_thresholds_and_its_change_of_this_rule() -> None:
    found = text_of(RULE, "vi")
    assert "Thành phố Đà Nẵng, cấp độ 3" in found
    assert "từ 1 tháng thành 2 tuần" in found
    assert "Quy tắc được bỏ" not in found


def test_a_host_that_is_judged_by_a_complete_profile_says_nothing_of_local_ones() -> None:
    with signed_in(make_app()) as client:
        for page in (f"/hosts/{sample.HOST_ID}", "/units/48", "/rules/linux.ssh.root-login"):
            assert "Hồ sơ riêng" not in shown_text(client.get(page, params={"lang": "vi"}).text)


def test_many_changes_keep_the_page_light() -> None:
    html = answer(HOST, "vi", sample.local_profile(changes=300))
    assert weight(html) < LARGEST
    assert "278 mục nữa" in " ".join(shown_text(html).split())


@pytest.mark.hostile
def test_what_a_local_profile_says_cannot_make_markup_nor_turn_text_round() -> None:
    html = answer(UNIT, "vi", sample.local_profile(title=sample.HOSTILE))
    assert "<script>alert(1)" not in html
    assert "\u202e" not in html


def test_a_profile_goes_by_its_level_only_if_it_is_a_shipped_one() -> None:
    assert profile_name(language("en"), "tcvn14423-level3") == "Level 3"
    assert profile_name(language("en"), "da-nang-level3") == "da-nang-level3"
