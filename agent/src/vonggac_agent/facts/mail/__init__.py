"""Mail servers: Postfix, Exim, Dovecot."""

from __future__ import annotations

from ..base import Gather

GATHERERS: dict[str, Gather] = {}
