"""containerd, Podman and the kubelet, from their own files."""

import contextlib
import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted
from tests.unit.properties import thorough
from tests.unit.slowness import slowness

from vonggac_agent.facts.containers import containerd_config, kubelet_config, podman_settings
from vonggac_agent.formats import documents
from vonggac_contract.facts.containers import ContainerdConfig, KubeletConfig, PodmanSettings

KUBEADM = """\
apiVersion: kubelet.config.k8s.io/v1beta1
authentication:
  anonymous:
    enabled: false
  webhook:
    cacheTTL: 0s
    enabled: true
  x509:
    clientCAFile: /etc/kubernetes/pki/ca.crt
authorization:
  mode: Webhook
kind: KubeletConfiguration
rotateCertificates: true
"""
UNIT = "[Service]\nExecStart=/usr/bin/kubelet\n"
DROP_IN = """\
[Service]
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
ExecStart=
ExecStart=/usr/bin/kubelet $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS
"""
CONTAINERD = """\
version = 2
imports = ["/etc/containerd/conf.d/*.toml"]
[grpc]
  address = "/run/containerd/containerd.sock"
  tcp_address = "0.0.0.0:2377"
[metrics]
  address = "127.0.0.1:1338"
[plugins."io.containerd.grpc.v1.cri".registry.configs."u:PW@r.example".tls]
  insecure_skip_verify = true
[plugins."io.containerd.grpc.v1.cri".registry.mirrors."m.example"]
  endpoint = ["http://10.0.0.5:5000"]
"""
DEBIAN_CONTAINERD = """\
version = 2
[plugins]
  [plugins."io.containerd.grpc.v1.cri"]
    [plugins."io.containerd.grpc.v1.cri".cni]
      bin_dir = "/usr/lib/cni"
"""


def test_the_kubelet_as_kubeadm_sets_it_up(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "usr/bin/kubelet": "",
        "usr/lib/systemd/system/kubelet.service": UNIT,
        "usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf": DROP_IN,
        "var/lib/kubelet/config.yaml": KUBEADM,
        "var/lib/kubelet/kubeadm-flags.env": "KUBELET_KUBEADM_ARGS="
        '"--read-only-port=99 --tls-min-version VersionTLS10"\n',
    }
    found, source = kubelet_config.gather(mounted(tmp_path, files), ())
    assert found == KubeletConfig(
        installed=True, anonymous=False, authorization="Webhook", read_only_port=99, client_ca=True,
        rotates_certificates=True, old_tls=True,
    )  # fmt: skip
    assert source == "kubelet.service, /var/lib/kubelet/config.yaml"


def test_the_defaults_of_the_kubelet_s_file_are_safe_and_those_of_its_flags_are_not() -> None:
    assert kubelet_config.parse("kind: KubeletConfiguration\n", []) == KubeletConfig(
        installed=True, anonymous=False, authorization="Webhook", read_only_port=0
    )
    assert kubelet_config.parse(None, []) == KubeletConfig(
        installed=True, anonymous=True, authorization="AlwaysAllow", read_only_port=10255
    )


@pytest.mark.parametrize(
    ("config", "arguments"),
    [
        ("authorization: {mode: Maybe}", []),
        ("readOnlyPort: -1", []),
        ("readOnlyPort: true", []),
        ("[1]", []),
        ("a: [", []),
        ("a: b", ["--authorization-mode=RBAC"]),
        ("a: b", ["--read-only-port", "70000"]),
    ],
)
def test_what_the_kubelet_refuses_is_an_error(config: str, arguments: list[str]) -> None:
    with pytest.raises(ValueError, match=r"kubelet|YAML"):
        kubelet_config.parse(config, arguments)


def test_containerd_as_debian_ships_it_takes_commands_by_its_socket_only(tmp_path: Path) -> None:
    host = mounted(tmp_path, {"usr/bin/containerd": "", "etc/containerd/config.toml": DEBIAN_CONTAINERD})
    assert containerd_config.gather(host, ())[0] == ContainerdConfig(installed=True)


def test_addresses_and_registries_of_containerd_are_found_with_imports_and_hosts(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "usr/bin/containerd": "",
        "etc/containerd/config.toml": CONTAINERD,
        "etc/containerd/conf.d/a.toml": '[debug]\naddress = "10.0.0.1:99"\n',
        "etc/containerd/certs.d/a.example/hosts.toml": '[host."https://a.example"]\nskip_verify = true\n',
        "etc/containerd/certs.d/b.example/hosts.toml": '[host."http://b.example"]\n',
        "etc/containerd/certs.d/c.example/hosts.toml": 'server = "https://c.example"\n',
    }
    assert containerd_config.gather(mounted(tmp_path, files), ())[0] == ContainerdConfig(
        installed=True,
        tcp_addresses=["0.0.0.0:2377", "127.0.0.1:1338", "10.0.0.1:99"],
        commanded_by_tcp=True,
        insecure_registries=["a.example", "b.example", "m.example", "r.example"],
    )


