"""Facts about container engines: Docker, containerd, Podman, the kubelet."""

from typing import Annotated, Literal

import msgspec

from .base import about, topic
from .files import Permission


@topic("docker.daemon", main="installed")
class DockerDaemon(msgspec.Struct, frozen=True):
    """How the Docker daemon is set to run: daemon.json, the flags of its unit, its socket (dockerd(8))."""

    installed: Annotated[bool, about("dockerd is there", source="usr/sbin/dockerd, usr/bin/dockerd")]
    hosts: Annotated[
        list[str],
        about(
            "Where it takes commands: unix://…, fd://, tcp://…; sockets that systemd opens for it count",
            source="hosts; -H; docker.socket ListenStream",
        ),
    ] = []
    tls_verify: Annotated[bool, about("Clients by TCP need a certificate", source="tlsverify")] = False
    socket_permissions: Annotated[
        list[Permission],
        about(
            "Permission bits of its socket: as it is, or as set where it does not run",
            source="run/docker.sock; docker.socket SocketMode, by default 0666",
        ),
    ] = []
    socket_group: Annotated[
        str, about("Group of its socket", source="docker.socket SocketGroup; group of daemon.json")
    ] = ""
    group_members: Annotated[
        list[str], about("Accounts in that group, by etc/group or as their primary group", source="etc/group")
    ] = []
    icc: Annotated[bool, about("Containers of the default bridge may talk to each other", source="icc")] = (
        True
    )
    live_restore: Annotated[
        bool, about("Containers run on while the daemon restarts", source="live-restore")
    ] = False
    userns_remap: Annotated[
        str, about("User that root in containers is mapped to; empty: it is root", source="userns-remap")
    ] = ""
    no_new_privileges: Annotated[
        bool, about("Containers gain no privileges by setuid programs", source="no-new-privileges")
    ] = False
    userland_proxy: Annotated[bool, about("A proxy beside NAT rules", source="userland-proxy")] = True
    experimental: Annotated[bool, about("Experimental features", source="experimental")] = False
    insecure_registries: Annotated[
        list[str],
        about("Registries spoken to without TLS or without checking it", source="insecure-registries"),
    ] = []
    log_driver: Annotated[str, about("Where output of containers goes", source="log-driver")] = "json-file"
    log_level: Annotated[str, about("Level of the daemon's own log", source="log-level")] = "info"
    log_limited: Annotated[
        bool,
        about("Logs on this disk have a bound: max-size, or a driver with one of its own", source="log-opts"),
    ] = False
    seccomp_profile: Annotated[
        str,
        about("Default seccomp profile: builtin, unconfined, or a file", source="seccomp-profile"),
    ] = "builtin"
    selinux_enabled: Annotated[bool, about("SELinux labels on containers", source="selinux-enabled")] = False
    storage_driver: Annotated[
        str, about("Storage driver; empty: its own choice", source="storage-driver")
    ] = ""
    default_ulimits: Annotated[
        list[str], about("Limits that every container gets", source="default-ulimits")
    ] = []
    authorization_plugins: Annotated[
        list[str], about("Plugins that decide on each command", source="authorization-plugins")
    ] = []
    data_root: Annotated[str, about("Where images and containers are kept", source="data-root")] = (
        "/var/lib/docker"
    )


class PublishedPort(msgspec.Struct, frozen=True):
    """One port of a container that the machine's own addresses lead to."""

    address: Annotated[str, about("Address of the machine; empty: every one")]
    port: Annotated[int | None, about("Port of the machine; none: chosen at start")]
    container_port: Annotated[str, about("Port in the container with its protocol, e.g. 80/tcp")]
    every_address: Annotated[bool, about("It is open at every address of the machine")]


