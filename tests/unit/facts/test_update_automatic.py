"""Automatic updates count only if they are installed, switched on, started by something, and install."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted

from vonggac_agent.facts.packages import apt_configuration, update_automatic
from vonggac_contract.facts import CouldNotLook
from vonggac_contract.facts.packages import AutomaticUpdates

STATUS = "Package: {}\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n\n"
PERIODIC = 'APT::Periodic::Update-Package-Lists "1";\nAPT::Periodic::Unattended-Upgrade "1";\n'
ORIGINS = """\
// comment with "quotes";
Unattended-Upgrade::Origins-Pattern {
        // "origin=Debian,codename=${distro_codename}-updates";
        "origin=Debian,codename=${distro_codename},label=Debian-Security";
        /* "origin=Debian"; */
        "origin=Debian,codename=${distro_codename}-security,label=Debian-Security";
};
"""
TIMER: dict[str, str | bytes | Link] = {
    "usr/lib/systemd/system/apt-daily-upgrade.timer": "[Install]\nWantedBy=timers.target\n",
    "etc/systemd/system/timers.target.wants/apt-daily-upgrade.timer": Link(
        "/usr/lib/systemd/system/apt-daily-upgrade.timer"
    ),
}
DEBIAN: dict[str, str | bytes | Link] = {
    "var/lib/dpkg/status": STATUS.format("unattended-upgrades") + STATUS.format("systemd"),
    "etc/apt/apt.conf.d/20auto-upgrades": PERIODIC,
    "etc/apt/apt.conf.d/50unattended-upgrades": ORIGINS,
    **TIMER,
}


def judged(tmp_path: Path, files: dict[str, str | bytes | Link]) -> AutomaticUpdates:
    return update_automatic.gather(mounted(tmp_path, files), ())[0]


def test_unattended_upgrades_as_debian_sets_it_up_for_security(tmp_path: Path) -> None:
    assert judged(tmp_path, DEBIAN) == AutomaticUpdates("unattended-upgrades", True, True, security_only=True)


@pytest.mark.parametrize(
    ("later", "enabled", "applies", "security_only"),
    [
        ('APT::Periodic::Unattended-Upgrade "0";', False, False, True),
        ('APT { Periodic { Enable "0"; }; };', False, False, True),
        ('apt::periodic::update-package-lists "0";', False, True, True),
        ('Unattended-Upgrade::Origins-Pattern:: "origin=Debian,label=Debian";', True, True, False),
        ("#clear Unattended-Upgrade::Origins-Pattern;", True, True, None),
        ('// APT::Periodic::Unattended-Upgrade "0";', True, True, True),
        ('APT::Periodic::Unattended-Upgrade "always";', True, True, True),
    ],
)
def test_a_later_file_has_the_last_word(
    later: str, enabled: bool, applies: bool, security_only: bool | None, tmp_path: Path
) -> None:
    found = judged(tmp_path, {**DEBIAN, "etc/apt/apt.conf.d/99local": later})
    assert found == AutomaticUpdates("unattended-upgrades", enabled, applies, security_only)


@pytest.mark.parametrize(
    "name", ["99local.disabled", "99local.bak", "99local.dpkg-old", ".99local", "99 local", "99local~"]
)
def test_files_that_apt_passes_over_are_passed_over(name: str, tmp_path: Path) -> None:
    off = 'APT::Periodic::Unattended-Upgrade "0";'
    assert judged(tmp_path, {**DEBIAN, f"etc/apt/apt.conf.d/{name}": off}).enabled


def test_without_its_timer_it_is_not_enabled(tmp_path: Path) -> None:
    files = {name: content for name, content in DEBIAN.items() if name not in TIMER}
    assert not judged(tmp_path / "a", files).enabled
    cron = {**files, "etc/cron.daily/apt-compat": "#!/bin/sh\n"}
    assert not judged(tmp_path / "b", cron).enabled, "where systemd is installed, cron leaves it to the timer"
    cron["var/lib/dpkg/status"] = STATUS.format("unattended-upgrades")
    assert judged(tmp_path / "c", cron).enabled


def test_settings_without_the_program_do_nothing(tmp_path: Path) -> None:
    assert judged(tmp_path, {**DEBIAN, "var/lib/dpkg/status": STATUS.format("apt")}) == update_automatic.NONE


@pytest.mark.parametrize(
    ("text", "timers", "expected"),
    [
        (
            "[commands]\napply_updates = yes\nupgrade_type = security\n",
            {"dnf-automatic.timer"},
            (True, True, True),
        ),
        (
            "[commands]\napply_updates = no\nupgrade_type = default\n",
            {"dnf-automatic.timer"},
            (True, False, False),
        ),
        ("apply_updates =\nupgrade_type = default\n", {"dnf-automatic.timer"}, (True, False, False)),
        ("apply_updates = no\n", {"dnf-automatic-install.timer"}, (True, True, False)),
        ("apply_updates = yes\n", {"dnf-automatic-notifyonly.timer"}, (True, False, False)),
        ("apply_updates = yes\n", set(), (False, True, False)),
    ],
)
def test_dnf_automatic_is_judged_by_its_file_and_timers(
    text: str, timers: set[str], expected: tuple[bool, bool, bool]
) -> None:
    assert update_automatic.dnf(text, frozenset(timers)) == AutomaticUpdates("dnf-automatic", *expected)


def test_yast_online_update_is_judged_by_its_sysconfig_file() -> None:
    text = 'AOU_ENABLE_CRONJOB="true"\nAOU_PATCH_CATEGORIES="security"\n'
    assert update_automatic.suse(text) == AutomaticUpdates("yast-online-update", True, True, True)
    assert not update_automatic.suse('AOU_ENABLE_CRONJOB=""\n').enabled


def test_without_a_package_database_it_is_not_known(tmp_path: Path) -> None:
    with pytest.raises(CouldNotLook, match="not-supported"):
        judged(tmp_path, {})


@pytest.mark.hostile
@given(st.text(alphabet='aA:#"{};/* \n\\é', max_size=300))
def test_any_text_is_read_as_configuration(text: str) -> None:
    configuration = apt_configuration.Configuration()
    configuration.read(text)
    assert configuration.get("no::such::name", "default") == "default"


@pytest.mark.hostile
def test_braces_may_nest_up_to_the_bound() -> None:
    configuration = apt_configuration.Configuration()
    configuration.read("a {" * apt_configuration.MAX_DEPTH)
    with pytest.raises(ValueError, match="nested deeper than 32"):
        configuration.read("a {" * (apt_configuration.MAX_DEPTH + 1))
