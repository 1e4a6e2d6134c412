"""docker.daemon: how the Docker daemon is set to run, from daemon.json, the flags of its unit and its socket's unit.

Nothing is asked of the daemon itself: whoever may ask it is root. Sources: dockerd(8) with its defaults, "Daemon
configuration file" of docs.docker.com/reference/cli/dockerd, systemd.socket(5).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from vonggac_contract import limits
from vonggac_contract.facts.containers import DockerDaemon
from vonggac_contract.facts.files import Permission

from ...formats import documents
from ...host import Host
from ...untrusted import bounded, without_userinfo
from ..files import owners
from ..files.file_stat import permissions
from . import started

PROGRAMS: Final = (
    "usr/sbin/dockerd",
    "usr/bin/dockerd",
    "usr/local/bin/dockerd",
    "usr/libexec/docker/dockerd",
)
CONFIG: Final = "etc/docker/daemon.json"
SERVICE: Final = "docker.service"
SOCKET: Final = "docker.socket"
RUNNING: Final = "run/docker.sock"
"""The socket itself, where the daemon or systemd has made it."""
DEFAULT_HOST: Final = "unix:///var/run/docker.sock"
DEFAULT_ROOT: Final = "/var/lib/docker"
OWN_MODE: Final = 0o660
"""Mode of a socket that the daemon makes itself: github.com/docker/go-connections sockets.NewUnixSocket."""
SYSTEMD_MODE: Final = "0666"
"""SocketMode= where a unit names none, systemd.socket(5)."""
BOUNDED_DRIVERS: Final = frozenset({"local", "journald", "none"})
"""local rotates at 5 files of 20 MiB by itself; journald has its own bounds, journald.conf(5)."""
FILE_DRIVERS: Final = frozenset({"json-file"})

_LISTS: Final = {  # key of daemon.json: its flag where that is called differently
    "hosts": "host",
    "insecure-registries": "insecure-registry",
    "authorization-plugins": "authorization-plugin",
}
_BOOLEANS: Final = frozenset(
    (
        "debug", "experimental", "help", "icc", "init", "ip-forward", "ip-masq", "ip6tables", "iptables", "ipv6",
        "live-restore", "no-new-privileges", "raw-logs", "rootless", "selinux-enabled", "tls", "tlsverify",
        "userland-proxy", "validate", "version",
    )
)  # fmt: skip
_SHORT: Final = {
    "H": "host",
    "G": "group",
    "l": "log-level",
    "g": "data-root",
    "s": "storage-driver",
    "b": "bridge",
}


class _Options:
    """The daemon's options wherever they stand. The daemon refuses one that stands in both places."""

    def __init__(self, file: Mapping[str, Any], flags: Mapping[str, list[str]]) -> None:
        self._file = file
        self._flags = flags

    def texts(self, key: str) -> list[str]:
        """A list of texts; entries of both places. Raises ValueError if it is none."""
        value = self._file.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ValueError(f"{CONFIG}: {key} is no list of texts")
        return [bounded(without_userinfo(v)) for v in (*value, *self._flags.get(_LISTS[key], []))][
            : limits.MAX_FACT_LIST
        ]

    def text(self, key: str, default: str) -> str:
        """Raises ValueError if it is no text."""
        value = self._file.get(key, self._flags.get(key, [default])[-1])
        if not isinstance(value, str):
            raise ValueError(f"{CONFIG}: {key} is no text")
        return bounded(value)

    def on(self, key: str, default: bool) -> bool:
        """Raises ValueError if it is no boolean, as Go's strconv.ParseBool knows them."""
        value = self._file.get(key)
        if value is None and key in self._flags:
            word = self._flags[key][-1].lower()
            if word in ("1", "t", "true"):
                return True
            if word in ("0", "f", "false"):
                return False
            raise ValueError(f"dockerd --{key} is {word[:80]!r}")
        if value is None:
            return default
        if not isinstance(value, bool):
            raise ValueError(f"{CONFIG}: {key} is no boolean")
        return value

    def names(self, key: str, flag: str) -> list[str]:
        """Names of a table: log-opts, default-ulimits. Raises ValueError if it is no table."""
        value = self._file.get(key, {})
        if not isinstance(value, dict):
            raise ValueError(f"{CONFIG}: {key} is no table")
        given = [word.partition("=")[0] for word in self._flags.get(flag, [])]
        return sorted({bounded(name) for name in (*value, *given)})[: limits.MAX_FACT_LIST]


def flags(arguments: list[str]) -> dict[str, list[str]]:
    """Long name to values of dockerd's flags."""
    return started.flags(arguments, _BOOLEANS, _SHORT)


