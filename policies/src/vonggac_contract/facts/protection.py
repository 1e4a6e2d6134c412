"""Facts about what protects: products against malware, mandatory access control."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from .base import about, topic


class MalwareProduct(msgspec.Struct, frozen=True):
    """One product that looks for malware."""

    name: Annotated[str, about("Product")]
    active: Annotated[bool, about("Its service runs (or is enabled, in a mounted root)")]
    on_access: Annotated[bool, about("It looks at files when they are opened, not only on demand")]
    signatures: Annotated[
        datetime | None, about("Date of its signatures, if it has any that can be seen")
    ] = None


@topic("malware.protection")
class MalwareProtection(msgspec.Struct, frozen=True):
    """Products known by their packages, units or programs."""

    products: Annotated[list[MalwareProduct], about("Products found", source="packages, units, programs")]
    active: Annotated[bool, about("At least one runs")]


@topic("mac.state", main="enforcing")
class MandatoryAccess(msgspec.Struct, frozen=True):
    """SELinux or AppArmor."""

    system: Annotated[
        Literal["selinux", "apparmor", "none"],
        about("Which one is there", source="sys/fs/selinux; sys/module/apparmor"),
    ]
    enforcing: Annotated[bool, about("It forbids, not only reports")]
    profiles: Annotated[int, about("Loaded profiles that enforce (AppArmor)")] = 0


class IntrusionTool(msgspec.Struct, frozen=True):
    """One program that notices attacks on this machine, or stops them."""

    name: Annotated[str, about("Program")]
    kind: Annotated[Literal["host", "network"], about("Watches logs and files of the host, or packets")]
    active: Annotated[bool, about("It runs (or is enabled, in a mounted root)")]
    signatures: Annotated[
        datetime | None,
        about("When its rules last changed; none for one without rules from outside", volatile=True),
    ] = None


@topic("intrusion.prevention")
class IntrusionPrevention(msgspec.Struct, frozen=True):
    """Intrusion detection and prevention, known by programs, processes and units."""

    tools: Annotated[
        list[IntrusionTool],
        about("Programs found", source="programs, processes, units; times of the rules' files"),
    ]
    guarded: Annotated[
        list[str],
        about(
            "Services that fail2ban guards: its enabled jails",
            source="etc/fail2ban/jail.conf, jail.local, jail.d",
        ),
    ]


class MediaHandling(msgspec.Struct, frozen=True):
    """What a desktop does with a disk that somebody plugs in, as the administrator set it for everybody."""

    environment: Annotated[
        Literal["gnome", "mate", "cinnamon", "kde", "xfce", "other"], about("Desktop environment")
    ]
    automount: Annotated[
        bool | None, about("It mounts the disk by itself; none where that is not read (other)")
    ]
    autorun: Annotated[
        bool | None, about("It offers or starts programs that lie on the disk; none where that is not read")
    ]
    enforced: Annotated[bool, about("People cannot change that")]


@topic("media.handling", privileged=True)
class RemovableMedia(msgspec.Struct, frozen=True):
    """What becomes of removable media."""

    desktops: Annotated[
        list[MediaHandling],
        about("Desktops that are installed", source="etc/dconf; etc/xdg; usr/share/xsessions"),
    ]
    admitted_by_list: Annotated[
        bool,
        about(
            "USBGuard runs and blocks what its rules do not allow",
            source="etc/usbguard/usbguard-daemon.conf; unit usbguard.service",
        ),
    ]
    scanned: Annotated[
        bool,
        about(
            "A product against malware looks at files on removable media when they are opened",
            source="etc/clamav/clamd.conf OnAccessIncludePath, OnAccessMountPath; on-access products",
        ),
    ]
