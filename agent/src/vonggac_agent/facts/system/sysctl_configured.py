"""sysctl.configured: what the files make of one kernel parameter at the next start, beside what the kernel has now.

Sources: sysctl.d(5), systemd-sysctl(8); sysctl(8) `--system` where systemd does not start the machine; ufw(8): a ufw
that is enabled sets its own file's values after all others. What a program sets by itself (tuned, a VPN) is not seen.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from vonggac_contract import limits
from vonggac_contract.facts.system import SysctlConfigured

from ...formats import assignments, lines
from ...host import Host
from ...untrusted import bounded
from . import dropins, sysctl

FOLDERS: Final = (
    "etc/sysctl.d",
    "run/sysctl.d",
    "usr/local/lib/sysctl.d",
    "usr/lib/sysctl.d",
    "lib/sysctl.d",
)
MAIN: Final = "etc/sysctl.conf"
"""systemd reads it only by a link in sysctl.d, which Debian up to 12, Ubuntu and the Red Hat family have."""
SYSTEMD: Final = ("usr/lib/systemd/systemd-sysctl", "lib/systemd/systemd-sysctl")
UFW: Final = "etc/ufw/ufw.conf"
UFW_DEFAULT: Final = "etc/default/ufw"
MAX_KEY: Final = 256
MAX_SETTINGS: Final = 50_000
"""Settings of one file; what a distribution ships has some 20."""
MAX_PATTERNS: Final = 1_000
"""Keys with wildcards; each is tried on each parameter that is asked for."""
_EXCHANGED: Final = str.maketrans("./", "/.")
_WILD: Final = re.compile(r"[*?\[]")


class Setting(NamedTuple):
    """What one line sets. `value` is None for a line `-key`, which takes the key out of every pattern."""

    path: str
    """Below proc/sys, with `/`; may hold wildcards."""
    value: str | None


def parse(text: str) -> list[Setting]:
    """Settings of one file in order, sysctl.d(5); lines that set nothing are passed over.

    Raises ValueError for over MAX_SETTINGS settings.
    """
    found: list[Setting] = []
    for _, line in lines.significant(text, comments="#;"):
        key, equals, value = line.partition("=")
        key = key.strip()
        excluded = not equals and key.startswith("-")
        path = normalised(key.removeprefix("-").strip())
        if path and (equals or excluded):
            found.append(Setting(path, value.strip() if equals else None))
        if len(found) > MAX_SETTINGS:
            raise ValueError(f"over {MAX_SETTINGS} kernel parameters are set in one file")
    return found


def normalised(key: str) -> str:
    """The path below proc/sys that `key` names: with a dot as its first separator dots and slashes are exchanged."""
    if len(key) > MAX_KEY:
        return ""
    dotted = "." in key.partition("/")[0]
    return key.translate(_EXCHANGED) if dotted else key.strip("/")


class Settings:
    """All files together: an explicit key before any pattern, then the last one, as systemd-sysctl does it."""

    def __init__(self) -> None:
        self._explicit: dict[str, tuple[str | None, str]] = {}
        self._patterns: dict[str, tuple[str | None, str]] = {}

    def add(self, settings: Iterable[Setting], file: str) -> None:
        """Take in one file's settings. Raises ValueError for over MAX_FACT_LIST keys or MAX_PATTERNS patterns."""
        for path, value in settings:
            into = self._patterns if _WILD.search(path) else self._explicit
            into.pop(path, None)  # the place of the last one counts
            into[path] = (value, file)
        if len(self._explicit) > limits.MAX_FACT_LIST or len(self._patterns) > MAX_PATTERNS:
            raise ValueError(
                f"over {limits.MAX_FACT_LIST} kernel parameters or {MAX_PATTERNS} patterns are set"
            )

    def of(self, path: str) -> tuple[str | None, str]:
        """(value, file) of one parameter; (None, "") if nothing sets it."""
        if path in self._explicit:
            value, file = self._explicit[path]
            return (value, file) if value is not None else (None, "")
        for pattern in reversed(self._patterns):
            if _matches(path, pattern):
                return self._patterns[pattern]
        return None, ""


def _matches(path: str, pattern: str) -> bool:
    parts, wanted = path.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatch.fnmatchcase, parts, wanted))


def _settings(host: Host) -> Settings:
    found = Settings()
    for path in dropins.files(host, FOLDERS):
        found.add(parse(host.text(path) or ""), path)
    if not any(host.exists(program) for program in SYSTEMD):
        found.add(parse(host.text(MAIN) or ""), MAIN)
    ufw = _ufw_file(host)
    if ufw:
        found.add(parse(host.text(ufw) or ""), ufw)
    return found


def _ufw_file(host: Host) -> str:
    def setting(path: str, key: str) -> str:
        entries = assignments.parse(host.text(path) or "", posix=True)
        return next((entry.value for entry in reversed(entries) if entry.key == key), "")

    return setting(UFW_DEFAULT, "IPT_SYSCTL").strip("/") if setting(UFW, "ENABLED") == "yes" else ""


def gather(host: Host, selector: tuple[str, ...]) -> tuple[SysctlConfigured, str]:
    """Topic sysctl.configured, selector: the parameter's name. Raises CouldNotLook(permission-denied)."""
    path = sysctl.path_of(selector[0])
    settings = host.once("sysctl configured", lambda: _settings(host))
    value, file = settings.of(path.removeprefix(f"{sysctl.ROOT}/"))
    if value is None:
        return SysctlConfigured(value=""), "sysctl.d"
    configured = sysctl.parse(value)
    text = host.text(path, limit=64 * limits.KIB) if host.live else None
    applied = text is None or sysctl.parse(text).value == configured.value
    return SysctlConfigured(configured.value, configured.number, bounded(file), applied), file
