"""Makes one more layer of a root: runs programs in it and keeps what they wrote, without booting it.

Run by `product` as root, in mount and process namespaces of its own, with a JSON object
`{"layers": [folder, …], "written": folder, "shown": {folder: path inside, …}, "commands": [argv, …]}` as its argument.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from tests.flow.systemd.overlay import mount_layers, own_mounts, program


def main(orders: dict[str, Any]) -> int:
    """Mount, run every command in the root, leave."""
    root = Path("/run/root")
    own_mounts()
    program("mount", "-t", "tmpfs", "-o", "mode=0755", "vonggac", "/run")
    mount_layers([Path(layer) for layer in orders["layers"]], Path(orders["written"]), root)
    program("mount", "-t", "proc", "proc", str(root / "proc"))
    program("mount", "--rbind", "/dev", str(root / "dev"))
    for name in ("run", "tmp"):
        program("mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", str(root / name))
    for folder, inside in orders["shown"].items():
        place = root / inside.lstrip("/")
        place.mkdir(parents=True)
        program("mount", "--bind", "-o", "ro", folder, str(place))
    os.environ.clear()
    os.environ.update(PATH="/usr/sbin:/usr/bin:/sbin:/bin", HOME="/root", LC_ALL="C.UTF-8")
    os.umask(0o022)
    for argv in orders["commands"]:
        program("chroot", str(root), *argv)
    return 0


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
