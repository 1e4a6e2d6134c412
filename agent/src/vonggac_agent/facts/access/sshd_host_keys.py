"""sshd.host-keys: kind and length of the keys by which the SSH server shows who it is. Private files are never read.

Source: sshd_config(5) HostKey and its defaults.
"""

from __future__ import annotations

from typing import Final

from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.ssh import HostKey, SshdHostKeys

from ...host import Host
from ...untrusted import bounded
from . import ssh_public_key, sshd_effective

DEFAULT_KEYS: Final = tuple(f"/etc/ssh/ssh_host_{kind}_key" for kind in ("rsa", "ecdsa", "ed25519"))
MAX_KEYS: Final = 256
"""servconf.h of OpenSSH: MAX_HOSTKEYS."""


def describe(path: str, public: str) -> HostKey:
    """The key at `path` from the text of its public file."""
    key = ssh_public_key.parse_line(public.partition("\n")[0])
    return HostKey(bounded(path), "unknown", 0) if key is None else HostKey(bounded(path), key.type, key.bits)


def gather(host: Host, selector: tuple[str, ...]) -> tuple[SshdHostKeys, str]:
    """Topic sshd.host-keys. Raises CouldNotLook: not-installed; permission-denied if sshd_config is closed to us."""
    if not sshd_effective.installed(host):
        raise CouldNotLook(Reason.NOT_INSTALLED, "no SSH server is installed")
    paths = sshd_effective.read(host).all("hostkey")[:MAX_KEYS] or list(DEFAULT_KEYS)
    found = [
        describe(path, host.text(f"{path}.pub", limit=65_536) or "")
        for path in dict.fromkeys(paths)
        if host.exists(path) or host.exists(f"{path}.pub")
    ]
    return SshdHostKeys(found), "etc/ssh/*.pub"
