"""Screens that lock, logins that nobody types, what is shown at a login, and what a shell starts with."""

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted
from tests.unit.properties import thorough
from tests.unit.slowness import slowness

from vonggac_agent.facts.access import login_banner, shell_defaults
from vonggac_agent.facts.desktop import desktop_autologin, desktop_session_lock
from vonggac_agent.facts.desktop.desktop_session_lock import Value
from vonggac_agent.formats import documents, ini
from vonggac_contract.facts.sessions import AutomaticLogin, DesktopLock, PathEntry, SessionLock, ShellDefaults

Files = dict[str, str | bytes | Link]
GNOME: Files = {
    "usr/share/wayland-sessions/gnome.desktop": "",
    "usr/share/xsessions/gnome-xorg.desktop": "",
    "usr/share/xsessions/lightdm-xsession.desktop": "",
}
DCONF: Files = {
    **GNOME,
    "etc/dconf/profile/user": "user-db:user\nsystem-db:local # x\n",
    "etc/dconf/db/local.d/00-lock": "[org/gnome/desktop/session]\nidle-delay=uint32 600\n"
    "[org/gnome/desktop/screensaver]\nlock-enabled=true\nlock-delay=uint32 5\n",
    "etc/dconf/db/local.d/locks/00-lock": "/org/gnome/desktop/session/idle-delay\n"
    "# /x\n/org/gnome/desktop/screensaver/lock-enabled\n/org/gnome/desktop/screensaver/lock-delay\n",
    "etc/dconf/db/local": b"GVariant",
}


def lock(folder: Path, files: Files) -> SessionLock:
    host = mounted(folder, files)
    compiled = folder / "etc/dconf/db/local"
    if compiled.exists():
        os.utime(compiled, (4e9, 4e9))
    return desktop_session_lock.gather(host, ())[0]


def test_gnome_as_it_is_installed_locks_after_five_minutes_and_lets_users_change_it(tmp_path: Path) -> None:
    assert lock(tmp_path, GNOME) == SessionLock(
        True, [DesktopLock("gnome", "gnome-xorg.desktop", True, 300, False)]
    )


def test_gnome_with_a_locked_system_database_is_enforced(tmp_path: Path) -> None:
    assert lock(tmp_path, DCONF).desktops == [DesktopLock("gnome", "gnome-xorg.desktop", True, 605, True)]


@pytest.mark.parametrize(
    "change",
    [
        {"etc/dconf/profile/user": "user-db:user\n"},
        {"etc/dconf/profile/user": ""},
    ],
)
def test_a_database_that_no_profile_names_says_nothing(change: Files, tmp_path: Path) -> None:
    assert lock(tmp_path, {**DCONF, **change}).desktops[0].enforced is False


def test_a_database_that_was_not_compiled_since_says_nothing(tmp_path: Path) -> None:
    host = mounted(tmp_path, DCONF)
    os.utime(tmp_path / "etc/dconf/db/local", (1, 1))
    assert desktop_session_lock.gather(host, ())[0].desktops[0].enforced is False


@pytest.mark.parametrize(
    ("settings_", "locks", "seconds"),
    [
        ({"org/gnome/desktop/session/idle-delay": "uint32 0"}, False, 0),
        ({"org/gnome/desktop/screensaver/lock-enabled": "false"}, False, 0),
        ({"org/gnome/desktop/lockdown/disable-lock-screen": "true"}, False, 0),
        (
            {
                "org/gnome/desktop/session/idle-delay": "uint32 60",
                "org/gnome/desktop/screensaver/lock-delay": "uint32 9",
            },
            True,
            69,
        ),
    ],
)
def test_gnome_locks_only_with_everything_on(settings_: dict[str, str], locks: bool, seconds: int) -> None:
    found = desktop_session_lock.from_dconf("gnome", "x", {k: Value(v, False) for k, v in settings_.items()})
    assert (found.locks, found.after_seconds, found.enforced) == (locks, seconds, False)


def test_a_lock_without_a_value_fixes_the_default(tmp_path: Path) -> None:
    files = {**DCONF, "etc/dconf/db/local.d/00-lock": ""}
    assert lock(tmp_path, files).desktops == [DesktopLock("gnome", "gnome-xorg.desktop", True, 300, True)]


