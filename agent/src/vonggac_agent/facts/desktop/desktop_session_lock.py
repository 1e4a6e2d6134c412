"""desktop.session-lock: whether each desktop locks its screen by itself, and whether users can change that.

What the administrator set for all users counts, else the desktop's own default; what a user set is not looked at, and
counts as changed wherever it can be. Overrides of defaults in glib's schemas are not read.

Sources: dconf(7) "LOCKS" and "PROFILES", GNOME's, MATE's and Cinnamon's schemas (org.*.session, org.*.screensaver),
kscreenlocker's kcfg, KDE's "Kiosk" of kconfig, xfconf's kiosk attributes and xfce4-screensaver's properties.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, NamedTuple

from vonggac_contract.facts.sessions import DesktopLock, SessionLock

from ...formats import documents, ini
from ...formats.lines import significant
from ...host import Host
from ...untrusted import as_text, bounded

Environment = Literal["gnome", "kde", "xfce", "mate", "cinnamon", "other"]
SESSIONS: Final = ("usr/share/xsessions", "usr/share/wayland-sessions")
PREFIXES: Final[tuple[tuple[str, Environment], ...]] = (
    ("gnome", "gnome"), ("ubuntu", "gnome"), ("plasma", "kde"), ("kde", "kde"), ("xfce", "xfce"), ("mate", "mate"),
    ("cinnamon", "cinnamon"),
)  # fmt: skip
NO_DESKTOPS: Final = frozenset(("lightdm-xsession.desktop", "default.desktop", "xsession.desktop"))
"""Files that start whichever session was chosen elsewhere."""
MAX_FILES: Final = 500
_NUMBER: Final = re.compile(r"(?:u?int32\s+)?([0-9]{1,9})")


class Value(NamedTuple):
    """One setting: its text, and whether users cannot change it."""

    text: str
    locked: bool


class Keys(NamedTuple):
    """Where a desktop of dconf keeps its lock; `unit`: seconds in one step of its idle delay."""

    session: str
    screensaver: str
    unit: int
    delay: int


DCONF: Final[dict[Environment, Keys]] = {
    "gnome": Keys("org/gnome/desktop/session", "org/gnome/desktop/screensaver", 1, 300),
    "mate": Keys("org/mate/session", "org/mate/screensaver", 60, 5),
    "cinnamon": Keys("org/cinnamon/desktop/session", "org/cinnamon/desktop/screensaver", 1, 900),
}
"""Defaults of the schemas: GNOME 300 s, MATE 5 min, Cinnamon 900 s."""
GNOME_LOCKDOWN: Final = "org/gnome/desktop/lockdown/disable-lock-screen"


def number(text: str, otherwise: int) -> int:
    """A number as GVariant's text writes it, `uint32 900`; `otherwise` if it is none."""
    match = _NUMBER.fullmatch(text.strip())
    return otherwise if match is None else int(match[1])


def keyfile(text: str) -> dict[str, str]:
    """A dconf keyfile: `section/key` to value."""
    return {f"{e.section.strip('/')}/{e.key}": e.value for e in ini.parse(text, comments="#")}


def locks(text: str) -> set[str]:
    """A dconf file of locks: keys without the leading slash."""
    return {line.text.strip("/") for line in significant(text) if line.text.startswith("/")}


def databases(text: str) -> list[str]:
    """Names of the system databases of a dconf profile, in its order."""
    lines = [line.text.partition(":") for line in significant(text, inline=True)]
    return [name.strip() for kind, _, name in lines if kind == "system-db" and "/" not in name][:20]


def from_dconf(environment: Environment, name: str, settings: Mapping[str, Value]) -> DesktopLock:
    """The lock of a desktop that keeps its settings in dconf."""
    keys = DCONF[environment]
    on = settings.get(f"{keys.screensaver}/lock-enabled", Value("true", locked=False))
    idle = settings.get(f"{keys.session}/idle-delay", Value(str(keys.delay), locked=False))
    wait = settings.get(f"{keys.screensaver}/lock-delay", Value("0", locked=False))
    seconds = number(idle.text, keys.delay) * keys.unit
    enabled = on.text.lower() != "false"
    if environment == "gnome":
        enabled = (
            enabled and settings.get(GNOME_LOCKDOWN, Value("false", locked=False)).text.lower() != "true"
        )
    return DesktopLock(
        environment,
        bounded(name),
        locks=enabled and seconds > 0,
        after_seconds=seconds + number(wait.text, 0) * keys.unit if enabled and seconds > 0 else 0,
        enforced=on.locked and idle.locked and wait.locked,
    )


def kde(text: str) -> dict[str, Value]:
    """[Daemon] of kscreenlockerrc: key in lower case to value; `[$i]` behind a file, group or key makes it fixed."""
    found: dict[str, Value] = {}
    whole, group, inside = False, False, False
    for line in significant(text, "#"):
        if line.text.startswith("["):
            names = [part.rstrip("]") for part in line.text.split("[")[1:]]
            fixed = "$i" in names
            if names == ["$i"]:
                whole = True
                continue
            group, inside = fixed, names[:1] == ["Daemon"]
        elif inside:
            key, _, value = line.text.partition("=")
            bare, bracket, _ = key.strip().partition("[$i")
            found[bare.strip().lower()] = Value(value.strip(), whole or group or bool(bracket))
    return found


def from_kde(name: str, settings: Mapping[str, Value]) -> DesktopLock:
    """KDE's lock: Autolock true, Timeout 5 minutes, LockGrace 5 seconds by default."""
    on = settings.get("autolock", Value("true", locked=False))
    idle = settings.get("timeout", Value("5", locked=False))
    grace = settings.get("lockgrace", Value("5", locked=False))
    enabled = on.text.lower() not in ("false", "0", "no", "off")
    minutes = number(idle.text, 5)
    return DesktopLock(
        "kde",
        bounded(name),
        locks=enabled and minutes > 0,
        after_seconds=minutes * 60 + number(grace.text, 5) if enabled and minutes > 0 else 0,
        enforced=on.locked and idle.locked,
    )


