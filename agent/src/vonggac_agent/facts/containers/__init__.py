"""Docker and containerd."""

from __future__ import annotations

from ..base import Gather

GATHERERS: dict[str, Gather] = {}
