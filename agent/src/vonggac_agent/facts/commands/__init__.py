"""What programs of the owner's choice say."""

from __future__ import annotations

from ..base import Gather
from . import command_output

GATHERERS: dict[str, Gather] = {"command.output": command_output.gather}
