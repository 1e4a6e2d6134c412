"""inetd.services: what a super-server starts when somebody connects: inetd.conf(5), xinetd.conf(5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vonggac_contract import limits
from vonggac_contract.facts.shares import InetdService, InetdServices

from ...formats.lines import significant, within
from ...host import Host
from ...untrusted import bounded

INETD: Final = ("usr/sbin/inetd", "usr/sbin/inetutils-inetd", "usr/libexec/inetd")
XINETD: Final = ("usr/sbin/xinetd",)
MAX_FILES: Final = 1_000
Block = dict[str, dict[str, None]]
"""Attribute to its values, in the order written, each once."""


def inetd(text: str) -> list[InetdService]:
    """Lines of inetd.conf(5): service, socket type, protocol, wait, user, program, arguments."""
    found: list[InetdService] = []
    for _, line in significant(within(text)):
        fields = line.split(None, 6)
        if len(fields) >= 6:
            name = fields[0].rpartition(":")[2] or fields[0]
            found.append(InetdService(bounded(name), bounded(fields[2]), bounded(fields[5]), "inetd"))
    return found


def xinetd(text: str) -> list[tuple[str, Block]]:
    """Blocks `service NAME { attribute = values … }` and `defaults { … }` (name ""); `+=` adds, `-=` takes away.

    Raises ValueError for over `lines.MAX_LINES` lines.
    """
    found: list[tuple[str, Block]] = []
    name: str | None = None
    block: Block | None = None
    for _, line in significant(within(text)):
        words = line.split()
        if block is None and words[0] in ("service", "defaults"):
            name = " ".join(words[1:]).rstrip("{ ") if words[0] == "service" else ""
        if words[-1] == "{" and name is not None:
            block = {}
            found.append((name, block))
        elif words[0] == "}":
            name = block = None
        elif block is not None:
            _assign(block, line)
    return found


def _assign(block: Block, line: str) -> None:
    key, equals, value = line.partition("=")
    if not equals:
        return
    values = value.split()
    name = key.rstrip("+-! \t").strip().lower()
    if key.endswith("+"):
        block.setdefault(name, {}).update(dict.fromkeys(values))
    elif key.endswith("-"):
        for one in values:
            block.get(name, {}).pop(one, None)
    else:
        block[name] = dict.fromkeys(values)


def switched_on(blocks: list[tuple[str, Block]]) -> Iterator[InetdService]:
    """Services whose `disable` is not yes and that defaults do not switch off, xinetd.conf(5) "disable", "enabled"."""
    defaults = next((block for name, block in blocks if not name), Block())
    off, only = set(defaults.get("disabled", ())), defaults.get("enabled")
    for name, block in blocks:
        if not name or list(block.get("disable", ()))[:1] == ["yes"]:
            continue
        ids = {name, *block.get("id", ())}
        if ids & off or (only is not None and not ids & only.keys()):
            continue
        internal = "INTERNAL" in block.get("type", ())
        program = "internal" if internal else " ".join(block.get("server", ()))
        yield InetdService(
            bounded(name), bounded(" ".join(block.get("protocol", ()))), bounded(program), "xinetd"
        )


def gather(host: Host, selector: tuple[str, ...]) -> tuple[InetdServices, str]:
    """Topic inetd.services. Raises CouldNotLook: too-large."""
    services: list[InetdService] = []
    has_inetd = any(host.exists(program) for program in INETD)
    has_xinetd = any(host.exists(program) for program in XINETD)
    if has_inetd:
        for path in ("etc/inetd.conf", *host.glob("etc/inetd.d/*", limit=MAX_FILES)):
            services += inetd(host.text(path) or "")
    if has_xinetd:
        paths = ["etc/xinetd.conf", *host.glob("etc/xinetd.d/*", limit=MAX_FILES)]
        # xinetd.conf(5) "includedir": names with a dot or a tilde at the end are passed over
        paths = paths[:1] + [p for p in paths[1:] if "." not in p.rpartition("/")[2] and not p.endswith("~")]
        services += switched_on([block for path in paths for block in xinetd(host.text(path) or "")])
    if len(services) > limits.MAX_FACT_LIST:
        raise ValueError(f"over {limits.MAX_FACT_LIST} services")
    return InetdServices(has_inetd or has_xinetd, services), "etc/inetd.conf, etc/xinetd.conf, etc/xinetd.d"
