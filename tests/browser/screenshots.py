"""Makes the pictures of docs/images from a collector that runs, such as `make demo`.

    python -m tests.browser.screenshots --password-file build/demo/password

Signs in like a person, looks at the overview, at the unit that gains most from looking, and at one of its hosts.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from playwright.sync_api import Page, sync_playwright
from tests.browser.conftest import CHROMIUM, QUIET

IMAGES: Final = Path(__file__).resolve().parents[2] / "docs" / "images"
WIDTH, HEIGHT = 1280, 960


def sign_in(page: Page, name: str, password: str) -> None:
    """Open a session in Vietnamese and in the light theme."""
    page.goto("/login?lang=vi&theme=light")
    page.fill("#name", name)
    page.fill("#password", password)
    page.click("main form button")
    page.wait_for_selector("h1")
    if "/login" in page.url:
        raise SystemExit("the collector refused this name and password")


def take(page: Page, path: str, name: str, out: Path) -> None:
    """One picture of the top of a page."""
    page.goto(path)
    page.evaluate("document.fonts.ready")
    page.screenshot(path=out / f"{name}.png", clip={"x": 0, "y": 0, "width": WIDTH, "height": HEIGHT})


def main() -> int:
    """Make the pictures; 0 if all were made."""
    parser = argparse.ArgumentParser(description="pictures of a running collector's pages")
    parser.add_argument("--address", default="http://127.0.0.1:8440", help="where the collector is")
    parser.add_argument("--name", default="admin", help="who signs in")
    parser.add_argument("--password-file", type=Path, required=True, help="file with the password")
    parser.add_argument("--unit", default="", help="code of the unit to show; else the first in the ranking")
    parser.add_argument("--out", type=Path, default=IMAGES, help="folder for the pictures")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, base_url=given.address)
        sign_in(page, given.name, given.password_file.read_text().strip())
        take(page, "/", "overview-vi", given.out)
        unit = (
            f"/units/{given.unit}"
            if given.unit
            else page.locator("#ranked tbody a").first.get_attribute("href")
        )
        take(page, unit or "/", "unit-vi", given.out)
        host = page.locator("#hosts tbody a").first.get_attribute("href")
        take(page, host or "/", "host-vi", given.out)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
