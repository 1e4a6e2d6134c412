"""Each page, narrow and wide, in both languages and themes: nothing breaks, nothing overflows, everybody can use it."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from tests.browser.visits import PAGES, VIEWS, WIDTHS, Site, visit, with_choice
from tests.unit.dashboards.house import PASSWORD

_OVERFLOWING = """() => {
  const wide = document.documentElement.scrollWidth > innerWidth;
  const out = [...document.querySelectorAll('main *, header *, footer *')].filter(e => {
    const box = e.getBoundingClientRect();
    return box.width && box.right > innerWidth + 1 && !e.closest('.unseen, .skip, svg');
  });
  return wide || out.length ? out.slice(0, 5).map(e => e.outerHTML.slice(0, 90)).concat(wide ? ['page'] : []) : [];
}"""
_FOCUSABLE = """() => {
  const all = [...document.querySelectorAll('a[href], button, input, select, summary, [tabindex="0"]')];
  const closed = 'details:not([open]) > .inside';
  // Of radio buttons with one name the tab key stops at one; arrows lead to the others.
  const other = e => e.type === 'radio' && e !== e.form.elements[e.name][0];
  const seen = all.filter(e => e.checkVisibility() && e.type !== 'hidden' && !e.closest(closed) && !other(e));
  seen.forEach((e, i) => e.dataset.stop = i);
  return seen.length;
}"""
_FOCUSED = """() => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  const own = getComputedStyle(e);
  const tile = e.querySelector(':scope > rect');
  const ring = own.outlineStyle !== 'none' && parseFloat(own.outlineWidth) >= 2;
  const edge = tile !== null && parseFloat(getComputedStyle(tile).strokeWidth) >= 3;
  const box = e.getBoundingClientRect();
  return [e.dataset.stop ?? '', (ring || edge) && box.width > 2, e.outerHTML.slice(0, 90)];
}"""


def violations(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{v['id']}: {n['target']} {n.get('failureSummary', '')[:200]}" for v in found for n in v["nodes"][:3]
    ]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_sound_in_both_languages_and_themes(
    chromium: Browser, site: Site, name: str, width: int
) -> None:
    with visit(chromium, site, width) as seen:
        for code, theme in VIEWS:
            seen.page.goto(with_choice(PAGES[name], code, theme))
            refused = name in ("not found", "search that cannot be read")
            expected = ["Failed to load resource"] if refused else []
            assert [c for c in seen.complaints if not any(e in c for e in expected)] == [], (code, theme)
            assert seen.page.evaluate(_OVERFLOWING) == [], (code, theme)
            assert violations(seen.page) == [], (code, theme)
            assert seen.page.locator("html").get_attribute("lang") == code


@pytest.mark.parametrize("width", WIDTHS)
def test_the_door_is_sound_in_both_languages_and_themes(chromium: Browser, site: Site, width: int) -> None:
    with visit(chromium, site, width, signed_in=False) as seen:
        for code, theme in VIEWS:
            seen.page.goto(with_choice("/login", code, theme))
            assert seen.complaints == []
            assert seen.page.evaluate(_OVERFLOWING) == []
            assert violations(seen.page) == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["host", "unit"])
def test_everything_that_opens_is_sound_when_open(
    chromium: Browser, site: Site, name: str, width: int
) -> None:
    with visit(chromium, site, width) as seen:
        for theme in ("light", "dark"):
            seen.page.goto(with_choice(PAGES[name], "vi", theme))
            seen.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            assert seen.page.evaluate(_OVERFLOWING) == []
            assert violations(seen.page) == []
            assert seen.complaints == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_every_control_is_reached_by_keyboard_and_shows_it(
    chromium: Browser, site: Site, name: str, width: int
) -> None:
    with visit(chromium, site, width) as seen:
        seen.page.goto(with_choice(PAGES[name], "vi", "light"))
        stops = seen.page.evaluate(_FOCUSABLE)
        reached: dict[str, str] = {}
        for _ in range(stops + 2):
            seen.page.keyboard.press("Tab")
            found = seen.page.evaluate(_FOCUSED)
            if found is None:
                break
            stop, visible, what = found
            assert visible, what
            reached[stop] = what
        assert len(reached) == stops


def test_the_system_theme_is_followed_unless_another_is_chosen(chromium: Browser, site: Site) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    with visit(chromium, site, 1280, scheme="dark") as seen:
        seen.page.goto("/rules?theme=auto")
        dark = seen.page.evaluate(colour)
        seen.page.goto("/rules?theme=light")
        light = seen.page.evaluate(colour)
        seen.page.goto("/rules")
        assert seen.page.evaluate(colour) == light != dark


@pytest.mark.parametrize("width", WIDTHS)
def test_without_a_script_one_can_sign_in_choose_find_and_make_a_token(
    chromium: Browser, site: Site, width: int
) -> None:
    with visit(chromium, site, width, signed_in=False, script=False) as seen:
        page = seen.page
        page.goto("/rules")
        page.fill("#name", "admin")
        page.fill("#password", PASSWORD)
        page.click("main button")
        assert page.url == f"{site.address}/rules"
        page.click("text=English")
        assert page.locator("h1").inner_text().startswith("Rules")
        page.fill("#find", "telnet")
        page.click("main form button")
        assert page.locator("tbody tr").count() == 1
        page.goto("/?find=da+nang")
        page.click("#ranked tbody a")
        page.click("text=Root does not sign in over SSH")
        page.goto("/enrol")
        page.select_option("#choose", "48")
        page.click("form:has(#choose) button")
        page.fill("#uses", "2")
        page.click("main form.fields button")
        assert "vg1-" in page.locator(".commands code").first.inner_text()
        assert page.locator("button.copy:visible").count() == 0
        page.click("header .choices form button")
        assert page.url == f"{site.address}/login"


@pytest.mark.parametrize("width", WIDTHS)
def test_without_a_script_one_can_search_narrow_down_go_on_and_put_right(
    chromium: Browser, site: Site, width: int
) -> None:
    with visit(chromium, site, width, script=False) as seen:
        page = seen.page
        page.goto("/rules?lang=vi")
        page.fill("#seek", "máy chủ")
        page.press("#seek", "Enter")
        assert page.url.startswith(f"{site.address}/findings?q=")
        assert page.input_value("#q") == "máy chủ"
        page.fill("#q", "sevrity:high")
        page.click("main form button")
        assert "Ở ký tự thứ 1:" in page.locator("[role=alert]").inner_text()
        page.click("[role=alert] a >> nth=0")
        assert page.input_value("#q") == "severity:high"
        page.click("#facets a >> nth=0")
        assert page.locator("#facets a[aria-current]").count() == 2
        page.goto("/findings?kind=packages&lang=vi")
        page.click("a[rel=next]")
        assert page.locator("#rows tbody tr").count() == 30
        assert "31–60 trên 225" in page.locator(".pages").inner_text()


@pytest.mark.parametrize("width", WIDTHS)
def test_what_to_fix_first_leads_to_its_steps_by_one_tap(chromium: Browser, site: Site, width: int) -> None:
    with visit(chromium, site, width) as seen:
        seen.page.goto(PAGES["unit with one host"] + "?lang=vi")
        seen.page.click(".fixes a >> nth=0")
        assert seen.page.locator("#chosen .commands").first.is_visible()
        top = seen.page.locator("#chosen").evaluate("e => e.getBoundingClientRect().top")
        assert 0 <= top < 300


def test_a_command_is_copied_as_it_stands(chromium: Browser, site: Site) -> None:
    with visit(chromium, site, 1280) as seen:
        seen.page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site.address)
        seen.page.goto(PAGES["host"] + "?lang=vi")
        seen.page.locator("button.copy").first.click()
        assert seen.page.evaluate("navigator.clipboard.readText()") == "PermitRootLogin prohibit-password"
        assert seen.page.locator("button.copy").first.inner_text() == "Đã chép"


def test_a_long_table_narrows_while_typing_without_accents(chromium: Browser, site: Site) -> None:
    with visit(chromium, site, 1280) as seen:
        seen.page.goto("/?lang=vi")
        seen.page.fill("#find", "da nang")
        assert seen.page.locator("#ranked tbody tr:visible").count() == 1


def test_the_switches_keep_the_page(chromium: Browser, site: Site) -> None:
    with visit(chromium, site, 1280) as seen:
        seen.page.goto("/?find=da+nang&sort=coverage&lang=vi")
        seen.page.click("text=English")
        assert "find=da+nang" in seen.page.url
        assert "sort=coverage" in seen.page.url
        seen.page.click("text=Dark")
        assert seen.page.locator("html").get_attribute("data-theme") == "dark"
        assert seen.page.locator("html").get_attribute("lang") == "en"


@pytest.mark.hostile
def test_a_hostile_name_runs_nothing_and_turns_nothing_around(chromium: Browser, site: Site) -> None:
    with visit(chromium, site, 390) as seen:
        seen.page.goto(PAGES["unit"] + "?lang=vi")
        assert seen.complaints == []
        assert seen.page.locator("main script").count() == 0
        assert "U+202E" in seen.page.locator("#hosts").inner_text()


def test_what_is_closed_on_screen_is_open_on_paper(chromium: Browser, site: Site) -> None:
    with visit(chromium, site, 1280) as seen:
        seen.page.goto(PAGES["host"] + "?lang=vi&theme=light")
        seen.page.emulate_media(media="print")
        assert seen.page.locator("header nav").first.is_hidden()
        assert len(seen.page.pdf(format="A4")) > 20_000
        closed = seen.page.locator("details:not([open]) .inside").first
        assert closed.evaluate("e => e.checkVisibility({contentVisibilityAuto: true})")


@pytest.mark.parametrize("theme", ["light", "dark", "auto"])
def test_every_theme_prints_black_on_white(chromium: Browser, site: Site, theme: str) -> None:
    with visit(chromium, site, 700, scheme="dark") as seen:
        seen.page.emulate_media(media="print", color_scheme="dark")
        seen.page.goto(with_choice(PAGES["host"], "vi", theme))
        colours = (
            "(() => { const s = getComputedStyle(document.body); return [s.color, s.backgroundColor]; })()"
        )
        assert seen.page.evaluate(colours) == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
        assert seen.page.locator("button.copy:visible").count() == 0
