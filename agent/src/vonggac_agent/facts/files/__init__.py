"""Kind, owner, permissions and content of files; the one walk over the disk."""

from __future__ import annotations

from ..base import Gather
from . import file_stat

GATHERERS: dict[str, Gather] = {
    "file.stat": file_stat.gather,
}
