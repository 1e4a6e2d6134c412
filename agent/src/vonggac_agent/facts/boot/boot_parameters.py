"""boot.parameters: the kernel's command line now, at the next start, and as the boot loader's next update writes it.

Source: proc(5) /proc/cmdline; what the boot loaders' files hold is read by `loader_files`; kernel-install(8) for
etc/kernel/cmdline.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from vonggac_contract import limits
from vonggac_contract.facts.boot import BootEntry, BootParameters

from ...host import Host
from ...untrusted import bounded
from . import loader_files

GRUB_FOLDERS: Final = ("boot/grub", "boot/grub2")
EFI_SYSTEM: Final = ("boot/efi", "efi", "boot")
"""Where the EFI system partition, or an extended boot loader partition, is mounted (UAPI.1)."""
MAX_GRUB_BYTES: Final = 4 * limits.MIB
DEFAULTS: Final = "etc/default/grub"
DEFAULTS_FOLDER: Final = "etc/default/grub.d"
KERNEL_INSTALL: Final = "etc/kernel/cmdline"
_HARMLESS: Final = frozenset(
    (
        "BOOT_IMAGE", "apparmor", "audit", "audit_backlog_limit", "console", "crashkernel", "debugfs", "enforcing",
        "fips", "gather_data_sampling", "init", "init_on_alloc", "init_on_free", "intel_iommu", "amd_iommu", "iommu",
        "ipv6.disable", "kvm.nx_huge_pages", "l1tf", "lockdown", "loglevel", "lsm", "mds", "mitigations",
        "mmio_stale_data", "modprobe.blacklist", "module.sig_enforce", "module_blacklist", "net.ifnames", "noexec",
        "page_alloc.shuffle", "panic", "pti", "randomize_kstack_offset", "rd.break", "rd.driver.blacklist", "rdinit",
        "reg_file_data_sampling", "retbleed", "rootfstype", "security", "selinux", "spec_rstack_overflow",
        "spec_store_bypass_disable", "spectre_v2", "spectre_v2_user", "srbds", "systemd.debug_shell", "systemd.unit",
        "tsx_async_abort", "vsyscall",
    )
)  # fmt: skip
"""Parameters whose value is told: those that rules ask for, and words and numbers of the kernel's admin guide
("kernel-parameters"). Others may hold secrets: rd.iscsi.password, netroot (dracut.cmdline(7)), root=cifs://u:p@h."""
_DEVICE: Final = re.compile(
    r"(?:(?:PART)?(?:UUID|LABEL)=|/dev/)[A-Za-z0-9_./:+\\-]*+|[0-9A-Fa-f]{1,4}:[0-9]{1,4}"
)
_QUOTES: Final = re.compile('"')
_GRUB_QUOTES: Final = re.compile("[\"']")
_GIVEN: Final = ("GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT")


def running(host: Host) -> list[str]:
    """Parameters of the running kernel."""
    return _kept((host.text("proc/cmdline", limit=64 * limits.KIB) or "").split())


def entries(host: Host) -> list[BootEntry]:
    """Every kernel that the boot loader offers. Raises CouldNotLook(permission-denied): its files are often closed."""
    return host.once("boot entries", lambda: _entries(host))


def grub_files(host: Host) -> list[str]:
    """The grub.cfg files that are there, those on the EFI system partition too."""
    paths = [f"{folder}/grub.cfg" for folder in GRUB_FOLDERS]
    paths += [
        f"{place}/EFI/{vendor}/grub.cfg" for place in EFI_SYSTEM[:2] for vendor in _vendors(host, place)
    ]
    return [path for path in paths if host.exists(path)]


def menu(host: Host, path: str) -> loader_files.Menu:
    """One grub.cfg, read once."""
    return host.once(f"grub {path}", lambda: loader_files.grub(host.text(path, limit=MAX_GRUB_BYTES) or ""))


def _vendors(host: Host, place: str) -> list[str]:
    return host.names(f"{place}/EFI")[:100]


def _entries(host: Host) -> list[BootEntry]:
    found: list[BootEntry] = []
    variables: dict[str, str] = {}
    for path in grub_files(host):
        read = menu(host, path)
        variables |= read.variables
        block = host.text(f"{path.removesuffix('grub.cfg')}grubenv", limit=64 * limits.KIB)
        variables |= loader_files.environment(block or "")
        found += [_entry(kernel, variables, path) for kernel in read.kernels]
    for place in ("boot/loader", *(f"{place}/loader" for place in EFI_SYSTEM[:2])):
        for path in host.glob(f"{place}/entries/*.conf", limit=loader_files.MAX_ENTRIES):
            kernel = loader_files.specification(host.text(path) or "")
            found.append(_entry(kernel, variables, path.strip("/")))
    return found


def _entry(kernel: loader_files.Kernel, variables: dict[str, str], path: str) -> BootEntry:
    return BootEntry(
        title=bounded(kernel.title),
        parameters=_kept(loader_files.expanded(kernel.parameters, variables), grub=True),
        file=bounded(path),
    )


def _kept(parameters: list[str], *, grub: bool = False) -> list[str]:
    return [bounded(told) for told in harmless(parameters[: loader_files.MAX_PARAMETERS], grub=grub)]


def harmless(parameters: Iterable[str], *, grub: bool = False) -> list[str]:
    """The words of a command line as they may leave the machine: `name=…` unless the value is known to be harmless.

    What stands between double quotes belongs to one value, blanks too (the kernel's admin guide, "kernel-parameters");
    `grub`: between single ones as well (GRUB manual, "Quoting").
    """
    signs = _GRUB_QUOTES if grub else _QUOTES
    found: list[str] = []
    open_quote = ""
    for word in parameters:
        inside = open_quote
        for sign in signs.findall(word):
            if not open_quote:
                open_quote = sign
            elif sign == open_quote:
                open_quote = ""
        plain = signs.sub("", word)
        if inside or not plain:
            continue
        name, equals, value = plain.partition("=")
        known = name.replace("-", "_") in _HARMLESS or (
            name in ("root", "resume") and _DEVICE.fullmatch(value)
        )
        found.append(plain if not equals or (known and not open_quote) else f"{name}=…")
    return found


def _template(host: Host) -> list[str] | None:
    text = host.text(KERNEL_INSTALL)
    if text is not None:
        return _kept(text.split())
    if not host.exists(DEFAULTS):
        return None
    paths = [DEFAULTS, *host.glob(f"{DEFAULTS_FOLDER}/*.cfg")]
    given = loader_files.defaults(host.text(path) or "" for path in paths)
    return _kept(" ".join(given.get(key, "") for key in _GIVEN).split(), grub=True)


def gather(host: Host, selector: tuple[str, ...]) -> tuple[BootParameters, str]:
    """Topic boot.parameters. Raises CouldNotLook(permission-denied): grub.cfg is often closed to ordinary users."""
    value = BootParameters(
        running=running(host) if host.live else None, entries=entries(host), template=_template(host)
    )
    return value, "proc/cmdline, grub.cfg, loader/entries, etc/default/grub"
