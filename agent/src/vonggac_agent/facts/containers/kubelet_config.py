"""kubelet.config: how the kubelet is set to run, from the flags of its unit and the file they name.

Sources: kubelet(1) and "KubeletConfiguration" v1beta1 of kubernetes.io/docs/reference/config-api, whose defaults differ
from those of the flags; a flag wins over the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from vonggac_contract.facts.containers import KubeletConfig

from ...formats import documents
from ...host import Host
from . import started

PROGRAMS: Final = ("usr/bin/kubelet", "usr/local/bin/kubelet", "opt/bin/kubelet")
SERVICE: Final = "kubelet.service"
OLD: Final = frozenset({"VersionTLS10", "VersionTLS11"})
_BOOLEANS: Final = frozenset(
    (
        "anonymous-auth",
        "rotate-certificates",
        "protect-kernel-defaults",
        "authentication-token-webhook",
        "fail-swap-on",
    )
)
Mode = Literal["AlwaysAllow", "Webhook"]


def parse(config: str | None, arguments: list[str]) -> KubeletConfig:
    """The kubelet by its configuration file (None: it has none) and flags. Raises ValueError: no YAML, no such mode."""
    given = {name: values[-1] for name, values in started.flags(arguments, _BOOLEANS, {}).items()}
    file = documents.parse_yaml(config) if config else {}
    if not isinstance(file, dict):
        raise ValueError("the kubelet's configuration is no mapping")
    has_file = config is not None
    mode = (
        given.get("authorization-mode")
        or _at(file, "authorization", "mode")
        or ("Webhook" if has_file else "AlwaysAllow")
    )
    port = given.get("read-only-port", _at(file, "readOnlyPort"))
    version = given.get("tls-min-version") or _at(file, "tlsMinVersion")
    return KubeletConfig(
        installed=True,
        anonymous=_bool(
            given.get("anonymous-auth", _at(file, "authentication", "anonymous", "enabled")), not has_file
        ),
        authorization=_mode(mode),
        read_only_port=(0 if has_file else 10255) if port is None else _port(port),
        client_ca=bool(given.get("client-ca-file") or _at(file, "authentication", "x509", "clientCAFile")),
        rotates_certificates=_bool(given.get("rotate-certificates", _at(file, "rotateCertificates")), False),
        old_tls=version in OLD,
    )


def _at(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _bool(value: Any, default: bool) -> bool:
    if isinstance(value, str):
        return {"true": True, "1": True, "t": True, "false": False, "0": False, "f": False}.get(
            value.lower(), default
        )
    return value if isinstance(value, bool) else default


def _mode(value: Any) -> Mode:
    if value == "AlwaysAllow":
        return "AlwaysAllow"
    if value == "Webhook":
        return "Webhook"
    raise ValueError(f"the kubelet knows no authorization mode {str(value)[:80]!r}")


def _port(value: Any) -> int:
    text = str(value)
    if isinstance(value, bool) or not (
        text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535
    ):
        raise ValueError(f"the kubelet's read-only port is {text[:80]!r}")
    return int(text)


def gather(host: Host, selector: tuple[str, ...]) -> tuple[KubeletConfig, str]:
    """Topic kubelet.config. Raises CouldNotLook: permission-denied, where its folder is closed to us."""
    if not any(host.exists(program) for program in PROGRAMS):
        return KubeletConfig(installed=False), SERVICE
    arguments = started.arguments(host, SERVICE)
    path = started.flags(arguments, _BOOLEANS, {}).get("config", [""])[-1]
    return parse(host.text(path) if path else None, arguments), f"{SERVICE}, {path}" if path else SERVICE
