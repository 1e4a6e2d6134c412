"""mac.policy: what SELinux or AppArmor is set to do at the next start, and which programs it leaves out now.

Sources: selinux_config(5), booleans(8), semanage-boolean(8) for booleans.local; apparmor(7), apparmor.d(5) "Profile
flags", aa-status(8) for "unconfined but have a profile"; proc(5) /proc/[pid]/attr/current.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Literal

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.protection import MandatoryAccessPolicy

from ...formats import assignments
from ...host import Host
from ...untrusted import as_text, bounded
from ..system import systemd

CONFIG: Final = "etc/selinux/config"
PROFILES: Final = "sys/kernel/security/apparmor/profiles"
POLICY: Final = "sys/kernel/security/apparmor/policy/profiles"
FOLDER: Final = "etc/apparmor.d"
BOOLEANS: Final = ("var/lib/selinux/{}/active/booleans.local", "etc/selinux/{}/active/booleans.local")
FREE_DOMAINS: Final = frozenset({"unconfined_service_t", "initrc_t"})
"""Where the policy puts services for which it has no domain: nothing is forbidden to them."""
MAX_NAMED: Final = 500
"""Programs, profiles and booleans that are named."""
_COMPLAIN: Final = re.compile(r"flags\s*=\s*\(([^)]{0,200})\)")
_TYPE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
System = Literal["selinux", "apparmor", "none"]
Mode = Literal["enforcing", "permissive", "disabled"]


def selinux(text: str) -> tuple[Mode, str]:
    """(mode, policy type) of a selinux_config(5); what is no mode counts as disabled. The last of each counts."""
    told = {entry.key: entry.value for entry in assignments.parse(text)}
    mode = told.get("SELINUX", "").lower()
    kind = told.get("SELINUXTYPE", "").strip()
    known: Mode = "enforcing" if mode == "enforcing" else "permissive" if mode == "permissive" else "disabled"
    return known, kind if _TYPE.fullmatch(kind) else ""


def by_mode(lines: Iterable[str]) -> dict[str, str]:
    """Profile to mode, of lines like `/usr/bin/man (enforce)`."""
    found: dict[str, str] = {}
    for line in lines:
        name, separator, mode = line.rstrip().rpartition(" (")
        if separator and mode.endswith(")"):
            found[name] = mode[:-1]
    return found


def complains(text: str) -> bool:
    """A profile's file marks one of its profiles `flags=(complain)`."""
    lines = (line[:1_000] for line in text.split("\n") if "complain" in line and line.lstrip()[:1] != "#")
    return any(
        "complain" in match[1].replace(",", " ").split()
        for line in lines
        for match in _COMPLAIN.finditer(line)
    )


def domain(context: str) -> str:
    """The type of `user:role:type:level`; empty for what is no context of SELinux."""
    parts = context.strip("\0\n ").split(":", 3)
    return parts[2] if len(parts) >= 3 else ""


def booleans(text: str) -> list[str]:
    """Booleans of a booleans.local as `name=1` or `name=0`."""
    found = {
        entry.key: "1" if entry.value.lower() in ("1", "on", "true") else "0"
        for entry in assignments.parse(text)
        if _TYPE.fullmatch(entry.key)
    }
    return [f"{name}={value}" for name, value in sorted(found.items())][:MAX_NAMED]


def _system(host: Host) -> System:
    if not host.live:
        mode, _ = selinux(host.text(CONFIG) or "")
        if mode != "disabled":
            return "selinux"
        return "apparmor" if host.names(FOLDER) and systemd.units(host).exists("apparmor.service") else "none"
    if host.exists("sys/fs/selinux/enforce"):
        return "selinux"
    on = (host.text("sys/module/apparmor/parameters/enabled", limit=64) or "").strip() == "Y"
    return "apparmor" if on else "none"


