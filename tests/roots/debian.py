"""Roots of Debian's releases as debootstrap installs them."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

from tests.roots.kept import kept
from tests.roots.said import said

RECIPE = 1
"""Counts the changes of `build` that the other parts of the digest do not show."""
BUILD_S = 600


def root(suite: str, packages: tuple[str, ...], *changes: str) -> Path:
    """A freshly installed release with `packages`; made now if the cache has none. Read only, by agreement.

    `changes` are further arguments of debootstrap.
    """
    recipe = "\n".join((str(RECIPE), suite, platform.machine(), *packages, *changes))
    return kept("roots", recipe, lambda fresh: build(suite, packages, changes, fresh))


def mirror(suite: str) -> str:
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
            found.append((origin != "Debian", release != suite, address))
    if not found:
        raise LookupError("apt's sources name no archive of Debian, from which a root could be made")
    return min(found)[2]


def build(suite: str, packages: tuple[str, ...], changes: tuple[str, ...], fresh: Path) -> None:
    """Fill the folder `fresh`. Raises RuntimeError with the end of what debootstrap said."""
    said(
        *("debootstrap", "--variant=minbase", "--force-check-gpg", f"--include={','.join(packages)}"),
        *(*changes, suite, str(fresh), mirror(suite)),
        seconds=BUILD_S,
    )
    for path in (fresh / "var/cache/apt/archives").glob("*.deb"):
        path.unlink()
