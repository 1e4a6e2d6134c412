"""browser.extensions: extensions in the profiles of all people of a machine. Whose profile it was is forgotten at once;
one that cannot be read is told by its path, and the others are read all the same.

Sources: Firefox's extensions.json; Chromium's Extensions/<id> folders, the id being 32 letters from a to p.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.browsers import BrowserExtension, BrowserExtensions

from ...host import Host
from ...untrusted import as_text, bounded
from . import browser_policies

HOMES: Final = ("home/*", "root")
MAX_HOMES: Final = 10_000
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
MAX_BYTES: Final = 8 * limits.MIB
"""Of the files of one home together; a profile's takes some 100 KiB."""
MAX_PATHS: Final = 2_000
"""Profiles, and extensions, of one home and browser; the project's own figure."""
_ID: Final = re.compile(r"[a-p]{32}")


def gather(host: Host, selector: tuple[str, ...]) -> tuple[BrowserExtensions, str]:
    """Topic browser.extensions. Raises CouldNotLook(permission-denied): homes are closed to ordinary users."""
    found: set[BrowserExtension] = set()
    for home in (path for pattern in HOMES for path in host.glob(pattern, limit=MAX_HOMES)):
        left = MAX_BYTES
        for pattern, browser in FIREFOX.items():
            for path in _paths(host, f"{home}/{pattern}", browser, found):
                with _apart(found, browser, path):
                    text, left = _text(host, path, left)
                    names = browser_policies.firefox_extensions(text)
                    found |= {BrowserExtension(browser, bounded(name, 200)) for name in names}
        for pattern, browser in CHROMIUM.items():
            names = [path.rpartition("/")[2] for path in _paths(host, f"{home}/{pattern}", browser, found)]
            found |= {BrowserExtension(browser, name) for name in names if _ID.fullmatch(name)}
    extensions = sorted(found, key=lambda e: (e.browser, e.id, e.path or ""))
    return BrowserExtensions(extensions[: limits.MAX_FACT_LIST]), "home/*, root"


@contextmanager
def _apart(found: set[BrowserExtension], browser: str, path: str) -> Iterator[None]:
    """What cannot be read is told; what says something of the look, not of one home, is raised."""
    try:
        yield
    except (CouldNotLook, ValueError) as error:
        reason = error.reason if isinstance(error, CouldNotLook) else Reason.MALFORMED
        if reason is Reason.TIMED_OUT or (reason is Reason.PERMISSION_DENIED and os.geteuid() != 0):
            raise
        found.add(BrowserExtension(browser, "not-seen", bounded(as_text("/" + path.lstrip("/")))))


def _paths(host: Host, pattern: str, browser: str, found: set[BrowserExtension]) -> list[str]:
    paths: list[str] = []
    with _apart(found, browser, pattern):
        paths = host.glob(pattern, limit=MAX_PATHS)
    return paths


def _text(host: Host, path: str, left: int) -> tuple[str, int]:
    """The file, and how many bytes of its home may still be read. Raises CouldNotLook as `Host.text` does."""
    status = host.stat(path)
    size = 0 if status is None else status.st_size
    if size > left:
        raise CouldNotLook(Reason.TOO_LARGE, f"over {MAX_BYTES} bytes in one home")
    return host.text(path, limit=size) or "", left - size