def _processes(host: Host) -> Iterable[tuple[str, str]]:
    """(folder under proc, context or profile) of every process that may be looked at."""
    for name in host.names("proc", limit=limits.MAX_FACT_LIST * 10):
        if name.isdigit():
            try:
                yield (
                    f"proc/{name}",
                    (host.text(f"proc/{name}/attr/current", limit=4096) or "").strip("\0\n "),
                )
            except CouldNotLook as error:
                # a process that ended, or one without the attribute (EINVAL)
                if error.reason is not Reason.MALFORMED:
                    raise


def _free_services(host: Host) -> list[str]:
    found = {
        (host.text(f"{folder}/comm", limit=4096) or "").strip()
        for folder, context in _processes(host)
        if domain(context) in FREE_DOMAINS
    }
    return sorted(bounded(name) for name in found if name)[:MAX_NAMED]


def _profiled(host: Host, profiles: Iterable[str]) -> set[str]:
    """Programs that a loaded profile is meant for: by its name if that is a path, else by where it attaches."""
    found = {name for name in profiles if name.startswith("/") and "//" not in name}
    for name in host.names(POLICY)[:MAX_NAMED]:
        found.add((host.text(f"{POLICY}/{name}/attach", limit=4096) or "").strip())
    return found - {""}


def _free_programs(host: Host, profiles: dict[str, str]) -> list[str]:
    meant = _profiled(host, profiles)
    found: set[str] = set()
    for folder, profile in _processes(host):
        if profile == "unconfined":
            try:
                program = as_text(host.readlink(f"{folder}/exe") or "")
            except CouldNotLook as error:
                if error.reason is not Reason.MALFORMED:  # it ended meanwhile
                    raise
                continue
            if program in meant:
                found.add(program)
    return sorted(bounded(name) for name in found)[:MAX_NAMED]


def _marked(host: Host) -> list[str]:
    """Profiles of a mounted root that are marked to report only."""
    forced = set(host.names(f"{FOLDER}/force-complain"))
    off = set(host.names(f"{FOLDER}/disable"))
    found: list[str] = []
    for name in host.names(FOLDER):
        status = host.stat(f"{FOLDER}/{name}")
        is_file = status is not None and status.st_mode & 0o170000 == 0o100000
        if is_file and name not in off and (name in forced or complains(host.text(f"{FOLDER}/{name}") or "")):
            found.append(bounded(as_text(name)))
    return found[:MAX_NAMED]


def gather(host: Host, selector: tuple[str, ...]) -> tuple[MandatoryAccessPolicy, str]:
    """Topic mac.policy. Raises CouldNotLook(permission-denied): only root sees profiles and others' processes."""
    system = _system(host)
    if system == "selinux":
        mode, kind = selinux(host.text(CONFIG) or "")
        texts = [host.text(path.format(kind)) or "" for path in BOOLEANS] if kind else []
        value = MandatoryAccessPolicy(
            system="selinux",
            configured=mode,
            selinux_type=kind,
            unconfined=_free_services(host) if host.live else None,
            booleans=booleans("\n".join(texts)),
        )
        return value, CONFIG
    if system == "none":
        return MandatoryAccessPolicy(
            system="none", configured="disabled"
        ), "sys/fs/selinux, sys/module/apparmor"
    enabled = systemd.units(host).enabled("apparmor.service") == "enabled"
    if host.live and not host.exists(PROFILES):
        raise CouldNotLook(Reason.NOT_SUPPORTED, "securityfs is not mounted, so the profiles can't be seen")
    profiles = by_mode(host.lines(PROFILES)) if host.live else {}
    complaining = sorted(bounded(name) for name, mode in profiles.items() if mode == "complain")
    value = MandatoryAccessPolicy(
        system="apparmor",
        configured="enforcing" if enabled else "disabled",
        complaining=complaining[:MAX_NAMED] if host.live else _marked(host),
        unconfined=_free_programs(host, profiles) if host.live else None,
    )
    return value, f"{PROFILES}, {FOLDER}"
