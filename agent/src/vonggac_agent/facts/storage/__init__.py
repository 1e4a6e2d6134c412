"""Mounts, fstab, encrypted disks and swap."""

from __future__ import annotations

from ..base import Gather
from . import coredump_settings, disk_encryption, mount_point, mount_table

GATHERERS: dict[str, Gather] = {
    "coredump.settings": coredump_settings.gather,
    "disk.encryption": disk_encryption.gather,
    "mount.point": mount_point.gather,
    "mount.table": mount_table.gather,
}
