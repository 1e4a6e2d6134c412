"""A Debian 12 root to boot, made once by debootstrap and kept in the user's cache folder for every later run.

Nobody writes into it: `keeper` mounts it as the lowest layer. What boots is the work of `booted`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

SUITE = "bookworm"
PACKAGES = (
    *("systemd", "systemd-sysv", "libpam-systemd", "dbus"),
    *("openssh-server", "sudo", "nftables", "rsyslog"),  # something for the agent to look at
    *("python3", "python3-venv", "ca-certificates"),
)
RECIPE = 1
"""Counts the changes of `build` that the other parts of the digest do not show."""
BUILD_S = 600


def cache_folder() -> Path:
    """Where what takes long to make is kept: `$XDG_CACHE_HOME/vonggac` (XDG Base Directory Specification)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vonggac"


def mirror() -> str:
    """The address of the Debian archive that this machine's apt is told to use. LookupError if there is none."""
    listed = subprocess.run(
        [
            "apt-get",
            "indextargets",
            "--format",
            "$(REPO_URI)|$(ORIGIN)|$(RELEASE)|$(COMPONENT)",
            "Created-By: Packages",
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    found = []
    for line in listed.stdout.splitlines():
        address, origin, release, component = line.split("|")
        # Before the first `apt-get update` apt does not know the origin and leaves the word as it stands.
        if (
            component == "main"
            and origin in ("Debian", "$(ORIGIN)")
            and not release.endswith(("-security", "/updates"))
        ):
            found.append((origin != "Debian", release != SUITE, address))
    if not found:
        raise LookupError("apt's sources name no archive of Debian, from which a root could be made")
    return min(found)[2]


def root() -> Path:
    """The root of a freshly installed Debian 12; made now if the cache has none. Read only, by agreement."""
    recipe = "\n".join((str(RECIPE), SUITE, platform.machine(), *PACKAGES))
    kept = cache_folder() / "roots" / hashlib.sha256(recipe.encode()).hexdigest()[:16]
    kept.parent.mkdir(parents=True, exist_ok=True)
    with (kept.parent / f"{kept.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.is_dir():
            build(kept)
    return kept


def build(kept: Path) -> None:
    """Make the root beside its place and move it there when it is whole. Raises RuntimeError with debootstrap's end."""
    for left in kept.parent.glob(f"{kept.name}-*"):
        shutil.rmtree(left)
    fresh = Path(tempfile.mkdtemp(prefix=f"{kept.name}-", dir=kept.parent))
    fresh.chmod(0o755)
    done = subprocess.run(
        [
            *("debootstrap", "--variant=minbase", "--force-check-gpg", f"--include={','.join(PACKAGES)}"),
            *(SUITE, str(fresh), mirror()),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=BUILD_S,
        check=False,
    )
    if done.returncode:
        shutil.rmtree(fresh)
        raise RuntimeError(f"debootstrap ended with {done.returncode}:\n{done.stdout[-3000:]}")
    for path in (fresh / "var/cache/apt/archives").glob("*.deb"):
        path.unlink()
    fresh.rename(kept)
