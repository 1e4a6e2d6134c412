"""PostgreSQL's settings and records; what pg_settings and pg_hba_file_rules of 15.20 said stands in the first test."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted
from tests.unit.properties import thorough
from tests.unit.slowness import slowness

from vonggac_agent.facts.databases import postgresql_clusters, postgresql_config
from vonggac_agent.facts.databases.postgresql_config import Include, Record
from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook
from vonggac_contract.facts.databases import PostgresCluster, PostgresClusters

CONFIG = """\
data_directory = '/var/lib/postgresql/15/main'\t\t# use data in another directory
hba_file = '/etc/postgresql/15/main/pg_hba.conf'\t# host-based authentication file
port = 5432
ssl = on
log_line_prefix = '%m [%p] %q%u@%d '\t\t# special values:
include_dir = 'conf.d'
"""
ANSWERS = """\
port = 25432
listen_addresses = '127.0.0.1, ::1'   # 'x'
LOG_CONNECTIONS on
log_disconnections = tru
log_line_prefix = '%m %-8u it''s \\'%d\\' %h '
idle_session_timeout = 15min
shared_preload_libraries = 'pgaudit'
pgaudit.log = 'Write, DDL'
max_connections = 50 # fifty
ssl_min_protocol_version = 'TLSv1.3'
include_if_exists 'gone.conf'
include = 'more.inc'
"""
HBA = """\
local   all             postgres                                peer
host    all             all             127.0.0.1/32            scram-sha-256
hostssl app,"my db" +dev,an 10.0.0.0 255.255.255.0 scram-sha-256 clientcert=verify-ca # c
host all all 0.0.0.0/0 \\
  reject
