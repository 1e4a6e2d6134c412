"""How the Docker daemon is set, and how its containers were made."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import FIXTURES, Link, mounted
from tests.unit.properties import thorough
from tests.unit.slowness import slowness

from vonggac_agent.facts.containers import docker_containers, docker_daemon, started
from vonggac_contract.facts.containers import Container, DockerDaemon

UNIT = """\
[Service]
EnvironmentFile=-/etc/default/docker
ExecStart=/usr/sbin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock $DOCKER_OPTS
"""
SOCKET = "[Socket]\nListenStream=/run/docker.sock\nSocketMode=0660\nSocketUser=root\nSocketGroup=docker\n"
OPTIONS = {
    "hosts": ["unix:///run/a.sock", "tcp://10.0.0.1:2376"],
    "tlsverify": True,
    "icc": False,
    "live-restore": True,
    "userns-remap": "default",
    "no-new-privileges": True,
    "userland-proxy": False,
    "experimental": True,
    "insecure-registries": ["10.0.0.0/8", "http://u:PW@r.example"],
    "log-driver": "json-file",
    "log-level": "warn",
    "log-opts": {"max-size": "10m", "max-file": "3"},
    "seccomp-profile": "unconfined",
    "selinux-enabled": True,
    "storage-driver": "overlay2",
    "default-ulimits": {"nofile": {"Name": "nofile", "Hard": 64, "Soft": 64}},
    "authorization-plugins": ["opa"],
    "data-root": "/srv/docker",
    "group": "wheel",
}
DOCKER = FIXTURES / "docker"


def look(folder: Path, **files: str) -> DockerDaemon:
    root: dict[str, str | bytes | Link] = {
        "usr/sbin/dockerd": "",
        "usr/lib/systemd/system/docker.service": UNIT,
        "usr/lib/systemd/system/docker.socket": SOCKET,
        "etc/passwd": "root:x:0:0::/root:/bin/sh\nan:x:1000:999::/home/an:/bin/sh\n",
        "etc/group": "root:x:0:\ndocker:x:999:binh, chi\n",
    }
    root |= {name.replace("__", "/"): text for name, text in files.items()}
    return docker_daemon.gather(mounted(folder, root), ())[0]


def made(name: str) -> Container:
    config, host = (
        (DOCKER / name / f).read_text(encoding="utf-8") for f in ("config.v2.json", "hostconfig.json")
    )
    return docker_containers.describe(config, host)


def test_the_daemon_of_debian_12_as_its_package_ships_it(tmp_path: Path) -> None:
    found = look(tmp_path)
    assert found.hosts == ["fd://", "unix:///run/docker.sock"]
    assert found.socket_permissions == ["u+r", "u+w", "g+r", "g+w"]
    assert (found.socket_group, found.group_members) == ("docker", ["an", "binh", "chi"])
    assert (found.icc, found.live_restore, found.no_new_privileges, found.userns_remap) == (
        True,
        False,
        False,
        "",
    )
    assert (found.log_driver, found.log_limited, found.seccomp_profile) == ("json-file", False, "builtin")


def test_every_option_of_daemon_json_is_taken(tmp_path: Path) -> None:
    found = look(
        tmp_path,
        **{
            "etc__docker__daemon.json": json.dumps(OPTIONS),
            "usr__lib__systemd__system__docker.service": "[Service]\nExecStart=/usr/bin/dockerd\n",
        },
    )
    assert found == DockerDaemon(
        installed=True,
        hosts=["unix:///run/a.sock", "tcp://10.0.0.1:2376"],
        tls_verify=True,
        socket_permissions=["u+r", "u+w", "g+r", "g+w"],
        socket_group="wheel",
        group_members=[],
        icc=False,
        live_restore=True,
        userns_remap="default",
        no_new_privileges=True,
        userland_proxy=False,
        experimental=True,
        insecure_registries=["10.0.0.0/8", "http://r.example"],
        log_driver="json-file",
        log_level="warn",
        log_limited=True,
        seccomp_profile="unconfined",
        selinux_enabled=True,
        storage_driver="overlay2",
        default_ulimits=["nofile"],
        authorization_plugins=["opa"],
        data_root="/srv/docker",
    )


def test_flags_of_the_unit_its_variables_and_drop_ins_count_like_the_file(tmp_path: Path) -> None:
    found = look(
        tmp_path,
        etc__default__docker='DOCKER_OPTS="--icc=false -H tcp://0.0.0.0:2375 --insecure-registry u:PW@r.example"\n',
        **{
            "etc__systemd__system__docker.service.d__a.conf": '[Service]\nEnvironment="MORE=--live-restore -l debug"\n'
            "ExecStart=\nExecStart=/usr/sbin/dockerd $DOCKER_OPTS $MORE --log-opt max-size=1m --log-driver=json-file\n"
        },
    )
    assert found.hosts == ["tcp://0.0.0.0:2375"]
    assert (found.icc, found.live_restore, found.log_level, found.log_limited) == (False, True, "debug", True)
    assert found.insecure_registries == ["r.example"]
    assert "PW" not in str(found)
    assert (found.socket_permissions, found.group_members) == ([], [])


@pytest.mark.parametrize(
    ("socket", "hosts", "mode"),
    [
        ("[Socket]\nListenStream=2375\n", ["fd://", "tcp://[::]:2375"], ["u+r", "u+w", "g+r", "g+w", "o+r", "o+w"]),
        ("[Socket]\nListenStream=%t/d.sock\nSocketMode=0600\n", ["fd://", "unix:///run/d.sock"], ["u+r", "u+w"]),
        ("[Socket]\nListenStream=10.0.0.1:2375\nSocketMode=0600\n", ["fd://", "tcp://10.0.0.1:2375"], ["u+r", "u+w"]),
    ],
)  # fmt: skip
def test_what_systemd_listens_on_for_the_daemon_counts(
    socket: str, hosts: list[str], mode: list[str], tmp_path: Path
) -> None:
    found = look(tmp_path, **{"usr__lib__systemd__system__docker.socket": socket})
    assert (found.hosts, found.socket_permissions) == (hosts, mode)
    assert (found.socket_group, found.group_members) == ("root", [])


def test_a_socket_that_was_opened_by_hand_shows_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/docker.sock").touch()
    (tmp_path / "run/docker.sock").chmod(0o666)
    assert look(tmp_path).socket_permissions == ["u+r", "u+w", "g+r", "g+w", "o+r", "o+w"]


@pytest.mark.parametrize(
    ("options", "limited"),
    [
        ({}, False),
        ({"log-driver": "local"}, True),
        ({"log-driver": "syslog"}, True),
        ({"log-driver": "json-file", "log-opts": {"max-file": "3"}}, False),
        ({"log-opts": {"max-size": "10m"}}, True),
    ],
)
def test_logs_are_bounded_by_an_option_or_by_their_driver(options: dict[str, Any], limited: bool) -> None:
    assert docker_daemon.parse(json.dumps(options), []).log_limited is limited


@pytest.mark.parametrize(
    "config",
    [
        "[]",
        "{",
        '{"icc": "no"}',
        '{"hosts": "fd://"}',
        '{"hosts": [1]}',
        '{"log-driver": 1}',
        '{"log-opts": []}',
    ],
)
def test_a_daemon_json_that_the_daemon_refuses_is_an_error(config: str) -> None:
    with pytest.raises(ValueError, match=r"daemon\.json|JSON"):
        docker_daemon.parse(config, [])


def test_a_machine_without_docker_says_so(tmp_path: Path) -> None:
    host = mounted(tmp_path, {"etc/docker/daemon.json": "{"})
    assert docker_daemon.gather(host, ())[0] == DockerDaemon(installed=False)
    assert docker_containers.gather(host, ())[0].containers == []


def test_a_container_made_with_every_right_shows_each() -> None:
    found = made("bad")
    assert (found.name, found.image, found.running, found.root) == ("bad", "tiny:1", False, True)
    assert found.privileged
    assert found.host_namespaces == ["network", "pid", "ipc", "uts", "user"]
    assert found.capabilities == ["NET_ADMIN", "SYS_ADMIN"]
    assert found.docker_socket
    assert found.sensitive_mounts == ["/etc"]
    assert found.unconfined == ["seccomp", "apparmor", "selinux"]
    assert (found.memory_limit, found.pids_limit, found.restart, found.log_driver) == (
        0,
        0,
        "always",
        "json-file",
    )
    assert found.devices == ["/dev/null"]


def test_a_container_made_with_care_shows_that() -> None:
    found = made("good")
    assert (found.user, found.root, found.privileged, found.read_only) == ("1000:1000", False, False, True)
    assert (found.host_namespaces, found.capabilities, found.unconfined) == ([], [], [])
    assert (found.memory_limit, found.pids_limit, found.no_new_privileges) == (256 * 1024 * 1024, 100, True)
    assert found.sensitive_mounts == ["/run"], "the socket lies in it; a volume of Docker's own is none"
    assert [(p.address, p.port, p.container_port, p.every_address) for p in found.ports] == [
        ("", 8443, "443/tcp", True),
        ("", None, "53/udp", True),
        ("127.0.0.1", 8080, "80/tcp", False),
    ]


def test_containers_are_found_where_the_daemon_keeps_them(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "usr/bin/dockerd": "",
        "etc/docker/daemon.json": '{"data-root": "/srv/docker"}',
        "srv/docker/containers/empty/checkpoints/x": "",
    }
    for name in ("plain", "good", "bad"):
        for kept in ("config.v2.json", "hostconfig.json"):
            files[f"srv/docker/containers/{name}0/{kept}"] = (DOCKER / name / kept).read_bytes()
    found, source = docker_containers.gather(mounted(tmp_path, files), ())
    assert [c.name for c in found.containers] == ["bad", "good", "plain"]
    assert source == "/srv/docker/containers"


def test_a_variable_alone_is_many_words_and_in_braces_part_of_one() -> None:
    environment = {"A": "--x 'y z'", "B": "b"}
    assert started.expanded("p $A ${B}c $NONE", environment) == ["p", "--x", "y z", "bc"]


def test_a_flag_takes_the_next_word_unless_it_is_a_switch_or_a_flag_follows() -> None:
    words = ["--icc=false", "--debug", "rest", "-Htcp://a", "-H", "b", "--group", "--bip", "10.0.0.1/24"]
    assert docker_daemon.flags(words) == {
        "icc": ["false"],
        "debug": ["true"],
        "host": ["tcp://a", "b"],
        "group": ["true"],
        "bip": ["10.0.0.1/24"],
    }


NAMES = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)
MODELS = st.fixed_dictionaries(
    {
        "icc": st.booleans(),
        "live-restore": st.booleans(),
        "no-new-privileges": st.booleans(),
        "userns-remap": NAMES,
        "insecure-registries": st.lists(NAMES, max_size=3),
        "log-driver": NAMES,
    }
)


@thorough
@given(MODELS, st.booleans())
def test_options_read_the_same_from_the_file_and_from_flags(model: dict[str, Any], as_flags: bool) -> None:
    words: list[str] = []
    for key, value in model.items():
        flag = "insecure-registry" if key == "insecure-registries" else key
        for one in value if isinstance(value, list) else [value]:
            words.append(f"--{flag}={str(one).lower() if isinstance(one, bool) else one}")
    found = docker_daemon.parse("", words) if as_flags else docker_daemon.parse(json.dumps(model), [])
    assert (found.icc, found.live_restore, found.no_new_privileges) == (
        model["icc"],
        model["live-restore"],
        model["no-new-privileges"],
    )
    assert (found.userns_remap, found.log_driver) == (model["userns-remap"], model["log-driver"])
    assert found.insecure_registries == model["insecure-registries"]


@pytest.mark.hostile
@thorough
@given(st.text(max_size=200), st.lists(st.text(max_size=20), max_size=8))
def test_no_text_makes_the_daemon_s_parser_raise_anything_but_value_error(
    text: str, words: list[str]
) -> None:
    try:
        docker_daemon.parse(text, started.expanded(text, {"A": text}) + words)
    except ValueError:
        return


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**52), 2**52) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "Config",
                    "Name",
                    "User",
                    "PortBindings",
                    "MountPoints",
                    "SecurityOpt",
                    "80/tcp",
                    "Source",
                    "Binds",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@pytest.mark.hostile
@thorough
@given(JSON, JSON)
def test_no_json_makes_a_container_raise_anything_but_value_error(config: Any, host: Any) -> None:
    try:
        docker_containers.describe(json.dumps(config), json.dumps(host))
    except ValueError:
        return


@pytest.mark.parser
@pytest.mark.hostile
@pytest.mark.parametrize(
    "text", ["[" * 10_000_000, '{"hosts":["' + "x" * 10_000_000, "{" + '"a":1,' * 1_400_000]
)
def test_ten_megabytes_of_daemon_json_are_refused_within_a_second(text: str) -> None:
    started_at = time.process_time()
    with pytest.raises(ValueError, match="characters"):
        docker_daemon.parse(text, [])
    with pytest.raises(ValueError, match="characters"):
        started.expanded(text, {})
    assert time.process_time() - started_at < 1 * slowness()
