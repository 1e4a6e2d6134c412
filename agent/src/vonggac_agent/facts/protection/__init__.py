"""Mandatory access control, malware, application control, removable media."""

from __future__ import annotations

from ..base import Gather
from . import mac_state, malware_protection

GATHERERS: dict[str, Gather] = {
    "mac.state": mac_state.gather,
    "malware.protection": malware_protection.gather,
}
