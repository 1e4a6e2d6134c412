"""Who writes logs, for how long, where to; the audit trail; what watches files and load."""

from __future__ import annotations

from ..base import Gather
from . import (
    audit_config,
    audit_kernel,
    audit_rules,
    audit_state,
    dhcp_server,
    integrity_tool,
    journald_config,
    log_files,
    log_types,
    logging_state,
    logrotate_config,
    monitoring_agent,
    syslog_config,
)

GATHERERS: dict[str, Gather] = {
    "audit.call": audit_rules.gather_call,
    "audit.config": audit_config.gather,
    "audit.kernel": audit_kernel.gather,
    "audit.rules": audit_rules.gather,
    "audit.state": audit_state.gather,
    "audit.watch": audit_rules.gather_watch,
    "dhcp.server": dhcp_server.gather,
    "integrity.tool": integrity_tool.gather,
    "journald.config": journald_config.gather,
    "log.files": log_files.gather,
    "logging.state": logging_state.gather,
    "logging.types": log_types.gather,
    "logrotate.config": logrotate_config.gather,
    "monitoring.agent": monitoring_agent.gather,
    "syslog.config": syslog_config.gather,
}