def parse(config: str, arguments: list[str]) -> DockerDaemon:
    """The daemon by the text of daemon.json (empty: none) and its flags. Sockets of systemd are not in it.

    Raises ValueError: not JSON, or a value of a type that the daemon refuses.
    """
    file = documents.parse_json(config) if config.strip() else {}
    if not isinstance(file, dict):
        raise ValueError(f"{CONFIG} is no table")
    options = _Options(file, flags(arguments))
    driver = options.text("log-driver", "json-file")
    logs = options.names("log-opts", "log-opt")
    # With neither tls nor tlsverify the daemon serves plain HTTP; tls alone asks clients for nothing.
    return DockerDaemon(
        installed=True,
        hosts=options.texts("hosts") or [DEFAULT_HOST],
        tls_verify=options.on("tlsverify", False),
        socket_permissions=permissions(OWN_MODE),
        socket_group=options.text("group", "docker"),
        icc=options.on("icc", True),
        live_restore=options.on("live-restore", False),
        userns_remap=options.text("userns-remap", ""),
        no_new_privileges=options.on("no-new-privileges", False),
        userland_proxy=options.on("userland-proxy", True),
        experimental=options.on("experimental", False),
        insecure_registries=options.texts("insecure-registries"),
        log_driver=driver,
        log_level=options.text("log-level", "info"),
        log_limited=driver in BOUNDED_DRIVERS or driver not in FILE_DRIVERS or "max-size" in logs,
        seccomp_profile=options.text("seccomp-profile", "builtin") or "builtin",
        selinux_enabled=options.on("selinux-enabled", False),
        storage_driver=options.text("storage-driver", ""),
        default_ulimits=options.names("default-ulimits", "default-ulimit"),
        authorization_plugins=options.texts("authorization-plugins"),
        data_root=options.text("data-root", DEFAULT_ROOT),
    )


def streams(socket: started.Sections) -> list[str]:
    """ListenStream= of a socket unit as docker writes hosts: unix:///path or tcp://address:port."""
    values = socket.get("Socket", {}).get("listenstream", [])
    found: list[str] = []
    for value in values:
        if value.startswith(("/", "%t/")):
            found.append("unix://" + bounded(value.replace("%t/", "/run/", 1)))
        elif value.isdigit():
            found.append(f"tcp://[::]:{bounded(value)}")
        elif not value.startswith(("@", "vsock:")):
            found.append("tcp://" + bounded(value))
    return found[: limits.MAX_FACT_LIST]


def mode(socket: started.Sections) -> list[Permission]:
    """SocketMode= of a socket unit. Raises ValueError if it is no octal number."""
    text = socket.get("Socket", {}).get("socketmode", [SYSTEMD_MODE])[-1:] or [SYSTEMD_MODE]
    try:
        return permissions(int(text[0][:8], 8) & 0o7777)
    except ValueError:
        raise ValueError(f"{SOCKET}: SocketMode is {text[0][:80]!r}") from None


def members(group: str, groups: list[str], users: list[str]) -> list[str]:
    """Accounts in a group by the lines of group(5) and passwd(5); sorted."""
    found: set[str] = set()
    numbers: set[str] = set()
    for line in groups:
        fields = line.split(":")
        if len(fields) >= 4 and fields[0] == group:
            numbers.add(fields[2])
            found |= {name.strip() for name in fields[3].split(",") if name.strip()}
    for line in users:
        fields = line.split(":")
        if len(fields) >= 4 and fields[3] in numbers:
            found.add(fields[0])
    return sorted(bounded(name) for name in found)[: limits.MAX_FACT_LIST]


def gather(host: Host, selector: tuple[str, ...]) -> tuple[DockerDaemon, str]:
    """Topic docker.daemon."""
    return host.once("docker daemon", lambda: _look(host)), f"{CONFIG}, {SERVICE}, {SOCKET}"


def _look(host: Host) -> DockerDaemon:
    if not any(host.exists(program) for program in PROGRAMS):
        return DockerDaemon(installed=False)
    arguments = started.arguments(host, SERVICE)
    config = flags(arguments).get("config-file", [CONFIG])[-1]
    found = parse(host.text(config) or "", arguments)
    users, groups = owners.lines(host, "etc/passwd"), owners.lines(host, "etc/group")
    changed: dict[str, Any] = {}
    if any(name.startswith("fd://") for name in found.hosts):
        socket = started.settings(host, SOCKET)
        group = (socket.get("Socket", {}).get("socketgroup", []) or ["root"])[-1]
        changed = {
            "hosts": [*found.hosts, *streams(socket)],
            "socket_permissions": mode(socket),
            "socket_group": bounded(group),
        }
    elif not any(name.startswith("unix://") for name in found.hosts):
        changed = {"socket_permissions": [], "socket_group": ""}
    status = host.stat(RUNNING)
    if status is not None:  # somebody may have changed it by hand since
        changed["socket_permissions"] = permissions(status.st_mode & 0o7777)
    group = changed.get("socket_group", found.socket_group)
    return replace(found, **changed, group_members=members(group, groups, users) if group != "root" else [])
