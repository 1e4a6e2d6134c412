"""mount.point: whether a directory is a file system of its own, and with which options. Read by `mounts`."""

from __future__ import annotations

from vonggac_contract.facts.storage import MountPoint

from ...host import Host
from . import mounts


def gather(host: Host, selector: tuple[str, ...]) -> tuple[MountPoint, str]:
    """Topic mount.point, selector: the directory's absolute path. Raises ValueError for another path."""
    path = selector[0]
    if not path.startswith("/") or "//" in path or "/." in path or (path != "/" and path.endswith("/")):
        raise ValueError(f"{path[:256]!r} is no absolute path of a directory")
    coming = mounts.at_next_start(host, path)
    now = next((line for line in reversed(mounts.running(host)) if line.path == path), None)
    current = now if host.live else coming
    value = MountPoint(
        exists=host.exists(path) or current is not None,
        separate=current is not None,
        kept=coming is not None,
        type="" if current is None else current.type,
        options=[] if current is None else current.options,
        next_options=[] if coming is None else coming.options,
    )
    return value, "mountinfo, fstab, mount units"
