"""crypto.policy: the system-wide choice of cryptography, where the distribution has one.

Sources: crypto-policies(7), update-crypto-policies(8): config names the policy to set, state/current the one in force;
`CRYPTO_POLICY=` in sysconfig/sshd takes the SSH server out of it.
"""

from __future__ import annotations

from typing import Final

from vonggac_contract.facts.protection import CryptoPolicy

from ...formats import assignments, lines
from ...host import Host
from ...untrusted import bounded

CONFIG: Final = "etc/crypto-policies/config"
STATE: Final = "etc/crypto-policies/state/current"
SSHD: Final = "etc/sysconfig/sshd"
MAX_MODULES: Final = 50


def named(text: str) -> list[str]:
    """`DEFAULT:SHA1` as its parts, in capitals; [] without a name. The first line that is no comment counts."""
    said = lines.significant(text[:4096])
    return (
        [bounded(part.strip().upper(), 64) for part in said[0].text.split(":")[:MAX_MODULES]] if said else []
    )


def goes_its_own_way(text: str) -> bool:
    """A sysconfig/sshd that sets CRYPTO_POLICY, to whatever: only by not setting it the server follows."""
    return any(entry.key == "CRYPTO_POLICY" for entry in assignments.parse(text, posix=True))


def gather(host: Host, selector: tuple[str, ...]) -> tuple[CryptoPolicy, str]:
    """Topic crypto.policy."""
    config, state = host.text(CONFIG), host.text(STATE)
    if config is None and state is None:
        return CryptoPolicy(installed=False), CONFIG
    wanted = named(config or "")
    current = named(state or "") or wanted
    value = CryptoPolicy(
        installed=True,
        base=current[0] if current else "",
        modules=current[1:],
        applied=not wanted or wanted == current,
        ssh_follows=not goes_its_own_way(host.text(SSHD) or ""),
    )
    return value, f"{STATE}, {CONFIG}"
