"""host.identity: who this machine says it is. No credential: the key made at enrolment, `seal`'s business, is one."""

from __future__ import annotations

import os
import re
from typing import Final

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook
from vonggac_contract.facts.system import HostIdentity

from ...host import Host
from ...kernel import interfaces
from ...untrusted import as_text, bounded

APPLICATION: Final = b"vonggac host identity 1"
"""The message under the machine id as key, as sd_id128_get_machine_app_specific(3) does it; never changed again."""
_ELF_MACHINES: Final[dict[int, str]] = {
    3: "i686",
    21: "ppc64le",
    22: "s390x",
    40: "armv7l",
    62: "x86_64",
    183: "aarch64",
    243: "riscv64",
    258: "loongarch64",
}
"""e_machine of elf(5) to the name that uname(2) gives such a machine."""


def machine_digest(text: str) -> str:
    """HMAC-SHA-256, hex, of this project's name keyed with the machine id (machine-id(5)); empty for no valid id."""
    identifier = text.strip()
    if not re.fullmatch(r"[0-9a-f]{32}", identifier) or not int(identifier, 16):
        return ""
    import hmac

    return hmac.digest(bytes.fromhex(identifier), APPLICATION, "sha256").hex()


def elf_machine(head: bytes) -> str:
    """Hardware name from the first 20 bytes of a program (elf(5)). Raises ValueError for anything else."""
    if len(head) < 20 or head[:4] != b"\x7fELF" or head[5] not in (1, 2):
        raise ValueError("not an ELF program")
    number = int.from_bytes(head[18:20], "little" if head[5] == 1 else "big")
    if number not in _ELF_MACHINES:
        raise ValueError(f"ELF machine {number} is not known")
    return _ELF_MACHINES[number]


def memory_bytes(meminfo: str) -> int:
    """Physical memory from proc/meminfo (proc_meminfo(5), kB are KiB). Raises ValueError if it is not there."""
    match = re.search(r"^MemTotal:\s+([0-9]{1,15}) kB$", meminfo, re.MULTILINE)
    if match is None:
        raise ValueError("proc/meminfo has no MemTotal")
    return min(int(match[1]) * 1024, limits.MAX_SAFE_INTEGER)


def container_kind(environment: bytes) -> str:
    """What `container=` of the first process's environment says (systemd's Container Interface); empty if nothing."""
    for entry in environment.split(b"\0"):
        if entry.startswith(b"container="):
            return bounded(as_text(entry.removeprefix(b"container=")), 64)
    return ""


def _container(host: Host) -> str | None:
    told = (host.text("run/systemd/container", limit=4096) or "").strip()
    if told:
        return bounded(told, 64)
    if host.exists(".dockerenv"):
        return "docker"
    if host.exists("run/.containerenv"):
        return "podman"
    try:
        return container_kind(host.read("proc/1/environ") or b"")
    except CouldNotLook:
        # An ordinary user, or root outside of the first process's namespaces, may not read it; the rest still stands.
        return None


def is_local(address: str) -> bool:
    """Loopback or link-local: 127/8, 169.254/16 (RFC 6890), ::1, fe80::/10 (RFC 4291 section 2.4)."""
    if ":" not in address:
        return address.startswith(("127.", "169.254."))
    return address == "::1" or int(address.partition(":")[0] or "0", 16) & 0xFFC0 == 0xFE80


def _architecture(host: Host) -> str:
    for path in ("usr/bin/sh", "bin/sh", "usr/bin/true"):
        program = host.open(path)
        if program is not None:
            with program:
                return elf_machine(program.read(20))
    return ""


def gather(host: Host, selector: tuple[str, ...]) -> tuple[HostIdentity, str]:
    """Topic host.identity. Of a mounted root, what only a running system has stays empty."""
    digest = machine_digest(host.text("etc/machine-id", limit=4096) or "")
    if not host.live:
        name = (host.text("etc/hostname", limit=4096) or "").strip()
        return (
            HostIdentity(bounded(name), digest, _architecture(host), [], None, None, ""),
            "etc/hostname, etc/machine-id",
        )
    addresses = set(host.told(interfaces.addresses))
    return (
        HostIdentity(
            hostname=bounded(as_text(host.told(interfaces.hostname))),
            machine_id=digest,
            architecture=bounded(as_text(os.uname().machine)),
            addresses=sorted(address for address in addresses if not is_local(address)),
            memory=memory_bytes(host.text("proc/meminfo") or ""),
            cpus=os.cpu_count(),
            container=_container(host),
        ),
        "uname, etc/machine-id, proc/meminfo, network interfaces",
    )
