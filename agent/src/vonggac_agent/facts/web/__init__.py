"""Web servers and what runs in them: nginx, Apache, PHP, Tomcat."""

from __future__ import annotations

from ..base import Gather

GATHERERS: dict[str, Gather] = {}
