"""sshd.match: what Match blocks allow that is not allowed to everybody. The files are read by `sshd_config`.

A block is compared with the settings outside of all blocks, which hold where it says nothing, sshd_config(5) "Match".
"""

from __future__ import annotations

from typing import Final

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.ssh import Loosened, MatchBlock, SshdMatch

from ...host import Host
from ...untrusted import bounded
from . import sshd_effective
from .sshd_config import Block, Settings

_FORWARDING: Final = ("no", "local", "remote", "yes")
ORDERS: Final[dict[Loosened, tuple[str, tuple[str, ...]]]] = {
    "root-login": ("permitrootlogin", ("no", "forced-commands-only", "prohibit-password", "yes")),
    "password": ("passwordauthentication", ("no", "yes")),
    "keyboard-interactive": ("kbdinteractiveauthentication", ("no", "yes")),
    "empty-passwords": ("permitemptypasswords", ("no", "yes")),
    "host-based": ("hostbasedauthentication", ("no", "yes")),
    "user-environment": ("permituserenvironment", ("no", "yes")),
    "agent-forwarding": ("allowagentforwarding", ("no", "yes")),
    "tcp-forwarding": ("allowtcpforwarding", _FORWARDING),
    "x11-forwarding": ("x11forwarding", ("no", "yes")),
    "tunnel": ("permittunnel", ("no", "ethernet", "point-to-point", "yes")),
}
"""Keyword of each, and its values from the strictest on."""
_SAME: Final = {"without-password": "prohibit-password", "all": "yes"}


def loosened(block: Block, settings: Settings) -> list[Loosened]:
    """What the block allows beyond `settings`, in the order of ORDERS. A value not known there is the loosest."""
    found = [
        name
        for name, (keyword, order) in ORDERS.items()
        if keyword in block.words
        and _rank(block.words[keyword][0], order) > _rank(settings.one(keyword), order)
    ]
    methods = block.words.get("authenticationmethods")
    everybody = settings.all("authenticationmethods") or ["any"]
    if methods is not None and fewest_factors(methods) < fewest_factors(everybody):
        found.append("methods")
    return found


def _rank(value: str, order: tuple[str, ...]) -> int:
    value = _SAME.get(value.lower(), value.lower())
    return order.index(value) if value in order else len(order)


def fewest_factors(methods: list[str]) -> int:
    """How many different methods the shortest of the lists asks for, sshd_config(5) AuthenticationMethods."""
    return min(len({method.partition(":")[0] for method in one.split(",")}) for one in methods or ["any"])


def describe(settings: Settings) -> SshdMatch:
    """The fact from the settings of the files."""
    blocks = settings.blocks[: limits.MAX_FACT_LIST]
    return SshdMatch([MatchBlock(bounded(" ".join(b.criteria)), loosened(b, settings)) for b in blocks])


def gather(host: Host, selector: tuple[str, ...]) -> tuple[SshdMatch, str]:
    """Topic sshd.match. Raises CouldNotLook: not-installed; permission-denied."""
    if not sshd_effective.installed(host):
        raise CouldNotLook(Reason.NOT_INSTALLED, "no SSH server is installed")
    return describe(sshd_effective.read(host)), f"{sshd_effective.CONFIG} and its includes"
