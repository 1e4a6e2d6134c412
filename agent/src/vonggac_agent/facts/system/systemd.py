"""systemd units without asking systemd: unit files, links and control groups.

Topics service.unit, service.running, time.sync and update.automatic ask here.

Sources: systemd.unit(5) "Unit File Load Path" and "[Install]", systemctl(1) is-enabled, cgroups(7).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, Literal

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason

from ...formats import ini
from ...host import Host
from ...untrusted import as_text
from . import dropins

ADMINISTRATOR: Final = ("etc/systemd/system", "run/systemd/system")
VENDOR: Final = ("usr/local/lib/systemd/system", "usr/lib/systemd/system", "lib/systemd/system")
FOLDERS: Final = (*ADMINISTRATOR, *VENDOR)
Enabled = Literal["enabled", "disabled", "static", "masked", "indirect", "absent"]
_NAME: Final = re.compile(
    r"[A-Za-z0-9:_.\\@-]{1,240}\.(?:service|socket|target|timer|mount|automount|swap|path|slice|scope|device)"
)
_INSTALL_KEYS: Final = ("wantedby", "requiredby", "upheldby", "alias")


def check_name(name: str) -> str:
    """`name` if it can be a unit's (systemd.unit(5)), else ValueError."""
    if not _NAME.fullmatch(name) or len(name) > 255:
        raise ValueError(f"{name[:255]!r} is no unit's name with its suffix")
    return name


def is_name(name: str) -> bool:
    """`name` can be a unit's, with its suffix."""
    return len(name) <= 255 and _NAME.fullmatch(name) is not None


def sections(*texts: str) -> dict[str, dict[str, list[str]]]:
    """Section to key to values of files read as one: keys in lower case, an empty value resets what stands before it.

    Raises ValueError for over `lines.MAX_LINES` lines.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for entry in ini.systemd("\n\n".join(texts)):
        values = found.setdefault(entry.section, {}).setdefault(entry.key.lower(), [])
        if entry.value:
            values.append(entry.value)
        else:
            values.clear()
    return found


def last_values(texts: Iterable[str], section: str) -> dict[str, str]:
    """Key, in lower case, to its last value in `section` of files read as one. Raises as `sections` does."""
    return {key: values[-1] for key, values in sections(*texts).get(section, {}).items() if values}


def unit_of(cgroup: str) -> str | None:
    """The system service that a process belongs to, from its proc/<pid>/cgroup (cgroups(7)); None if to none.

    A service of a user's own manager counts as that manager (user@1000.service); what runs inside a container's scope
    is not this machine's service.
    """
    for line in cgroup.split("\n"):
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers not in ("", "name=systemd"):
            continue
        for part in path.split("/"):
            if part.endswith(".service"):
                return part.removeprefix("_")
            if part and not part.endswith(".slice"):
                break
    return None


class Units:
    """The unit files and links of one host; each folder is listed once."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._names: dict[str, frozenset[str]] = {}

    def enabled(self, name: str) -> Enabled:
        """What `systemctl is-enabled` says of unit `name`; an alias answers for its unit, a link for its file."""
        return self._enabled(name, depth=0)

    def exists(self, name: str) -> bool:
        """A unit file, an alias, a mask or a System V script of that name is there."""
        return self.enabled(name) != "absent"

    def real_name(self, name: str) -> str:
        """The unit that `name` is an alias of; any other name as it is. Only that one has processes."""
        for _ in range(8):
            path = self._file(name)
            link = None if path is None else self._host.readlink(path)
            target = name if link is None else link.rsplit("/", 1)[-1]
            if target in (name, _template(name)) or not _NAME.fullmatch(target):
                return name
            name = target
        return name

    def text(self, name: str) -> str:
        """The unit file's text; empty if there is none or it is masked."""
        found = self._file(name)
        if found is None or self._host.readlink(found) == "/dev/null":
            return ""
        return self._host.text(found) or ""

    def texts(self, name: str) -> list[str]:
        """The unit file and its drop-ins (`rescue.service.d/*.conf`), in the order in which they are read."""
        paths = dropins.files(self._host, [f"{folder}/{name}.d" for folder in FOLDERS])
        return [self.text(name), *(self._host.text(path) or "" for path in paths)]

    def _enabled(self, name: str, depth: int) -> Enabled:
        path = self._file(name)
        if path is None:
            return self._system_v(name)
        link = self._host.readlink(path)
        if link == "/dev/null" or (link is None and self._is_empty(path)):
            return "masked"
        target = None if link is None else link.rsplit("/", 1)[-1]
        if target is not None and target != name and _template(name) != target:
            if depth >= 8 or not _NAME.fullmatch(target):
                raise CouldNotLook(Reason.MALFORMED, f"the aliases of {name} lead nowhere")
            return self._enabled(target, depth + 1)
        install = sections(self._host.text(path) or "").get("Install", {})
        return self._by_links(name, install)

    def _by_links(self, name: str, install: Mapping[str, list[str]]) -> Enabled:
        prefix, at, suffix = name.partition("@.")
        default = install.get("defaultinstance", [])
        if at and default:  # a template is enabled by its default instance
            name = f"{prefix}@{default[-1]}.{suffix}"
        if self._wanted(name) or self._alias_made(name, install.get("alias", [])):
            return "enabled"
        if any(install.get(key) for key in _INSTALL_KEYS):
            return "disabled"
        return "indirect" if install.get("also") else "static"

    def _wanted(self, name: str) -> bool:
        return any(
            name in self._list(f"{folder}/{entry}")
            for folder in ADMINISTRATOR
            for entry in self._list(folder)
            if entry.endswith((".wants", ".requires", ".upholds"))
        )

    def _alias_made(self, name: str, aliases: list[str]) -> bool:
        for alias in " ".join(aliases).split():
            for folder in ADMINISTRATOR:
                if alias in self._list(folder):
                    link = self._host.readlink(f"{folder}/{alias}")
                    if link is not None and link.rsplit("/", 1)[-1] == name:
                        return True
        return False

    def _file(self, name: str) -> str | None:
        for candidate in (name, _template(name)):
            for folder in FOLDERS:
                if candidate and candidate in self._list(folder):
                    return f"{folder}/{candidate}"
        return None

    def _is_empty(self, path: str) -> bool:
        status = self._host.stat(path)
        return status is not None and status.st_size == 0

    def _list(self, folder: str) -> frozenset[str]:
        if folder not in self._names:
            self._names[folder] = frozenset(as_text(name) for name in self._host.names(folder))
        return self._names[folder]

    def _system_v(self, name: str) -> Enabled:
        """A script under etc/init.d that systemd wraps (systemd-sysv-generator(8)): on if a start link is there."""
        script = name.removesuffix(".service")
        if script == name or script not in self._list("etc/init.d"):
            return "absent"
        links = (entry for level in "2345" for entry in self._list(f"etc/rc{level}.d"))
        return (
            "enabled" if any(re.fullmatch(r"S\d\d", e[:3]) and e[3:] == script for e in links) else "disabled"
        )


