"""Database servers: PostgreSQL, MySQL and MariaDB, Redis, MongoDB, Elasticsearch."""

from __future__ import annotations

from ..base import Gather
from . import document_stores, mysql_server, postgresql_clusters, redis_servers

GATHERERS: dict[str, Gather] = {
    "elasticsearch.server": document_stores.elasticsearch,
    "mongodb.server": document_stores.mongodb,
    "mysql.server": mysql_server.gather,
    "postgresql.clusters": postgresql_clusters.gather,
    "redis.servers": redis_servers.gather,
}
