"""Reads borgmatic's configuration: repositories, encryption, retention. Pure.

Source: borgmatic's configuration reference, 1.7 (sections location, storage, retention) and 1.8 (flat).
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from vonggac_contract import limits

from ...formats import documents
from .commands import is_remote

_KEEPS: Final = (
    "keep_hourly",
    "keep_daily",
    "keep_weekly",
    "keep_monthly",
    "keep_yearly",
    "keep_minutely",
    "keep_secondly",
)
_SECRETS: Final = ("encryption_passphrase", "encryption_passcommand")


class Settings(NamedTuple):
    """What a configuration says; None where it does not."""

    remote: bool | None
    encrypted: bool | None
    versions: int | None
    has_secret: bool


def parse(text: str) -> Settings:
    """The settings of one configuration. Raises ValueError if it is not a YAML mapping."""
    document = documents.parse_yaml(text)
    if not isinstance(document, dict):
        raise ValueError("borgmatic's configuration is no mapping")
    values: dict[str, Any] = dict(document)
    for section in ("location", "storage", "retention"):
        inner = document.get(section)
        if isinstance(inner, dict):
            values.update(inner)
    paths = [path for item in _list(values.get("repositories")) if (path := _path(item))]
    kept = [number for key in _KEEPS if isinstance(number := values.get(key), int) and number > 0]
    return Settings(
        remote=any(is_remote(path) for path in paths) if paths else None,
        encrypted=True if any(values.get(key) for key in _SECRETS) else None,
        versions=min(sum(kept), limits.MAX_SAFE_INTEGER) if kept else None,
        has_secret=bool(values.get("encryption_passphrase")),
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _path(item: Any) -> str:
    if isinstance(item, dict):
        item = item.get("path")
    return item if isinstance(item, str) else ""