def _template(name: str) -> str:
    """`getty@.service` for `getty@tty1.service`; empty for a name that is no instance."""
    prefix, at, rest = name.partition("@")
    instance, _, suffix = rest.rpartition(".")
    return f"{prefix}@.{suffix}" if at and instance else ""


def units(host: Host) -> Units:
    """The host's units, made once."""
    return host.once("systemd units", lambda: Units(host))


def units_seen(host: Host) -> Units:
    """As `units`. Raises CouldNotLook(not-installed) where neither a folder of units nor one of scripts is."""
    if not host.once("systemd folders", lambda: any(host.exists(f) for f in (*FOLDERS, "etc/init.d"))):
        raise CouldNotLook(Reason.NOT_INSTALLED, "no folder of systemd's units is there")
    return units(host)


def is_running(host: Host) -> bool:
    """systemd is this machine's first process. Raises CouldNotLook if that is hidden."""
    if not host.live:
        return False
    name = host.text("proc/1/comm", limit=4096)
    if name is None:
        raise CouldNotLook(
            Reason.PERMISSION_DENIED, "the first process is hidden (proc mounted with hidepid)"
        )
    return name.strip() == "systemd"


def services_running(host: Host) -> frozenset[str]:
    """Units of type service that have a process now. Raises CouldNotLook where systemd does not run or hides."""
    return host.once("systemd services running", lambda: _services_running(host))


def _services_running(host: Host) -> frozenset[str]:
    if not is_running(host):
        raise CouldNotLook(Reason.NOT_SUPPORTED, "systemd does not run here")
    found: set[str] = set()
    for name in host.names("proc", limit=limits.MAX_FACT_LIST * 10):
        if name.isdigit():
            unit = unit_of(host.text(f"proc/{name}/cgroup", limit=64 * limits.KIB) or "")
            if unit is not None:
                found.add(unit)
    return frozenset(found)
