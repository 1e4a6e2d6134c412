"""Web servers and what runs in them: nginx, Apache, PHP, Tomcat."""

from __future__ import annotations

from ..base import Gather
from . import apache_servers, nginx_servers, php_installations, tomcat_servers

GATHERERS: dict[str, Gather] = {
    "apache.servers": apache_servers.gather,
    "nginx.servers": nginx_servers.gather,
    "php.installations": php_installations.gather,
    "tomcat.servers": tomcat_servers.gather,
}
