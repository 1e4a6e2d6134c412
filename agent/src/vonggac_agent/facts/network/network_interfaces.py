"""network.interfaces: what kinds of interfaces and radios the running machine has, and how they are set.

Sources: the kernel's Documentation/ABI/testing/sysfs-class-net, sysfs-class-rfkill, networking/bonding; netdevice(7)
for the flags; SMBIOS 3.6 section 7.4.1 for kinds of chassis.
"""

from __future__ import annotations

from typing import Any, Final

from vonggac_contract import limits
from vonggac_contract.facts.network import Interface, NetworkInterfaces, Radio

from ...host import Host
from ...untrusted import as_text, bounded

NET: Final = "sys/class/net"
CONF: Final = "proc/sys/net/ipv4/conf"
RFKILL: Final = "sys/class/rfkill"
IFF_UP: Final = 0x1
IFF_LOOPBACK: Final = 0x8
IFF_PROMISC: Final = 0x100
_SMALL: Final = 4096
_CHASSIS: Final = {
    "desktop": (3, 4, 5, 6, 7, 13, 15, 16, 24, 35, 36),
    "portable": (8, 9, 10, 11, 14, 30, 31, 32),
    "server": (17, 23, 25, 28, 29),
}
_BY_DEVTYPE: Final = {
    "wlan": "wireless",
    "wwan": "wireless",
    "bond": "bond",
    "team": "team",
    "bridge": "bridge",
    "vlan": "vlan",
    "wireguard": "tunnel",
    "gre": "tunnel",
    "vxlan": "tunnel",
}


def kind(*, loopback: bool, devtype: str, files: frozenset[str]) -> Any:
    """An interface's kind, by its DEVTYPE and by what its folder of sysfs holds."""
    if loopback:
        return "loopback"
    if devtype in _BY_DEVTYPE:
        return _BY_DEVTYPE[devtype]
    if files & {"wireless", "phy80211"}:
        return "wireless"
    if "tun_flags" in files:
        return "tunnel"
    for name in ("bonding", "bridge"):
        if name in files:
            return {"bonding": "bond"}.get(name, name)
    return "ethernet" if "device" in files else "virtual"


def chassis(number: str, *, hypervisor: bool) -> Any:
    """The kind of machine, by its SMBIOS chassis type."""
    if hypervisor:
        return "virtual"
    value = int(number) if number.isascii() and number.isdigit() and len(number) <= 3 else 0
    return next((name for name, values in _CHASSIS.items() if value in values), "unknown")


def _word(host: Host, path: str) -> str:
    return bounded((host.text(path, limit=_SMALL) or "").strip(), 200)


def _flags(host: Host, folder: str) -> int:
    word = _word(host, f"{folder}/flags")
    try:
        return int(word, 16)
    except ValueError:
        return 0


def _source_check(host: Host, name: str) -> int | None:
    """The kernel's Documentation/networking/ip-sysctl: the larger of conf/all and conf/interface counts."""
    words = [_word(host, f"{CONF}/{part}/rp_filter") for part in ("all", name)]
    return max(map(int, words)) if all(word in ("0", "1", "2") for word in words) else None


def _interface(host: Host, name: str) -> Interface:
    folder = f"{NET}/{name}"
    flags = _flags(host, folder)
    files = frozenset(host.names(folder))
    uevent = host.text(f"{folder}/uevent", limit=_SMALL) or ""
    devtype = next((line[8:] for line in uevent.split("\n") if line.startswith("DEVTYPE=")), "")
    found = kind(loopback=bool(flags & IFF_LOOPBACK), devtype=devtype, files=files)
    members = [entry[6:] for entry in files if entry.startswith("lower_")]
    master = host.readlink(f"{folder}/master") or ""
    return Interface(
        name=bounded(as_text(name)),
        kind=found,
        up=bool(flags & IFF_UP),
        promiscuous=bool(flags & IFF_PROMISC),
        master=bounded(as_text(master.rpartition("/")[2])),
        members_up=(
            sum(_word(host, f"{NET}/{member}/operstate") == "up" for member in members[:64])
            if found in ("bond", "team")
            else None
        ),
        source_check=None if found == "loopback" else _source_check(host, name),
    )


def _radio(host: Host, name: str) -> Radio:
    folder = f"{RFKILL}/{name}"
    blocked = "1" in (_word(host, f"{folder}/soft"), _word(host, f"{folder}/hard"))
    return Radio(_word(host, f"{folder}/type"), _word(host, f"{folder}/name"), blocked)


def gather(host: Host, selector: tuple[str, ...]) -> tuple[NetworkInterfaces, str]:
    """Topic network.interfaces."""
    head = host.text("proc/cpuinfo", limit=limits.MIB) or ""
    hypervisor = any(
        " hypervisor" in line for line in head.split("\n")[:200] if line.startswith(("flags", "Features"))
    )
    names = [name for name in host.names(NET) if host.exists(f"{NET}/{name}/flags")]
    return (
        NetworkInterfaces(
            chassis=chassis(_word(host, "sys/class/dmi/id/chassis_type"), hypervisor=hypervisor),
            interfaces=[_interface(host, name) for name in names[:1000]],
            radios=[_radio(host, name) for name in host.names(RFKILL)[:1000]],
        ),
        f"{NET}, {CONF}, {RFKILL}, sys/class/dmi/id",
    )
