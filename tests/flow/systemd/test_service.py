"""The agent as a service of a system that really booted: installed, seen at work, measured by what the system says."""

from __future__ import annotations

import hashlib
import json
import re
import sys
import time
from pathlib import Path

import psutil
import pytest
from tests.flow.systemd.booted import Booted, wait_until
from tests.flow.systemd.product import AGENT, PREFIX
from tests.flow.systemd.station import STATE, UNIT, Station, child_of, seen_of

from vonggac_rules.builtin import default_rulebook_bytes

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(300)]

UNIT_FILE = f"/etc/systemd/system/{UNIT}"
HELPER_FILES = (
    "/etc/systemd/system/vonggac-agent-answers.socket",
    "/etc/systemd/system/vonggac-agent-answers@.service",
)
WATCHED = (
    "/boot",
    "/etc",
    "/home",
    "/opt",
    "/root",
    "/srv",
    "/usr",
    "/var/backups",
    "/var/cache",
    "/var/lib",
    "/var/spool",
)
CHANGES_THE_MACHINE = ~((1 << 2) | (1 << 19))
"""All but CAP_DAC_READ_SEARCH and CAP_SYS_PTRACE (linux/capability.h)."""
EXPOSURE_AT_MOST = 2.0
"""systemd-analyze(1) calls less than 5 "OK"; this bound is the project's own."""
SOCKET = "/run/vonggac-agent-answers.sock"
ASK = """
import json, sys
from vonggac_agent.asking import ask_helper
from vonggac_contract.facts import CouldNotLook
try:
    sys.stdout.buffer.write(ask_helper(tuple(json.load(sys.stdin)), timeout=5, limit=100_000))
except CouldNotLook as error:
    print(error.reason)
"""
OLDER_UNIT = f"""
[Unit]
Description=As an agent without a helper wrote it
[Service]
Type=notify
ExecStart={PREFIX}/bin/python3 -I -m vonggac_agent run
StateDirectory=vonggac-agent
StateDirectoryMode=0700
CapabilityBoundingSet=CAP_DAC_READ_SEARCH CAP_SYS_PTRACE CAP_NET_ADMIN CAP_AUDIT_CONTROL
ProtectSystem=strict
[Install]
WantedBy=multi-user.target
"""


def test_systemd_finds_no_fault_in_the_unit(reporting: Station) -> None:
    said = reporting.machine.run("systemd-analyze", "verify", UNIT_FILE, *HELPER_FILES)
    assert (said.stdout, said.stderr) == ("", "")


def test_the_service_is_active_after_it_said_itself_that_it_is_ready(reporting: Station) -> None:
    names = ("Type", "ActiveState", "SubState", "UnitFileState", "Result")
    assert reporting.machine.properties(UNIT, *names) == {
        "Type": "notify",
        "ActiveState": "active",
        "SubState": "running",
        "UnitFileState": "enabled",
        "Result": "success",
    }
    assert "ended with 0" in reporting.machine.properties(UNIT, "StatusText")["StatusText"]
    assert reporting.machine.run("systemctl", "is-system-running").stdout.strip() == "running"
    told = json.loads(reporting.machine.run(AGENT, "service", "status", "--json").stdout)
    assert told["ActiveState"] == "active"


def test_the_collector_holds_a_sealed_report_of_this_machine(reporting: Station) -> None:
    link = reporting.collector.chain()[0]
    sections = link.statement.report.sections
    assert sections["host"].content["hostname"] == reporting.machine.hostname
    version = reporting.machine.run("dpkg-query", "-W", "-f", "${Version}", "openssh-server").stdout
    packages = json.dumps(sections["packages"].content)
    assert "openssh-server" in packages
    assert version in packages
    assert json.loads(reporting.collector.command("ledger", "verify", "--json"))["faults"] == []


def test_status_tells_that_the_report_was_received(reporting: Station) -> None:
    link = reporting.collector.chain()[-1]
    told = reporting.status()
    assert told["last_report"]["digest"] == link.digest
    assert told["last_report"]["state"] == "received"
    assert told["spool"]["unsent"] == 0
    assert (told["health"], told["problems"]) == ("green", [])
    assert told["agent_id"] == link.statement.agent_id


def test_the_service_takes_a_new_rulebook_that_is_vouched_for(reporting: Station, tmp_path: Path) -> None:
    assert reporting.status()["policy"]["trouble"] is None
    raw = default_rulebook_bytes().replace(b'"version":"', b'"version":"new-', 1)
    (tmp_path / "rulebook.json").write_bytes(raw)
    reporting.collector.command("rulebook", "publish", str(tmp_path / "rulebook.json"))
    reporting.machine.run("systemctl", "reload", UNIT)
    wanted = hashlib.sha256(raw).hexdigest()
    wait_until(lambda: reporting.status()["policy"]["rulebook"] == wanted, seconds=60)
    assert reporting.status()["policy"]["trouble"] is None


