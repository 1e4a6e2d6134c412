"""What a selector lets through of the two facilities that sign-ins and uses of rights are logged under. Pure.

Sources: rsyslog.conf(5), "Selectors"; syslog(3) for facilities and priorities: sshd(8) and login(1) use auth or
authpriv, sudo(8) and pam_unix(8) authpriv, all of them from info up.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_PRIORITIES: Final = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
_OTHER_NAMES: Final = {"panic": "emerg", "error": "err", "warn": "warning"}
ALL: Final = 0xFF
"""One bit for each priority, the most severe lowest."""
WANTED: Final = 0x7F
"""emerg to info."""
_PART: Final = re.compile(r"([a-z0-9*,]{1,200})\.(!?=?)([a-z*]{1,20})")


class Taken(NamedTuple):
    """The priorities that are let through, as bits."""

    auth: int = ALL
    authpriv: int = ALL

    def without(self, other: Taken) -> Taken:
        """What is left after those of `other` were thrown away."""
        return Taken(self.auth & ~other.auth, self.authpriv & ~other.authpriv)


def taken(selector: str) -> Taken | None:
    """What `auth,authpriv.*;mail.none` lets through; later parts change what earlier ones said. None: no selector."""
    found = {"auth": 0, "authpriv": 0}
    for text in selector.lower().split(";"):
        match = _PART.fullmatch(text.strip())
        bits = None if match is None else _bits(match[3], exactly="=" in match[2])
        if match is None or bits is None:
            return None
        for name in found.keys() & set(match[1].replace("*", "auth,authpriv").split(",")):
            if match[3] == "none":
                found[name] = 0
            else:
                found[name] = found[name] & ~bits if "!" in match[2] else found[name] | bits
    return Taken(**found)


def _bits(name: str, *, exactly: bool) -> int | None:
    """The priorities that one word means: it and the more severe ones."""
    name = _OTHER_NAMES.get(name, name)
    if name in ("*", "none"):
        return ALL
    if name not in _PRIORITIES:
        return None
    bit = 1 << _PRIORITIES.index(name)
    return bit if exactly else (bit << 1) - 1
