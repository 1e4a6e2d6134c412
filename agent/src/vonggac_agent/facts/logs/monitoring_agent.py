"""monitoring.agent: what measures processor, memory and disk of this machine over time.

Names of programs, processes and units are those of the products' own packages for Debian, Red Hat and SUSE.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from vonggac_contract.facts.monitoring import MonitoringAgent, MonitoringAgents

from ...formats import assignments
from ...host import Host
from ..system import processes, systemd


class Product(NamedTuple):
    """How one product is recognised."""

    name: str
    programs: tuple[str, ...]
    processes: tuple[str, ...]
    units: tuple[str, ...]


PRODUCTS: Final = (
    Product(
        "prometheus-node-exporter",
        ("usr/bin/prometheus-node-exporter", "usr/bin/node_exporter", "usr/local/bin/node_exporter"),
        ("prometheus-node-exporter", "node_exporter"),
        ("prometheus-node-exporter.service", "node_exporter.service"),
    ),
    Product("zabbix-agent", ("usr/sbin/zabbix_agentd",), ("zabbix_agentd",), ("zabbix-agent.service",)),
    Product("zabbix-agent2", ("usr/sbin/zabbix_agent2",), ("zabbix_agent2",), ("zabbix-agent2.service",)),
    Product("snmpd", ("usr/sbin/snmpd",), ("snmpd",), ("snmpd.service",)),
    Product("collectd", ("usr/sbin/collectd",), ("collectd",), ("collectd.service",)),
    Product("telegraf", ("usr/bin/telegraf",), ("telegraf",), ("telegraf.service",)),
    Product("netdata", ("usr/sbin/netdata", "opt/netdata/bin/netdata"), ("netdata",), ("netdata.service",)),
    Product("nagios-nrpe", ("usr/sbin/nrpe",), ("nrpe",), ("nagios-nrpe-server.service", "nrpe.service")),
    Product(
        "icinga2", ("usr/sbin/icinga2", "usr/lib/icinga2/sbin/icinga2"), ("icinga2",), ("icinga2.service",)
    ),
    Product("munin-node", ("usr/sbin/munin-node",), ("munin-node",), ("munin-node.service",)),
    Product("check-mk-agent", ("usr/bin/check_mk_agent",), ("cmk-agent-ctl",), ("check-mk-agent.socket",)),
    Product("metricbeat", ("usr/share/metricbeat/bin/metricbeat",), ("metricbeat",), ("metricbeat.service",)),
    Product("pcp", ("usr/libexec/pcp/bin/pmcd", "usr/lib/pcp/bin/pmcd"), ("pmcd",), ("pmcd.service",)),
    Product("monit", ("usr/bin/monit",), ("monit",), ("monit.service",)),
    Product("atop", ("usr/bin/atop",), ("atop",), ("atop.service",)),
)
SYSSTAT: Final = ("usr/lib/sysstat/sadc", "usr/lib64/sa/sadc", "usr/lib/sa/sadc", "usr/libexec/sysstat/sadc")


def _sysstat(host: Host) -> bool:
    """Its timer or cron line is on; on Debian ENABLED= says whether that collects anything, etc/default/sysstat."""
    told = {e.key: e.value for e in assignments.parse(host.text("etc/default/sysstat") or "", posix=True)}
    units = systemd.units(host)
    on = units.enabled("sysstat-collect.timer") == "enabled" or (
        units.enabled("sysstat-collect.timer") == "absent" and host.exists("etc/cron.d/sysstat")
    )
    return on and told.get("ENABLED", "true").lower() == "true"


def gather(host: Host, selector: tuple[str, ...]) -> tuple[MonitoringAgents, str]:
    """Topic monitoring.agent."""
    found = [
        MonitoringAgent(product.name, processes.active(host, product.processes, product.units))
        for product in PRODUCTS
        if any(host.exists(program) for program in product.programs)
    ]
    if any(host.exists(program) for program in SYSSTAT):
        found.append(MonitoringAgent("sysstat", _sysstat(host)))
    return MonitoringAgents(found, any(agent.active for agent in found)), "programs, processes, unit files"
