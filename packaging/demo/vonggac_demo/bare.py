"""What the agent says of a machine that has nothing: its own gatherers, let into an empty folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from vonggac_agent.facts import gather
from vonggac_agent.host import Host
from vonggac_contract.facts import Fact, FactKey


def bare_facts(keys: Iterable[FactKey], now: datetime) -> Mapping[FactKey, Fact]:
    """The facts of `keys` as a root without a single file gives them: what is said of software that is not there."""
    with TemporaryDirectory(prefix="vonggac-demo-") as folder:
        return gather(Host(Path(folder), now=now), sorted(set(keys)))
