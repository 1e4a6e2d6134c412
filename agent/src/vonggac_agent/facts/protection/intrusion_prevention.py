"""intrusion.prevention: what notices or stops attacks on this machine. A program that is not in the table is not seen.

Sources: the programs' own manuals for paths, processes and units; jail.conf(5) for fail2ban: jail.conf, then
jail.d/*.conf, jail.local, jail.d/*.local.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

from vonggac_contract import limits
from vonggac_contract.facts.protection import IntrusionPrevention, IntrusionTool

from ...formats import ini
from ...host import Host
from ...untrusted import bounded
from ..system import processes


class Tool(NamedTuple):
    """How one program is known; `rules` are patterns of the files of its signatures."""

    name: str
    kind: Literal["host", "network"]
    programs: tuple[str, ...]
    processes: tuple[str, ...]
    units: tuple[str, ...]
    rules: tuple[str, ...] = ()


TOOLS: Final = (
    Tool("fail2ban", "host", ("usr/bin/fail2ban-server",), ("fail2ban-server",), ("fail2ban.service",)),
    Tool(
        "crowdsec",
        "host",
        ("usr/bin/crowdsec", "usr/local/bin/crowdsec"),
        ("crowdsec",),
        ("crowdsec.service",),
        ("etc/crowdsec/hub/.index.json", "var/lib/crowdsec/hub/.index.json"),
    ),
    Tool("sshguard", "host", ("usr/sbin/sshguard",), ("sshguard", "sshg-blocker"), ("sshguard.service",)),
    Tool("denyhosts", "host", ("usr/sbin/denyhosts",), ("denyhosts",), ("denyhosts.service",)),
    Tool(
        "wazuh",
        "host",
        ("var/ossec/bin/wazuh-agentd", "var/ossec/bin/wazuh-control"),
        ("wazuh-agentd", "wazuh-analysisd"),
        ("wazuh-agent.service", "wazuh-manager.service"),
    ),
    Tool("ossec", "host", ("var/ossec/bin/ossec-agentd",), ("ossec-agentd",), ("ossec.service",)),
    Tool("psad", "network", ("usr/sbin/psad",), ("psad",), ("psad.service",), ("etc/psad/signatures",)),
    Tool(
        "suricata",
        "network",
        ("usr/bin/suricata", "usr/sbin/suricata"),
        ("Suricata-Main", "suricata"),
        ("suricata.service",),
        ("var/lib/suricata/rules/*.rules", "etc/suricata/rules/*.rules"),
    ),
    Tool(
        "snort",
        "network",
        ("usr/sbin/snort", "usr/bin/snort", "usr/local/bin/snort"),
        ("snort",),
        ("snort.service", "snort3.service"),
        ("etc/snort/rules/*.rules", "usr/local/etc/snort/rules/*.rules", "usr/local/etc/rules/*.rules"),
    ),
    Tool(
        "zeek",
        "network",
        ("opt/zeek/bin/zeek", "usr/bin/zeek"),
        ("zeek",),
        ("zeek.service",),
    ),
)
TRUE: Final = ("true", "yes", "on", "1")


def jails(texts: Iterable[str]) -> list[str]:
    """Names of fail2ban's enabled jails, sorted, from its files in order. Raises ValueError for too many lines."""
    told: dict[str, str] = {}
    names: dict[str, None] = {}
    for text in texts:
        for entry in ini.parse(text, fold=False):
            if entry.section and entry.section not in ("INCLUDES", "DEFAULT"):
                names[entry.section] = None
            if entry.key.lower() == "enabled":
                told[entry.section] = entry.value.lower()
    default = told.get("DEFAULT", "false")
    return sorted(name for name in names if told.get(name, default) in TRUE)


def _jail_files(host: Host) -> list[str]:
    extra = host.names("etc/fail2ban/jail.d")
    return [
        "etc/fail2ban/jail.conf",
        *(f"etc/fail2ban/jail.d/{name}" for name in extra if name.endswith(".conf")),
        "etc/fail2ban/jail.local",
        *(f"etc/fail2ban/jail.d/{name}" for name in extra if name.endswith(".local")),
    ][:500]


def _changed(host: Host, patterns: tuple[str, ...]) -> datetime | None:
    """When the newest of the files changed."""
    times = [
        status.st_mtime
        for pattern in patterns
        for path in host.glob(pattern)
        if (status := host.stat(path)) is not None
    ]
    return datetime.fromtimestamp(int(max(times)), UTC) if times else None


def gather(host: Host, selector: tuple[str, ...]) -> tuple[IntrusionPrevention, str]:
    """Topic intrusion.prevention. Raises CouldNotLook(permission-denied) where processes of others are hidden."""
    found = [tool for tool in TOOLS if any(host.exists(program) for program in tool.programs)]
    tools = [
        IntrusionTool(
            tool.name,
            tool.kind,
            processes.active(host, tool.processes, tool.units),
            _changed(host, tool.rules),
        )
        for tool in found
    ]
    guarded: list[str] = []
    if any(tool.name == "fail2ban" for tool in found):
        guarded = [bounded(name, 200) for name in jails(host.text(path) or "" for path in _jail_files(host))]
    return IntrusionPrevention(
        tools, guarded[: limits.MAX_FACT_LIST]
    ), "programs, processes, units, etc/fail2ban"
