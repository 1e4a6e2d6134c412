"""What the service sees of the machine from its cage, held against what the machine's own programs say."""

from __future__ import annotations

import json
import re
import sys
from typing import TypeVar

import msgspec
import pytest
from tests.flow.systemd.booted import Booted
from tests.flow.systemd.product import AGENT, PREFIX
from tests.flow.systemd.station import STATE, Station

from vonggac_contract.facts import Fact, FactKey, Known, Reason, Unavailable
from vonggac_contract.facts.access import SshdEffective
from vonggac_contract.facts.commands import CommandOutput
from vonggac_contract.facts.logs import LoggingState
from vonggac_contract.facts.packages import PackageInventory
from vonggac_contract.facts.system import HostIdentity, KernelRunning, ServicesRunning, ServiceUnit, Sysctl
from vonggac_contract.report import stable
from vonggac_contract.snapshot import snapshot_from_value

SHARED_STATES = {"enabled", "disabled", "static", "masked", "indirect"}
"""What the fact calls by the word that systemctl has for it; the others are kinds of link and of moment."""
LOOK = """
import datetime, json, sys
from vonggac_agent import facts, host
from vonggac_contract.facts import FactKey
from vonggac_contract.snapshot import Snapshot, snapshot_to_bytes
now = datetime.datetime.now(datetime.timezone.utc)
found = facts.gather(host.Host(now=now), [FactKey(topic, tuple(words)) for topic, *words in json.load(sys.stdin)])
sys.stdout.buffer.write(snapshot_to_bytes(Snapshot(now, "linux", found)))
"""
COMMANDS = """
who: {argv: [/usr/local/sbin/who], output: text}
hang: {argv: [/usr/bin/sleep, "60"], timeout_s: 1}
"""
WHO = r"""#!/bin/sh
echo "$(id -un) $(id -Gn)"
sed -n 's/^CapEff:[[:space:]]*0*\(.\)$/\1/p; s/^NoNewPrivs:[[:space:]]*//p' /proc/self/status
for place in /usr/local/written /var/lib/vonggac-agent/written; do
    (echo > "$place") 2> /dev/null && echo open || echo closed
done
"""
T = TypeVar("T", bound=msgspec.Struct)

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def caged(enrolled: Station) -> dict[FactKey, Fact]:
    """The facts that are found under everything that the service's unit forbids."""
    enrolled.install()  # and its helper with it
    return look_by(enrolled.machine, only_once(unit_of(enrolled.machine)))


def unit_of(machine: Booted) -> str:
    """The service's unit as it would be installed, without its helper's."""
    printed = machine.run(AGENT, "service", "install", "--print").stdout
    return printed.partition("\n# /etc/systemd/system/")[0]


def only_once(unit: str) -> str:
    """The unit with everything that holds the service back, without what keeps it running."""
    return re.sub(r"(?m)^(ExecStart|ExecReload|Type|Restart\w*|WatchdogSec)=.*$", "", unit)


def look_by(machine: Booted, unit: str) -> dict[FactKey, Fact]:
    """The facts that a service of this unit finds."""
    saved = f"{STATE}/facts.json"
    once = f"[Service]\nType=oneshot\nExecStart={AGENT} scan --json --save-facts {saved}"
    machine.write("/run/systemd/system/one-look.service", unit.replace("[Service]", once))
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", "one-look")
    text = machine.run("cat", saved).stdout
    machine.run("rm", saved, "/run/systemd/system/one-look.service")
    return dict(snapshot_from_value(json.loads(text)).facts)


def facts_of(machine: Booted, keys: list[FactKey]) -> dict[FactKey, Fact]:
    """The facts that the installed agent gathers for these keys, whether a rule asks for them or not."""
    asked = json.dumps([[key.topic, *key.selector] for key in keys])
    told = machine.run(f"{PREFIX}/bin/python3", "-I", "-c", LOOK, given=asked).stdout
    return dict(snapshot_from_value(json.loads(told)).facts)


def lasting(facts: dict[FactKey, Fact]) -> dict[FactKey, object]:
    """Values without what moves by itself; where there is none, the reason."""
    return {
        key: stable(fact.value) if isinstance(fact, Known) else fact.reason for key, fact in facts.items()
    }


