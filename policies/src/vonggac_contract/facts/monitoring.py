"""Facts about what watches the machine: kinds of logs, tools for integrity and load, logs of DHCP servers."""

from typing import Annotated, Literal

import msgspec

from .base import about, topic

LogType = Literal["system", "access", "application", "changes", "process"]


@topic("logging.types", main="types", privileged=True)
class LogTypes(msgspec.Struct, frozen=True):
    """Which of the kinds of logs that TCVN 14423 counts are written here and stay over a restart."""

    types: Annotated[
        list[LogType],
        about(
            "system: kernel and services; access: logins; application: programs; changes: files, by the audit trail; "
            "process: programs that people run, by the audit trail or process accounting",
            source="journald.conf, rsyslog.conf, syslog-ng.conf, etc/audit, acct",
        ),
    ]


class IntegrityTool(msgspec.Struct, frozen=True):
    """One program that compares files with what they were."""

    name: Annotated[str, about("Product")]
    database: Annotated[bool, about("What it compares with is there", source="its database under var/lib")]
    scheduled: Annotated[
        bool, about("A timer, cron or its own service starts it", source="unit files, cron folders")
    ]


@topic("integrity.tool", main="tools", privileged=True)
class IntegrityTools(msgspec.Struct, frozen=True):
    """AIDE, Tripwire, Samhain, Wazuh and OSSEC."""

    tools: Annotated[list[IntegrityTool], about("Tools installed", source="their programs")]


class MonitoringAgent(msgspec.Struct, frozen=True):
    """One program that measures processor, memory and disk over time."""

    name: Annotated[str, about("Product")]
    active: Annotated[bool, about("It runs (or is enabled, in a mounted root)")]


@topic("monitoring.agent", main="active")
class MonitoringAgents(msgspec.Struct, frozen=True):
    """Agents of monitoring systems, and collectors on the machine itself."""

    agents: Annotated[list[MonitoringAgent], about("Agents installed", source="their programs and units")]
    active: Annotated[bool, about("At least one runs")]


class DhcpServer(msgspec.Struct, frozen=True):
    """One DHCP server."""

    name: Annotated[Literal["isc-dhcpd", "kea", "dnsmasq"], about("Product")]
    active: Annotated[bool, about("It runs (or is enabled, in a mounted root)")]
    logs: Annotated[
        bool,
        about(
            "Who gets which address is logged",
            source="dhcpd.conf; kea-dhcp4.conf loggers; dnsmasq.conf quiet-dhcp",
        ),
    ]


@topic("dhcp.server", main="servers")
class DhcpServers(msgspec.Struct, frozen=True):
    """DHCP servers installed here; dnsmasq counts if it is set to hand out addresses."""

    servers: Annotated[list[DhcpServer], about("Servers")]
