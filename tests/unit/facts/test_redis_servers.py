"""Redis and its ACL, by the configuration that Debian ships and changes of it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted
from tests.unit.properties import thorough

from vonggac_agent.facts.databases import redis_servers
from vonggac_agent.formats import directives
from vonggac_contract.facts import CouldNotLook
from vonggac_contract.facts.databases import RedisServer, RedisServers

DEBIAN = "# bind 192.168.1.100\nbind 127.0.0.1 -::1\nprotected-mode yes\nport 6379\ntimeout 0\nlogfile /var/log/r.log\n"


def look(folder: Path, text: str = DEBIAN, **more: str | bytes | Link) -> RedisServer:
    files: dict[str, str | bytes | Link] = {"usr/bin/redis-server": "", "etc/redis/redis.conf": text}
    [found] = redis_servers.gather(mounted(folder, files | more), ())[0].servers
    return found


def test_debian_as_it_is_installed(tmp_path: Path) -> None:
    unit = "[Service]\nUser=redis\n"
    found = look(tmp_path, **{"lib/systemd/system/redis-server.service": unit})
    assert (found.addresses, found.remote, found.port, found.tls_port) == (
        ["127.0.0.1", "::1"],
        False,
        6379,
        0,
    )
    assert (found.protected, found.password, found.named_users, found.user) == (True, False, 0, "redis")
    assert (found.disabled_commands, found.idle_seconds, found.clients, found.log_file) == (
        [],
        0,
        10000,
        "/var/log/r.log",
    )


def test_without_bind_it_listens_everywhere(tmp_path: Path) -> None:
    found = look(
        tmp_path, 'port 0\ntls-port 6380\ntls-protocols "TLSv1.1 TLSv1.2"\nprotected-mode no\nbind 10.0.0.4\n'
    )
    assert (found.remote, found.port, found.tls_port) == (True, 0, 6380)
    assert (found.tls_versions, found.protected) == (["TLSv1.1", "TLSv1.2"], False)
    assert look(tmp_path / "b", "").remote


@pytest.mark.parametrize(
    ("acl", "password", "named"),
    [
        ("", False, 0),
        ("user default on nopass ~* +@all", False, 0),
        ("user default off", True, 0),
        ("user default on >hush ~* +@all\nuser app on #00ff ~app:* +@read", True, 1),
        ("user default on nopass >hush", True, 0),
        ("user default on >hush nopass", False, 0),
        ("user default on >hush resetpass nopass", False, 0),
        ("user app on >hush", False, 1),
    ],
)
def test_the_user_default_is_open_only_when_on_and_without_a_password(
    acl: str, password: bool, named: int, tmp_path: Path
) -> None:
    in_file = look(tmp_path / "a", f"{DEBIAN}aclfile /etc/redis/users.acl\n", **{"etc/redis/users.acl": acl})
    inside = look(tmp_path / "b", f"{DEBIAN}{acl}\n")
    assert (in_file.password, in_file.named_users) == (password, named)
    assert (inside.password, inside.named_users) == (password, named)
    assert b"hush" not in msgspec.json.encode([in_file, inside])


def test_a_password_is_known_and_not_kept(tmp_path: Path) -> None:
    found = look(tmp_path, 'requirepass "hush"\nrename-command CONFIG ""\nrename-command FLUSHALL x\n')
    assert (found.password, found.disabled_commands) == (True, ["config", "flushall"])
    assert b"hush" not in msgspec.json.encode(found)
    assert not look(tmp_path / "b", 'requirepass ""\n').password


def test_what_is_included_comes_where_it_stands(tmp_path: Path) -> None:
    found = look(
        tmp_path,
        "port 1\ninclude /etc/redis/includes-*.conf\n",
        **{"etc/redis/includes-a.conf": "port 2\n", "etc/redis/sentinel.conf": "port 26379\n"},
    )
    assert found.port == 2


def test_a_file_that_includes_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CouldNotLook, match=r"too-large: redis\.conf includes"):
        look(tmp_path, "include /etc/redis/redis.conf\n")


def test_without_redis_there_is_nothing(tmp_path: Path) -> None:
    assert redis_servers.gather(mounted(tmp_path, {"etc/redis/redis.conf": ""}), ())[0] == RedisServers(
        installed=False
    )


@given(
    st.integers(0, 65535),
    st.lists(st.sampled_from(["127.0.0.1", "10.0.0.4", "::1"]), max_size=3),
    st.booleans(),
)
@thorough
def test_what_is_written_for_redis_reads_the_same(port: int, addresses: list[str], protected: bool) -> None:
    text = f"# port 1\nPORT {port}\nprotected-mode {'yes' if protected else 'no'}\n"
    text += f"bind {' '.join(addresses)}\n" if addresses else ""
    found = redis_servers.describe("r", directives.parse(text), [], "")
    assert (found.port, found.addresses, found.protected) == (port, addresses, protected)


@pytest.mark.hostile
@given(st.text(max_size=100) | st.text("portbinduser default on>#nopass \n-\"'19", max_size=150))
@thorough
def test_any_text_is_read_or_refused_with_value_error(text: str) -> None:
    with suppress(ValueError):
        told = directives.parse(text)
        redis_servers.describe("r", told, [d.arguments for d in told], "")