def test_mate_counts_minutes() -> None:
    found = desktop_session_lock.from_dconf("mate", "x", {"org/mate/session/idle-delay": Value("10", False)})
    assert (found.locks, found.after_seconds) == (True, 600)


@pytest.mark.parametrize(
    ("text", "locks", "seconds", "enforced"),
    [
        ("", True, 305, False),
        ("[Daemon]\nAutolock=false\n", False, 0, False),
        ("[Daemon]\nTimeout=0\n", False, 0, False),
        ("[Daemon]\nAutolock[$i]=true\nTimeout[$i]=10\nLockGrace=0\n", True, 600, True),
        ("[Daemon][$i]\nTimeout=10\nAutolock=true\n[Greeter]\nTimeout=1\n", True, 605, True),
        ("[$i]\n[Daemon]\nAutolock=true\nTimeout=15\n", True, 905, True),
        ("[Daemon]\nAutolock=true\nTimeout[$i]=15\n", True, 905, False),
    ],
)
def test_kde_is_read_with_its_kiosk_marks(text: str, locks: bool, seconds: int, enforced: bool) -> None:
    found = desktop_session_lock.from_kde("plasma", desktop_session_lock.kde(text))
    assert (found.locks, found.after_seconds, found.enforced) == (locks, seconds, enforced)


XFCE = """<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-screensaver" version="1.0" {0}>
  <property name="saver" type="empty">
    <property name="enabled" type="bool" value="true"/>
    <property name="idle-activation" type="empty"><property name="delay" type="int" value="10"/></property>
  </property>
  <property name="lock" type="empty">
    <property name="enabled" type="bool" value="{1}"/>
    <property name="saver-activation" type="empty"><property name="enabled" type="bool" value="true"/>
      <property name="delay" type="int" value="2"/></property>
  </property>
</channel>"""


@pytest.mark.parametrize(
    ("marks", "on", "expected"),
    [
        ('locked="*" unlocked="root"', "true", (True, 720, True)),
        ("", "true", (True, 720, False)),
        ("", "false", (False, 0, False)),
    ],
)
def test_xfce_is_read_with_its_kiosk_marks(marks: str, on: str, expected: tuple[bool, int, bool]) -> None:
    document = documents.parse_xml(XFCE.format(marks, on))
    found = desktop_session_lock.from_xfce("xfce", desktop_session_lock.xfce(document), light_locker=False)
    assert (found.locks, found.after_seconds, found.enforced) == expected


def test_xfce_without_its_screensaver_is_locked_by_light_locker_or_by_nothing(tmp_path: Path) -> None:
    files: Files = {"usr/share/xsessions/xfce.desktop": ""}
    assert lock(tmp_path / "a", files).desktops == [DesktopLock("xfce", "xfce.desktop", False, 0, False)]
    files["usr/bin/light-locker"] = ""
    assert lock(tmp_path / "b", files).desktops == [DesktopLock("xfce", "xfce.desktop", True, 600, False)]
    files |= {"usr/bin/xfce4-screensaver": ""}
    files["etc/xdg/xfce4/xfconf/xfce-perchannel-xml/xfce4-screensaver.xml"] = XFCE.format(
        'locked="*"', "true"
    )
    assert lock(tmp_path / "c", files).desktops == [DesktopLock("xfce", "xfce.desktop", True, 720, True)]


def test_a_desktop_not_known_here_is_told_without_a_word_on_its_lock(tmp_path: Path) -> None:
    files: Files = {"usr/share/xsessions/i3.desktop": "", "usr/share/xsessions/plasma.desktop": ""}
    assert lock(tmp_path, files).desktops == [
        DesktopLock("other", "i3.desktop"),
        DesktopLock("kde", "plasma.desktop", True, 305, False),
    ]


def test_a_server_has_no_desktop(tmp_path: Path) -> None:
    assert lock(tmp_path, {}) == SessionLock(False, [])


