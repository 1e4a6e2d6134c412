"""MySQL and MariaDB by their option files; the first test holds what `mariadbd --verbose --help` of 10.11.19 said."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted
from tests.unit.properties import thorough

from vonggac_agent.facts.databases import mysql_server
from vonggac_contract.facts import CouldNotLook
from vonggac_contract.facts.databases import MysqlServer

DEBIAN: dict[str, str | bytes | Link] = {
    "usr/sbin/mariadbd": "",
    "etc/mysql/my.cnf": Link("/etc/alternatives/my.cnf"),
    "etc/alternatives/my.cnf": Link("/etc/mysql/mariadb.cnf"),
    "etc/mysql/mariadb.cnf": "[client-server]\nsocket = /run/mysqld/mysqld.sock\n"
    "!includedir /etc/mysql/conf.d/\n!includedir /etc/mysql/mariadb.conf.d/\n",
    "etc/mysql/mariadb.conf.d/50-server.cnf": "[server]\n[mysqld]\nbind-address            = 127.0.0.1\n"
    "#max_connections        = 100\n[embedded]\n[mariadb-10.11]\n",
}
ANSWERS = """
[client]
local-infile = 1
[mysqld]
Local-Infile=0   # why
skip-name-resolve
bind_address = '127.0.0.1'
loose-unknown-thing = 3
wait_timeout = 1k
tls_version = TLSv1.2,TLSv1.3
ssl-cert=/etc/ssl/certs/p5.pem
ssl-key=/etc/ssl/private/p5.key
require-secure-transport
secure_file_priv=/var/lib/mysql-files
skip-symbolic-links
max-connections = 77
plugin-load-add = simple_password_check
default_password_lifetime = 60
max_password_errors = 5
[mariadb-10.11]
general-log
!includedir /etc/mysql/p5.d
[mysqld_safe]
user = root
"""


def look(folder: Path, text: str = "", **more: str | bytes | Link) -> MysqlServer:
    files = DEBIAN | {"etc/mysql/mariadb.conf.d/99-own.cnf": text}
    return mysql_server.gather(mounted(folder, files | more), ())[0]


def test_every_answer_of_a_real_mariadb_was_foreseen(tmp_path: Path) -> None:
    found = look(
        tmp_path,
        ANSWERS,
        **{
            "etc/mysql/p5.d/a.cnf": "[server]\ninteractive-timeout=100\nuser=mysql\n",
            "etc/mysql/p5.d/b.cnf.bak": "[mysqld]\nport=1\n",
        },
    )
    assert (found.product, found.addresses, found.remote, found.port) == (
        "mariadb",
        ["127.0.0.1"],
        False,
        3306,
    )
    assert (found.local_files, found.symbolic_links, found.grants_skipped) == (False, False, False)
    assert (found.tls, found.tls_demanded, found.tls_versions) == (True, True, ["TLSv1.2", "TLSv1.3"])
    assert (found.file_folder, found.files_anywhere) == ("/var/lib/mysql-files", False)
    assert (found.idle_seconds, found.connections, found.user_connections) == (1024, 77, 0)
    assert (found.password_checks, found.password_days, found.failures_blocked) == (
        ["simple_password_check"],
        60,
        5,
    )
    assert (found.statements_logged, found.user) == (True, "mysql")


def test_debian_as_it_is_installed(tmp_path: Path) -> None:
    found = look(tmp_path)
    assert (found.installed, found.product, found.remote, found.tls) == (True, "mariadb", False, False)
    assert (found.local_files, found.symbolic_links, found.files_anywhere) == (True, True, True)
    assert (found.password_days, found.failures_blocked, found.idle_seconds) == (0, 4294967295, 28800)
    assert (found.plugins, found.audited, found.data_closed) == ([], False, None)


def test_mysql_has_other_defaults_and_keeps_variables_in_its_data_folder(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "usr/sbin/mysqld": "",
        "etc/my.cnf": "[mysqld]\nplugin-load-add=audit_log.so\n",
        "var/lib/mysql/mysqld-auto.cnf": '{"Version": 2, "mysql_static_variables": {"require_secure_transport":'
        '{"Value": "ON"}}, "mysql_dynamic_variables": {"max_connections": {"Value": "9"}, "x": 3}}',
    }
    found, _ = mysql_server.gather(mounted(tmp_path, files), ())
    assert (found.product, found.addresses, found.remote, found.tls) == ("mysql", ["*"], True, True)
    assert (found.local_files, found.symbolic_links, found.file_folder) == (
        False,
        False,
        "/var/lib/mysql-files",
    )
    assert (found.tls_demanded, found.connections, found.audited) == (True, 9, True)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("skip-networking", ([], False)),
        ("skip_networking = 1", ([], False)),
        ("skip-networking = 0", (["127.0.0.1"], False)),
        ("bind-address = 0.0.0.0", (["0.0.0.0"], True)),
        ("bind-address = 127.0.0.1,10.0.0.4", (["127.0.0.1", "10.0.0.4"], True)),
        ("bind-address = ::1", (["::1"], False)),
    ],
)
def test_addresses_and_whether_they_are_reached_from_elsewhere(
    line: str, expected: tuple[list[str], bool], tmp_path: Path
) -> None:
    found = look(tmp_path, f"[mysqld]\n{line}\n")
    assert (found.addresses, found.remote) == expected


@pytest.mark.parametrize(
    ("line", "skipped"),
    [
        ("skip-grant-tables", True),
        ("skip_grant_tables=on", True),
        ("skip-grant-tables=0", False),
        ("", False),
    ],
)
def test_grants_are_skipped_by_a_word(line: str, skipped: bool, tmp_path: Path) -> None:
    assert look(tmp_path, f"[mysqld]\n{line}\n").grants_skipped is skipped


@pytest.mark.parametrize(
    ("lines", "audited", "events"),
    [
        ("plugin_load_add = server_audit", False, []),
        ("plugin_load_add = server_audit\nserver_audit_logging = ON", True, []),
        ("plugin-load = a=a.so;server_audit=s.so\nserver_audit_logging\nserver_audit_events = CONNECT,Query", True,
         ["connect", "query"]),
        ("server_audit = FORCE_PLUS_PERMANENT\nserver_audit_logging=1", True, []),
        ("server_audit_logging = ON", False, []),
    ],
)  # fmt: skip
def test_an_audit_plugin_has_to_be_loaded_and_switched_on(
    lines: str, audited: bool, events: list[str], tmp_path: Path
) -> None:
    found = look(tmp_path, f"[mariadb]\n{lines}\n")
    assert (found.audited, found.audit_events) == (audited, events)


def test_passwords_are_checked_by_a_component_or_a_plugin(tmp_path: Path) -> None:
    assert look(tmp_path, "[mysqld]\nvalidate_password.length = 14\n").password_checks == [
        "validate_password"
    ]
    assert look(tmp_path / "b", "[mysqld]\nplugin-load-add=cracklib_password_check.so").password_checks == [
        "cracklib_password_check"
    ]


def test_files_nowhere_anywhere_or_in_one_folder(tmp_path: Path) -> None:
    nowhere = look(tmp_path / "a", "[mysqld]\nsecure-file-priv = NULL\n")
    anywhere = look(tmp_path / "b", '[mysqld]\nsecure-file-priv = ""\n')
    assert (nowhere.file_folder, nowhere.files_anywhere) == ("none", False)
    assert (anywhere.file_folder, anywhere.files_anywhere) == ("", True)


def test_a_number_that_is_none_is_an_error_and_no_guess(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no number"):
        look(tmp_path, "[mysqld]\nport = many\n")


def test_includes_without_end_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CouldNotLook, match=r"too-large: my\.cnf includes"):
        look(tmp_path, "!include /etc/mysql/my.cnf\n")


def test_without_a_server_there_is_nothing(tmp_path: Path) -> None:
    assert mysql_server.gather(mounted(tmp_path, {"etc/my.cnf": ""}), ())[0] == MysqlServer(installed=False)


NAME = st.sampled_from(["bind-address", "Max_Connections", "tls_version", "port"])
VALUE = st.text("abcXYZ019/_-.:,", max_size=12)


@given(
    st.lists(st.tuples(NAME, VALUE), max_size=6),
    st.sampled_from(["", '"', "'"]),
    st.sampled_from(["", " # x", "\t#"]),
)
@thorough
def test_options_read_as_they_were_written(model: list[tuple[str, str]], quote: str, comment: str) -> None:
    lines = [f"{name} = {quote}{value}{quote}{comment}" for name, value in model]
    text = "[client]\nport = 1\n[mysqld]\n" + "\n; port = 2\n".join(lines) + "\n[mysqldump]\nport = 3\n"
    assert mysql_server.parse(text) == [(name.lower().replace("-", "_"), value) for name, value in model]


@pytest.mark.hostile
@given(
    st.text(max_size=200)
    | st.text("[]=#\"'\n mysqld-skip_!include1k;", max_size=200).map(lambda t: "[mysqld]\n" + t)
)
@thorough
def test_any_text_is_read_or_refused_with_value_error(text: str) -> None:
    with suppress(ValueError):
        for name, value in mysql_server.parse(text):
            mysql_server.loaded_plugins([value], {name: value})
            mysql_server.truth(value, default=False)
            mysql_server.number(value)
