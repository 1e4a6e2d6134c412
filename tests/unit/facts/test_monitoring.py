"""What watches the machine: kinds of logs, tools for integrity, agents of monitoring, logs of DHCP servers."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted
from tests.unit.properties import thorough

from vonggac_agent.facts.logs import dhcp_server, integrity_tool, log_types, monitoring_agent
from vonggac_contract.facts.monitoring import (
    DhcpServer,
    DhcpServers,
    IntegrityTool,
    IntegrityTools,
    LogTypes,
    MonitoringAgent,
    MonitoringAgents,
)

Files = dict[str, str | bytes | Link]


def on(unit: str, text: str = "") -> Files:
    return {
        f"usr/lib/systemd/system/{unit}": text + "[Install]\nWantedBy=multi-user.target\n",
        f"etc/systemd/system/multi-user.target.wants/{unit}": Link(f"/usr/lib/systemd/system/{unit}"),
    }


def kinds(folder: Path, files: Files) -> list[str]:
    found, _ = log_types.gather(mounted(folder, files), ())
    assert isinstance(found, LogTypes)
    return list(found.types)


JOURNAL: Files = {"usr/lib/systemd/systemd-journald": "", "var/log/journal/x": ""}
RSYSLOG: Files = {"usr/sbin/rsyslogd": "", **on("rsyslog.service")}
AUDIT: Files = {
    "usr/sbin/auditd": "",
    "etc/audit/rules.d/a.rules": "-w /etc/passwd -p wa\n-a always,exit -F arch=b64 -S execve -F auid>=1000\n",
}


def test_a_journal_on_disk_holds_three_kinds(tmp_path: Path) -> None:
    assert kinds(tmp_path / "kept", JOURNAL) == ["access", "application", "system"]
    memory: Files = JOURNAL | {"etc/systemd/journald.conf": "[Journal]\nStorage=volatile\n"}
    assert kinds(tmp_path / "memory", memory) == []


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        ("*.* /var/log/all\n", ["access", "application", "system"]),
        ("*.*;auth,authpriv.none /var/log/syslog\n", ["application", "system"]),
        (
            "*.*;auth,authpriv.none /var/log/syslog\nauth,authpriv.* /var/log/auth.log\n",
            ["access", "application", "system"],
        ),
        ("authpriv.* /var/log/secure\n", ["access"]),
        ("kern.* /var/log/kern.log\n", ["system"]),
        ("*.emerg :omusrmsg:*\n", []),
    ],
)
def test_a_log_daemon_holds_what_its_selectors_say(rules: str, found: list[str], tmp_path: Path) -> None:
    assert kinds(tmp_path, RSYSLOG | {"etc/rsyslog.conf": rules}) == found


def test_a_log_daemon_that_is_off_holds_nothing(tmp_path: Path) -> None:
    assert kinds(tmp_path, {"usr/sbin/rsyslogd": "", "etc/rsyslog.conf": "*.* /var/log/all\n"}) == []


def test_the_audit_trail_holds_changes_and_processes(tmp_path: Path) -> None:
    assert kinds(tmp_path / "on", AUDIT | on("auditd.service")) == ["changes", "process"]
    assert kinds(tmp_path / "off", AUDIT) == []
    none: Files = AUDIT | on("auditd.service") | {"etc/audit/rules.d/b.rules": "-a never,task\n"}
    assert kinds(tmp_path / "none", none) == []


def test_process_accounting_holds_processes(tmp_path: Path) -> None:
    assert kinds(tmp_path, on("acct.service")) == ["process"]


def tools(folder: Path, files: Files) -> list[IntegrityTool]:
    found, _ = integrity_tool.gather(mounted(folder, files), ())
    assert isinstance(found, IntegrityTools)
    return found.tools


def test_aide_of_debian_is_started_by_its_timer(tmp_path: Path) -> None:
    timer = on("dailyaidecheck.timer", "[Timer]\nOnCalendar=daily\n")
    files: Files = {"usr/bin/aide": "", "var/lib/aide/aide.db": "x", **timer}
    assert tools(tmp_path, files) == [IntegrityTool("aide", database=True, scheduled=True)]


def test_aide_of_red_hat_is_started_by_cron(tmp_path: Path) -> None:
    files: Files = {
        "usr/sbin/aide": "",
        "var/lib/aide/aide.db.gz": "",
        "etc/cron.d/aide": "0 5 * * * root /usr/sbin/aide --check\n",
    }
    assert tools(tmp_path / "off", files) == [IntegrityTool("aide", database=False, scheduled=False)]
    assert tools(tmp_path / "on", files | on("crond.service"))[0].scheduled is True


LEFT_TO_TIMER = "[ -d /run/systemd/system ] && exit 0\n"


def test_a_daily_script_that_leaves_it_to_the_timer_starts_nothing(tmp_path: Path) -> None:
    host = mounted(
        tmp_path,
        {
            "usr/bin/aide": "",
            "etc/cron.daily/dailyaidecheck": "[ -d /run/systemd/system ] && exit 0\n",
            **on("cron.service"),
        },
    )
    script = tmp_path / "etc/cron.daily/dailyaidecheck"
    script.chmod(0o755)
    assert integrity_tool.gather(host, ())[0] == IntegrityTools([IntegrityTool("aide", False, False)])
    script.write_text("exec /usr/share/aide/bin/dailyaidecheck\n")
    assert integrity_tool.gather(mounted(tmp_path, {}), ())[0] == IntegrityTools(
        [IntegrityTool("aide", False, True)]
    )


def test_an_agent_with_a_service_of_its_own_needs_no_schedule(tmp_path: Path) -> None:
    files: Files = {
        "var/ossec/bin/wazuh-syscheckd": "",
        "var/ossec/queue/fim/db/fim.db": "x",
        **on("wazuh-agent.service"),
    }
    assert tools(tmp_path, files) == [IntegrityTool("wazuh-agent", database=True, scheduled=True)]


INSTALL = "[Install]\nWantedBy=timers.target\n"


def agents(folder: Path, files: Files) -> MonitoringAgents:
    found, _ = monitoring_agent.gather(mounted(folder, files), ())
    assert isinstance(found, MonitoringAgents)
    return found


def test_agents_are_told_with_whether_they_run(tmp_path: Path) -> None:
    files: Files = {"usr/sbin/snmpd": "", "usr/bin/node_exporter": "", **on("node_exporter.service")}
    assert agents(tmp_path, files) == MonitoringAgents(
        [MonitoringAgent("prometheus-node-exporter", True), MonitoringAgent("snmpd", False)], True
    )
    assert agents(tmp_path / "none", {}) == MonitoringAgents([], False)


@pytest.mark.parametrize(
    ("files", "active"),
    [
        ({}, False),
        (on("sysstat-collect.timer"), True),
        (on("sysstat-collect.timer") | {"etc/default/sysstat": '# on or off\nENABLED="false"\n'}, False),
        (on("sysstat-collect.timer") | {"etc/default/sysstat": 'ENABLED="true"\n'}, True),
        ({"etc/cron.d/sysstat": "*/10 * * * * root sa1\n"}, True),
        (
            {
                "etc/cron.d/sysstat": "",
                "usr/lib/systemd/system/sysstat-collect.timer": "[Install]\nWantedBy=a.target\n",
            },
            False,
        ),
    ],
)
def test_sysstat_collects_if_it_is_enabled_twice(files: Files, active: bool, tmp_path: Path) -> None:
    assert agents(tmp_path, {"usr/lib/sysstat/sadc": ""} | files).active is active


KEA = """\
{
// a comment
"Dhcp4": { # another
    "interfaces-config": { "interfaces": [ ] }, /* and
    one more */
    "loggers": [
    {
        "name": "kea-dhcp4", // "not": "this"
        "output_options": [ { "output": "/var/log/kea.log" }, ],
        "severity": "INFO",
    }
    ]
}
}
"""


def servers(folder: Path, files: Files) -> list[DhcpServer]:
    found, _ = dhcp_server.gather(mounted(folder, files), ())
    assert isinstance(found, DhcpServers)
    return found.servers


def test_kea_logs_what_its_loggers_say(tmp_path: Path) -> None:
    kea: Files = {"usr/sbin/kea-dhcp4": "", "etc/kea/kea-dhcp4.conf": KEA, **on("kea-dhcp4-server.service")}
    assert servers(tmp_path / "info", kea) == [DhcpServer("kea", active=True, logs=True)]
    quiet: Files = kea | {"etc/kea/kea-dhcp4.conf": KEA.replace("INFO", "WARN")}
    assert servers(tmp_path / "warn", quiet) == [DhcpServer("kea", active=True, logs=False)]
    assert dhcp_server.kea_logs(dhcp_server.kea_document('{"Dhcp4": {}}')) is True
    assert dhcp_server.kea_logs(dhcp_server.kea_document("[]")) is True


def test_dnsmasq_counts_if_it_hands_out_addresses(tmp_path: Path) -> None:
    files: Files = {"usr/sbin/dnsmasq": "", "etc/dnsmasq.conf": "#dhcp-range=1\nserver=10.0.0.1\n"}
    assert servers(tmp_path / "dns", files) == []
    serving: Files = files | {"etc/dnsmasq.d/lan": "dhcp-range=10.0.0.2,10.0.0.9,12h\n"}
    assert servers(tmp_path / "dhcp", serving) == [DhcpServer("dnsmasq", active=False, logs=True)]
    quiet: Files = serving | {"etc/dnsmasq.d/quiet": "quiet-dhcp\n"}
    assert servers(tmp_path / "quiet", quiet)[0].logs is False


def test_dhcpd_logs_to_syslog_unless_told_otherwise(tmp_path: Path) -> None:
    files: Files = {"usr/sbin/dhcpd": "", "etc/dhcp/dhcpd.conf": "log-facility local7;\n"}
    assert servers(tmp_path / "a", files) == [DhcpServer("isc-dhcpd", active=False, logs=True)]
    quiet: Files = files | {"etc/dhcp/dhcpd.conf": "  log-facility none;\n"}
    assert servers(tmp_path / "b", quiet)[0].logs is False


MARK = st.sampled_from(('"', "{", "}", "[", "]", ",", ":", "//", "/*", "*/", "#", "\n", "\\", "1"))


@pytest.mark.hostile
@given(st.lists(MARK | st.text(max_size=2), max_size=12).map("".join))
@thorough
def test_any_text_is_keas_configuration_or_refused(text: str) -> None:
    try:
        document = dhcp_server.kea_document(text)
    except ValueError:
        return
    dhcp_server.kea_logs(document)
    dhcp_server.dnsmasq_settings([text])


FACILITY = st.sampled_from(("auth", "authpriv", "kern", "mail", "*", "local7"))


@given(st.lists(FACILITY, min_size=1, max_size=4), st.booleans())
@thorough
def test_facilities_written_out_are_read_back(names: list[str], without_cron: bool) -> None:
    selector = ";".join(f"{name}.info" for name in names) + (";cron.none" if without_cron else "")
    assert log_types.facilities(selector) == set(names) | ({"!cron"} if without_cron else set())
