"""Mounts, fstab, encrypted disks and swap."""

from __future__ import annotations

from ..base import Gather

GATHERERS: dict[str, Gather] = {}
