"""Who writes logs, for how long, where to; the audit trail; scheduled jobs."""

from __future__ import annotations

from ..base import Gather
from . import (
    audit_config,
    audit_rules,
    audit_state,
    journald_config,
    log_files,
    logging_state,
    logrotate_config,
    syslog_config,
)

GATHERERS: dict[str, Gather] = {
    "audit.call": audit_rules.gather_call,
    "audit.config": audit_config.gather,
    "audit.rules": audit_rules.gather,
    "audit.state": audit_state.gather,
    "audit.watch": audit_rules.gather_watch,
    "journald.config": journald_config.gather,
    "log.files": log_files.gather,
    "logging.state": logging_state.gather,
    "logrotate.config": logrotate_config.gather,
    "syslog.config": syslog_config.gather,
}
