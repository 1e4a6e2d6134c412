"""Database servers: PostgreSQL, MySQL and MariaDB, Redis."""

from __future__ import annotations

from ..base import Gather

GATHERERS: dict[str, Gather] = {}
