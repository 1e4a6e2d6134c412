"""docker.containers: how each container was made, from the files that Docker keeps of it. The daemon is not asked.

Environment, labels and commands, where secrets lie, are not taken. Source of the files' keys: types Config and
HostConfig of github.com/moby/moby api/types/container; container.Container for config.v2.json.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from vonggac_contract import limits
from vonggac_contract.facts.containers import Container, DockerContainers, PublishedPort

from ...formats import documents
from ...host import Host
from ...untrusted import bounded
from . import docker_daemon

MAX_CONTAINERS: Final = 2_000
SENSITIVE: Final = frozenset(
    (
        "/", "/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/root", "/run", "/sbin", "/sys", "/usr",
        "/var", "/var/lib", "/var/lib/docker", "/var/run", "/home",
    )
)  # fmt: skip
"""Folders from which a container can change or read what belongs to the whole machine; this project's own list."""
SOCKETS: Final = frozenset(("/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock"))
EVERY_ADDRESS: Final = frozenset(("", "0.0.0.0", "::", "[::]"))  # noqa: S104 - compared with, not bound to
_NAMESPACES: Final[tuple[tuple[str, Literal["network", "pid", "ipc", "uts", "user"]], ...]] = (
    ("NetworkMode", "network"),
    ("PidMode", "pid"),
    ("IpcMode", "ipc"),
    ("UTSMode", "uts"),
    ("UsernsMode", "user"),
)
_UNCONFINED: Final[dict[str, Literal["seccomp", "apparmor", "selinux"]]] = {
    "seccomp=unconfined": "seccomp",
    "apparmor=unconfined": "apparmor",
    "label=disable": "selinux",
}
Table = Mapping[str, Any]


def describe(config: str, host_config: str) -> Container:
    """One container by its config.v2.json and hostconfig.json. Raises ValueError for what Docker would not write."""
    kept, host = _table(documents.parse_json(config)), _table(documents.parse_json(host_config))
    own = _table(kept.get("Config"))
    user = _text(own, "User")
    options = [word.replace(":", "=", 1) for word in _texts(host, "SecurityOpt")]
    sources = sorted({posixpath.normpath("/" + source.lstrip("/")) for source in _sources(kept, host)})
    return Container(
        name=_text(kept, "Name").removeprefix("/"),
        image=_text(own, "Image"),
        running=_table(kept.get("State")).get("Running") is True,
        user=user,
        root=user.partition(":")[0] in ("", "root", "0"),
        privileged=host.get("Privileged") is True,
        host_namespaces=[name for key, name in _NAMESPACES if _text(host, key) == "host"],
        capabilities=sorted({word.upper().removeprefix("CAP_") for word in _texts(host, "CapAdd")}),
        docker_socket=any(_real(source) in SOCKETS for source in sources),
        sensitive_mounts=[source for source in sources if source in SENSITIVE],
        devices=[_text(_table(device), "PathOnHost") for device in _list(host, "Devices")],
        memory_limit=_number(host, "Memory"),
        pids_limit=max(0, _number(host, "PidsLimit")),
        read_only=host.get("ReadonlyRootfs") is True,
        no_new_privileges=any(o in ("no-new-privileges", "no-new-privileges=true") for o in options),
        unconfined=_unconfined(host, options),
        restart=_text(_table(host.get("RestartPolicy")), "Name"),
        log_driver=_text(_table(host.get("LogConfig")), "Type"),
        ports=list(_ports(_table(host.get("PortBindings"))))[: limits.MAX_FACT_LIST],
    )


def _sources(kept: Table, host: Table) -> Iterator[str]:
    """Paths of the machine that are mounted; volumes that Docker keeps itself are left out."""
    for mount in _table(kept.get("MountPoints")).values():
        if _text(_table(mount), "Type") in ("bind", ""):
            yield _text(_table(mount), "Source")
    for bind in _texts(host, "Binds"):
        if bind.startswith("/"):
            yield bind.partition(":")[0]


def _real(source: str) -> str:
    """`source` with var/run as what it is everywhere, a link to /run."""
    return source.replace("/var/run/", "/run/", 1) if source.startswith("/var/run/") else source


def _unconfined(
    host: Table, options: list[str]
) -> list[Literal["seccomp", "apparmor", "selinux", "systempaths"]]:
    found: list[Literal["seccomp", "apparmor", "selinux", "systempaths"]] = [
        name for option, name in _UNCONFINED.items() if option in options
    ]
    # An empty list, not a missing one: the client was told systempaths=unconfined
    return [*found, "systempaths"] if host.get("MaskedPaths") == [] else found


def _ports(bindings: Table) -> Iterator[PublishedPort]:
    for inner, places in sorted(bindings.items()):
        for place in places if isinstance(places, list) else []:
            address, port = _text(_table(place), "HostIp"), _text(_table(place), "HostPort")
            yield PublishedPort(
                address=address,
                port=int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else None,
                container_port=bounded(inner),
                every_address=address in EVERY_ADDRESS,
            )


def _table(value: Any) -> Table:
    """A table, empty for null. Raises ValueError for anything else."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError("a container's file has another form than Docker's")
    return value


def _list(table: Table, key: str) -> list[Any]:
    value = table.get(key)
    return value[: limits.MAX_FACT_LIST] if isinstance(value, list) else []


def _texts(table: Table, key: str) -> list[str]:
    return [bounded(item) for item in _list(table, key) if isinstance(item, str)]


def _text(table: Table, key: str) -> str:
    value = table.get(key)
    return bounded(value) if isinstance(value, str) else ""


def _number(table: Table, key: str) -> int:
    value = table.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def gather(host: Host, selector: tuple[str, ...]) -> tuple[DockerContainers, str]:
    """Topic docker.containers. Raises CouldNotLook: permission-denied for all but root."""
    daemon, _ = docker_daemon.gather(host, ())
    folder = f"{daemon.data_root}/containers"
    if not daemon.installed:
        return DockerContainers([]), folder
    found: list[Container] = []
    for name in host.names(folder, limit=MAX_CONTAINERS):
        config = host.text(f"{folder}/{name}/config.v2.json")
        if config is not None:  # one that is being removed has no file any more
            found.append(describe(config, host.text(f"{folder}/{name}/hostconfig.json") or "{}"))
    return DockerContainers(sorted(found, key=lambda container: container.name)), folder
