"""browser.extensions: extensions in the profiles of all people of a machine. Whose profile it was is forgotten at once.

Sources: Firefox's extensions.json; Chromium's Extensions/<id> folders, the id being 32 letters from a to p.
"""

from __future__ import annotations

import re
from typing import Final

from vonggac_contract import limits
from vonggac_contract.facts.browsers import BrowserExtension, BrowserExtensions

from ...host import Host
from ...untrusted import bounded
from . import browser_policies

HOMES: Final = ("home/*", "root")
FIREFOX: Final = {
    ".mozilla/firefox/*/extensions.json": "firefox",
    "snap/firefox/common/.mozilla/firefox/*/extensions.json": "firefox",
    ".var/app/org.mozilla.firefox/.mozilla/firefox/*/extensions.json": "firefox",
    ".thunderbird/*/extensions.json": "thunderbird",
}
CHROMIUM: Final = {
    ".config/chromium/*/Extensions/*": "chromium",
    "snap/chromium/common/chromium/*/Extensions/*": "chromium",
    ".config/google-chrome/*/Extensions/*": "chrome",
    ".config/microsoft-edge/*/Extensions/*": "edge",
    ".config/BraveSoftware/Brave-Browser/*/Extensions/*": "brave",
}
MAX_FILE: Final = 8 * limits.MIB
MAX_PROFILES: Final = 20_000
_ID: Final = re.compile(r"[a-p]{32}")


def gather(host: Host, selector: tuple[str, ...]) -> tuple[BrowserExtensions, str]:
    """Topic browser.extensions. Raises CouldNotLook(permission-denied): homes are closed to ordinary users."""
    found: set[tuple[str, str]] = set()
    for home in HOMES:
        for pattern, browser in FIREFOX.items():
            for path in host.glob(f"{home}/{pattern}", limit=MAX_PROFILES):
                text = host.text(path, limit=MAX_FILE)
                if text is not None:
                    found |= {
                        (browser, bounded(name, 200)) for name in browser_policies.firefox_extensions(text)
                    }
        for pattern, browser in CHROMIUM.items():
            for path in host.glob(f"{home}/{pattern}", limit=MAX_PROFILES):
                name = path.rpartition("/")[2]
                if _ID.fullmatch(name):
                    found.add((browser, name))
    extensions = [BrowserExtension(browser, name) for browser, name in sorted(found)]
    return BrowserExtensions(extensions[: limits.MAX_FACT_LIST]), "home/*, root"
