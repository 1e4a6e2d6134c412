"""What the agent says of a machine that has nothing: its own gatherers, let into an empty folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from vonggac_agent.facts import gather
from vonggac_agent.host import Host
from vonggac_contract.facts import Fact, FactKey

KEPT: Final = {
    "pam.checks": "etc/pam.d/other",
    "pam.stack": "etc/pam.d/other",
    "service.started": "usr/lib/systemd/system/none.service",
    "service.unit": "usr/lib/systemd/system/none.service",
    "package.held": "var/lib/dpkg/status",
    "software.unpackaged": "var/lib/dpkg/status",
    "systemd.timers": "usr/lib/systemd/system/none.service",
    "audit.watch": "etc/pam.d/other",
    "login.banner": "etc/pam.d/other",
    "desktop.autologin": "etc/pam.d/other",
    "mount.table": "etc/pam.d/other",
    "disk.encryption": "etc/pam.d/other",
}
"""Topics that could not look into an empty folder, each with the empty file that makes it one to look into."""


def bare_facts(keys: Iterable[FactKey], now: datetime) -> Mapping[FactKey, Fact]:
    """The facts of `keys` as a root without a single file gives them: what is said of software that is not there."""
    asked = sorted(set(keys))
    with (
        TemporaryDirectory(prefix="vonggac-demo-") as empty,
        TemporaryDirectory(prefix="vonggac-demo-") as kept,
    ):
        for name in KEPT.values():
            path = Path(kept, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        looked = gather(Host(Path(kept), now=now), [key for key in asked if key.topic in KEPT])
        return {
            **gather(Host(Path(empty), now=now), [key for key in asked if key.topic not in KEPT]),
            **looked,
        }
