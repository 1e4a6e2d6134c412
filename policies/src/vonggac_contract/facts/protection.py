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


@topic("mac.policy", main="configured", privileged=True)
class MandatoryAccessPolicy(msgspec.Struct, frozen=True):
    """What SELinux or AppArmor is set to do at the next start, and whom it leaves out now."""

    system: Annotated[
        Literal["selinux", "apparmor", "none"],
        about(
            "Which one runs; in a mounted root, which one is set up",
            source="sys/fs/selinux; sys/module/apparmor",
        ),
    ]
    configured: Annotated[
        Literal["enforcing", "permissive", "disabled"],
        about(
            "What the next start makes of it; AppArmor is enforcing if its service is enabled",
            source="etc/selinux/config; apparmor.service",
        ),
    ]
    selinux_type: Annotated[str, about("Policy of SELinux, e.g. targeted", source="SELINUXTYPE")] = ""
    complaining: Annotated[
        list[str],
        about(
            "AppArmor profiles that only report; those marked so in a mounted root",
            source="sys/kernel/security/apparmor/profiles; etc/apparmor.d",
        ),
    ] = []
    unconfined: Annotated[
        list[str] | None,
        about(
            "Programs that run free although there is a profile (AppArmor), or as services without a domain of their "
            "own (SELinux); none for a mounted root",
            source="proc/*/attr/current",
        ),
    ] = None
    booleans: Annotated[
        list[str],
        about(
            "SELinux booleans changed on this machine, as name=1 or name=0",
            source="var/lib/selinux/*/active/booleans.local",
        ),
    ] = []


@topic("crypto.policy", main="base")
class CryptoPolicy(msgspec.Struct, frozen=True):
    """The system-wide choice of cryptography (crypto-policies(7): Red Hat's family, newer SUSE)."""

    installed: Annotated[bool, about("crypto-policies is set up", source="etc/crypto-policies/config")]
    base: Annotated[
        str, about("Policy in force, e.g. DEFAULT; empty if none", source="etc/crypto-policies/state/current")
    ] = ""
    modules: Annotated[list[str], about("Subpolicies added to it, e.g. SHA1")] = []
    applied: Annotated[
        bool, about("The policy in force is the one that config names", source="etc/crypto-policies/config")
    ] = True
    ssh_follows: Annotated[
        bool,
        about("The SSH server is not told to go its own way", source="etc/sysconfig/sshd CRYPTO_POLICY="),
    ] = True


@topic("crypto.openssl", main="min_protocol")
class OpensslDefaults(msgspec.Struct, frozen=True):
    """What programs get that leave it to OpenSSL: its configuration, or what the library was built with."""

    found: Annotated[bool, about("There is a configuration", source="etc/ssl or etc/pki/tls, openssl.cnf")]
    min_protocol: Annotated[
        str,
        about("Oldest TLS that is spoken, e.g. TLSv1.2; empty if not known", source="config(5) MinProtocol"),
    ] = ""
    security_level: Annotated[
        int | None,
        about(
            "Security level, 0 to 5; none if not known", source="SSL_CTX_set_security_level(3), @SECLEVEL="
        ),
    ] = None
