"""Web servers and what runs in them: nginx, Apache, PHP, Tomcat."""

from __future__ import annotations

from ..base import Gather
from . import nginx_servers

GATHERERS: dict[str, Gather] = {
    "nginx.servers": nginx_servers.gather,
}
