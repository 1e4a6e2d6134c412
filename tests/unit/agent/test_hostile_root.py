"""A mounted system whose every file is a trap: the look ends soon, starts nothing, and brings nothing from outside."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.facts.roots import NOW
from tests.unit.slowness import slowness

from vonggac_agent.display import scan_to_text
from vonggac_agent.host import Host
from vonggac_agent.scan import scan_host
from vonggac_contract.decode import bounded_json
from vonggac_contract.facts import Unavailable
from vonggac_contract.snapshot import snapshot_from_value, snapshot_to_bytes
from vonggac_rules.builtin import default_rulebook_bytes
from vonggac_rules.rulebook import load_rulebook

BOOK = load_rulebook(default_rulebook_bytes())
SECRET = "what-stands-outside-of-the-root"
FILES = (
    "etc/os-release", "etc/debian_version", "etc/passwd", "etc/group", "etc/shadow", "etc/login.defs", "etc/hostname",
    "etc/machine-id", "etc/sudoers", "etc/sudoers.d/one", "etc/ssh/sshd_config", "etc/ssh/sshd_config.d/one.conf",
    "etc/pam.d/common-password", "etc/pam.d/system-auth", "etc/security/pwquality.conf", "etc/logrotate.conf",
    "etc/logrotate.d/one", "etc/rsyslog.conf", "etc/rsyslog.d/one.conf", "etc/systemd/journald.conf",
    "etc/nftables.conf", "etc/iptables/rules.v4", "etc/ufw/ufw.conf", "etc/selinux/config", "etc/chrony/chrony.conf",
    "etc/apt/apt.conf.d/20auto-upgrades", "etc/apt/sources.list", "etc/systemd/system/one.service",
    "usr/lib/systemd/system/ssh.service", "var/lib/dpkg/status", "var/lib/apt/lists/one_Packages",
    "var/lib/rpm/rpmdb.sqlite", "root/.ssh/authorized_keys",
)  # fmt: skip
PROGRAMS = (
    "usr/sbin/sshd",
    "usr/bin/sudo",
    "usr/sbin/auditd",
    "usr/sbin/nft",
    "usr/sbin/rsyslogd",
    "usr/bin/clamscan",
)

INCLUDES = (
    "Include /{0}",
    "@include /{0}",
    "include /{0}",
    "$IncludeConfig /{0}",
    '#include "/{0}";',
    'include "/{0}"',
)
Trap = Callable[[Path, Path], None]
TRAPS: dict[str, Trap] = {
    "a fifo nobody writes to": lambda path, outside: os.mkfifo(path),
    "a link to an endless device": lambda path, outside: path.symlink_to("/dev/zero"),
    "a link upwards to an endless device": lambda path, outside: path.symlink_to("../" * 40 + "dev/zero"),
    "a link to itself": lambda path, outside: path.symlink_to(path.name),
    "an absolute link outside": lambda path, outside: path.symlink_to(outside),
    "a link upwards outside": lambda path, outside: path.symlink_to("../" * 40 + str(outside).lstrip("/")),
    "a folder": lambda path, outside: path.mkdir(),
    "two mebibytes on one line": lambda path, outside: _bytes(path, b"a" * 2**21),
    "bytes that are no text": lambda path, outside: _bytes(path, bytes(range(256)) * 2_000),
    "lines continued for ever": lambda path, outside: _bytes(path, b"a\\\n" * 200_000),
    "quotation marks": lambda path, outside: _bytes(path, b'a "' + b'\\"' * 300_000),
    "brackets": lambda path, outside: _bytes(path, b"a { (" * 150_000),
    "colons and commas": lambda path, outside: _bytes(path, (b"a:b,c=d:" * 7_000 + b"\n") * 15),
    "an include of itself": lambda path, outside: _bytes(path, _includes(path, INCLUDES * 50)),
    **{
        f"a large file, often by {line.split()[0]}": (lambda w: lambda path, _: _large(path, w))(line)
        for line in INCLUDES
    },
    "terminal escapes": lambda path, outside: _bytes(
        path, "\x1b]0;x\x07\x1b[31m\u202e = \x1b[2J\n".encode() * 50
    ),
}


def _bytes(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _includes(path: Path, lines: tuple[str, ...]) -> bytes:
    inside = "/".join(path.parts[path.parts.index("root") + 1 :])
    return "\n".join(line.format(inside) for line in lines).encode()


def _large(path: Path, line: str) -> None:
    large = path.with_name("large")
    large.write_bytes(b"# a comment\n" * 40_000)
    path.write_bytes(_includes(large, (line,) * 3_000))


@pytest.mark.parser
@pytest.mark.hostile
@pytest.mark.parametrize("name", TRAPS)
def test_a_system_full_of_traps_is_looked_at_soon_and_safely(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(*argv: object, **more: object) -> None:
        raise AssertionError(f"a program was started for a mounted root: {argv}")

    monkeypatch.setattr(subprocess, "Popen", start)
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.write_text(f"{SECRET}\nID={SECRET}\nroot:x:0:0:{SECRET}:/root:/bin/sh\nPackage: {SECRET}\n")
    for program in PROGRAMS:
        (root / program).parent.mkdir(parents=True, exist_ok=True)
        (root / program).write_bytes(b"#!/bin/sh\n")
        (root / program).chmod(0o755)
    for file in FILES:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        TRAPS[name](root / file, outside)
    began = time.process_time()
    scan = scan_host(Host(root, now=NOW), BOOK, BOOK.profile_for_level(3).id)
    assert time.process_time() - began < 10 * slowness()
    assert len(scan.findings) >= 40
    raw = snapshot_to_bytes(scan.snapshot)
    assert SECRET.encode() not in raw
    assert len(raw) < 2**22
    assert snapshot_to_bytes(snapshot_from_value(bounded_json(raw))) == raw
    assert any(isinstance(f, Unavailable) for f in scan.snapshot.facts.values())
    timing = {"wall_s": 0.1, "cpu_s": 0.1, "peak_rss_bytes": 1.0}
    assert not [line for line in scan_to_text(scan, timing, "en") if {"\x1b", "\x07", "\u202e"} & set(line)]