@pytest.mark.parametrize(
    ("files", "by", "account"),
    [
        ({"etc/gdm3/daemon.conf": "[daemon]\nAutomaticLoginEnable = true\nAutomaticLogin = an\n"}, "gdm", "an"),
        ({"etc/gdm/custom.conf": "[daemon]\nTimedLoginEnable=True\nTimedLogin=an\n"}, "gdm", "an"),
        ({"etc/lightdm/lightdm.conf": "[Seat:*]\nautologin-user=an\n"}, "lightdm", "an"),
        ({"etc/lightdm/lightdm.conf.d/1.conf": "[SeatDefaults]\nautologin-guest=true\n"}, "lightdm", "guest"),
        ({"etc/sddm.conf.d/a.conf": "[Autologin]\nUser=an\nSession=plasma\n"}, "sddm", "an"),
        ({"etc/lxdm/lxdm.conf": "[base]\nautologin=an\n"}, "lxdm", "an"),
        ({"etc/default/nodm": "NODM_ENABLED=true\nNODM_USER=an\n"}, "nodm", "an"),
        ({"etc/sysconfig/displaymanager": 'DISPLAYMANAGER_AUTOLOGIN="an"\n'}, "displaymanager", "an"),
        ({"etc/greetd/config.toml": '[initial_session]\nuser = "an"\ncommand = "sway"\n'}, "greetd", "an"),
        (
            {"etc/systemd/system/getty@tty1.service.d/a.conf":
             "[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin an --noclear %I $TERM\n"},
            "getty", "an",
        ),
        (
            {"etc/systemd/system/serial-getty@ttyS0.service": "[Service]\nExecStart=/sbin/agetty -a an 115200\n"},
            "getty", "an",
        ),
        ({"etc/inittab": "# 2:a:/sbin/getty -a x\n1:2345:respawn:/sbin/agetty --autologin an tty1\n"}, "inittab", "an"),
    ],
)  # fmt: skip
def test_each_way_to_log_in_without_typing_is_seen(
    files: Files, by: str, account: str, tmp_path: Path
) -> None:
    [path] = files
    found, _ = desktop_autologin.gather(mounted(tmp_path, files), ())
    assert found.logins == [AutomaticLogin(by, account, path)]


@pytest.mark.parametrize(
    "files",
    [
        {"etc/gdm3/daemon.conf": "[daemon]\n# AutomaticLoginEnable = true\nAutomaticLogin = an\n"},
        {"etc/gdm3/daemon.conf": "[daemon]\nAutomaticLoginEnable = false\nAutomaticLogin = an\n"},
        {"etc/lightdm/lightdm.conf": "[Seat:*]\n#autologin-user=an\n[XDMCPServer]\nautologin-user=an\n"},
        {
            "etc/lightdm/lightdm.conf": "[Seat:*]\nautologin-user=\n",
            "usr/share/lightdm/lightdm.conf.d/1.conf": "[Seat:*]\nautologin-user=an\n",
        },
        {"etc/sddm.conf": "[Autologin]\nUser=\nSession=plasma\n"},
        {"etc/default/nodm": "NODM_ENABLED=false\nNODM_USER=an\n"},
        {
            "etc/systemd/system/getty@tty1.service.d/a.conf":
            "[Service]\nExecStart=\nExecStart=-/sbin/agetty -o '-p -- \\\\u' - $TERM\n",
        },
        {"etc/systemd/system/x.service": "[Service]\nExecStart=/sbin/agetty --autologin an\n"},
        {"etc/greetd/config.toml": '[default_session]\ncommand = "agreety"\n'},
        {"etc/hostname": "a\n"},
    ],
)  # fmt: skip
def test_what_is_switched_off_or_meant_for_others_logs_nobody_in(files: Files, tmp_path: Path) -> None:
    assert desktop_autologin.gather(mounted(tmp_path, files), ())[0].logins == []


def test_banners_are_told_by_what_they_give_away(tmp_path: Path) -> None:
    host = mounted(
        tmp_path,
        {
            "etc/issue": "Chỉ người được phép.\n\\d \\l\n",
            "etc/issue.net": "Welcome to Máy Nhà 3\n",
            "etc/os-release": 'NAME="Máy Nhà"\nID=nha\n',
        },
    )
    issue, net, motd = login_banner.gather(host, ())[0].banners
    assert (issue.exists, issue.empty, issue.reveals) == (True, False, False)
    assert (net.empty, net.reveals, net.others_write) == (False, True, os.getuid() != 0)
    assert (motd.exists, motd.empty) == (False, True)