def xfce(document: Mapping[str, Any]) -> dict[str, Value]:
    """A channel of xfconf: path of a property to its value; `locked` on it or on what holds it makes it fixed."""
    channel = document.get("channel")
    found: dict[str, Value] = {}
    waiting: list[tuple[str, Any, bool]] = [("", channel, False)]
    while waiting:
        path, element, fixed = waiting.pop()
        if not isinstance(element, dict):
            continue
        fixed = fixed or bool(element.get("@locked"))
        if path:
            found[path] = Value(str(element.get("@value", "")), fixed)
        for inner in element.get("property", []):
            if isinstance(inner, dict):
                waiting.append((f"{path}/{inner.get('@name', '')}", inner, fixed))
    return found


def from_xfce(name: str, settings: Mapping[str, Value] | None, light_locker: bool) -> DesktopLock:
    """Xfce's lock. `settings`: None without xfce4-screensaver; light-locker follows X's own 10 minutes then."""
    if settings is None:
        return DesktopLock(
            "xfce",
            bounded(name),
            locks=light_locker,
            after_seconds=600 if light_locker else 0,
            enforced=False,
        )
    fixed = {"/saver/enabled": "true", "/lock/enabled": "true", "/lock/saver-activation/enabled": "true"}
    switches = [settings.get(path, Value(value, locked=False)) for path, value in fixed.items()]
    idle = settings.get("/saver/idle-activation/delay", Value("5", locked=False))
    wait = settings.get("/lock/saver-activation/delay", Value("0", locked=False))
    minutes = number(idle.text, 5)
    enabled = all(switch.text.lower() != "false" for switch in switches) and minutes > 0
    return DesktopLock(
        "xfce",
        bounded(name),
        locks=enabled,
        after_seconds=(minutes + number(wait.text, 0)) * 60 if enabled else 0,
        enforced=idle.locked and all(switch.locked for switch in switches),
    )


def sessions(names: Iterable[str]) -> dict[Environment, str]:
    """The desktops of session files, each with the first file that starts it."""
    found: dict[Environment, str] = {}
    for name in names:
        if name.endswith(".desktop") and name not in NO_DESKTOPS:
            found.setdefault(_environment(name.lower()), name)
    return found


def _environment(name: str) -> Environment:
    return next((environment for prefix, environment in PREFIXES if name.startswith(prefix)), "other")


def gather(host: Host, selector: tuple[str, ...]) -> tuple[SessionLock, str]:
    """Topic desktop.session-lock."""
    names = [as_text(name) for folder in SESSIONS for name in host.names(folder, limit=MAX_FILES)]
    chosen = sessions(names)
    return SessionLock(bool(chosen), [_lock(host, e, name) for e, name in chosen.items()]), ", ".join(
        SESSIONS
    )


def _lock(host: Host, environment: Environment, name: str) -> DesktopLock:
    if environment in DCONF:
        return from_dconf(environment, name, dconf_settings(host))
    if environment == "kde":
        return from_kde(name, kde(host.text("etc/xdg/kscreenlockerrc") or ""))
    if environment == "xfce":
        place = "etc/xdg/xfce4/xfconf/xfce-perchannel-xml/xfce4-screensaver.xml"
        text = host.text(place)
        there = host.exists("usr/bin/xfce4-screensaver")
        settings = xfce(documents.parse_xml(text)) if text is not None else {}
        return from_xfce(name, settings if there else None, host.exists("usr/bin/light-locker"))
    return DesktopLock("other", bounded(name))


def dconf_settings(host: Host) -> dict[str, Value]:
    """What the administrator has set in dconf for everybody, `section/key` to value; read once per host."""
    return host.once("dconf", lambda: _dconf(host))


def _dconf(host: Host) -> dict[str, Value]:
    """Settings of the system databases of the profile `user`; one not compiled since it changed says nothing."""
    found: dict[str, Value] = {}
    fixed: set[str] = set()
    for database in databases(host.text("etc/dconf/profile/user") or ""):
        folder = f"etc/dconf/db/{database}.d"
        compiled = host.stat(f"etc/dconf/db/{database}")
        files = [f"{folder}/{n}" for n in host.names(folder, limit=MAX_FILES) if n != "locks"]
        held = [f"{folder}/locks/{n}" for n in host.names(f"{folder}/locks", limit=MAX_FILES)]
        changed = [status.st_mtime for path in (*files, *held) if (status := host.stat(path)) is not None]
        if compiled is None or compiled.st_mtime < max(changed, default=0.0):
            continue
        values: dict[str, str] = {}
        for path in files:
            values |= keyfile(host.text(posixpath.normpath(path)) or "")
        for path in held:
            fixed |= locks(host.text(path) or "")
        found = {**{key: Value(text, locked=False) for key, text in values.items()}, **found}
    return {key: Value(value.text, key in fixed) for key, value in found.items()} | {
        key: _default(key) for key in fixed if key not in found and _default(key).text
    }


def _default(key: str) -> Value:
    """A key that is locked without a value keeps its schema's default."""
    for keys in DCONF.values():
        if key == f"{keys.session}/idle-delay":
            return Value(str(keys.delay), locked=True)
        if key == f"{keys.screensaver}/lock-enabled":
            return Value("true", locked=True)
        if key == f"{keys.screensaver}/lock-delay":
            return Value("0", locked=True)
    return Value("", locked=True)