def test_a_look_is_made_by_a_child_that_is_modest_and_bounded(reporting: Station) -> None:
    supervisor = reporting.supervisor()
    reporting.look_again()
    child = child_of(supervisor)
    # The last thing it does to itself before it looks.
    wait_until(lambda: seen_of(child).limits["Max cpu time"] != "unlimited", seconds=10, pause=0.001)
    seen = seen_of(child)
    assert seen.argv.split(b"\0")[3:5] == [b"vonggac_agent.child", b"look"]
    assert (seen.nice, seen_of(supervisor).nice) == (10, 10)
    assert psutil.Process(child).ionice().ioclass == psutil.IOPRIO_CLASS_IDLE
    assert seen.limits["Max address space"] == str(1024 * 1024 * 1024)
    assert seen.limits["Max cpu time"] == "60"
    assert seen.limits["Max core file size"] == "0"
    assert seen.group.endswith(f"/system.slice/{UNIT}")
    assert (seen.status["NoNewPrivs"], seen.status["Seccomp"]) == ("1", "2")
    assert int(seen.status["CapEff"], 16) & CHANGES_THE_MACHINE == 0


def test_the_services_control_group_bounds_memory_and_processes(reporting: Station) -> None:
    told = reporting.machine.properties(UNIT, "MemoryMax", "TasksMax", "CPUWeight")
    assert told == {"MemoryMax": str(512 * 1024 * 1024), "TasksMax": "64", "CPUWeight": "20"}
    group = f"/sys/fs/cgroup/system.slice/{UNIT}"
    controllers = reporting.machine.run("cat", f"{group}/cgroup.controllers").stdout.split()
    if "memory" in controllers:
        assert reporting.machine.run("cat", f"{group}/memory.max").stdout.strip() == told["MemoryMax"]
    if "pids" in controllers:
        assert reporting.machine.run("cat", f"{group}/pids.max").stdout.strip() == told["TasksMax"]


def test_systemd_rates_what_the_service_could_do_to_the_machine_as_little(
    reporting: Station, capsys: pytest.CaptureFixture[str]
) -> None:
    said = reporting.machine.run("systemd-analyze", "security", "--no-pager", UNIT).stdout
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert found, said
    with capsys.disabled():
        sys.stdout.write(f"\nsystemd-analyze security {UNIT}: exposure {found[1]}\n")
    assert float(found[1]) <= EXPOSURE_AT_MOST


@pytest.mark.crash
def test_a_service_that_is_killed_is_started_again_and_its_chain_goes_on_without_a_gap(
    reporting: Station,
) -> None:
    before = len(reporting.collector.chain())
    pid = reporting.machine.properties(UNIT, "MainPID")
    account = reporting.add_account()
    reporting.machine.run("systemctl", "kill", "--signal=KILL", "--kill-whom=main", UNIT)
    newest = reporting.wait_for_account(account)
    assert newest.statement.sequence == len(reporting.collector.chain()) == before + 1
    assert reporting.is_at_work()
    assert reporting.machine.properties(UNIT, "MainPID") != pid
    assert "status=9/KILL" in reporting.machine.journal(f"--unit={UNIT}")


@pytest.mark.crash
def test_a_look_that_is_killed_with_the_service_leaves_no_gap(reporting: Station) -> None:
    before = len(reporting.collector.chain())
    account = reporting.add_account()
    supervisor = reporting.supervisor()
    reporting.look_again()
    child_of(supervisor)
    reporting.machine.run("systemctl", "kill", "--signal=KILL", "--kill-whom=all", UNIT)
    newest = reporting.wait_for_account(account)
    assert newest.statement.sequence == len(reporting.collector.chain()) == before + 1


def test_a_stop_in_the_middle_of_a_look_takes_less_than_ten_seconds_and_loses_nothing(
    reporting: Station,
) -> None:
    before = len(reporting.collector.chain())
    account = reporting.add_account()
    supervisor = reporting.supervisor()
    reporting.look_again()
    child_of(supervisor)
    began = time.monotonic()
    reporting.machine.run("systemctl", "stop", UNIT)
    assert time.monotonic() - began < 10
    assert reporting.agents_processes() == []
    assert reporting.machine.properties(UNIT, "ActiveState", "Result") == {
        "ActiveState": "inactive",
        "Result": "success",
    }
    reporting.machine.run("systemctl", "start", UNIT)
    newest = reporting.wait_for_account(account)
    assert newest.statement.sequence == len(reporting.collector.chain()) == before + 1


