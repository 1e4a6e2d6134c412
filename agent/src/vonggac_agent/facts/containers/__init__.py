"""Docker and containerd, the kubelet."""

from __future__ import annotations

from ..base import Gather
from . import docker_containers, docker_daemon

GATHERERS: dict[str, Gather] = {
    "docker.containers": docker_containers.gather,
    "docker.daemon": docker_daemon.gather,
}