class Container(msgspec.Struct, frozen=True):
    """One container as it was made, running or not."""

    name: Annotated[str, about("Its name")]
    image: Annotated[str, about("Image it was made from")]
    running: Annotated[bool, about("It ran when the daemon last wrote", source="State.Running")]
    user: Annotated[str, about("User its first process starts as; empty: root", source="Config.User")]
    root: Annotated[bool, about("That user is root (empty, root, or 0)")]
    privileged: Annotated[bool, about("Every capability and device", source="HostConfig.Privileged")]
    host_namespaces: Annotated[
        list[Literal["network", "pid", "ipc", "uts", "user"]],
        about("Namespaces of the machine that it shares", source="HostConfig.NetworkMode, PidMode, …"),
    ]
    capabilities: Annotated[list[str], about("Capabilities added, without CAP_", source="HostConfig.CapAdd")]
    docker_socket: Annotated[bool, about("The daemon's socket is mounted into it, so it is root here")]
    sensitive_mounts: Annotated[
        list[str],
        about(
            "Folders of the machine mounted into it that let it take the machine: /, /etc, /boot, /dev, /proc, "
            "/sys, /root, /usr, /lib, /bin, /sbin, /run, /var/run, /var/lib/docker",
            source="MountPoints, HostConfig.Binds",
        ),
    ]
    devices: Annotated[list[str], about("Devices given to it", source="HostConfig.Devices")]
    memory_limit: Annotated[int, about("Most memory; 0: no limit", unit="bytes", source="HostConfig.Memory")]
    pids_limit: Annotated[int, about("Most processes; 0: no limit", source="HostConfig.PidsLimit")]
    read_only: Annotated[bool, about("Its own file system is read-only", source="HostConfig.ReadonlyRootfs")]
    no_new_privileges: Annotated[bool, about("no-new-privileges is set", source="HostConfig.SecurityOpt")]
    unconfined: Annotated[
        list[Literal["seccomp", "apparmor", "selinux", "systempaths"]],
        about("Confinement that was switched off", source="HostConfig.SecurityOpt"),
    ]
    restart: Annotated[str, about("Restart policy", source="HostConfig.RestartPolicy")]
    log_driver: Annotated[str, about("Its log driver", source="HostConfig.LogConfig")]
    ports: Annotated[list[PublishedPort], about("Published ports", source="HostConfig.PortBindings")]


@topic("docker.containers", main="containers", privileged=True)
class DockerContainers(msgspec.Struct, frozen=True):
    """Every container that Docker keeps, read from its own files."""

    containers: Annotated[
        list[Container],
        about("By name", source="var/lib/docker/containers/*/config.v2.json, hostconfig.json"),
    ]


@topic("containerd.config", main="installed")
class ContainerdConfig(msgspec.Struct, frozen=True):
    """How containerd is set to run, containerd-config.toml(5) with its imports."""

    installed: Annotated[bool, about("containerd is there", source="usr/bin/containerd")]
    tcp_addresses: Annotated[
        list[str],
        about(
            "Addresses by TCP where it takes commands or shows its inside",
            source="grpc.tcp_address, debug.address, metrics.address",
        ),
    ] = []
    commanded_by_tcp: Annotated[
        bool,
        about(
            "It takes commands by TCP without asking clients for a certificate",
            source="grpc.tcp_address, tcp_tls_ca",
        ),
    ] = False
    insecure_registries: Annotated[
        list[str],
        about(
            "Registries spoken to without TLS or without checking it",
            source="registry.configs insecure_skip_verify, mirrors with http://; etc/containerd/certs.d/*/hosts.toml",
        ),
    ] = []


@topic("podman.settings", main="installed")
class PodmanSettings(msgspec.Struct, frozen=True):
    """What Podman, Buildah, Skopeo and CRI-O share: containers-registries.conf(5), containers-policy.json(5)."""

    installed: Annotated[bool, about("podman, buildah, skopeo or crio is there", source="usr/bin, usr/sbin")]
    insecure_registries: Annotated[
        list[str],
        about(
            "Registries spoken to without TLS or without checking it",
            source="etc/containers/registries.conf, .d",
        ),
    ] = []
    short_names: Annotated[
        Literal["enforcing", "permissive", "disabled"],
        about(
            "Whether a name without a registry asks which one is meant; only enforcing always does",
            source="short-name-mode",
        ),
    ] = "enforcing"
    signed_only: Annotated[
        bool,
        about(
            "Images that nobody signed are refused by default", source="etc/containers/policy.json default"
        ),
    ] = False


@topic("kubelet.config", main="installed", privileged=True)
class KubeletConfig(msgspec.Struct, frozen=True):
    """How the kubelet is set to run: flags of its unit over the file that --config names."""

    installed: Annotated[bool, about("kubelet is there", source="usr/bin/kubelet")]
    anonymous: Annotated[
        bool,
        about(
            "Requests without credentials are taken; by default yes without a configuration file, no with one",
            source="authentication.anonymous.enabled, --anonymous-auth",
        ),
    ] = True
    authorization: Annotated[
        Literal["AlwaysAllow", "Webhook"],
        about(
            "Who decides what a request may do; by default AlwaysAllow without a file, Webhook with one",
            source="authorization.mode, --authorization-mode",
        ),
    ] = "AlwaysAllow"
    read_only_port: Annotated[
        int,
        about(
            "Port that tells everything without credentials; 0: none; by default 10255 without a file, 0 with one",
            source="readOnlyPort, --read-only-port",
        ),
    ] = 10255
    client_ca: Annotated[
        bool, about("Certificates of clients are checked", source="authentication.x509.clientCAFile")
    ] = False
    rotates_certificates: Annotated[
        bool, about("Its client certificate is renewed by itself", source="rotateCertificates")
    ] = False
    old_tls: Annotated[
        bool, about("TLS older than 1.2 was asked for", source="tlsMinVersion; by default VersionTLS12")
    ] = False
