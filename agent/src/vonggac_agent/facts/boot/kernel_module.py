"""kernel.module: whether one kernel module is there, loaded, and kept from being loaded.

What modprobe.d and the kernels' lists say is read by `modprobe`, what the boot loader adds by `boot_parameters`.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from vonggac_contract import limits
from vonggac_contract.facts.boot import KernelModule

from ...host import Host
from ..system import dropins
from . import boot_parameters, modprobe

FOLDERS: Final = (
    "etc/modprobe.d",
    "run/modprobe.d",
    "usr/local/lib/modprobe.d",
    "usr/lib/modprobe.d",
    "lib/modprobe.d",
)
KERNELS: Final = ("usr/lib/modules", "lib/modules")
MAX_KERNELS: Final = 20
MAX_LIST_BYTES: Final = 8 * limits.MIB
"""A modules.dep; Debian's has 0.6 MiB."""
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Kernels(NamedTuple):
    """Modules of all installed kernels together; None where no kernel's lists are there."""

    modules: frozenset[str]
    built_in: frozenset[str]
    seen: bool


def _kernels(host: Host) -> Kernels:
    modules: set[str] = set()
    built_in: set[str] = set()
    seen = False
    for folder in KERNELS:
        for release in host.names(folder)[-MAX_KERNELS:]:
            dependencies = host.text(f"{folder}/{release}/modules.dep", limit=MAX_LIST_BYTES)
            if dependencies is not None:
                seen = True
                modules |= modprobe.listed(dependencies)
                built = host.text(f"{folder}/{release}/modules.builtin", limit=MAX_LIST_BYTES)
                built_in |= modprobe.listed(built or "")
        if seen:  # with a merged /usr both folders are one
            break
    # A kernel that was built without modules has none, whatever is installed.
    if host.live and not host.exists("proc/modules"):
        return Kernels(frozenset(), frozenset(built_in), seen=True)
    return Kernels(frozenset(modules), frozenset(built_in), seen)


def _rules(host: Host) -> modprobe.Rules:
    found = modprobe.Rules([], [])
    for path in dropins.files(host, FOLDERS):
        rules = modprobe.parse(host.text(path) or "")
        found.installs.extend(rules.installs)
        found.blacklisted.extend(rules.blacklisted)
    if len(found.installs) + len(found.blacklisted) > modprobe.MAX_PATTERNS:
        raise ValueError(f"over {modprobe.MAX_PATTERNS} lines of modprobe.d")
    return found


def _loaded(host: Host) -> frozenset[str]:
    return frozenset(line.partition(" ")[0] for line in host.lines("proc/modules"))


def gather(host: Host, selector: tuple[str, ...]) -> tuple[KernelModule, str]:
    """Topic kernel.module, selector: the module's name. Raises ValueError for what is no module's name."""
    if not _NAME.fullmatch(selector[0]):
        raise ValueError(f"{selector[0][:64]!r} is no kernel module's name")
    name = modprobe.canonical(selector[0])
    kernels = host.once("kernel.module kernels", lambda: _kernels(host))
    rules = host.once("kernel.module rules", lambda: _rules(host))
    refused, blacklisted = host.once("kernel.module command line", lambda: _refused(host))
    # A built-in one with parameters shows in sys/module as a loaded one does.
    loaded = name in host.once("kernel.module loaded", lambda: _loaded(host)) if host.live else None
    built_in = name in kernels.built_in or (host.live and not loaded and host.exists(f"sys/module/{name}"))
    available = name in kernels.modules if kernels.seen else None
    disabled = name in refused or modprobe.disabled(name, rules)
    value = KernelModule(
        usable=bool(loaded) or built_in or (available is not False and not disabled),
        available=available,
        built_in=built_in,
        loaded=loaded,
        disabled=disabled,
        blacklisted=name in rules.blacklisted or name in blacklisted,
    )
    return value, "modules.dep, modprobe.d, proc/modules"


def _refused(host: Host) -> tuple[frozenset[str], frozenset[str]]:
    """Modules that the kernel's command line refuses (module_blacklist) or blacklists; offline, that of every entry."""
    if host.live:  # anybody may read this one; what the boot loader reads is often closed
        lines = [boot_parameters.running(host)]
    else:
        lines = [entry.parameters for entry in boot_parameters.entries(host)]

    def of(key: str) -> frozenset[str]:
        each = [modprobe.refused(line, key) for line in lines]
        return frozenset(set.intersection(*each)) if each else frozenset()

    return of("module_blacklist"), of("modprobe.blacklist")
