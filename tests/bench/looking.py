"""What a look costs: the scan beside the bare cost of the interpreter with the same imports."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from .figures import Beside, Figure, median_of

MIB = 2**20
IMPORTS = (
    "import ssl, json, http.client, psutil, msgspec, "
    "cryptography.hazmat.primitives.asymmetric.ed25519, cryptography.x509, re2"
)


def figures() -> Iterator[Figure]:
    """Scan of this machine by the profile of level 3, as whichever user runs this; the walk is measured in `peers`."""
    floor = median_of([sys.executable, "-c", IMPORTS])
    environment = {"VONGGAC_DISABLED_FACTS": "file.walk"}
    scan = median_of([sys.executable, "-m", "vonggac_agent", "scan", "--json"], env=environment)
    if scan.code not in (0, 1):
        raise RuntimeError(f"the scan ended with {scan.code}")
    imports = Beside("interpreter and imports", floor.cpu_s)
    yield Figure("scan, CPU", scan.cpu_s, "s", 0.8, beside=imports)
    yield Figure("scan, wall", scan.wall_s, "s", beside=Beside("interpreter and imports", floor.wall_s))
    yield Figure(
        "scan, peak memory",
        scan.rss / MIB,
        "MiB",
        55,
        beside=Beside("interpreter and imports", floor.rss / MIB),
    )
