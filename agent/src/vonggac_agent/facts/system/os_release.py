"""os.release: the operating system's own word on what it is. Until when it is supported is `os_support`'s question.

Format: os-release(5), shell-compatible assignments.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.system import OsRelease

from ...host import Host
from ...untrusted import bounded

Family = Literal["debian", "redhat", "suse", "other"]
PATHS: Final = ("etc/os-release", "usr/lib/os-release")
_ASSIGNMENT: Final = re.compile(r"^([A-Z][A-Z0-9_]*)=(.*)$")
_ESCAPE: Final = re.compile(r"\\([\"$`\\])")
_FAMILIES: Final[tuple[tuple[Family, frozenset[str]], ...]] = (
    ("debian", frozenset({"debian", "ubuntu"})),
    ("redhat", frozenset({"rhel", "fedora", "centos", "almalinux", "rocky", "ol"})),
    ("suse", frozenset({"suse", "sles", "sled", "opensuse"})),
)


def parse(text: str) -> dict[str, str]:
    """The assignments of an os-release file. Raises ValueError if it holds none."""
    values: dict[str, str] = {}
    for line in text.split("\n"):
        match = _ASSIGNMENT.match(line.strip())
        if match:
            values[match[1]] = _unquote(match[2].strip())
    if not values:
        raise ValueError("os-release holds no assignment")
    return values


def _unquote(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] == "'":
        return value[1:-1]
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return _ESCAPE.sub(r"\1", value[1:-1])
    return value


def release(values: dict[str, str]) -> OsRelease:
    """The fact from the assignments; what is not given stays empty, except ID: `linux` (os-release(5))."""
    identifier = values.get("ID") or "linux"
    words = {identifier, *values.get("ID_LIKE", "").split()}
    words |= {word.split("-", 1)[0] for word in words}  # opensuse-leap
    return OsRelease(
        id=bounded(identifier),
        version=bounded(values.get("VERSION_ID", "")),
        codename=bounded(values.get("VERSION_CODENAME", "")),
        name=bounded(values.get("PRETTY_NAME", "")),
        family=_family(words),
    )


def _family(words: set[str]) -> Family:
    for name, members in _FAMILIES:
        if words & members:
            return name
    return "other"


def look(host: Host) -> tuple[OsRelease, str]:
    """The release of `host` and the file that says so, read once. Raises CouldNotLook(not-supported) without one."""
    return host.once("os.release", lambda: _look(host))


def _look(host: Host) -> tuple[OsRelease, str]:
    for path in PATHS:
        text = host.text(path)
        if text is not None:
            return release(parse(text)), path
    raise CouldNotLook(Reason.NOT_SUPPORTED, "there is no os-release file")


def gather(host: Host, selector: tuple[str, ...]) -> tuple[OsRelease, str]:
    """Topic os.release."""
    return look(host)
