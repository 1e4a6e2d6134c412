"""Facts about the machine itself: identity, release and support, kernel, services, time, kernel parameters."""

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec

from .base import about, topic


@topic("host.identity")
class HostIdentity(msgspec.Struct, frozen=True):
    """Who this machine says it is. Never a credential: the key made at enrolment is."""

    hostname: Annotated[str, about("Host name as the kernel has it", source="uname; etc/hostname")]
    machine_id: Annotated[
        str,
        about(
            "HMAC-SHA-256 of the machine id under this project's name, so that the id itself never leaves "
            "(machine-id(5) asks for this); empty if there is none",
            source="etc/machine-id",
        ),
    ]
    architecture: Annotated[str, about("Hardware name, e.g. x86_64", source="uname")]
    addresses: Annotated[
        list[str], about("Addresses of its interfaces, loopback and link-local left out", source="psutil")
    ]
    memory: Annotated[
        int | None,
        about("Physical memory; none for a mounted root", unit="bytes", source="proc/meminfo MemTotal"),
    ]
    cpus: Annotated[
        int | None, about("Logical processors; none for a mounted root", source="sched_getaffinity, sysconf")
    ]
    container: Annotated[
        str | None,
        about(
            "Kind of container it runs in, empty if none; none where nobody could look",
            source="proc/1/environ; run/systemd/container",
        ),
    ]


@topic("os.release", main="id")
class OsRelease(msgspec.Struct, frozen=True):
    """The operating system's own word on what it is (os-release(5))."""

    id: Annotated[str, about("Distribution, e.g. debian", source="etc/os-release ID")]
    version: Annotated[str, about("Release, e.g. 12", source="VERSION_ID")]
    codename: Annotated[str, about("Code name, e.g. bookworm", source="VERSION_CODENAME")]
    name: Annotated[str, about("Name for people", source="PRETTY_NAME")]
    family: Annotated[
        Literal["debian", "redhat", "suse", "other"],
        about("Package family, from ID and ID_LIKE", source="ID_LIKE"),
    ]


@topic("os.support", main="support_end")
class OsSupport(msgspec.Struct, frozen=True):
    """Until when the release gets security updates, by the reference data the agent carries."""

    product: Annotated[str, about("Product in the reference data", source="endoflife.date")]
    cycle: Annotated[str, about("Release line", source="endoflife.date")]
    support_end: Annotated[
        date | None, about("Last day of regular security support; none: no date announced")
    ] = None
    extended_end: Annotated[
        date | None,
        about("Last day of extended support (often paid or by another team), if the source names one"),
    ] = None
    ended: Annotated[bool, about("True if the source says support is over without a date")] = False
    data_date: Annotated[date | None, about("Date of the reference data")] = None


@topic("kernel.running", main="release", live=True)
class KernelRunning(msgspec.Struct, frozen=True):
    """The running kernel beside the newest installed one, and whether a restart is due."""

    release: Annotated[str, about("Running kernel", source="uname -r by os.uname")]
    newest_installed: Annotated[
        str, about("Newest kernel under boot/ or usr/lib/modules; empty if none", source="boot/vmlinuz-*")
    ]
    reboot_required: Annotated[
        bool,
        about(
            "A newer kernel of the same flavour is installed, or the distribution's flag is set",
            source="run/reboot-required",
        ),
    ]
    reboot_because: Annotated[
        list[str], about("Packages that asked for it", source="run/reboot-required.pkgs")
    ]
    booted_at: Annotated[datetime, about("Time of the last boot", source="proc/stat btime", volatile=True)]


@topic("sysctl", selector=("key",), main="value", live=True)
class Sysctl(msgspec.Struct, frozen=True):
    """One kernel parameter as the running kernel has it."""

    value: Annotated[str, about("Value as text, white space folded", source="proc/sys/<key with / for .>")]
    number: Annotated[int | None, about("Value as an integer, if it is one", below_zero=True)] = None


