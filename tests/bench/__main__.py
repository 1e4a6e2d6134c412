"""`make bench [ONLY=name]`: every figure that the docs state, a line each, and build/bench.json."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from pathlib import Path

import msgspec

from .figures import Figure, show

ROOMS = ("looking", "peers", "resident", "sealing", "wire", "ingest", "disk", "pages", "scale")
OUT = Path("build/bench.json")
COMPILED = Path("build/bench-pycache")
"""Where the modules are kept compiled, as they are wherever the product is installed."""


def main(only: str | None) -> int:
    """Measure the named room, or all; an aim that is missed is shown and is no failure."""
    if only is not None and only not in ROOMS:
        print(f"no such room: {only}; there is: {', '.join(ROOMS)}", file=sys.stderr)
        return 2
    # Whatever was started for a measurement ends with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(COMPILED.absolute())
    found: list[Figure] = []
    for room in ROOMS if only is None else (only,):
        print(f"-- {room}")
        for figure in importlib.import_module(f"tests.bench.{room}").figures():
            found.append(figure)
            print(*show([figure]), sep="\n", flush=True)
    rows = [msgspec.to_builtins(f) | {"holds": f.holds} for f in found]
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_bytes(msgspec.json.format(msgspec.json.encode(rows), indent=1))
    missed = [f.name for f in found if f.holds is False]
    print(f"{len(found)} figures, {len(missed)} aims missed" + (": " + ", ".join(missed) if missed else ""))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1] if len(sys.argv) > 1 else None))