def test_commands_by_tcp_with_certificates_are_no_open_door() -> None:
    config = {"grpc": {"tcp_address": "10.0.0.1:1", "tcp_tls_ca": "/ca.pem"}}
    assert not containerd_config.describe([config], {}).commanded_by_tcp


def test_podman_s_files_are_read_in_both_versions(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "usr/bin/podman": "",
        "etc/containers/registries.conf": 'short-name-mode = "enforcing"\n'
        '[[registry]]\nlocation = "u:PW@a.example"\ninsecure = true\n'
        '[[registry.mirror]]\nlocation = "u:PW@b.example"\ninsecure = true\n',
        "etc/containers/registries.conf.d/x.conf": '[registries.insecure]\nregistries = ["u:PW@c.example"]\n',
        "etc/containers/policy.json": '{"default": [{"type": "reject"}]}',
    }
    assert podman_settings.gather(mounted(tmp_path, files), ())[0] == PodmanSettings(
        installed=True,
        insecure_registries=["a.example", "b.example", "c.example"],
        short_names="enforcing",
        signed_only=True,
    )


def test_podman_as_debian_ships_it_takes_any_image(tmp_path: Path) -> None:
    policy = {"default": [{"type": "insecureAcceptAnything"}], "transports": {}}
    host = mounted(tmp_path, {"usr/bin/podman": "", "etc/containers/policy.json": json.dumps(policy)})
    assert podman_settings.gather(host, ())[0] == PodmanSettings(installed=True, short_names="permissive")


def test_machines_without_the_engines_say_so(tmp_path: Path) -> None:
    host = mounted(tmp_path, {})
    assert kubelet_config.gather(host, ())[0] == KubeletConfig(installed=False)
    assert containerd_config.gather(host, ())[0] == ContainerdConfig(installed=False)
    assert podman_settings.gather(host, ())[0] == PodmanSettings(installed=False)


@thorough
@given(st.booleans(), st.sampled_from(["Webhook", "AlwaysAllow"]), st.integers(0, 65535), st.booleans())
def test_the_kubelet_s_settings_read_the_same_from_its_file_and_its_flags(
    anonymous: bool, mode: str, port: int, as_flags: bool
) -> None:
    model = {
        "authentication": {"anonymous": {"enabled": anonymous}},
        "authorization": {"mode": mode},
        "readOnlyPort": port,
    }
    words = [
        f"--anonymous-auth={str(anonymous).lower()}",
        "--authorization-mode",
        mode,
        f"--read-only-port={port}",
    ]
    found = kubelet_config.parse(None, words) if as_flags else kubelet_config.parse(json.dumps(model), [])
    assert (found.anonymous, found.authorization, found.read_only_port) == (anonymous, mode, port)


KEYS = st.sampled_from(
    ["grpc", "tcp_address", "plugins", "registry", "configs", "tls", "mirrors", "endpoint", "default", "insecure",
     "location", "registries", "mirror", "authentication", "anonymous", "readOnlyPort", "authorization"]
)  # fmt: skip
TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 99_999) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.hostile
@thorough
@given(st.dictionaries(KEYS, TREES, max_size=3), st.text(max_size=80))
def test_nothing_makes_a_parser_raise_anything_but_value_error(tree: dict[str, Any], text: str) -> None:
    containerd_config.describe([tree], {"x": tree})
    list(podman_settings.insecure(tree))
    for config in (json.dumps(tree), text):
        with contextlib.suppress(ValueError):
            kubelet_config.parse(config, [text])
    with contextlib.suppress(ValueError):
        podman_settings.signed_only(tree)
    with contextlib.suppress(ValueError):
        documents.parse_toml(text)


@pytest.mark.parser
@pytest.mark.hostile
@pytest.mark.parametrize("text", ["[" * 10_000_000, "a: " + "- " * 5_000_000])
def test_ten_megabytes_cost_less_than_a_second(text: str) -> None:
    started = time.process_time()
    with pytest.raises(ValueError, match="characters"):
        kubelet_config.parse(text, [])
    with pytest.raises(ValueError, match="characters"):
        documents.parse_toml(text)
    assert time.process_time() - started < 1 * slowness()
