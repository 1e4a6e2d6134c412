"""What a person at the machine sees: session lock, automatic login, browsers, removable media."""

from __future__ import annotations

from ..base import Gather
from . import browser_extensions, browser_installed, desktop_autologin, desktop_session_lock

GATHERERS: dict[str, Gather] = {
    "browser.extensions": browser_extensions.gather,
    "browser.installed": browser_installed.gather,
    "desktop.autologin": desktop_autologin.gather,
    "desktop.session-lock": desktop_session_lock.gather,
}
