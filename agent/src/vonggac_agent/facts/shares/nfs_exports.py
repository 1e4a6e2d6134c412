"""nfs.exports: folders exported by NFS and to whom, exports(5), and the protocol versions of nfs.conf(5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal

from vonggac_contract import limits
from vonggac_contract.facts.shares import NfsExport, NfsExports

from ...formats import ini
from ...formats.lines import significant, within
from ...host import Host
from ...untrusted import bounded

PROGRAMS: Final = ("usr/sbin/rpc.nfsd", "usr/sbin/exportfs", "sbin/rpc.nfsd")
EXPORTS: Final = "etc/exports"
FOLDER: Final = "etc/exports.d"
CONFIG: Final = "etc/nfs.conf"
EVERYONE: Final = frozenset({"", "*", "0.0.0.0/0", "0.0.0.0/0.0.0.0", "::/0"})
Flavour = Literal["none", "krb5", "krb5i", "krb5p"]
FLAVOURS: Final[tuple[Flavour, ...]] = ("none", "krb5", "krb5i", "krb5p")
"""From weakest to strongest: authentication, integrity, privacy; exports(5) "sec="."""
_OCTAL: Final = re.compile(r"\\([0-7]{3})")
_WORD: Final = re.compile(r'"([^"]*)"?(\S*)|(\S+)')


def parse(text: str, source: str) -> list[NfsExport]:
    """Exports of one file, one for each client. Raises ValueError for over `lines.MAX_LINES` lines or MAX_FACT_LIST
    clients."""
    found: list[NfsExport] = []
    for _, line in significant(within(text), "#", continuation="\\", inline=True):
        words = _words(line)
        path = next(words)
        default = ""
        clients = 0
        for word in words:
            if word.startswith("-"):
                default = word[1:]
                continue
            clients += 1
            name, _, options = word.partition("(")
            found.append(_export(path, name, f"{default},{options.rstrip(')')}", source))
            if len(found) > limits.MAX_FACT_LIST:
                raise ValueError(f"over {limits.MAX_FACT_LIST} clients")
        if not clients:
            found.append(_export(path, "", default, source))
    return found


def _words(line: str) -> Iterator[str]:
    for match in _WORD.finditer(line):
        plain = match[3] if match[3] is not None else match[1] + match[2]
        yield _OCTAL.sub(lambda octal: chr(int(octal[1], 8)), plain)


def _export(path: str, client: str, options: str, source: str) -> NfsExport:
    """Options count from left to right; those after one sec= are for its flavours only, so the worst of each counts."""
    groups: list[tuple[str, dict[str, bool]]] = [("", {})]
    common = groups[0][1]
    for raw in options.split(","):
        option = raw.strip().lower()
        if option.startswith("sec="):
            groups.append((option.removeprefix("sec="), dict(common)))
        elif option:
            name, value = (option.removeprefix("no_"), False) if option.startswith("no_") else (option, True)
            for _, group in groups[1:][-1:] or groups[:1]:
                group[name] = value
                if name in ("ro", "rw"):
                    group["rw"] = name == "rw"
                if name in ("secure", "insecure"):
                    group["insecure"] = name == "insecure"
    if len(groups) > 1:
        groups = groups[1:]
    legacy = client.lower().removeprefix("gss/") if client.lower().startswith("gss/") else ""
    flavours = [flavour for sec, _ in groups for flavour in (sec or legacy or "sys").split(":")]
    settings = [group for _, group in groups]
    return NfsExport(
        path=bounded(path),
        client=bounded(client) or "*",
        everyone=client in EVERYONE or bool(legacy),
        writable=any(group.get("rw", False) for group in settings),
        root_squash=all(
            group.get("root_squash", True) or group.get("all_squash", False) for group in settings
        ),
        privileged_port=all(not group.get("insecure", False) for group in settings),
        kerberos=min((_flavour(name) for name in flavours), key=FLAVOURS.index),
        source=source,
    )


def _flavour(name: str) -> Flavour:
    return next((flavour for flavour in FLAVOURS if flavour == name), "none")


def versions(text: str) -> dict[str, bool]:
    """Switches of [nfsd] in nfs.conf(5): vers2, vers3, udp, and so on."""
    found: dict[str, bool] = {}
    for entry in ini.parse(text, comments="#;", fold=True):
        if entry.section == "nfsd":
            word = entry.value.strip().lower()
            if word in ("y", "yes", "1", "true", "t", "on"):
                found[entry.key] = True
            elif word in ("n", "no", "0", "false", "f", "off"):
                found[entry.key] = False
    return found


def gather(host: Host, selector: tuple[str, ...]) -> tuple[NfsExports, str]:
    """Topic nfs.exports. Raises CouldNotLook: too-large, for over MAX_FACT_LIST clients."""
    if not any(host.exists(program) for program in PROGRAMS):
        return NfsExports(installed=False), EXPORTS
    # exports(5): files of the folder that end in .exports and do not begin with a dot
    paths = [EXPORTS, *(path.lstrip("/") for path in host.glob(f"{FOLDER}/*.exports"))]
    exports = [export for path in paths for export in parse(host.text(path) or "", path)]
    if len(exports) > limits.MAX_FACT_LIST:
        raise ValueError(f"over {limits.MAX_FACT_LIST} clients")
    switches: dict[str, bool] = {}
    for path in (CONFIG, *host.glob("etc/nfs.conf.d/*.conf"), "etc/nfs.conf.local"):
        switches |= versions(host.text(path) or "")
    return (
        NfsExports(
            installed=True,
            exports=exports,
            version2=switches.get("vers2", False),
            version3=switches.get("vers3", True),
            udp=switches.get("udp", False),
        ),
        f"{EXPORTS}, {FOLDER}, {CONFIG}",
    )
