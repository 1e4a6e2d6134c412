"""Versions of packages as text that sorts like the versions do, so that every index can compare them. Pure.

The order is dpkg's (deb-version(7), https://man7.org/linux/man-pages/man7/deb-version.7.html): runs of other characters
and numbers in turn, ~ before the end, the end before letters, letters before all else. rpm's differs only where signs
between the numbers do. The epoch is left aside: who asks for openssh-server before 9.3 means 1:9.2p1 too.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, Literal

MAX_VERSION: Final = 200
"""Characters that count; the longest in Debian 12 has 53."""
Edge = Literal["below", "itself", "above"]
_END: Final = "#"
_TILDE: Final = "!"
_OTHER: Final = "~{:06x}"
"""In ASCII the end comes after the tilde's sign, before digits and letters; these before what stands for all else."""
_EDGES: Final[dict[Edge, str]] = {"below": "0", "itself": "1", "above": "2"}
_EPOCH: Final = re.compile(r"[0-9]+:")
_RUN: Final = re.compile(r"([^0-9]*)([0-9]*)")


@lru_cache(maxsize=1 << 14)
def order_of(version: str, edge: Edge = "itself") -> str:
    """ASCII text that compares as the version does. `edge`: just below or above everything equal to it.

    Remembered: a fleet has the same packages over and over.
    """
    text = version[:MAX_VERSION]
    epoch = _EPOCH.match(text)
    upstream, dash, revision = text[epoch.end() if epoch else 0 :].rpartition("-")
    # Without a dash all of it is upstream's.
    parts = (upstream, revision) if dash else (revision, "")
    return "".join(map(_key, parts)) + _EDGES[edge]


def _key(text: str) -> str:
    """No key is the beginning of another one."""
    runs = [(other, number.lstrip("0")) for other, number in _RUN.findall(text)]
    while len(runs) > 1 and runs[-1] == ("", ""):
        runs.pop()
    return "".join(_signs(other) + _END + f"{len(number):03}{number}" for other, number in runs) + _END


def _signs(other: str) -> str:
    return "".join(
        _TILDE if c == "~" else c if c.isascii() and c.isalpha() else _OTHER.format(ord(c)) for c in other
    )
