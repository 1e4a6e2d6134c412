"""tls.listener: TLS of the local TCP listeners. They are told by `socket_listening` and asked by `tls.local`."""

from __future__ import annotations

from collections.abc import Iterable

from vonggac_contract.facts.network import TlsListeners

from ...host import Host
from ...kernel import interfaces
from . import socket_listening


def host_names(hostname: str, hosts: Iterable[str]) -> list[str]:
    """The machine's name, and the names that lines of etc/hosts (hosts(5)) give together with it."""
    found = [hostname]
    for line in hosts:
        words = line.partition("#")[0].split()[1:]
        if hostname in words:
            found.extend(word for word in words if not word.startswith("localhost"))
    return list(dict.fromkeys(found))


def gather(host: Host, selector: tuple[str, ...]) -> tuple[TlsListeners, str]:
    """Topic tls.listener."""
    listeners = [found for found in socket_listening.look(host).sockets if found.protocol == "tcp"]
    if not listeners:
        return TlsListeners([], 0, []), "no TCP listener"
    from ...tls import local  # ssl costs 15 ms and 4 MiB that a machine without listeners never needs

    names = host_names(host.told(interfaces.hostname), host.lines("etc/hosts"))
    return local.look(
        listeners, [*names, *host.told(interfaces.addresses)]
    ), "connections to the local listeners"
