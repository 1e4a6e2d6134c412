"""The machine that an input means: one written down, question by question, or one drawn from what the input holds."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from tests.unit.facts.imagined import ImaginedHost, keys_of
from tests.unit.facts.roots import NOW

from vonggac_agent.host import Host
from vonggac_agent.untrusted import as_text
from vonggac_contract.facts import TOPICS, CouldNotLook, Reason

SEPARATOR: Final = b"\xff\xfe"
"""Between the parts of an input."""
NAMED: Final = b"\xff\xfd"
"""In a part that answers one question: the question before it, the answer behind. A part without it is any file's."""

KINDS: Final = frozenset(
    getattr(stat, f"S_IF{kind}") for kind in ("REG", "DIR", "LNK", "CHR", "BLK", "IFO", "SOCK")
)
"""All that a kernel shows, inode(7)."""
REFUSED: Final = {reason.encode(): reason for reason in Reason}
Answers = dict[str, bytes]
"""By question: `f` and a path, its content; `n` names in it; `l` its link; `v` where it really is; `e` why it could not
be looked at; `r` and an argv, its output; `s` alone, a line `mode uid gid size mtime path` for each status (mode in
octal); `k` alone, the selector, its values divided by NUL."""


class WrittenHost(Host):
    """The machine of which all that is known was written down; what is not, is not there."""

    def __init__(self, answers: Answers, *, live: bool) -> None:
        super().__init__(Path("/"), now=NOW)
        self.live = live
        self._answers = answers
        self._states = dict(states(answers.get("s", b"")))

    def _of(self, kind: str, path: str | Path) -> bytes | None:
        self.in_time()
        refused = self._answers.get("e" + at(path))
        if refused is not None:
            raise CouldNotLook(REFUSED.get(refused, Reason.MALFORMED), "written")
        return self._answers.get(kind + at(path))

    def read(self, path: str | Path, limit: int = 1 << 20) -> bytes | None:
        content = self._of("f", path)
        if content is not None and len(content) > limit:
            raise CouldNotLook(Reason.TOO_LARGE, "written")
        return content

    def open(self, path: str | Path) -> BinaryIO | None:
        content = self._of("f", path)
        return None if content is None else io.BytesIO(content)

    def names(self, directory: str | Path, limit: int = 10_000) -> list[str]:
        told = self._of("n", directory) or b""
        return sorted({os.fsdecode(name) for name in told.replace(b"\0", b"").split(b"/") if name})[:limit]

    def stat(self, path: str | Path) -> os.stat_result | None:
        content = self._of("f", path)
        if known := self._states.get(at(path)):
            return known
        if content is not None:
            return _status(stat.S_IFREG | 0o644, size=len(content))
        return None if self._of("n", path) is None else _status(stat.S_IFDIR | 0o755)

    def lstat(self, path: str | Path) -> os.stat_result | None:
        return self.stat(path) if self._of("l", path) is None else _status(stat.S_IFLNK | 0o777)

    def readlink(self, path: str | Path) -> str | None:
        target = self._of("l", path)
        return None if target is None else os.fsdecode(target.replace(b"\0", b""))

    def resolve(self, path: str | Path) -> Path:
        real = self._of("v", path)
        return Path(at(path) if real is None else at(os.fsdecode(real.replace(b"\0", b""))))

    def run(self, argv: tuple[str, ...], *, timeout: float, limit: int) -> bytes:
        if not self.live:
            raise CouldNotLook(Reason.NOT_SUPPORTED, "written")
        told = self._answers.get("r" + " ".join(argv))
        if told is None:
            raise CouldNotLook(Reason.NOT_INSTALLED, "written")
        return told[:limit]


def answers(parts: Iterable[bytes]) -> Answers:
    """What the named parts say; {} if none is named."""
    named = (part.partition(NAMED) for part in parts if NAMED in part)
    return {os.fsdecode(question): answer for question, _, answer in named}


def written(heard: Answers, *, live: bool) -> bytes:
    """The input of a machine; its length is even if it is live, as targets take it."""
    data = SEPARATOR.join(os.fsencode(question) + NAMED + answer for question, answer in heard.items())
    return data if live is (len(data) % 2 == 0) else data + SEPARATOR + b"\n"


def selector(topic: str, heard: Answers) -> tuple[str, ...] | None:
    """The selector that was written down, if a rule could ask for it."""
    declared = TOPICS[topic]
    values = tuple(as_text(value) for value in heard.get("k", b"").split(b"\0"))
    given = dict(zip(declared.selector, values, strict=False))
    fits = len(values) == len(declared.selector) and all(
        value in declared.choices.get(part, (value,)) and 0 < len(value) < 200
        for part, value in given.items()
    )
    return values if fits and not (declared.misfit and declared.misfit(given)) else None


def host_and_selector(topic: str, data: bytes) -> tuple[Host, tuple[str, ...]]:
    """The machine that an input means, and what is asked of it: a written one, or one drawn from the parts."""
    parts = data.split(SEPARATOR)
    heard = answers(parts)
    live = TOPICS[topic].live or len(data) % 2 == 0
    keys = keys_of(topic)
    drawn = keys[len(data) % len(keys)].selector
    if not heard:
        return ImaginedHost(parts[:8], live=live), drawn
    return WrittenHost(heard, live=live), selector(topic, heard) or drawn


def states(told: bytes) -> Iterable[tuple[str, os.stat_result]]:
    """Each status that a line tells; a line that tells none, or an impossible one, is left out."""
    for line in told.split(b"\n"):
        with suppress(ValueError):
            octal, uid, gid, size, mtime, path = line.split(b" ", 5)
            mode = int(octal, 8) & 0o177777
            if stat.S_IFMT(mode) not in KINDS:
                continue
            numbers = (int(uid) % 2**32, int(gid) % 2**32, int(size) % 2**40, int(mtime) % 2**34)
            yield os.fsdecode(path), _status(mode, *numbers)


def _status(mode: int, uid: int = 0, gid: int = 0, size: int = 0, mtime: int = 0) -> os.stat_result:
    return os.stat_result((mode, 1, 1, 1, uid, gid, size, mtime, mtime, mtime), {"st_rdev": 0xFD00})


def at(path: str | Path) -> str:
    return "/" + os.fspath(path).strip("/")