@pytest.mark.parametrize(
    ("text", "says", "reveals"),
    [
        ("Debian GNU/Linux 12 \\n \\l\n", True, True),
        ("\\S\nKernel \\r on an \\m\n", True, True),
        ("\\n \\l\n\n", False, False),
        ("Authorised users only.", True, False),
        ("Chỉ người được phép", True, False),
    ],
)
def test_a_text_without_words_says_nothing(text: str, says: bool, reveals: bool) -> None:
    assert (login_banner.says(text), login_banner.reveals(text)) == (says, reveals)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("022", 0o022),
        ("7", 0o007),
        ("0077", 0o077),
        ("u=rwx,g=rx,o=", 0o027),
        ("a=rx", 0o222),
        ("u+w", None),
        ("9", None),
        ("", None),
    ],
)
def test_a_umask_is_read_in_digits_or_letters(text: str, value: int | None) -> None:
    assert shell_defaults.mask(text) == value


def shell(folder: Path, files: Files) -> ShellDefaults:
    return shell_defaults.gather(mounted(folder, files), ())[0]


@pytest.mark.parametrize(
    ("files", "umask"),
    [
        ({}, "0022"),
        ({"etc/login.defs": "UMASK 027\n"}, "0027"),
        (
            {"etc/login.defs": "UMASK 027\n", "etc/pam.d/sshd": "session optional pam_umask.so umask=0077\n"},
            "0077",
        ),
        ({"etc/login.defs": "UMASK 077\n", "etc/profile": "umask 022\n"}, "0022"),
        (
            {
                "etc/profile": "umask 022\n",
                "etc/profile.d/z.sh": "umask 027 # 000\n",
                "etc/profile.d/z.csh": "umask 000\n",
            },
            "0027",
        ),
        ({"etc/profile": "if [ $UID -gt 199 ]; then\n umask 002\nelse\n umask 022\nfi\n"}, "0002"),
        ({"etc/profile": "umask 027\n", "etc/bash.bashrc": "umask 022\n"}, "0022"),
        ({"etc/login.defs": "UMASK 027\n", "etc/bashrc": "[ `umask` -eq 0 ] && umask 022\n"}, "0027"),
        (
            {
                "etc/profile.d/z.sh": "umask 027\n",
                "etc/bashrc": "umask 002\nfor i in /etc/profile.d/*.sh; do . $i; done\n",
            },
            "0027",
        ),
        ({"etc/login.defs": "UMASK nonsense\n"}, "0022"),
    ],
)
def test_the_loosest_umask_of_any_shell_is_told(files: Files, umask: str, tmp_path: Path) -> None:
    assert shell(tmp_path, files).umask == umask


def test_a_umask_is_told_as_what_it_takes_away(tmp_path: Path) -> None:
    assert shell(tmp_path, {"etc/profile": "umask 027\n"}).removed == ["g+w", "o+r", "o+w", "o+x"]


@pytest.mark.parametrize(
    ("line", "fixed"),
    [
        ("readonly TMOUT=900; export TMOUT", True),
        ("TMOUT=900\nreadonly TMOUT\nexport TMOUT", True),
        ("declare -xr TMOUT=900", True),
        ("export TMOUT=900", False),
        ("# readonly TMOUT=900", False),
        ("readonly PATH; TMOUT=9", False),
    ],
)
def test_a_read_only_time_limit_cannot_be_changed(line: str, fixed: bool, tmp_path: Path) -> None:
    assert shell(tmp_path, {"etc/profile.d/t.sh": line + "\n"}).timeout_fixed is fixed


def test_roots_path_is_told_folder_by_folder(tmp_path: Path) -> None:
    host = mounted(
        tmp_path,
        {
            "etc/environment": 'PATH="/usr/bin:/opt/open"\n',
            "etc/login.defs": "ENV_SUPATH PATH=/usr/sbin\n",
            "root/.bashrc": "# PATH=/x\nexport PATH=$PATH:.:$HOME/bin:\n",
            "usr/bin/x": "",
            "opt/open/x": "",
        },
    )
    (tmp_path / "opt/open").chmod(0o777)
    (tmp_path / "usr/bin").chmod(0o755)
    mine = os.getuid() == 0
    assert shell_defaults.gather_root(host, ())[0].path == [
        PathEntry(".", "root/.bashrc", False, True),
        PathEntry("", "root/.bashrc", False, True),
        PathEntry("/usr/bin", "etc/environment", True, mine),
        PathEntry("/opt/open", "etc/environment", True, False),
        PathEntry("/usr/sbin", "etc/login.defs", True, True),
    ]


