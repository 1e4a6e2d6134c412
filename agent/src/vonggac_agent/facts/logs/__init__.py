"""Who writes logs, for how long, where to; the audit trail; scheduled jobs."""

from __future__ import annotations

from ..base import Gather
from . import audit_state, logging_state

GATHERERS: dict[str, Gather] = {
    "audit.state": audit_state.gather,
    "logging.state": logging_state.gather,
}
