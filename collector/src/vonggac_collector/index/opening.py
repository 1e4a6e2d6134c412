"""Which index the settings ask for, and its consumer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.rulebooks import Shelf
from vonggac_collector.settings import Settings
from vonggac_collector.state import read_secret

from .consumer import Consumer
from .elastic.client import Access
from .elastic.index import ElasticIndex
from .interface import Index
from .reading import Reader
from .sql.index import open_index

EMBEDDED: Final = "index.db"
"""The embedded index's file in the state folder."""


def make_index(settings: Settings) -> Index:
    """Not connected yet, if it is Elasticsearch. Raises SettingsError for a secret's file that cannot be read."""
    if not settings.elasticsearch_url:
        return open_index(settings.state_dir / EMBEDDED)
    access = Access(
        settings.elasticsearch_url,
        settings.elasticsearch_ca,
        settings.elasticsearch_username,
        _secret(settings.elasticsearch_password_file),
        _secret(settings.elasticsearch_api_key_file),
    )
    return ElasticIndex(access, settings.elasticsearch_prefix)


def make_consumer(ledger: Ledger, index: Index, shelf: Shelf, now: Callable[[], datetime]) -> Consumer:
    """Not started yet."""
    return Consumer(ledger, index, Reader(ledger, shelf, now), now)


def _secret(path: Path | None) -> str:
    return "" if path is None else read_secret(path)
