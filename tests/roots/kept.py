"""What takes long to make is made once and kept in the user's cache folder for every later run."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


def cache_folder() -> Path:
    """Where what takes long to make is kept: `$XDG_CACHE_HOME/vonggac` (XDG Base Directory Specification)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vonggac"


def kept(kind: str, recipe: str, make: Callable[[Path], None]) -> Path:
    """The folder that `make` fills, from the cache if it has one for this recipe. Read only, by agreement.

    It is made beside its place and moved there when it is whole; who comes second waits for the first.
    """
    place = cache_folder() / kind / hashlib.sha256(recipe.encode()).hexdigest()[:16]
    place.parent.mkdir(parents=True, exist_ok=True)
    with (place.parent / f"{place.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.is_dir():
            for left in place.parent.glob(f"{place.name}-*"):
                shutil.rmtree(left)
            fresh = Path(tempfile.mkdtemp(prefix=f"{place.name}-", dir=place.parent))
            fresh.chmod(0o755)
            try:
                make(fresh)
            except BaseException:
                shutil.rmtree(fresh)
                raise
            fresh.rename(place)
    return place
