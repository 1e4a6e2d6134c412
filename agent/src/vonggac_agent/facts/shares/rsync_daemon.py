"""rsync.daemon: modules that rsync offers as a daemon, rsyncd.conf(5). Users and secrets stay in the parser."""

from __future__ import annotations

from typing import Final

from vonggac_contract import limits
from vonggac_contract.facts.files import Permission
from vonggac_contract.facts.shares import RsyncDaemon, RsyncModule

from ...formats import ini
from ...formats.lines import within
from ...host import Host
from ...untrusted import bounded
from ..files.file_stat import permissions

CONFIG: Final = "etc/rsyncd.conf"
MAX_FILES: Final = 100
YES: Final = frozenset({"yes", "true", "1"})
Modules = dict[str, dict[str, str]]


def parse(text: str) -> tuple[dict[str, str], Modules, list[str]]:
    """Global settings, modules by name with globals put in, and what is drawn in by &include or &merge.

    Names of settings in lower case with single blanks. Raises ValueError for over `lines.MAX_LINES` lines.
    """
    top: dict[str, str] = {}
    modules: Modules = {}
    included: list[str] = []
    for entry in ini.parse(within(text), comments="#;", continuation="\\"):
        key = " ".join(entry.key.lower().split())
        if key.startswith(("&include", "&merge")):
            included.append(entry.key.split(None, 1)[-1])
            continue
        into = top if entry.section in ("", "global") else modules.setdefault(entry.section, {})
        into[key] = entry.value
    return top, {name: {**top, **own} for name, own in modules.items()}, included


def _is(settings: dict[str, str], key: str, default: bool) -> bool:
    return settings[key].strip().lower() in YES if key in settings else default


def describe(name: str, settings: dict[str, str], secrets: list[Permission]) -> RsyncModule:
    """One module; `secrets` are the permission bits of its secrets file."""
    return RsyncModule(
        name=bounded(name),
        path=bounded(settings.get("path", "")),
        writable=not _is(settings, "read only", True),
        authenticated=bool(settings.get("auth users", "").strip()),
        hosts_allow=[bounded(h) for h in settings.get("hosts allow", "").replace(",", " ").split()][
            : limits.MAX_FACT_LIST
        ],
        chroot=_is(settings, "use chroot", True),
        as_root=settings.get("uid", "nobody").strip().lower() in ("root", "0"),
        secrets_permissions=secrets,
    )


def gather(host: Host, selector: tuple[str, ...]) -> tuple[RsyncDaemon, str]:
    """Topic rsync.daemon. Raises ValueError if it draws in over MAX_FILES files."""
    if not host.exists(CONFIG):
        return RsyncDaemon(configured=False), CONFIG
    top: dict[str, str] = {}
    modules: Modules = {}
    waiting = [CONFIG]
    seen: set[str] = set()
    while waiting:
        path = waiting.pop(0)
        if path in seen:
            continue
        seen.add(path)
        if len(seen) > MAX_FILES:
            raise ValueError(f"{CONFIG} draws in over {MAX_FILES} files")
        own, found, included = parse(host.text(path) or "")
        top |= own
        modules |= {name: {**top, **settings} for name, settings in found.items()}
        for place in included:
            ending = "*.conf" if any(host.glob(f"{place}/*.conf")) else "*.inc"
            waiting += host.glob(f"{place}/{ending}") if host.names(place) else [place]
    if len(modules) > limits.MAX_FACT_LIST:
        raise ValueError(f"{CONFIG} has over {limits.MAX_FACT_LIST} modules")
    return (
        RsyncDaemon(
            configured=True,
            modules=[
                describe(name, s, _bits(host, s.get("secrets file", ""))) for name, s in modules.items()
            ],
            logged=_is(top, "transfer logging", False)
            or (bool(modules) and all(_is(s, "transfer logging", False) for s in modules.values())),
        ),
        ", ".join(sorted(seen)[:20]),
    )


def _bits(host: Host, path: str) -> list[Permission]:
    status = host.stat(path) if path.startswith("/") else None
    return [] if status is None else permissions(status.st_mode & 0o7777)