@pytest.mark.parametrize(
    ("files", "seconds"),
    [
        ({}, None),
        ({"etc/profile.d/t.sh": "TMOUT=900\n", "root/.bashrc": "TMOUT=300\n"}, 300),
        ({"etc/profile.d/t.sh": "readonly TMOUT=900\n", "root/.bashrc": "TMOUT=300\n"}, 900),
        ({"root/.profile": "export TMOUT=0\n"}, None),
        (
            {"etc/profile.d/t.sh": "case $(id -u) in 0) readonly TMOUT=300;; *) readonly TMOUT=900;; esac\n"},
            300,
        ),
    ],
)
def test_roots_time_limit_is_the_last_that_is_set_unless_one_is_read_only(
    files: Files, seconds: int | None, tmp_path: Path
) -> None:
    assert shell_defaults.gather_root(mounted(tmp_path, files), ())[0].timeout == seconds


SEAT = st.dictionaries(
    st.sampled_from(["AutomaticLogin", "TimedLogin"]), st.sampled_from(["an", "ba"]), max_size=2
)


@given(SEAT, st.sampled_from(["true", "false"]))
@thorough
def test_what_is_written_for_gdm_is_read_back(accounts: dict[str, str], switch: str) -> None:
    text = "[daemon]\n" + "".join(f"{name}Enable={switch}\n{name}={who}\n" for name, who in accounts.items())
    found = {account for _, account in desktop_autologin.gdm(ini.parse(text))}
    assert found == (set(accounts.values()) if switch == "true" else set())


@given(st.booleans(), st.integers(0, 120), st.booleans())
@thorough
def test_what_is_written_for_kde_is_read_back(on: bool, minutes: int, fixed: bool) -> None:
    mark = "[$i]" if fixed else ""
    text = f"[Daemon]{mark}\nAutolock={str(on).lower()}\nTimeout={minutes}\nLockGrace=0\n"
    found = desktop_session_lock.from_kde("x", desktop_session_lock.kde(text))
    assert (found.locks, found.after_seconds, found.enforced) == (
        on and minutes > 0, minutes * 60 if on else 0, fixed,
    )  # fmt: skip


PARSERS: list[Callable[[str], Any]] = [
    lambda text: list(desktop_autologin.gdm(ini.parse(text))),
    lambda text: list(desktop_autologin.lightdm(ini.parse(text))),
    lambda text: list(desktop_autologin.sddm(ini.parse(text))),
    lambda text: list(desktop_autologin.agetty(text.split("\n"))),
    lambda text: list(desktop_autologin.greetd(documents.parse_toml(text))),
    lambda text: desktop_session_lock.from_dconf(
        "gnome", "x", {k: Value(v, False) for k, v in desktop_session_lock.keyfile(text).items()}
    ),
    desktop_session_lock.locks,
    desktop_session_lock.databases,
    lambda text: desktop_session_lock.from_kde("x", desktop_session_lock.kde(text)),
    lambda text: desktop_session_lock.xfce(documents.parse_xml(text)),
    login_banner.reveals,
    login_banner.says,
    lambda text: shell_defaults.set_in(text.split("\n")),
    lambda text: shell_defaults.paths_in(text.split("\n")),
    lambda text: shell_defaults.fixed([text.split("\n")]),
]


@given(
    st.text(max_size=200)
    | st.lists(st.sampled_from(["[", "Daemon", "]", "umask ", "PATH=", "=", "\n", ":", "x"])).map("".join)
)
@thorough
def test_no_text_makes_a_parser_raise_anything_but_value_error(text: str) -> None:
    for parse in PARSERS:
        try:
            parse(text)
        except ValueError:
            continue


@pytest.mark.parser
@pytest.mark.parametrize(
    "text",
    [
        "umask 0 " * 125_000,
        "PATH=" * 200_000,
        "[a\n" * 19_000,
        "getty -a" * 125_000,
        "\\" * 1_000_000,
        "readonly TMOUT " * 70_000,
    ],
)
@pytest.mark.parametrize("parse", PARSERS)
def test_a_megabyte_of_the_worst_costs_under_a_second(parse: Callable[[str], Any], text: str) -> None:
    started = time.process_time()
    with contextlib.suppress(ValueError):
        parse(text)
    assert time.process_time() - started < 1 * slowness()