def test_a_service_writes_only_its_unit_and_its_state_and_leaves_only_its_state_when_it_is_removed(
    enrolled: Station,
) -> None:
    machine = enrolled.machine
    machine.run(AGENT, "service", "remove")
    before = machine.files(*WATCHED)
    enrolled.install()
    assert outside_state(changed(before, machine.files(*WATCHED))) == {
        UNIT_FILE,
        *HELPER_FILES,
        f"/etc/systemd/system/multi-user.target.wants/{UNIT}",
    }
    assert enrolled.agents_processes() != []
    assert f"stay in {STATE}" in machine.run(AGENT, "service", "remove").stdout
    assert outside_state(changed(before, machine.files(*WATCHED))) == set()
    assert enrolled.agents_processes() == []
    assert machine.properties(UNIT, "ActiveState") == {"ActiveState": "inactive"}
    assert machine.run("systemctl", "is-enabled", UNIT, check=False).returncode != 0
    assert enrolled.status()["last_report"]["digest"] == enrolled.collector.chain()[-1].digest
    assert machine.run(AGENT, "service", "remove").stdout == "there is no service to remove\n"


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    """Paths that appeared, went away or are not what they were."""
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def outside_state(paths: set[str]) -> set[str]:
    """Those that are not in the state folder."""
    return {path for path in paths if not path.startswith(f"{STATE}/")}


def test_a_service_that_is_installed_over_a_running_one_runs_by_the_new_unit(reporting: Station) -> None:
    pid = reporting.supervisor()
    reporting.machine.run("sed", "--in-place", "s/^Nice=.*/Nice=19/", UNIT_FILE)
    reporting.install()
    assert reporting.supervisor() != pid
    assert seen_of(reporting.supervisor()).nice == 10
    assert reporting.machine.properties(UNIT, "NeedDaemonReload") == {"NeedDaemonReload": "no"}


def test_only_root_may_ask_the_helper_and_only_what_is_written_in_it(reporting: Station) -> None:
    machine = reporting.machine

    def told() -> str:
        return machine.journal("--output=json", "--output-fields=UNIT")

    def asked(*words: str, who: str = "root") -> str:
        argv = ("setpriv", f"--reuid={who}", "--clear-groups", f"{PREFIX}/bin/python3", "-I", "-c", ASK)
        return machine.run(*argv, given=json.dumps(words)).stdout

    before = told().count("vonggac-agent-answers@")
    assert machine.run("stat", "--format=%a %U:%G", SOCKET).stdout == "600 root:root\n"
    assert "permitrootlogin no" in asked("sshd", "-T")
    assert asked("sshd", "-T", who="nobody") == "permission-denied\n"
    for words in (("nft", "flush", "ruleset"), ("sh", "-c", "id"), ("sshd", "-T", "-f", "/etc/shadow")):
        assert asked(*words) == "not-supported\n"
    # Each is gone after its answer, and the journal tells of none: only of one whose asker was stopped, before this.
    listed = ("list-units", "--all", "--plain", "--no-legend", "vonggac-agent-answers@*")
    wait_until(lambda: machine.run("systemctl", *listed).stdout == "", seconds=10)
    assert UNIT in told()
    assert told().count("vonggac-agent-answers@") == before


def test_an_older_unit_gives_way_to_the_new_ones_and_the_machine_goes_on_as_itself(
    reporting: Station,
) -> None:
    machine, before = reporting.machine, reporting.collector.chain()
    machine.run(AGENT, "service", "remove")
    machine.write(UNIT_FILE, OLDER_UNIT)
    machine.run("systemctl", "daemon-reload")
    account = reporting.add_account()
    machine.run("systemctl", "enable", "--now", UNIT)
    reporting.wait_for_account(account)
    assert machine.run("ls", SOCKET, check=False).returncode != 0
    account = reporting.add_account()
    reporting.install()
    newest = reporting.wait_for_account(account)
    assert newest.statement.agent_id == before[-1].statement.agent_id
    assert newest.statement.sequence == len(reporting.collector.chain()) > len(before) + 1
    assert machine.run("ls", SOCKET).stdout == f"{SOCKET}\n"


def test_a_machine_that_was_never_enrolled_is_told_so_and_gets_no_service(
    agent_layer: Path, debian_root: Path
) -> None:
    with Booted([agent_layer, debian_root]) as machine:
        before = machine.files(*WATCHED)
        done = machine.run(AGENT, "service", "install", check=False)
        assert done.returncode == 78
        assert "`vonggac-agent enrol` makes it" in done.stderr
        assert changed(before, machine.files(*WATCHED)) == set()


def test_a_service_that_was_removed_and_is_installed_again_goes_on_with_its_chain(reporting: Station) -> None:
    before = len(reporting.collector.chain())
    reporting.machine.run(AGENT, "service", "remove")
    account = reporting.add_account()
    reporting.machine.run(AGENT, "service", "install")
    newest = reporting.wait_for_account(account)
    assert newest.statement.sequence == len(reporting.collector.chain()) == before + 1
