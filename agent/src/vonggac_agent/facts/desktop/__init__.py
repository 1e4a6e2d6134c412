"""What a person at the machine sees: session lock, automatic login, browsers, removable media."""

from __future__ import annotations

from ..base import Gather
from . import desktop_autologin, desktop_session_lock

GATHERERS: dict[str, Gather] = {
    "desktop.autologin": desktop_autologin.gather,
    "desktop.session-lock": desktop_session_lock.gather,
}