@topic("service.unit", selector=("name",), main="active")
class ServiceUnit(msgspec.Struct, frozen=True):
    """One systemd unit, named with its suffix (ssh.service)."""

    exists: Annotated[bool, about("A unit file or alias of that name is there", source="unit directories")]
    enabled: Annotated[
        Literal["enabled", "disabled", "static", "masked", "indirect", "absent"],
        about(
            "As systemctl is-enabled says, worked out from unit files and links",
            source="etc/systemd/system; usr/lib/systemd/system",
        ),
    ]
    active: Annotated[
        bool | None,
        about("It runs now; none where there is no running systemd to ask", source="cgroup and process list"),
    ] = None


@topic("service.running", live=True)
class ServicesRunning(msgspec.Struct, frozen=True):
    """Units of type service that have a process now."""

    names: Annotated[list[str], about("Unit names, sorted", source="proc/*/cgroup")]


@topic("service.started", main="units")
class ServicesStarted(msgspec.Struct, frozen=True):
    """Units set to start, at boot or when their socket, path or timer asks; on the running system also what runs."""

    units: Annotated[
        list[str],
        about(
            "Units with their suffix, aliases resolved; static ones left out unless they run",
            source="etc/systemd/system/*.wants, etc/rc?.d; proc/*/cgroup",
        ),
    ]


@topic("time.sync", main="synchronised")
class TimeSync(msgspec.Struct, frozen=True):
    """What keeps this machine's clock right (TCVN 14423 asks for one time source)."""

    clients: Annotated[
        list[str],
        about(
            "Installed clients: chrony, systemd-timesyncd, ntpsec, ntp, openntpd", source="binaries and units"
        ),
    ]
    active: Annotated[list[str], about("Those that run now; for a mounted root those that are enabled")]
    servers: Annotated[
        list[str], about("Configured servers and pools", source="chrony.conf, timesyncd.conf, ntp.conf")
    ]
    synchronised: Annotated[
        bool | None,
        about(
            "The kernel says its clock is disciplined (adjtimex status without STA_UNSYNC); none if it can't be asked",
            source="adjtimex(2)",
        ),
    ] = None


@topic("sysctl.configured", selector=("key",), main="value")
class SysctlConfigured(msgspec.Struct, frozen=True):
    """One kernel parameter as the files set it at the next start, beside what the running kernel has."""

    value: Annotated[
        str,
        about("Value that the files set, white space folded; empty if none does", source="sysctl.d(5)"),
    ]
    number: Annotated[int | None, about("That value as an integer, if it is one", below_zero=True)] = None
    file: Annotated[str, about("The file that has the last word; empty if none")] = ""
    applied: Annotated[
        bool,
        about(
            "The running kernel has that value; true too where nothing is set, the kernel lacks it, or none runs",
            source="proc/sys",
        ),
    ] = True


class TimeSource(msgspec.Struct, frozen=True):
    """One server or pool that the clock is set by."""

    name: Annotated[str, about("Name or address")]
    servers: Annotated[int, about("Servers that it stands for: 1, or those taken from a pool")]
    authenticated: Annotated[bool, about("Its answers are authenticated, by NTS or by a shared key")]
    nts: Annotated[bool, about("By NTS (RFC 8915)")]


@topic("time.sources", main="client")
class TimeSources(msgspec.Struct, frozen=True):
    """Where the time comes from, by the client that is active, else the first one installed."""

    client: Annotated[
        Literal["chrony", "systemd-timesyncd", "ntpsec", "ntp", "openntpd", "none"], about("The client")
    ]
    sources: Annotated[
        list[TimeSource],
        about("Servers and pools", source="chrony.conf, timesyncd.conf, ntp.conf, ntpd.conf"),
    ] = []
    servers: Annotated[int, about("Servers in all, those of pools counted")] = 0
    serves: Annotated[bool, about("It answers other machines that ask for the time")] = False
    as_root: Annotated[bool, about("chrony is told to stay root", source="chrony.conf user")] = False
