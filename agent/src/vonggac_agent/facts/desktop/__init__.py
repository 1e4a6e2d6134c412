"""What a person at the machine sees: session lock, automatic login, browsers, removable media."""

from __future__ import annotations

from ..base import Gather

GATHERERS: dict[str, Gather] = {}
