"""socket.listening: listening TCP and bound UDP sockets, with process, user, program and package.

`look` is shared with `tls_listener`, which asks the TCP ones. The scope of an address is told by `scope_of`.

Sources: proc(5) net/tcp and net/udp as psutil reads them; dpkg's `info/<package>.list` (one path a line). The package
of a program is told for dpkg only: rpm's database cannot be asked by file without its own library.
"""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.network import Listener, ListeningSockets, Scope

from ...host import Host
from ...untrusted import as_text, bounded
from ..files import owners
from ..packages import owning_package

if TYPE_CHECKING:
    import psutil

_PRIVATE: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",  # RFC 1918 section 3
        "100.64.0.0/10",  # RFC 6598 section 7
        "fc00::/7",  # RFC 4193 section 3.1
    )
)
_LINK_MULTICAST: Final = ipaddress.ip_network("224.0.0.0/24")  # RFC 5771 section 4


def scope_of(address: str) -> Scope:
    """Who could reach a socket bound to `address`: what is neither special nor private counts as public.

    Raises ValueError if `address` is no IP address. A zone (`%eth0`) is left out; an IPv4-mapped address (RFC 4291
    section 2.5.5.2) counts as its IPv4 address.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if ip.is_unspecified:
        return "any"
    if ip.is_loopback:
        return "loopback"
    if ip.is_link_local or _multicast_of_the_link(ip):
        return "link"
    if any(ip.version == network.version and ip in network for network in _PRIVATE):
        return "private"
    return "public"


def _multicast_of_the_link(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(ip, ipaddress.IPv4Address):
        return ip in _LINK_MULTICAST
    return ip.is_multicast and ip.packed[1] & 0x0F in (1, 2)  # RFC 4291 section 2.7: interface and link scope


class Owner(NamedTuple):
    """A process that holds a socket. `program` is empty if it is not visible."""

    pid: int
    started: float
    name: str
    uid: int | None
    program: str


class Bound(NamedTuple):
    """One socket as the kernel lists it; a process id of None means that its owner is not visible."""

    protocol: str
    address: str
    port: int
    pid: int | None


def merge(
    sockets: Iterable[Bound],
    owners: Mapping[int, Owner],
    users: Mapping[int, str],
    packages: Mapping[str, str],
) -> ListeningSockets:
    """The fact: one entry per protocol, address and port, owned by the process that started first.

    A server's workers share the socket of the process that opened it. `packages` maps a program's path to its package.
    """
    holders: dict[tuple[str, str, int], list[Owner]] = {}
    for socket in sockets:
        held_by = holders.setdefault((socket.protocol, socket.address, socket.port), [])
        if socket.pid is not None and socket.pid in owners:
            held_by.append(owners[socket.pid])
    if len(holders) > limits.MAX_FACT_LIST:
        raise CouldNotLook(Reason.TOO_LARGE, f"over {limits.MAX_FACT_LIST} sockets wait for strangers")
    found = [
        _listener(key, min(held_by, key=lambda o: (o.started, o.pid), default=None), users, packages)
        for key, held_by in holders.items()
    ]
    found.sort(key=lambda listener: (listener.protocol, listener.port, listener.address))
    return ListeningSockets(found, sum(listener.pid is None for listener in found))


def _listener(
    key: tuple[str, str, int], owner: Owner | None, users: Mapping[int, str], packages: Mapping[str, str]
) -> Listener:
    protocol, address, port = key
    scope = scope_of(address)
    transport: Any = protocol
    if owner is None:
        return Listener(transport, address, port, scope)
    user = "" if owner.uid is None else users.get(owner.uid, str(owner.uid))
    return Listener(
        transport,
        address,
        port,
        scope,
        process=bounded(as_text(owner.name)),
        user=bounded(user),
        package=packages.get(owner.program, ""),
        program=bounded(as_text(owner.program)),
        pid=owner.pid,
    )


def look(host: Host) -> ListeningSockets:
    """The sockets of the running system, listed once per host."""
    return host.once("socket.listening", lambda: _look(host))


def _look(host: Host) -> ListeningSockets:
    import psutil  # 20 ms that a mounted root never needs

    psutil.PROCFS_PATH = f"{host.prefix}/proc"
    bound = list(_bound(psutil.net_connections(kind="inet")))
    pids = {socket.pid for socket in bound if socket.pid is not None}
    holders = {owner.pid: owner for owner in map(_owner, pids) if owner is not None}
    users = owners.names(host, "etc/passwd")
    programs = {owner.program for owner in holders.values()}
    return merge(
        bound, holders, users, owning_package.packages_of(programs, owning_package.lists(host, programs))
    )


def _bound(connections: Iterable[psutil._ntuples.sconn]) -> Iterator[Bound]:
    import socket

    for connection in connections:
        if not connection.laddr:
            continue
        if connection.type == socket.SOCK_STREAM:
            if connection.status == "LISTEN":
                yield Bound("tcp", connection.laddr.ip, connection.laddr.port, connection.pid)
        elif not connection.raddr and connection.laddr.port:
            yield Bound("udp", connection.laddr.ip, connection.laddr.port, connection.pid)


def _owner(pid: int) -> Owner | None:
    """None if the process ended meanwhile or hides even its name."""
    import psutil

    try:
        process = psutil.Process(pid)
        with process.oneshot():
            started, name = process.create_time(), process.name()
            uid: int | None = None
            program = ""
            with contextlib.suppress(psutil.AccessDenied):
                uid = process.uids().effective
            with contextlib.suppress(psutil.AccessDenied):
                program = process.exe()
    except psutil.Error:
        return None
    return Owner(pid, started, name, uid, program)


def gather(host: Host, selector: tuple[str, ...]) -> tuple[ListeningSockets, str]:
    """Topic socket.listening."""
    return look(host), "psutil.net_connections; var/lib/dpkg/info"
