"""ssh.client: what the SSH client does for all users of the machine. Lines are read as `sshd_config` reads them.

Source: ssh_config(5). Users' own files (~/.ssh/config) are not looked at.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple

from vonggac_contract import limits
from vonggac_contract.facts.ssh import ClientSection, SshClient

from ...host import Host
from ...untrusted import bounded
from . import sshd_config
from .sshd_config import Read

PROGRAM: Final = "usr/bin/ssh"
CONFIGS: Final = ("etc/ssh/ssh_config", "usr/etc/ssh/ssh_config")
"""The administrator's file, else SUSE's."""
MAX_DEPTH: Final = 16
"""ssh_config(5) Include: READCONF_MAX_DEPTH of OpenSSH."""
MAX_LINES: Final = 20_000
MAX_SECTIONS: Final = 2000
_NOWHERE: Final = ("/dev/null", "none")
Said = Literal["", "yes", "no"]


class Section(NamedTuple):
    """A part of the file and the first words of each keyword in it."""

    hosts: str
    words: dict[str, list[str]]


def parse(lines: Iterable[str], read: Read) -> list[Section]:
    """The sections that say something. Raises ValueError for includes deeper or lines more than the bounds."""
    sections: list[Section] = []
    counted = 0

    def walk(lines: Iterable[str], hosts: str, depth: int) -> None:
        nonlocal counted
        if depth > MAX_DEPTH:
            raise ValueError(f"the includes of ssh_config go deeper than {MAX_DEPTH}")
        section = Section(hosts, {})
        sections.append(section)
        for line in lines:
            counted += 1
            if counted > MAX_LINES or len(sections) > MAX_SECTIONS:
                raise ValueError(f"ssh_config is over {MAX_LINES} lines or {MAX_SECTIONS} sections")
            keyword, words = sshd_config.split(line)
            if keyword in ("host", "match"):
                named = " ".join(words)
                section = Section("*" if keyword == "match" and named.lower() == "all" else named, {})
                sections.append(section)
            elif keyword == "include":
                for pattern in words:
                    for included in read(pattern):
                        walk(included, section.hosts, depth + 1)
            elif keyword and words:
                section.words.setdefault(keyword, words)

    walk(lines, "*", 0)
    return [section for section in sections if section.words]


def describe(section: Section) -> ClientSection:
    """What one section says, as far as the fact holds it."""
    known_hosts = [word.lower() for word in section.words.get("userknownhostsfile", [])]
    ciphers = section.words.get("ciphers", [""])[0]
    return ClientSection(
        hosts=bounded(section.hosts),
        host_key_check=_check(section.words.get("stricthostkeychecking", [""])[0].lower()),
        forgets_hosts=bool(known_hosts) and all(name in _NOWHERE for name in known_hosts),
        forward_agent=_said(section, "forwardagent"),
        forward_x11=_said(section, "forwardx11"),
        local_command=_said(section, "permitlocalcommand"),
        hash_known_hosts=_said(section, "hashknownhosts"),
        ciphers=[bounded(name) for name in ciphers.split(",") if name][: limits.MAX_FACT_LIST],
    )


def _check(value: str) -> Literal["", "yes", "ask", "accept-new", "no"]:
    """ssh_config(5): `off` is `no`. What ssh would refuse reads as nothing said, since ssh then does not start."""
    values: dict[str, Literal["yes", "ask", "accept-new", "no"]] = {
        "yes": "yes", "on": "yes", "true": "yes", "ask": "ask", "accept-new": "accept-new",
        "no": "no", "off": "no", "false": "no",
    }  # fmt: skip
    return values.get(value, "")


def _said(section: Section, keyword: str) -> Said:
    words = section.words.get(keyword)
    if words is None:
        return ""
    return "no" if words[0].lower() in ("no", "false") else "yes"


def gather(host: Host, selector: tuple[str, ...]) -> tuple[SshClient, str]:
    """Topic ssh.client."""
    path = next((path for path in CONFIGS if host.exists(path)), CONFIGS[0])

    def included(pattern: str) -> Iterator[list[str]]:
        folder, wanted = sshd_config.listed(pattern, "etc/ssh")
        for name in host.names(folder):
            if fnmatch.fnmatchcase(name, wanted) and wanted.startswith(".") >= name.startswith("."):
                yield host.lines(f"{folder}/{name}")

    sections = [describe(section) for section in parse(host.lines(path), included)]
    return SshClient(host.exists(PROGRAM), sections), f"{path} and its includes"
