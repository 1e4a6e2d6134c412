"""podman.settings: registries and signatures that Podman, Buildah, Skopeo and CRI-O go by.

Sources: containers-registries.conf(5) versions 1 and 2, containers-registries.conf.d(5), containers-policy.json(5).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from vonggac_contract import limits
from vonggac_contract.facts.containers import PodmanSettings

from ...formats import documents
from ...host import Host
from ...untrusted import bounded, without_userinfo

PROGRAMS: Final = ("usr/bin/podman", "usr/bin/buildah", "usr/bin/skopeo", "usr/bin/crio", "usr/sbin/crio")
CONFIG: Final = "etc/containers/registries.conf"
FOLDER: Final = "etc/containers/registries.conf.d"
POLICY: Final = "etc/containers/policy.json"
MAX_FILES: Final = 200
Mode = Literal["enforcing", "permissive", "disabled"]
MODES: Final[dict[str, Mode]] = {"enforcing": "enforcing", "permissive": "permissive", "disabled": "disabled"}


def insecure(file: Mapping[str, Any]) -> Iterator[str]:
    """Registries and mirrors of one file that are marked insecure."""
    for registry in _tables(file.get("registry")):
        place = registry.get("prefix") or registry.get("location") or ""
        if registry.get("insecure") is True and isinstance(place, str):
            yield bounded(without_userinfo(place))
        for mirror in _tables(registry.get("mirror")):
            if mirror.get("insecure") is True and isinstance(mirror.get("location"), str):
                yield bounded(without_userinfo(mirror["location"]))
    old = file.get("registries")
    listed = old.get("insecure") if isinstance(old, dict) else None
    names = listed.get("registries") if isinstance(listed, dict) else None
    if isinstance(names, list):
        yield from (bounded(without_userinfo(name)) for name in names if isinstance(name, str))


def _tables(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def signed_only(policy: Any) -> bool:
    """The default of policy.json does not take any image as it comes. Raises ValueError if it is no policy."""
    default = policy.get("default") if isinstance(policy, dict) else None
    if not isinstance(default, list) or not all(isinstance(rule, dict) for rule in default):
        raise ValueError(f"{POLICY} has no default")
    return bool(default) and all(rule.get("type") != "insecureAcceptAnything" for rule in default)


def gather(host: Host, selector: tuple[str, ...]) -> tuple[PodmanSettings, str]:
    """Topic podman.settings. Raises ValueError: no TOML, no JSON, no policy."""
    if not any(host.exists(program) for program in PROGRAMS):
        return PodmanSettings(installed=False), CONFIG
    files = [
        documents.parse_toml(host.text(p) or "")
        for p in (CONFIG, *host.glob(f"{FOLDER}/*.conf", limit=MAX_FILES))
    ]
    mode: Mode = "permissive"  # containers-registries.conf(5): the default where nothing sets it
    for file in files:
        mode = MODES.get(str(file.get("short-name-mode", "")).lower(), mode)
    policy = host.text(POLICY)
    return (
        PodmanSettings(
            installed=True,
            insecure_registries=sorted({name for file in files for name in insecure(file)})[
                : limits.MAX_FACT_LIST
            ],
            short_names=mode,
            signed_only=policy is not None and signed_only(documents.parse_json(policy)),
        ),
        f"{CONFIG}, {FOLDER}, {POLICY}",
    )
