"""desktop.autologin: logins that nobody types, set in display managers, getty units or inittab.

Sources: GDM's daemon.conf (custom.conf on Red Hat and SUSE), lightdm.conf, sddm.conf(5), lxdm.conf, nodm's defaults,
greetd(5) initial_session, SUSE's sysconfig/displaymanager, agetty(8) --autologin, inittab(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from vonggac_contract.facts.sessions import AutomaticLogin, AutomaticLogins

from ...formats import assignments, documents, ini
from ...formats.ini import Entry
from ...host import Host
from ...untrusted import as_text, bounded
from ..base import must_be_mounted
from ..system import systemd

GDM: Final = ("etc/gdm3/daemon.conf", "etc/gdm3/custom.conf", "etc/gdm/custom.conf")
LIGHTDM: Final = (
    "usr/share/lightdm/lightdm.conf.d",
    "etc/xdg/lightdm/lightdm.conf.d",
    "etc/lightdm/lightdm.conf.d",
)
SDDM: Final = ("usr/lib/sddm/sddm.conf.d", "etc/sddm.conf.d")
MAX_FILES: Final = 200
MAX_LOGINS: Final = 200
_AUTOLOGIN: Final = re.compile(r"(?:^|\s)(?:--autologin[= ]\s*|-a\s*)[\"']?([^\s\"']{1,64})")
_YES: Final = ("true", "1", "yes", "on")
Found = tuple[str, str]
"""(who, account)."""


def gdm(entries: Iterable[Entry]) -> Iterator[Found]:
    """[daemon] AutomaticLogin and TimedLogin, each with its switch."""
    values = {e.key.lower(): e.value for e in entries if e.section == "daemon"}
    for name in ("automaticlogin", "timedlogin"):
        if values.get(f"{name}enable", "").lower() in _YES:
            yield "gdm", values.get(name, "")


def lightdm(entries: Iterable[Entry]) -> Iterator[Found]:
    """autologin-user and autologin-guest of any seat; the last value of a seat counts, an empty one takes it back."""
    seats: dict[str, dict[str, str]] = {}
    for entry in entries:
        if entry.section.startswith(("Seat", "SeatDefaults")):
            seats.setdefault(entry.section.replace("SeatDefaults", "Seat:*"), {})[entry.key] = entry.value
    for values in seats.values():
        if values.get("autologin-user"):
            yield "lightdm", values["autologin-user"]
        elif values.get("autologin-guest", "").lower() in _YES:
            yield "lightdm", "guest"


def sddm(entries: Iterable[Entry]) -> Iterator[Found]:
    """[Autologin] User."""
    user = ini.last(entries, "Autologin", "User")
    if user:
        yield "sddm", user


def greetd(settings: dict[str, Any]) -> Iterator[Found]:
    """[initial_session] runs without asking."""
    session = settings.get("initial_session")
    if isinstance(session, dict):
        yield "greetd", str(session.get("user", ""))[:64]


def agetty(lines: Iterable[str]) -> Iterator[str]:
    """Accounts that command lines of agetty log in by themselves."""
    for line in lines:
        match = _AUTOLOGIN.search(line) if "getty" in line else None
        if match is not None:
            yield match[1]


def _entries(host: Host, folders: Iterable[str], last: str) -> Iterator[tuple[str, list[Entry]]]:
    for folder in folders:
        for name in host.names(folder, limit=MAX_FILES):
            if name.endswith(".conf"):
                yield f"{folder}/{name}", ini.parse(host.text(f"{folder}/{name}") or "")
    yield last, ini.parse(host.text(last) or "")


def _managers(host: Host) -> Iterator[tuple[Found, str]]:
    for path in GDM:
        yield from ((found, path) for found in gdm(ini.parse(host.text(path) or "")))
    for parse, folders, last in (
        (lightdm, LIGHTDM, "etc/lightdm/lightdm.conf"),
        (sddm, SDDM, "etc/sddm.conf"),
    ):
        files = list(_entries(host, folders, last))
        said = [
            path
            for path, entries in files
            if any("autologin" in (e.section + e.key).lower() for e in entries)
        ]
        for found in parse([entry for _, entries in files for entry in entries]):
            yield found, said[-1]
    lxdm = ini.last(ini.parse(host.text("etc/lxdm/lxdm.conf") or ""), "base", "autologin")
    if lxdm:
        yield ("lxdm", lxdm), "etc/lxdm/lxdm.conf"
    greetd_text = host.text("etc/greetd/config.toml")
    if greetd_text:
        yield from ((found, "etc/greetd/config.toml") for found in greetd(documents.parse_toml(greetd_text)))
    for by, path, switch, key in (
        ("nodm", "etc/default/nodm", "NODM_ENABLED", "NODM_USER"),
        ("displaymanager", "etc/sysconfig/displaymanager", "", "DISPLAYMANAGER_AUTOLOGIN"),
    ):
        values = {e.key: e.value for e in assignments.parse(host.text(path) or "", posix=True)}
        if values.get(key) and (not switch or values.get(switch, "").lower() in _YES):
            yield (by, values[key]), path


def _gettys(host: Host) -> Iterator[tuple[Found, str]]:
    """Units and drop-ins of getty; the last ExecStart of a file counts, and files of one unit are not joined."""
    for folder in systemd.FOLDERS:
        for name in host.names(folder):
            if "getty" not in name:
                continue
            paths = [f"{folder}/{name}"] if name.endswith(".service") else []
            if name.endswith(".service.d"):
                paths = [
                    f"{folder}/{name}/{n}" for n in host.names(f"{folder}/{name}") if n.endswith(".conf")
                ]
            for path in paths[:MAX_FILES]:
                service = systemd.sections(host.text(path) or "").get("Service", {})
                yield from (
                    (("getty", account), path) for account in agetty(service.get("execstart", [])[-1:])
                )
    lines = [line for line in host.lines("etc/inittab") if not line.lstrip().startswith("#")]
    yield from ((("inittab", account), "etc/inittab") for account in agetty(lines))


def gather(host: Host, selector: tuple[str, ...]) -> tuple[AutomaticLogins, str]:
    """Topic desktop.autologin. Raises CouldNotLook(not-installed) where etc holds nothing."""
    must_be_mounted(host, "/etc/passwd")
    found = [
        AutomaticLogin(by, bounded(account), as_text(path))
        for (by, account), path in (*_managers(host), *_gettys(host))
    ]
    return AutomaticLogins(found[:MAX_LOGINS]), "display managers, getty units, inittab"
