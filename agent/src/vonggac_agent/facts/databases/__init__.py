"""Database servers: PostgreSQL, MySQL and MariaDB, Redis."""

from __future__ import annotations

from ..base import Gather
from . import mysql_server, postgresql_clusters, redis_servers

GATHERERS: dict[str, Gather] = {
    "mysql.server": mysql_server.gather,
    "postgresql.clusters": postgresql_clusters.gather,
    "redis.servers": redis_servers.gather,
}
