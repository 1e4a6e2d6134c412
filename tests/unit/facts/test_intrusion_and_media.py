"""What notices attacks, and what becomes of a disk that somebody plugs in."""

import contextlib
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted
from tests.unit.properties import thorough
from tests.unit.slowness import slowness

from vonggac_agent.facts.protection import intrusion_prevention, media_handling
from vonggac_contract.facts.protection import IntrusionTool, MediaHandling


def on(unit: str) -> dict[str, str | bytes | Link]:
    return {
        f"usr/lib/systemd/system/{unit}": "[Install]\nWantedBy=multi-user.target\n",
        f"etc/systemd/system/multi-user.target.wants/{unit}": Link(f"/usr/lib/systemd/system/{unit}"),
    }


def test_fail2ban_is_told_with_the_services_it_guards(tmp_path: Path) -> None:
    files = on("fail2ban.service") | {
        "usr/bin/fail2ban-server": "",
        "etc/fail2ban/jail.conf": "[INCLUDES]\nbefore = x\n[DEFAULT]\nenabled = false\n[sshd]\nport = ssh\n[apache]\n",
        "etc/fail2ban/jail.d/defaults-debian.conf": "[sshd]\nenabled = true\n",
        "etc/fail2ban/jail.local": "[apache]\nenabled = true\n",
        "etc/fail2ban/jail.d/z.local": "[apache]\nenabled = no\n",
    }
    found, _ = intrusion_prevention.gather(mounted(tmp_path, files), ())
    assert found.tools == [IntrusionTool("fail2ban", "host", active=True)]
    assert found.guarded == ["sshd"]


def test_every_jail_is_enabled_where_the_default_says_so() -> None:
    assert intrusion_prevention.jails(["[DEFAULT]\nenabled = true\n[a]\nx = 1\n[b]\nenabled = off\n"]) == [
        "a"
    ]


def test_rules_of_a_network_tool_carry_the_day_they_changed(tmp_path: Path) -> None:
    rules = "var/lib/suricata/rules"
    host = mounted(
        tmp_path,
        {
            "usr/bin/suricata": "",
            f"{rules}/a.rules": "x",
            f"{rules}/suricata.rules": "x",
            "usr/sbin/psad": "",
        },
    )
    os.utime(tmp_path / f"{rules}/a.rules", (0, 1_600_000_000))
    os.utime(tmp_path / f"{rules}/suricata.rules", (0, 1_700_000_000))
    psad, suricata = intrusion_prevention.gather(host, ())[0].tools
    assert (psad.name, psad.active, psad.signatures) == ("psad", False, None)
    assert suricata.signatures == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


GNOME = {
    "usr/share/xsessions/gnome.desktop": "",
    "usr/share/wayland-sessions/plasma.desktop": "",
    "usr/share/xsessions/openbox.desktop": "",
}
KEYS = "[org/gnome/desktop/media-handling]\nautomount=false\nautorun-never=true\n"
PREFIX = "/org/gnome/desktop/media-handling/"


def test_gnome_mounts_and_offers_programs_unless_told_not_to(tmp_path: Path) -> None:
    found, _ = media_handling.gather(mounted(tmp_path, dict(GNOME)), ())
    assert found.desktops == [
        MediaHandling("gnome", automount=True, autorun=True, enforced=False),
        MediaHandling("other", automount=None, autorun=None, enforced=False),
        MediaHandling("kde", automount=False, autorun=False, enforced=False),
    ]
    assert (found.admitted_by_list, found.scanned) == (False, False)


def test_what_the_administrator_locks_in_dconf_holds(tmp_path: Path) -> None:
    host = mounted(
        tmp_path,
        {
            "usr/share/xsessions/gnome.desktop": "",
            "etc/dconf/profile/user": "user-db:user\nsystem-db:local\n",
            "etc/dconf/db/local.d/10-media": KEYS,
            "etc/dconf/db/local.d/locks/10-media": f"{PREFIX}automount\n{PREFIX}autorun-never\n",
            "etc/dconf/db/local": "compiled",
        },
    )
    (found,) = media_handling.gather(host, ())[0].desktops
    assert found == MediaHandling("gnome", automount=False, autorun=False, enforced=True)


@pytest.mark.parametrize(
    ("conf", "blocks"),
    [("", True), ("ImplicitPolicyTarget=block\n", True), ("#x\nImplicitPolicyTarget=allow\n", False)],
)
def test_usbguard_blocks_unless_its_policy_allows(conf: str, blocks: bool, tmp_path: Path) -> None:
    assert media_handling.blocks(conf) is blocks
    files = on("usbguard.service") | {"etc/usbguard/usbguard-daemon.conf": conf}
    assert media_handling.gather(mounted(tmp_path, files), ())[0].admitted_by_list is blocks


@pytest.mark.parametrize(
    ("conf", "scanned"),
    [
        ("OnAccessIncludePath /media\n", True),
        ("OnAccessMountPath /run/media/\n", True),
        ("OnAccessIncludePath /home\n#OnAccessIncludePath /media\n", False),
    ],
)
def test_clamav_looks_at_removable_media_where_it_is_told_to(
    conf: str, scanned: bool, tmp_path: Path
) -> None:
    files = on("clamav-clamonacc.service") | {"usr/sbin/clamd": "", "etc/clamav/clamd.conf": conf}
    assert media_handling.gather(mounted(tmp_path, files), ())[0].scanned is scanned


NAME = st.text("abcdefgh-", min_size=1, max_size=8)


@given(st.dictionaries(NAME, st.booleans(), max_size=4), st.booleans())
@thorough
def test_jails_written_down_are_read_back(told: dict[str, bool], default: bool) -> None:
    text = f"[DEFAULT]\nenabled = {str(default).lower()}\n"
    text += "".join(f"[{name}]\nenabled = {'true' if flag else 'false'}\n" for name, flag in told.items())
    assert intrusion_prevention.jails([text]) == sorted(name for name, flag in told.items() if flag)


@pytest.mark.hostile
@given(st.text(max_size=200))
@thorough
def test_any_text_is_read(text: str) -> None:
    intrusion_prevention.jails([text])
    media_handling.blocks(text)
    media_handling.scans_media([text])


@pytest.mark.parser
@pytest.mark.hostile
@pytest.mark.parametrize(
    "piece", ["[a]\nenabled = true\n", "OnAccessIncludePath ", "ImplicitPolicyTarget=\n"]
)
def test_ten_megabytes_cost_less_than_a_second(piece: str) -> None:
    text = piece * (10_000_000 // len(piece))
    for read in (
        lambda t: intrusion_prevention.jails([t]),
        media_handling.blocks,
        lambda t: media_handling.scans_media([t]),
    ):
        started = time.process_time()
        with contextlib.suppress(ValueError):
            read(text)
        assert time.process_time() - started < 1 * slowness()
