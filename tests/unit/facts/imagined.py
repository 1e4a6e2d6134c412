"""A machine of which every file says what a test made up: for looking at anything without knowing what it would be.

Which paths exist, of which kind they are and which names a folder holds is drawn from the path itself, so that the same
input gives the same machine.
"""

from __future__ import annotations

import io
import os
import stat
import zlib
from pathlib import Path
from typing import BinaryIO, Final

from tests.unit.facts.roots import NOW

from vonggac_agent.host import Host
from vonggac_contract.facts import TOPICS, CouldNotLook, FactKey, Reason

NAMES: Final = (
    *(
        "a.conf",
        "10-b.conf",
        "z.conf",
        "a.rules",
        "b.sources",
        "c.list",
        "d.repo",
        "e.json",
        "f.xml",
        "g.toml",
        "h.yaml",
    ),
    *(
        "i.pref",
        "j.cnf",
        "k.network",
        "m.timer",
        "n.service",
        "o.mount",
        "p.socket",
        "r.desktop",
        "s.pem",
        "t.pub",
        "u.ini",
    ),
    *(
        "main",
        "data",
        "default",
        "root",
        "user",
        "1",
        "2",
        "15",
        "1000",
        "sda",
        "dm-0",
        "eth0",
        "server.xml",
        "pg_hba.conf",
    ),
    *(
        "postgresql.conf",
        "nginx.conf",
        "config.v2.json",
        "hostconfig.json",
        "prefs.js",
        "extensions.json",
        ".ssh",
        ".rhosts",
    ),
    *(
        "authorized_keys",
        "crontab",
        "conf.d",
        "sites-enabled",
        "grub.cfg",
        "ROOT",
        "mods-enabled",
        "php.ini",
        "8.2",
        "fpm",
    ),
)
DEPTH: Final = 8


class ImaginedHost(Host):
    """`content`: what files hold, one part for each, the parts in turn by path. Programs print the parts too."""

    def __init__(self, parts: list[bytes], *, live: bool = False) -> None:
        super().__init__(Path("/"), now=NOW)
        self.live = live
        self.bytes_read = 0
        self._parts = parts or [b""]
        # Another beginning makes other paths exist.
        self._salt = str(zlib.crc32(self._parts[0][:2]) % 16)

    def _drawn(self, path: str | Path, salt: str) -> int:
        return zlib.crc32(
            f"{self._salt}{salt}{os.fspath(path).strip('/')}".encode("utf-8", "surrogateescape")
        )

    def read(self, path: str | Path, limit: int = 1 << 20) -> bytes | None:
        self.in_time()
        if self._drawn(path, "there") % 8 == 0:
            return None
        content = self._parts[self._drawn(path, "part") % len(self._parts)]
        if len(content) > limit:
            raise CouldNotLook(Reason.TOO_LARGE, "imagined")
        self.bytes_read += len(content)
        return content

    def open(self, path: str | Path) -> BinaryIO | None:
        content = self.read(path, 1 << 30)
        return None if content is None else io.BytesIO(content)

    def names(self, directory: str | Path, limit: int = 10_000) -> list[str]:
        self.in_time()
        drawn = self._drawn(directory, "names")
        if os.fspath(directory).strip("/").count("/") >= DEPTH or drawn % 8 == 0:
            return []
        return sorted({NAMES[(drawn >> shift) % len(NAMES)] for shift in (3, 9, 15)})

    def stat(self, path: str | Path) -> os.stat_result | None:
        self.in_time()
        drawn = self._drawn(path, "there")
        if drawn % 8 == 0:
            return None
        kind = (stat.S_IFREG, stat.S_IFREG, stat.S_IFDIR, stat.S_IFSOCK)[(drawn >> 3) % 4]
        bits = (0o644, 0o600, 0o777, 0o4755, 0o1777, 0o000)[(drawn >> 5) % 6]
        owner = (0, 0, 1000, 4_000_000_000)[(drawn >> 8) % 4]
        return os.stat_result((kind | bits, drawn, 1, 1, owner, owner, 10, 0, (drawn % 3) * 800_000_000, 0))

    def lstat(self, path: str | Path) -> os.stat_result | None:
        return self.stat(path)

    def readlink(self, path: str | Path) -> str | None:
        drawn = self._drawn(path, "link")
        return None if drawn % 4 else f"/etc/{NAMES[(drawn >> 3) % len(NAMES)]}"

    def resolve(self, path: str | Path) -> Path:
        return Path("/") / os.fspath(path).lstrip("/")

    def run(self, argv: tuple[str, ...], *, timeout: float, limit: int) -> bytes:
        if not self.live:
            raise CouldNotLook(Reason.NOT_SUPPORTED, "imagined")
        return self._parts[self._drawn("/".join(argv), "run") % len(self._parts)][:limit]


SELECTORS: Final = {
    "path": "/etc/a.conf", "name": "ssh.service", "key": "net.ipv4.ip_forward", "service": "sshd", "sapi": "fpm",
}  # fmt: skip


def keys_of(topic: str) -> list[FactKey]:
    """Keys to ask of a topic: each of the declared words of a selector, or a likely text."""
    declared = TOPICS[topic]
    keys = [FactKey(topic, tuple(SELECTORS.get(part, "x") for part in declared.selector))]
    for at, part in enumerate(declared.selector):
        words = declared.choices.get(part, ())
        keys = [
            FactKey(topic, (*key.selector[:at], word, *key.selector[at + 1 :]))
            for key in keys
            for word in words
        ] or keys
    return keys
