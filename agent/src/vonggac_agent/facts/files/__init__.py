"""Kind, owner, permissions and content of files; the one walk over the disk."""

from __future__ import annotations

from ..base import Gather
from . import config_setting, file_lines, file_stat, file_walk

GATHERERS: dict[str, Gather] = {
    "config.setting": config_setting.gather,
    "file.lines": file_lines.gather,
    "file.stat": file_stat.gather,
    "file.walk": file_walk.gather,
}
