"""An officer who reads while the fleet reports: the same few answers over and over; and the collector's memory."""

from __future__ import annotations

import re
import ssl
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Final

import httpx

from .enrolling import Refused
from .summary import Seen, percentile

READ: Final = (
    "/api/v1/overview",
    "/api/v1/hosts",
    "/api/v1/rules",
    "/api/v1/search?q=outcome:fail",
    "/readyz",
)
_PAUSE_S: Final = 0.5
_PEAK: Final = re.compile(r"^VmHWM:\s+([0-9]+) kB$", re.MULTILINE)


class Beside(threading.Thread):
    """Reads until told to stop. `pid`: the collector's process on this machine, None: its memory is not looked at."""

    def __init__(
        self, url: str, name: str, password: str, tls: ssl.SSLContext | None, pid: int | None
    ) -> None:
        super().__init__(daemon=True)
        self._client = httpx.Client(base_url=url, trust_env=False, verify=tls or False, timeout=60)
        answer = self._client.post("/api/v1/session", json={"name": name, "password": password})
        if answer.status_code != 200:
            raise Refused(f"signing in as {name}: {answer.status_code} {answer.text[:300]}")
        # By hand: over plain HTTP on the loopback network a client keeps a secure cookie to itself.
        self._client.headers["cookie"] = answer.headers["set-cookie"].partition(";")[0]
        self._pid = pid
        self._over = threading.Event()
        self._took: list[float] = []
        self._failed: Counter[str] = Counter()

    def run(self) -> None:
        """Read one after the other."""
        while not self._over.is_set():
            for path in READ:
                began = time.monotonic()
                try:
                    status = self._client.get(path).status_code
                except httpx.TransportError as error:
                    self._failed[f"{path} {type(error).__name__}"] += 1
                else:
                    self._took.append((time.monotonic() - began) * 1000)
                    if status != 200:
                        self._failed[f"{path} {status}"] += 1
            self._over.wait(_PAUSE_S)

    def stop(self) -> Seen:
        """What was seen."""
        self._over.set()
        self.join()
        self._client.close()
        took = sorted(self._took)
        p50, p95, most = (round(percentile(took, part), 1) for part in (0.5, 0.95, 1.0))
        peak = None if self._pid is None else _PEAK.search(Path(f"/proc/{self._pid}/status").read_text())
        rss = 0 if peak is None else int(peak[1]) * 1024
        return Seen(len(took), p50, p95, most, dict(self._failed), rss)
