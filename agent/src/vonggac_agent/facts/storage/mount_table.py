"""mount.table: every file system that is mounted now, and every line of fstab. Read by `mounts`."""

from __future__ import annotations

from typing import Final

from vonggac_contract import limits
from vonggac_contract.facts.storage import Mount, MountTable

from ...host import Host
from ..base import must_be_mounted
from . import mounts

KERNELS_OWN: Final = frozenset(
    {
        *("proc", "sysfs", "devpts", "cgroup", "cgroup2", "securityfs", "debugfs", "tracefs"),
        *("configfs", "pstore", "bpf", "mqueue", "hugetlbfs", "autofs", "efivarfs"),
        *("binfmt_misc", "fusectl", "selinuxfs", "rpc_pipefs", "nsfs", "devtmpfs", "ramfs"),
        *("overlay", "swap", "none"),
    }
)


def gather(host: Host, selector: tuple[str, ...]) -> tuple[MountTable, str]:
    """Topic mount.table. Raises CouldNotLook(not-installed) where etc holds nothing."""
    must_be_mounted(host, "/etc/fstab")
    found: list[Mount] = []
    for line in (*mounts.running(host), *mounts.fstab(host)):
        if line.type not in KERNELS_OWN and line.path.startswith("/"):
            found.append(
                Mount(
                    path=line.path,
                    device=line.device,
                    type=line.type,
                    kind=mounts.kind(host, line),
                    options=line.options,
                    running=bool(line.number),
                    clear_password=line.clear_password,
                )
            )
    return MountTable(found[: limits.MAX_FACT_LIST]), "mountinfo, fstab"
