"""Log lines for the service: one JSON object a line on standard error, which systemd's journal keeps.

Never give it a token, a key or an envelope. Messages of commands for people are printed by `cli`.
"""

from __future__ import annotations

import json
import os
import time


def log(level: str, event: str, **about: object) -> None:
    """Write one line. `level`: info, warning or error; `event`: a fixed word; `about`: JSON values."""
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z"
    line = json.dumps(
        {"time": stamp, "level": level, "event": event, **about}, ensure_ascii=False, default=str
    )
    # One write for one line, so that the lines of supervisor and child do not mix.
    os.write(2, line.encode("utf-8", "backslashreplace") + b"\n")