def value_of(fact: Fact, kind: type[T]) -> T:
    """The value of a fact that could be looked at."""
    assert isinstance(fact, Known), fact
    assert isinstance(fact.value, kind)
    return fact.value


def test_the_cage_hides_no_fact_and_changes_none(enrolled: Station, caged: dict[FactKey, Fact]) -> None:
    inside, outside = lasting(caged), lasting(look_by(enrolled.machine, "[Service]\n"))
    assert inside.keys() == outside.keys()
    assert {key: (inside[key], outside[key]) for key in inside if inside[key] != outside[key]} == {}


@pytest.mark.parametrize(
    ("unit", "capability", "lost"),
    [
        ("one-look.service", "CAP_DAC_READ_SEARCH", "file.walk"),
        ("one-look.service", "CAP_SYS_PTRACE", "socket.listening"),
        ("vonggac-agent-answers@.service", "CAP_NET_ADMIN", "firewall.rules"),
    ],
)
def test_each_capability_is_needed_to_see_something(
    enrolled: Station, caged: dict[FactKey, Fact], unit: str, capability: str, lost: str
) -> None:
    # What CAP_AUDIT_CONTROL is for, the kernel tells nobody in namespaces (netlink(7), NETLINK_AUDIT).
    machine, folder = enrolled.machine, f"/run/systemd/system/{unit}.d"
    machine.run("mkdir", folder)
    machine.write(f"{folder}/less.conf", f"[Service]\nCapabilityBoundingSet=~{capability}\n")
    try:
        without = lasting(look_by(machine, only_once(unit_of(machine))))
    finally:
        machine.run("rm", "-r", folder)
        machine.run("systemctl", "daemon-reload")
    before = lasting(caged)
    differ = {str(key) for key in before if before[key] != without[key]}
    sys.stdout.write(f"{capability}: {sorted(differ)}\n")
    assert lost in differ


def test_commands_of_the_owner_run_inside_the_cage_as_an_account_of_their_own(enrolled: Station) -> None:
    machine, here = enrolled.machine, "/etc/vonggac/commands.yaml"
    machine.run("useradd", "--system", "--shell", "/usr/sbin/nologin", "vonggac-command")
    machine.write("/usr/local/sbin/who", WHO, mode="0755")
    machine.write(here, COMMANDS)
    try:
        unit = unit_of(machine)
        machine.write("/run/look.py", LOOK)
        machine.write("/run/asked.json", json.dumps([["command.output", "who"], ["command.output", "hang"]]))
        once = (
            f"[Service]\nType=oneshot\nExecStart={PREFIX}/bin/python3 -I /run/look.py\n"
            f"StandardInput=file:/run/asked.json\nStandardOutput=truncate:{STATE}/facts.json\nStandardError=journal"
        )
        machine.write("/run/systemd/system/one-look.service", only_once(unit).replace("[Service]", once))
        machine.run("systemctl", "daemon-reload")
        machine.run("systemctl", "start", "one-look")
        facts = snapshot_from_value(json.loads(machine.run("cat", f"{STATE}/facts.json").stdout)).facts
        left = machine.run("pgrep", "-u", "vonggac-command", check=False).stdout
    finally:
        machine.run("rm", "-f", here, f"{STATE}/facts.json", "/run/systemd/system/one-look.service")
    said = value_of(facts[FactKey("command.output", ("who",))], CommandOutput)
    # No right of its own, none to be had (no_new_privs), and nowhere to write.
    assert (said.text or "").split("\n") == ["vonggac-command vonggac-command", "0", "1", "closed", "closed"]
    hung = facts[FactKey("command.output", ("hang",))]
    assert isinstance(hung, Unavailable)
    assert hung.reason is Reason.TIMED_OUT
    assert left == ""


def test_ssh_settings_are_those_that_the_server_tells(enrolled: Station, caged: dict[FactKey, Fact]) -> None:
    found = value_of(caged[FactKey("sshd.effective")], SshdEffective)
    said = dict(line.split(" ", 1) for line in enrolled.machine.run("sshd", "-T").stdout.splitlines())
    assert found.obtained == "effective"
    assert found.permitrootlogin == said["permitrootlogin"] == "no"
    assert str(found.maxauthtries) == said["maxauthtries"] == "3"
    assert str(found.logingracetime) == said["logingracetime"] == "45"
    assert (found.x11forwarding, said["x11forwarding"]) == (False, "no")
    assert ",".join(found.ciphers) == said["ciphers"]
    assert ",".join(found.macs) == said["macs"]
    assert found.ports == [int(said["port"])]


