"""Who writes logs, for how long, where to; the audit trail; scheduled jobs."""

from __future__ import annotations

from ..base import Gather
from . import audit_config, audit_rules, audit_state, logging_state, syslog_config

GATHERERS: dict[str, Gather] = {
    "audit.call": audit_rules.gather_call,
    "audit.config": audit_config.gather,
    "audit.rules": audit_rules.gather,
    "audit.state": audit_state.gather,
    "audit.watch": audit_rules.gather_watch,
    "logging.state": logging_state.gather,
    "syslog.config": syslog_config.gather,
}
