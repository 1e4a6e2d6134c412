"""Backup jobs: what runs them, when, whether encrypted."""

from __future__ import annotations

from ..base import Gather
from . import backup_jobs

GATHERERS: dict[str, Gather] = {"backup.jobs": backup_jobs.gather}
