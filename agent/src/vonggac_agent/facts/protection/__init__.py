"""Mandatory access control, malware, application control, removable media."""

from __future__ import annotations

from ..base import Gather
from . import (
    crypto_openssl,
    crypto_policy,
    intrusion_prevention,
    mac_policy,
    mac_state,
    malware_protection,
    media_handling,
)

GATHERERS: dict[str, Gather] = {
    "intrusion.prevention": intrusion_prevention.gather,
    "crypto.openssl": crypto_openssl.gather,
    "crypto.policy": crypto_policy.gather,
    "mac.policy": mac_policy.gather,
    "mac.state": mac_state.gather,
    "malware.protection": malware_protection.gather,
    "media.handling": media_handling.gather,
}
