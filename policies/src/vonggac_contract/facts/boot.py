"""Facts about the start of the machine: kernel modules, the kernel command line, the boot loader, the rescue shell."""

from typing import Annotated, Literal

import msgspec

from .base import about, topic
from .files import Permission


@topic("kernel.module", selector=("name",), main="usable")
class KernelModule(msgspec.Struct, frozen=True):
    """One kernel module, `-` and `_` in its name alike: whether it is there and whether it can be loaded."""

    usable: Annotated[
        bool,
        about("It is loaded, built in, or would be loaded on demand: not absent and not disabled"),
    ]
    available: Annotated[
        bool | None,
        about(
            "An installed kernel has it as a module; none where no kernel's modules are seen",
            source="usr/lib/modules/*/modules.dep",
        ),
    ] = None
    built_in: Annotated[
        bool,
        about(
            "Part of an installed kernel, so that no file can disable it",
            source="usr/lib/modules/*/modules.builtin",
        ),
    ] = False
    loaded: Annotated[
        bool | None, about("In the running kernel now; none for a mounted root", source="proc/modules")
    ] = None
    disabled: Annotated[
        bool,
        about(
            "Loading it does nothing: `install NAME /bin/false` (or true), or module_blacklist=NAME",
            source="modprobe.d(5); kernel command line",
        ),
    ] = False
    blacklisted: Annotated[
        bool,
        about(
            "Not loaded for a device or protocol that asks for it, but still by its name",
            source="modprobe.d(5) blacklist; modprobe.blacklist= on the kernel command line",
        ),
    ] = False


class BootEntry(msgspec.Struct, frozen=True):
    """One kernel that the boot loader offers, with the parameters it gives it."""

    title: Annotated[str, about("Title in the menu; empty if it has none")]
    parameters: Annotated[list[str], about("Its parameters, variables of the loader put in")]
    file: Annotated[str, about("The file that says so")]


@topic("boot.parameters", main="running")
class BootParameters(msgspec.Struct, frozen=True):
    """The kernel's command line: as it is now, as the boot loader will give it, as its next update will write it."""

    running: Annotated[
        list[str] | None,
        about(
            "Parameters of the running kernel, … for values that may be secret; none for a mounted root",
            source="proc/cmdline",
        ),
    ] = None
    entries: Annotated[
        list[BootEntry],
        about(
            "Every kernel offered at the next start, recovery entries too; empty without a boot loader",
            source="grub.cfg; loader/entries/*.conf; grubenv",
        ),
    ] = []
    template: Annotated[
        list[str] | None,
        about(
            "Parameters that the next update of the boot loader gives every kernel; none if no file says so",
            source="etc/default/grub, etc/default/grub.d; etc/kernel/cmdline",
        ),
    ] = None


class BootFile(msgspec.Struct, frozen=True):
    """One file that the boot loader reads, or that its configuration is made from."""

    path: Annotated[str, about("Path")]
    owner: Annotated[str, about("Name of the owner")]
    permissions: Annotated[list[Permission], about("Permission bits")]
    holds_password: Annotated[bool, about("A password or its hash is in it; never what it is")]


@topic("boot.loader", main="kind", privileged=True)
class BootLoader(msgspec.Struct, frozen=True):
    """What starts the kernel, and who may change how it does that from the console."""

    kind: Annotated[
        Literal["grub", "systemd-boot", "none"],
        about("Which boot loader is set up; none in containers", source="boot/grub*, boot/efi, loader.conf"),
    ]
    protected: Annotated[
        bool,
        about(
            "Entries can't be changed at the console without a password: superusers with a hashed password "
            "(GRUB), `editor no` (systemd-boot)",
            source="grub.cfg, user.cfg, custom.cfg; loader/loader.conf",
        ),
    ] = False
    clear_password: Annotated[
        bool, about("A password of the boot loader stands there in clear", source="`password` in grub.cfg")
    ] = False
    files: Annotated[list[BootFile], about("Its files, and those that its configuration is made from")] = []
    firmware: Annotated[
        Literal["uefi", "other"] | None,
        about("Firmware that started the running system; none for a mounted root", source="sys/firmware/efi"),
    ] = None
    secure_boot: Annotated[
        bool | None,
        about(
            "UEFI Secure Boot is on; none without UEFI and for a mounted root",
            source="sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c",
        ),
    ] = None


@topic("boot.rescue", main="asks")
class BootRescue(msgspec.Struct, frozen=True):
    """The shell of single-user mode and of a start that went wrong."""

    found: Annotated[bool, about("There is such a shell: systemd's units, or an inittab")]
    asks: Annotated[
        bool,
        about(
            "Both ways to it go through sulogin(8), which is not told to let anybody in; true without such a shell",
            source="rescue.service, emergency.service and their drop-ins; etc/inittab",
        ),
    ]
