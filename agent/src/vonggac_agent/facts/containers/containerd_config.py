"""containerd.config: where containerd takes commands and which registries it trusts blindly.

Sources: containerd-config.toml(5); docs/cri/registry.md and docs/hosts.md of github.com/containerd/containerd.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from vonggac_contract import limits
from vonggac_contract.facts.containers import ContainerdConfig

from ...formats import documents
from ...host import Host
from ...untrusted import as_text, bounded, without_userinfo

PROGRAMS: Final = ("usr/bin/containerd", "usr/local/bin/containerd")
CONFIG: Final = "etc/containerd/config.toml"
CERTIFICATES: Final = "etc/containerd/certs.d"
MAX_FILES: Final = 200
ADDRESSES: Final = (("grpc", "tcp_address"), ("debug", "address"), ("metrics", "address"))


def describe(configs: list[dict[str, Any]], hosts: dict[str, dict[str, Any]]) -> ContainerdConfig:
    """containerd by its configuration files in order, and by the hosts.toml of each registry."""
    addresses: list[str] = []
    commanded = False
    registries: set[str] = set()
    for config in configs:
        for section, key in ADDRESSES:
            address = _table(config, section).get(key, "")
            if isinstance(address, str) and address and not address.startswith(("/", "unix://")):
                addresses.append(bounded(without_userinfo(address)))
                commanded = commanded or (section == "grpc" and not _table(config, "grpc").get("tcp_tls_ca"))
        registries |= set(_registries(config))
    for name, file in hosts.items():
        if _skips(file) or any(
            _skips(inner) or url.startswith("http://") for url, inner in _inner(file, "host")
        ):
            registries.add(bounded(without_userinfo(name)))
    return ContainerdConfig(
        installed=True,
        tcp_addresses=addresses[: limits.MAX_FACT_LIST],
        commanded_by_tcp=commanded,
        insecure_registries=sorted(registries)[: limits.MAX_FACT_LIST],
    )


def _table(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _inner(value: Mapping[str, Any], key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, inner in _table(value, key).items():
        if isinstance(inner, dict):
            yield str(name), inner


def _skips(host: Mapping[str, Any]) -> bool:
    return host.get("skip_verify") is True or str(host.get("server", "")).startswith("http://")


def _registries(config: Mapping[str, Any]) -> Iterator[str]:
    """Registries of the CRI plugin, wherever versions 1 to 3 of the file keep it."""
    for _, plugin in _inner(config, "plugins"):
        registry = _table(plugin, "registry")
        for name, settings in _inner(registry, "configs"):
            if _table(settings, "tls").get("insecure_skip_verify") is True:
                yield bounded(without_userinfo(name))
        for name, mirror in _inner(registry, "mirrors"):
            endpoints = mirror.get("endpoint")
            if isinstance(endpoints, list) and any(str(e).startswith("http://") for e in endpoints):
                yield bounded(without_userinfo(name))


def gather(host: Host, selector: tuple[str, ...]) -> tuple[ContainerdConfig, str]:
    """Topic containerd.config. Raises ValueError: no TOML."""
    if not any(host.exists(program) for program in PROGRAMS):
        return ContainerdConfig(installed=False), CONFIG
    configs = [documents.parse_toml(host.text(CONFIG) or "")]
    imports = configs[0].get("imports")
    patterns = [p for p in imports if isinstance(p, str)] if isinstance(imports, list) else []
    for path in [path for pattern in patterns[:MAX_FILES] for path in host.glob(pattern, limit=MAX_FILES)][
        :MAX_FILES
    ]:
        configs.append(documents.parse_toml(host.text(path) or ""))
    hosts = {
        as_text(name): documents.parse_toml(host.text(f"{CERTIFICATES}/{name}/hosts.toml") or "")
        for name in host.names(CERTIFICATES, limit=MAX_FILES)
    }
    return describe(configs, hosts), f"{CONFIG}, {CERTIFICATES}"