hostnossl "all" "all" .example.com md5
host\treplication\trep\tsamenet\tscram-sha-256
host all a,  b,c fe80::/10 ldap ldapserver=x ldapprefix="a b"
"""


def look(folder: Path, config: str = CONFIG, hba: str = HBA, **more: str | bytes | Link) -> PostgresCluster:
    files: dict[str, str | bytes | Link] = {
        "usr/lib/postgresql/15/bin/postgres": "",
        "etc/postgresql/15/main/postgresql.conf": config,
        "etc/postgresql/15/main/pg_hba.conf": hba,
    }
    [found] = postgresql_clusters.gather(mounted(folder, files | more), ())[0].clusters
    return found


def test_every_answer_of_a_real_postgresql_was_foreseen(tmp_path: Path) -> None:
    found = look(
        tmp_path,
        **{
            "etc/postgresql/15/main/conf.d/p5.conf": ANSWERS,
            "etc/postgresql/15/main/conf.d/more.inc": "max_connections = 60\n",
            "var/lib/postgresql/15/main/postgresql.auto.conf": "log_statement = 'ddl'\n",
        },
    )
    assert (found.name, found.version, found.port) == ("15/main", "15", 25432)
    assert (found.listens, found.remote, found.connections) == (["127.0.0.1", "::1"], False, 60)
    assert (found.connections_logged, found.disconnections_logged, found.statements_logged) == (
        True,
        True,
        "ddl",
    )
    assert (found.log_fields, found.idle_seconds) == (["m", "u", "d", "h"], 900)
    assert (found.preloaded, found.audited) == (["pgaudit"], ["write", "ddl"])
    assert (found.tls, found.tls_versions, found.password_scheme) == (True, ["TLSv1.3"], "scram-sha-256")
    assert [(a.type, a.databases, a.users, a.address, a.method) for a in found.access] == [
        ("local", ["all"], ["postgres"], "", "peer"),
        ("host", ["all"], ["all"], "127.0.0.1/32", "scram-sha-256"),
        ("hostssl", ["app", "my db"], ["+dev", "an"], "10.0.0.0/255.255.255.0", "scram-sha-256"),
        ("host", ["all"], ["all"], "0.0.0.0/0", "reject"),
        ("hostnossl", ["all"], ["all"], ".example.com", "md5"),
        ("host", ["replication"], ["rep"], "samenet", "scram-sha-256"),
        ("host", ["all"], ["a", "b", "c"], "fe80::/10", "ldap"),
    ]
    assert [a.scope for a in found.access] == [
        "socket", "loopback", "private", "any", "public", "private", "private",
    ]  # fmt: skip
    assert [a.superusers for a in found.access] == [True, True, False, True, True, False, False]
    assert [a.encrypted for a in found.access] == [False, False, True, False, False, False, False]


def test_what_no_file_says_is_the_version_s_own_default(tmp_path: Path) -> None:
    found = look(tmp_path, "", "")
    assert (found.listens, found.remote, found.tls, found.port) == (["localhost"], False, False, 5432)
    assert (found.tls_versions, found.weak_ciphers) == (["TLSv1.2", "TLSv1.3"], [])
    assert (found.password_scheme, found.connections_logged, found.idle_seconds) == (
        "scram-sha-256",
        False,
        0,
    )
    assert (found.log_fields, found.preloaded, found.audited) == (["m", "p"], [], [])
    assert (found.data_closed, found.key_exposed) == (None, None)


def test_red_hat_keeps_all_in_the_data_folder(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "usr/bin/postgres": "",
        "var/lib/pgsql/data/PG_VERSION": "12\n",
        "var/lib/pgsql/data/postgresql.conf": "listen_addresses = '*'\n",
        "var/lib/pgsql/data/pg_hba.conf": "local all all trust\n",
    }
    [found] = postgresql_clusters.gather(mounted(tmp_path, files), ())[0].clusters
    assert (found.name, found.version, found.remote) == ("/var/lib/pgsql/data", "12", True)
    assert (found.password_scheme, found.tls_versions) == ("md5", ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"])
    assert [a.method for a in found.access] == ["trust"]


def test_a_cluster_whose_program_was_removed_does_not_count(tmp_path: Path) -> None:
    host = mounted(tmp_path, {"etc/postgresql/13/main/postgresql.conf": ""})
    assert postgresql_clusters.gather(host, ())[0] == PostgresClusters(installed=False)
    bare = mounted(tmp_path / "b", {"usr/bin/postgres": ""})
    assert postgresql_clusters.gather(bare, ())[0] == PostgresClusters(installed=True)


@pytest.mark.parametrize(
    ("mode", "is_closed"), [(0o700, True), (0o750, True), (0o770, False), (0o701, False)]
)
def test_the_data_folder_is_closed_to_others(mode: int, is_closed: bool, tmp_path: Path) -> None:
    data = tmp_path / "var/lib/postgresql/15/main"
    data.mkdir(parents=True)
    data.chmod(mode)
    assert look(tmp_path).data_closed is is_closed


@pytest.mark.parametrize(
    ("address", "scope"),
    [
        ("all", "any"), ("0.0.0.0/0", "any"), ("::/0", "any"), ("::0/0", "any"), ("0.0.0.0/0.0.0.0", "any"),
        ("samehost", "loopback"), ("localhost", "loopback"), ("127.0.0.0/8", "loopback"), ("::1/128", "loopback"),
        ("samenet", "private"), ("10.1.2.3/8", "private"), ("192.168.0.0/255.255.0.0", "private"),
        ("203.0.114.0/24", "public"), ("app.example.vn", "public"), (".vn", "public"), ("8.0.0.0/5", "public"),
    ],
)  # fmt: skip
def test_where_a_record_lets_clients_come_from(address: str, scope: str) -> None:
    assert postgresql_config.scope(Record("host", ("a",), ("b",), address, "md5", 1)) == scope


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("500", 500),
        ("1s", 1000),
        ("2min", 120_000),
        ("1h", 3_600_000),
        ("-1", -1),
        ("9" * 15 + "d", limits.MAX_SAFE_INTEGER),
        ("-" + "9" * 15 + "d", -limits.MAX_SAFE_INTEGER),
    ],
)
def test_times_are_milliseconds_unless_they_name_a_unit(text: str, number: int) -> None:
    assert postgresql_config.milliseconds(text) == number


@pytest.mark.parametrize(
    ("text", "on"),
    [
        ("on", True),
        ("TRUE", True),
        ("t", True),
        ("y", True),
        ("1", True),
        ("off", False),
        ("o", False),
        ("", False),
    ],
)
def test_switches_are_known_by_their_beginnings(text: str, on: bool) -> None:
    assert postgresql_config.truth(text) is on


@pytest.mark.parametrize(
    "line", ["gost all all x md5", "host all all", "local all all", "host all all 10.0.0.0/8"]
)
def test_a_record_that_the_server_would_refuse_is_an_error_and_no_guess(line: str) -> None:
    with pytest.raises(ValueError, match=r"pg_hba\.conf line 1"):
        list(postgresql_config.records(line))


def test_a_file_that_includes_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CouldNotLook, match="too-large: PostgreSQL includes"):
        look(tmp_path, "include 'postgresql.conf'\n")


@pytest.mark.parser
@pytest.mark.hostile
@pytest.mark.parametrize("text", ["'" * 1_000_000, "a '" + "\\'" * 500_000, "a," * 500_000, '"' * 1_000_000])
def test_lines_of_a_million_bytes_are_read_or_refused_in_time(text: str) -> None:
    began = time.process_time()
    list(postgresql_config.settings("a = " + text))
    with suppress(ValueError):
        list(postgresql_config.records("host " + text))
    assert time.process_time() - began < 3 * slowness()


VALUE = st.text(st.characters(min_codepoint=32, max_codepoint=0x1FF), max_size=12)
NAME = st.sampled_from(["port", "pgaudit.log", "Log_Line_Prefix", "ssl"])
WORD = st.text("abcXYZ09+_ .-", min_size=1, max_size=8).filter(lambda w: w.strip() == w)


@given(
    st.lists(st.tuples(NAME, VALUE), max_size=6),
    st.sampled_from([" = ", " ", "="]),
    st.sampled_from(["", " # x'"]),
)
@thorough
def test_settings_read_as_they_were_written(model: list[tuple[str, str]], equals: str, comment: str) -> None:
    def quoted(value: str) -> str:
        return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"

    text = "".join(f"{name}{equals}{quoted(value)}{comment}\n# port = 1\n" for name, value in model)
    assert list(postgresql_config.settings(text)) == [(name.lower(), value) for name, value in model]


@given(
    st.lists(
        st.tuples(
            st.lists(WORD, min_size=1, max_size=3), st.lists(WORD, min_size=1, max_size=3), st.booleans()
        ),
        max_size=5,
    )
)
@thorough
def test_records_read_as_they_were_written(model: list[tuple[list[str], list[str], bool]]) -> None:
    def field(names: list[str]) -> str:
        return ",".join(f'"{name}"' for name in names)

    text = "".join(
        f"local {field(databases)} {field(users)} peer map=x\n"
        if local
        else f"hostssl\t{field(databases)}  {field(users)} 10.0.0.0/8 scram-sha-256 # c\n"
        for databases, users, local in model
    )
    found = list(postgresql_config.records(text))
    assert not any(isinstance(f, Include) for f in found)
    assert [
        (list(r.databases), list(r.users), r.type == "local") for r in found if isinstance(r, Record)
    ] == model


PIECE = st.sampled_from(["host", "local", "all", "10.0.0.0", "::1/x", ",", '"', "md5", "\\\n", "\n", " "])


@pytest.mark.hostile
@given(st.text(max_size=150) | st.lists(PIECE, max_size=12).map(" ".join))
@thorough
def test_any_text_is_read_or_refused_with_value_error(text: str) -> None:
    list(postgresql_config.settings(text))
    with suppress(ValueError):
        for found in postgresql_config.records(text):
            if isinstance(found, Record):
                postgresql_config.scope(found)
