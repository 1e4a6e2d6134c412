"""Docker, containerd, Podman, the kubelet."""

from __future__ import annotations

from ..base import Gather
from . import containerd_config, docker_containers, docker_daemon, kubelet_config, podman_settings

GATHERERS: dict[str, Gather] = {
    "containerd.config": containerd_config.gather,
    "docker.containers": docker_containers.gather,
    "docker.daemon": docker_daemon.gather,
    "kubelet.config": kubelet_config.gather,
    "podman.settings": podman_settings.gather,
}
