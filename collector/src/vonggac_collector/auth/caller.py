"""A signed-in person as every read and write sees them, and what each role may do. Pure."""

from __future__ import annotations

from typing import Final, Literal, get_args

import msgspec

from vonggac_collector.errors import Forbidden

Role = Literal["sysadmin", "officer", "it-centre", "auditor", "administrator"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
Action = Literal["read", "enrol", "decide", "read-audit", "administer"]
"""`decide`: about a machine's identity: whether it is let in, its key revoked, a fork resolved."""

_ALLOWED: Final[dict[Role, frozenset[Action]]] = {
    "sysadmin": frozenset({"read", "enrol"}),
    "officer": frozenset({"read", "enrol", "decide"}),
    "it-centre": frozenset({"read", "enrol", "decide"}),
    "auditor": frozenset({"read", "read-audit"}),
    "administrator": frozenset({"read", "enrol", "decide", "read-audit", "administer"}),
}


class Caller(msgspec.Struct, frozen=True):
    """`unit`: code of the root of the subtree that the caller may see."""

    id: str
    name: str
    role: Role
    unit: str


def require(caller: Caller, action: Action) -> None:
    """Raises Forbidden unless the caller's role allows it."""
    if action not in _ALLOWED[caller.role]:
        raise Forbidden(f"a {caller.role} may not {action}")
