"""Kernel modules, kernel command line, the boot loader."""

from __future__ import annotations

from ..base import Gather

GATHERERS: dict[str, Gather] = {}
