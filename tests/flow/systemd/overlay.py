"""A writable root over read-only layers, mounted in this process's own mount namespace.

Used by `keeper`, which boots such a root, and by `layer`, which makes a further layer.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def program(*argv: str) -> None:
    """Run one program; what it says goes to standard error. Raises CalledProcessError."""
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr)


def own_mounts() -> None:
    """What is mounted from now on stays in this namespace."""
    program("mount", "--make-rprivate", "/")


def mount_layers(layers: list[Path], written: Path, root: Path) -> None:
    """Mount `layers`, the uppermost first, at `root`; what is written goes into the folder `written`.

    Where the kernel has no overlay file system, or none on the one that holds `written`, the layers are copied there.
    """
    upper, work = written / "upper", written / "work"
    for folder in (upper, work, root):
        folder.mkdir(parents=True)
    upper.chmod(0o755)
    options = f"lowerdir={':'.join(map(str, layers))},upperdir={upper},workdir={work}"
    done = subprocess.run(["mount", "-t", "overlay", "vonggac", "-o", options, str(root)], check=False)
    if done.returncode:
        for layer in reversed(layers):
            program("cp", "-a", "--reflink=auto", f"{layer}/.", str(upper))
        program("mount", "--bind", str(upper), str(root))
