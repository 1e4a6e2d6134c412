"""Which index the settings ask for, and its consumer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.rulebooks import Shelf
from vonggac_collector.settings import Settings
from vonggac_collector.state import read_secret

from .consumer import Consumer
from .elastic.client import Access
from .elastic.index import ElasticIndex
from .interface import Index
from .reading import Reader
from .sql.index import open_index, open_within

EMBEDDED: Final = "index.db"
"""The embedded index's file in the state folder, beside a ledger in SQLite."""


def make_index(settings: Settings) -> Index:
    """Elasticsearch if it is configured; else inside the ledger's PostgreSQL, or beside its SQLite.

    Not connected yet, if it is on a server. Raises SettingsError for a secret's file that cannot be read.
    """
    if not settings.elasticsearch_url and sa.make_url(settings.ledger_url).get_backend_name() == "postgresql":
        return open_within(settings.ledger_url, settings.ledger_password_file)
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


def make_consumer(
    ledger: Ledger,
    index: Index,
    shelf: Shelf,
    now: Callable[[], datetime],
    busy: Callable[[], bool] = lambda: False,
) -> Consumer:
    """Not started yet."""
    return Consumer(ledger, index, Reader(ledger, shelf, now), now, busy=busy)


def _secret(path: Path | None) -> str:
    return "" if path is None else read_secret(path)
