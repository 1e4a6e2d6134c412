"""Units are judged as systemctl judges them, without asking systemd."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted, this_machine

from vonggac_agent.facts import gather
from vonggac_agent.facts.system import service_started, service_unit, systemd
from vonggac_agent.host import Host
from vonggac_contract.facts import CouldNotLook, FactKey, Known, Unavailable
from vonggac_contract.facts.system import ServiceUnit

SSH = """\
[Service]
ExecStart=/usr/sbin/sshd -D
[Install]
WantedBy=multi-user.target
Alias=sshd.service
"""
USR = "usr/lib/systemd/system/"
ETC = "etc/systemd/system/"
TREE: dict[str, str | bytes | Link] = {
    USR + "ssh.service": SSH,
    ETC + "sshd.service": Link("/usr/lib/systemd/system/ssh.service"),
    USR + "cron.service": "[Install]\nWantedBy=multi-user.target\n",
    ETC + "multi-user.target.wants/cron.service": Link("/usr/lib/systemd/system/cron.service"),
    USR + "off.service": "[Install]\nWantedBy=multi-user.target\n",
    USR + "vendor.service": "[Install]\nWantedBy=multi-user.target\n",
    USR + "multi-user.target.wants/vendor.service": Link("../vendor.service"),
    USR + "fixed.service": "[Service]\nExecStart=/bin/true\n",
    USR + "also.service": "[Install]\nAlso=ssh.service\n",
    USR + "emptied.service": "[Install]\nWantedBy=a.target\nWantedBy=\n",
    USR + "forbidden.service": SSH,
    ETC + "forbidden.service": Link("/dev/null"),
    ETC + "blank.service": "",
    USR + "getty@.service": "[Install]\nWantedBy=getty.target\nDefaultInstance=tty1\n",
    ETC + "getty.target.wants/getty@tty1.service": Link("/usr/lib/systemd/system/getty@.service"),
    USR + "needed.service": "[Install]\nRequiredBy=a.target\n",
    "run/systemd/system/a.target.requires/needed.service": Link("/usr/lib/systemd/system/needed.service"),
    USR + "renamed.service": Link("cron.service"),
    ETC + "circle-a.service": Link("circle-b.service"),
    ETC + "circle-b.service": Link("circle-a.service"),
    "etc/init.d/legacy": "#!/bin/sh\n",
    "etc/rc3.d/S02legacy": Link("../init.d/legacy"),
    "etc/init.d/idle": "#!/bin/sh\n",
    "etc/rc3.d/K02idle": Link("../init.d/idle"),
}
EXPECTED = {
    "ssh.service": "enabled",
    "sshd.service": "enabled",
    "cron.service": "enabled",
    "off.service": "disabled",
    "vendor.service": "disabled",
    "fixed.service": "static",
    "also.service": "indirect",
    "emptied.service": "static",
    "forbidden.service": "masked",
    "blank.service": "masked",
    "getty@.service": "enabled",
    "getty@tty1.service": "enabled",
    "getty@tty2.service": "disabled",
    "needed.service": "enabled",
    "renamed.service": "enabled",
    "nothing.service": "absent",
    "legacy.service": "enabled",
    "idle.service": "disabled",
}


@pytest.mark.parametrize(("name", "enabled"), EXPECTED.items())
def test_a_unit_is_enabled_by_its_files_and_links(name: str, enabled: str, tmp_path: Path) -> None:
    found, _ = service_unit.gather(mounted(tmp_path, TREE), (name,))
    assert found == ServiceUnit(exists=enabled != "absent", enabled=enabled, active=None)  # type: ignore[arg-type]


def test_an_alias_has_the_processes_of_its_unit(tmp_path: Path) -> None:
    units = systemd.Units(mounted(tmp_path, TREE))
    names = ("sshd.service", "renamed.service", "cron.service", "forbidden.service", "getty@tty1.service")
    assert [units.real_name(name) for name in names] == [
        "ssh.service",
        "cron.service",
        *names[2:],
    ]


def test_a_masked_unit_has_no_text(tmp_path: Path) -> None:
    assert systemd.Units(mounted(tmp_path, TREE)).text("forbidden.service") == ""


@pytest.mark.hostile
def test_aliases_in_a_circle_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CouldNotLook, match="malformed: the aliases of circle-"):
        service_unit.gather(mounted(tmp_path, TREE), ("circle-a.service",))


@pytest.mark.hostile
@pytest.mark.parametrize(
    "name", ["", "ssh", "../../etc/passwd", "a/b.service", "a\0.service", "a" * 256 + ".service"]
)
def test_what_is_no_unit_name_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no unit's name"):
        service_unit.gather(mounted(tmp_path, TREE), (name,))


@pytest.mark.skipif(
    shutil.which("systemctl") is None, reason="systemctl, the measure of this test, is not here"
)
def test_systemctl_agrees_on_every_unit_of_this_machine() -> None:
    told = subprocess.run(
        ["systemctl", "--root=/", "list-unit-files", "--no-pager", "--no-legend"],
        check=True,
        capture_output=True,
        timeout=60,
    )
    wanted = {line.split()[0]: line.split()[1] for line in told.stdout.decode().splitlines()}
    units = systemd.units(this_machine())
    # systemctl names the kind of an alias, this fact its unit's state; the other words are the same.
    other_words = {"alias", "enabled-runtime", "generated", "transient", "linked"}
    judged = {name: units.enabled(name) for name, state in wanted.items() if state not in other_words}
    differ = {name: (wanted[name], mine) for name, mine in judged.items() if mine != wanted[name]}
    assert differ == {}
    assert len(wanted) > 20


@pytest.mark.parametrize(
    ("cgroup", "unit"),
    [
        ("0::/system.slice/ssh.service\n", "ssh.service"),
        ("0::/system.slice/system-getty.slice/getty@tty1.service\n", "getty@tty1.service"),
        ("12:cpu:/x\n1:name=systemd:/system.slice/cron.service\n", "cron.service"),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/app.service\n", "user@1000.service"),
        ("0::/user.slice/user-1000.slice/session-2.scope\n", None),
        ("0::/system.slice/docker-0123.scope/system.slice/nginx.service\n", None),
        ("0::/docker/0123/system.slice/nginx.service\n", None),
        ("0::/init.scope\n", None),
        ("0::/\n", None),
        ("5:memory:/system.slice/only-a-v1-controller.service\n", None),
        ("", None),
    ],
)
def test_a_process_belongs_to_the_service_of_its_control_group(cgroup: str, unit: str | None) -> None:
    assert systemd.unit_of(cgroup) == unit


@pytest.mark.hostile
@given(st.text(max_size=300))
def test_any_text_is_a_unit_file_and_a_control_group(text: str) -> None:
    systemd.unit_of(text)
    for section, keys in systemd.sections(text).items():
        assert isinstance(section, str)
        assert all(value.strip() == value and value for values in keys.values() for value in values)


def test_lines_that_end_in_a_backslash_go_on() -> None:
    found = systemd.sections("[Install]\nWantedBy=a.target \\\n# between\n  b.target\nAlias=\n")
    assert found["Install"] == {"wantedby": ["a.target b.target"], "alias": []}


def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: dict[str, str]) -> Host:
    """A root whose proc is a folder, looked at as if it ran."""
    files: dict[str, str | bytes | Link] = {f"proc/{pid}/cgroup": text for pid, text in processes.items()}
    host = mounted(tmp_path, {**TREE, **files, "proc/1/comm": "systemd\n"})
    monkeypatch.setattr(systemd, "is_running", lambda host: True)
    return host


def test_a_service_runs_if_a_process_is_in_its_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = running(tmp_path, monkeypatch, {"1": "0::/init.scope\n", "7": "0::/system.slice/ssh.service\n"})
    invocation = tmp_path / "run/systemd/units/invocation:fixed.service"
    invocation.parent.mkdir(parents=True)
    invocation.symlink_to("0123456789abcdef")
    assert service_unit.gather(host, ("ssh.service",))[0].active is True
    assert service_unit.gather(host, ("cron.service",))[0].active is False
    assert service_unit.gather(host, ("fixed.service",))[0].active is True, "started, without a process now"
    assert service_unit.gather(host, ("apt-daily.timer",))[0].active is None


def test_a_oneshot_service_without_a_process_is_not_guessed_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = running(tmp_path, monkeypatch, {"1": "0::/init.scope\n"})
    (tmp_path / USR / "once.service").write_text("[Service]\nType=oneshot\n")
    assert service_unit.gather(host, ("once.service",))[0].active is None


def test_services_of_this_machine_are_told_or_systemd_does_not_run() -> None:
    key = FactKey("service.running")
    fact = gather(this_machine(), [key])[key]
    if isinstance(fact, Known):
        assert fact.value.names == sorted(fact.value.names)
    else:
        assert isinstance(fact, Unavailable)
        assert fact.reason in ("not-supported", "permission-denied")


def test_units_set_to_start_are_listed_under_their_real_names(tmp_path: Path) -> None:
    found, _ = service_started.gather(mounted(tmp_path, TREE), ())
    assert found.units == [
        "cron.service",
        "getty@tty1.service",
        "legacy.service",
        "needed.service",
        "ssh.service",
    ]


def test_a_masked_unit_is_not_set_to_start(tmp_path: Path) -> None:
    tree = {
        **TREE,
        ETC + "multi-user.target.wants/forbidden.service": Link("/usr/lib/systemd/system/forbidden.service"),
        ETC + "sockets.target.wants/x y.socket": Link("/usr/lib/systemd/system/x y.socket"),
    }
    assert "forbidden.service" not in service_started.gather(mounted(tmp_path, tree), ())[0].units