def test_running_services_are_those_that_systemctl_lists(enrolled: Station) -> None:
    words = ("--type=service", "--state=running", "--plain", "--no-legend")
    listed = enrolled.machine.run("systemctl", "list-units", *words).stdout
    key = FactKey("service.running")
    found = value_of(facts_of(enrolled.machine, [key])[key], ServicesRunning)
    assert found.names == sorted(line.split()[0] for line in listed.splitlines())
    assert {"ssh.service", "rsyslog.service"} <= set(found.names)


def test_every_unit_is_enabled_and_active_as_systemctl_says(enrolled: Station) -> None:
    machine = enrolled.machine
    machine.run("systemctl", "mask", "--now", "--runtime", "systemd-logind.service")
    listed = machine.run("systemctl", "list-unit-files", "--no-legend", "--plain").stdout
    states = {line.split()[0]: line.split()[1] for line in listed.splitlines() if "@." not in line.split()[0]}
    told = machine.run("systemctl", "show", "--property=ActiveState", "--value", *states).stdout
    shown = dict(zip(states, told.split(), strict=True))
    looked = facts_of(machine, [FactKey("service.unit", (name,)) for name in states])
    found = {key.selector[0]: value_of(fact, ServiceUnit) for key, fact in looked.items()}
    assert found.keys() == states.keys()
    shared = {name for name, state in states.items() if state in SHARED_STATES}
    assert {name: found[name].enabled for name in shared} == {name: states[name] for name in shared}
    # Whether a unit without a process is active cannot always be seen without asking systemd.
    active = {name: unit.active for name, unit in found.items() if unit.active is not None}
    assert active == {name: shown[name] == "active" for name in active}
    assert {"ssh.service": True, "systemd-logind.service": False}.items() <= active.items()
    assert {states[name] for name in shared} == {"enabled", "disabled", "static", "masked"}


def test_kernel_parameters_are_those_of_sysctl(enrolled: Station, caged: dict[FactKey, Fact]) -> None:
    keys = {key.selector[0]: fact for key, fact in caged.items() if key.topic == "sysctl"}
    assert keys
    for name, fact in keys.items():
        said = enrolled.machine.run("sysctl", "--values", name, check=False)
        if said.returncode:
            assert not isinstance(fact, Known), name
        else:
            assert value_of(fact, Sysctl).value == " ".join(said.stdout.split()), name


def test_name_kernel_and_packages_are_those_of_the_systems_own_programs(
    enrolled: Station, caged: dict[FactKey, Fact]
) -> None:
    machine = enrolled.machine
    assert (
        value_of(caged[FactKey("host.identity")], HostIdentity).hostname
        == machine.run("hostname").stdout.strip()
    )
    kernel = value_of(caged[FactKey("kernel.running")], KernelRunning)
    assert kernel.release == machine.run("uname", "--kernel-release").stdout.strip()
    listed = machine.run(
        "dpkg-query", "--show", "--showformat=${db:Status-Abbrev} ${Package} ${Version}\\n"
    ).stdout
    installed = {tuple(line.split()[1:]) for line in listed.splitlines() if line.startswith("ii")}
    inventory = value_of(caged[FactKey("package.inventory")], PackageInventory)
    assert {(package.name, package.version) for package in inventory.packages} == installed


def test_logging_is_as_the_journal_and_systemctl_say(enrolled: Station, caged: dict[FactKey, Fact]) -> None:
    found = value_of(caged[FactKey("logging.state")], LoggingState)
    files = re.findall(r"File path: (\S+)", enrolled.machine.run("journalctl", "--header").stdout)
    where = "persistent" if any(path.startswith("/var/log/journal/") for path in files) else "volatile"
    assert (found.journald, found.journal_storage) == (True, where)
    active = enrolled.machine.properties("rsyslog", "ActiveState")["ActiveState"] == "active"
    assert (found.syslog, found.syslog_active) == ("rsyslog", active)
