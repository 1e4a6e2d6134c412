"""disk.encryption: which file systems and swap areas lie on dm-crypt, and where the keys of encrypted volumes are.

Sources: sysfs: sys/dev/block/<number>/dm/uuid (device-mapper names dm-crypt's devices `CRYPT-…`) and its `slaves`;
crypttab(5) of systemd and Debian (keyscript=); proc_swaps(5). A volume of LVM on an encrypted disk, or an encrypted
volume of LVM, is encrypted alike: the stack of devices is walked down.
"""

from __future__ import annotations

import os
import stat
from typing import Final, Literal

from vonggac_contract import limits
from vonggac_contract.facts.storage import DiskEncryption, EncryptedVolume, StoredFileSystem

from ...host import Host
from ..base import must_be_mounted
from . import mount_tables, mounts
from .mount_tables import Line, Volume

CRYPTTAB: Final = "etc/crypttab"
SWAPS: Final = "proc/swaps"
BOOT: Final = ("/boot", "/efi")
UNTELLING: Final = frozenset({"zfs", "bcachefs"})
"""They encrypt by themselves, which their devices don't show."""
RANDOM: Final = ("/dev/urandom", "/dev/random", "/dev/hwrng")
ELSEWHERE: Final = ("tpm2-device=", "pkcs11-uri=", "fido2-device=", "keyscript=")
MAX_DEPTH: Final = 8
MAX_DEVICES: Final = 200
"""Devices below one file system that are looked at; a RAID of disks has some tens."""


def encrypted(host: Host, number: str) -> bool | None:
    """Whether block device `number` (`8:1`) is dm-crypt or lies wholly on it; None if it shows no device."""
    if not host.exists(f"sys/dev/block/{number}"):
        return None
    return _below(host, f"sys/dev/block/{number}", MAX_DEPTH, [MAX_DEVICES])


def _below(host: Host, device: str, depth: int, left: list[int]) -> bool:
    left[0] -= 1
    if (host.text(f"{device}/dm/uuid", limit=4096) or "").startswith("CRYPT-"):
        return True
    # A partition of a RAID or of a mapped device has no slaves of its own; its disk, the folder above, has.
    folder = next((f for f in (f"{device}/slaves", f"{device}/../slaves") if host.names(f)), None)
    if folder is None or depth == 0 or left[0] <= 0:
        return False
    return all(_below(host, f"{folder}/{name}", depth - 1, left) for name in host.names(folder))


def _number(host: Host, device: str) -> str:
    """The device number of a path under /dev; "" for what is no block device."""
    status = host.stat(device) if device.startswith("/dev/") else None
    if status is None or not stat.S_ISBLK(status.st_mode):
        return ""
    return f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"


def _is_data(line: Line) -> bool:
    """A file system that holds the machine's or people's data: on a disk, and not only what starts the machine."""
    boot = any(line.path == place or line.path.startswith(f"{place}/") for place in BOOT)
    return line.type in mounts.DISK and not boot


def _running(host: Host) -> list[StoredFileSystem]:
    found: dict[str, StoredFileSystem] = {}
    for line in mounts.running(host):
        number = _number(host, line.device) or line.number
        if _is_data(line) and line.device not in found:  # a bind mount shows the same device again
            told = None if line.type in UNTELLING or number.startswith("0:") else encrypted(host, number)
            found[line.device] = StoredFileSystem(line.path, line.device, line.type, told)
    return list(found.values())


def _written(line: Line, volumes: list[Volume]) -> bool | None:
    """What the files of a mounted root tell: without encrypted volumes nothing is, else what is on one by its name."""
    if line.type in UNTELLING:
        return None
    if not volumes:
        return False
    return True if line.device.removeprefix("/dev/mapper/") in {volume.name for volume in volumes} else None


def _swap(host: Host, volumes: list[Volume]) -> list[StoredFileSystem]:
    if not host.live:
        lines = [line for line in mounts.fstab(host) if line.type == "swap"]
        return [
            StoredFileSystem("swap", line.device, "swap", _written(line, volumes))
            for line in lines
            if "zram" not in line.device
        ]
    found: list[StoredFileSystem] = []
    for device, kind in mount_tables.swaps(host.text(SWAPS) or ""):
        if "/zram" in device:
            continue
        number = _number(host, device) if kind == "partition" else _number_of_file(host, device)
        told = encrypted(host, number) if number else None
        found.append(StoredFileSystem("swap", device, "swap", told))
    return found


def _number_of_file(host: Host, path: str) -> str:
    status = host.stat(path)
    return "" if status is None else f"{os.major(status.st_dev)}:{os.minor(status.st_dev)}"


def _volume(host: Host, volume: Volume) -> EncryptedVolume:
    key: Literal["asked", "file", "random", "other"] = "file"
    if volume.key in RANDOM:
        key = "random"
    elif any(option.startswith(ELSEWHERE) for option in volume.options):
        key = "other"
    elif volume.key in ("", "-", "none"):
        key = "asked"
    if key != "file":
        return EncryptedVolume(volume.name, key)
    status = host.stat(volume.key) if volume.key.startswith("/") and ":" not in volume.key else None
    exposed = None if status is None else status.st_uid != 0 or bool(stat.S_IMODE(status.st_mode) & 0o077)
    return EncryptedVolume(volume.name, key, volume.key, exposed)


def gather(host: Host, selector: tuple[str, ...]) -> tuple[DiskEncryption, str]:
    """Topic disk.encryption. Raises CouldNotLook(not-installed) where etc holds nothing."""
    must_be_mounted(host, "/etc/fstab")
    volumes = mount_tables.crypttab(host.text(CRYPTTAB) or "")
    if host.live:
        stored = _running(host)
    else:
        stored = [
            StoredFileSystem(line.path, line.device, line.type, _written(line, volumes))
            for line in mounts.fstab(host)
            if _is_data(line) and line.path.startswith("/") and mounts.kind(host, line) == "disk"
        ]
    value = DiskEncryption(
        file_systems=stored[: limits.MAX_FACT_LIST],
        swap=_swap(host, volumes)[: limits.MAX_FACT_LIST],
        volumes=[_volume(host, volume) for volume in volumes],
    )
    return value, "sys/dev/block, proc/swaps, fstab, crypttab"
