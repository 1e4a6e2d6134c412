"""Backup jobs: what runs them, when, whether encrypted."""

from __future__ import annotations

from ..base import Gather

GATHERERS: dict[str, Gather] = {}
