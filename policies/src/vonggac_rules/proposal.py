"""What a draft of the policy repository would change, in lines for whoever is about to sign it. Used by `ceremony`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Targets

from . import repository
from . import signing_files as files
from .repository import MAX_METADATA_BYTES


def lines_of(folder: Path, draft: Metadata[Any]) -> list[str]:
    """Role, version, expiry; then all that it holds, `+` before what is not in force yet, and `-` before what goes.

    In force is only what verifies: who wrote on the medium cannot pass an addition off as known. Raises BadRepository.
    """
    signed, roots = draft.signed, files.roots(folder)
    root = repository.checked_roots(roots) if roots else None
    found = [f"{signed.type} version {signed.version}, until {signed.expires:%Y-%m-%d}"]
    if isinstance(signed, Targets):
        books = _vouched(folder, root)
        return found + _marked("rulebook ", repository.digests_of(signed), books)
    for name, role in signed.roles.items():
        before = None if root is None else root.roles[name]
        changed = before is not None and before.threshold != role.threshold
        was = f", was {before.threshold}" if before is not None and changed else ""
        found.append(f"{name}: {role.threshold} of these have to sign{was}")
        found += _marked("key ", role.keyids, [] if before is None else before.keyids)
    return found


def _vouched(folder: Path, root: Root | None) -> list[str]:
    newest = files.newest(folder, Targets)
    if root is None or not newest.exists():
        return []
    metadata = repository.read(files.read(newest, MAX_METADATA_BYTES), Targets)
    try:
        root.verify_delegate("targets", metadata.signed_bytes, metadata.signatures)
    except RepositoryError:
        return []
    return repository.digests_of(metadata.signed)


def _marked(what: str, now: Iterable[str], before: Iterable[str]) -> list[str]:
    then, there = [*before], [*now]
    lines = [f"  {' ' if each in then else '+'} {what}{each}" for each in there]
    return lines + [f"  - {what}{each}" for each in then if each not in there]
