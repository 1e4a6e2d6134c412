"""Tomcat's server.xml and what belongs to it, as Debian's tomcat10 lays it out."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted
from tests.unit.properties import thorough

from vonggac_agent.facts.web import tomcat_servers
from vonggac_agent.formats import documents
from vonggac_contract.facts.web import TomcatConnector, TomcatServer, TomcatServers

SERVER = """<?xml version="1.0" encoding="UTF-8"?>
<Server port="{port}" shutdown="{word}">
  <Service name="Catalina">
    {connectors}
    <Engine name="Catalina" defaultHost="localhost">
      {engine}
      <Host name="localhost" appBase="webapps" {host}>
        {valves}
      </Host>
    </Engine>
  </Service>
</Server>
"""
CONNECTOR = '<Connector port="8080" protocol="HTTP/1.1" connectionTimeout="20000" redirectPort="8443" />'
LOCK = (
    '<Realm className="org.apache.catalina.realm.LockOutRealm" failureCount="5" lockOutTime="43200">'
    '<Realm className="org.apache.catalina.realm.UserDatabaseRealm" resourceName="UserDatabase"/></Realm>'
)
LOG = '<Valve className="org.apache.catalina.valves.AccessLogValve" pattern="%h %u %t &quot;%r&quot; %s"/>'


def look(
    folder: Path,
    *,
    port: str = "-1",
    word: str = "SHUTDOWN",
    connectors: str = CONNECTOR,
    engine: str = LOCK,
    host: str = "",
    valves: str = LOG,
    **more: str | bytes | Link,
) -> TomcatServer:
    text = SERVER.format(port=port, word=word, connectors=connectors, engine=engine, host=host, valves=valves)
    files: dict[str, str | bytes | Link] = {
        "etc/tomcat10/server.xml": text,
        "usr/share/tomcat10/bin/bootstrap.jar": "",
    }
    [found] = tomcat_servers.gather(mounted(folder, files | more), ())[0].servers
    return found


def connector(folder: Path, attributes: str, inside: str = "") -> TomcatConnector:
    [found] = look(folder, connectors=f"<Connector {attributes}>{inside}</Connector>").connectors
    return found


def test_debian_s_server_as_it_is_installed(tmp_path: Path) -> None:
    found = look(
        tmp_path,
        host='unpackWARs="true" autoDeploy="true"',
        **{
            "etc/tomcat10/Catalina/localhost/manager.xml": '<Context path="/manager" privileged="true"/>',
            "lib/systemd/system/tomcat10.service": "[Service]\nUser=root\n",
            "etc/systemd/system/tomcat10.service.d/user.conf": "[Service]\nUser=tomcat\n",
            "etc/tomcat10/web.xml": "<web-app><servlet><init-param><param-name>listings</param-name>"
            "<param-value>false</param-value></init-param></servlet>"
            "<session-config><session-timeout>30</session-timeout></session-config></web-app>",
        },
    )
    assert (found.source, found.shutdown_port, found.shutdown_default) == (
        "/etc/tomcat10/server.xml",
        -1,
        True,
    )
    assert (found.auto_deploy, found.access_logged, found.tells_version) == (True, True, True)
    assert (found.log_fields, found.lockout_after, found.lockout_seconds) == (
        ["h", "u", "t", "r", "s"],
        5,
        43200,
    )
    assert (found.managers, found.managers_open, found.user) == (["manager"], ["manager"], "tomcat")
    assert (found.session_seconds, found.listings, found.users) == (1800, False, [])
    [one] = found.connectors
    assert (one.port, one.local, one.tls, one.ajp, one.idle_timeout) == (8080, False, False, False, 20)


def test_an_installation_of_one_s_own_is_found_under_opt(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "opt/apache-tomcat-9.0.80/conf/server.xml": '<Server port="8005" shutdown="secret"/>',
        "opt/apache-tomcat-9.0.80/bin/bootstrap.jar": "",
        "opt/apache-tomcat-9.0.80/webapps/manager/META-INF/context.xml": "<Context/>",
        "etc/tomcat9/server.xml": "<Server/>",
    }
    [found] = tomcat_servers.gather(mounted(tmp_path, files), ())[0].servers
    assert (found.shutdown_port, found.shutdown_default, found.managers_open) == (8005, False, ["manager"])
    assert (found.access_logged, found.tells_version, found.lockout_after) == (False, True, None)


def test_without_its_program_a_server_xml_does_not_count(tmp_path: Path) -> None:
    host = mounted(tmp_path, {"etc/tomcat10/server.xml": "<Server/>"})
    assert tomcat_servers.gather(host, ())[0] == TomcatServers(installed=False)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ('protocol="AJP/1.3"', (True, True, False)),
        ('protocol="AJP/1.3" address="0.0.0.0" secret="x"', (False, True, True)),
        (
            'protocol="org.apache.coyote.ajp.AjpNioProtocol" address="::1" requiredSecret="x"',
            (True, True, True),
        ),
        ('protocol="HTTP/1.1" address="127.0.0.1"', (True, False, False)),
        ('protocol="HTTP/1.1"', (False, False, False)),
    ],
)
def test_ajp_listens_on_loopback_unless_told_otherwise(
    attributes: str, expected: tuple[bool, bool, bool], tmp_path: Path
) -> None:
    found = connector(tmp_path, attributes)
    assert (found.local, found.ajp, found.secret) == expected


def test_a_secret_is_never_kept(tmp_path: Path) -> None:
    found = look(
        tmp_path,
        connectors='<Connector protocol="AJP/1.3" secret="hush-one"/>',
        **{
            "etc/tomcat10/tomcat-users.xml": '<tomcat-users><user username="an" password="hush-two" roles="a"/>'
            "</tomcat-users>"
        },
    )
    assert b"hush" not in msgspec.json.encode(found)
    assert found.connectors[0].secret


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ([], ["TLSv1.2", "TLSv1.3"]),
        (["all"], ["TLSv1.2", "TLSv1.3"]),
        (["all,-TLSv1.2"], ["TLSv1.3"]),
        (["TLSv1.2+TLSv1.3"], ["TLSv1.2", "TLSv1.3"]),
        (["+TLSv1.1, TLSv1.2"], ["TLSv1.1", "TLSv1.2"]),
        (["TLS"], ["TLSv1.2", "TLSv1.3"]),
    ],
)
def test_versions_of_tls(named: list[str], expected: list[str]) -> None:
    assert tomcat_servers.tls_versions(named) == expected


def test_tls_is_described_on_the_connector_or_inside_it(tmp_path: Path) -> None:
    outside = connector(
        tmp_path / "a", 'SSLEnabled="true" sslEnabledProtocols="TLSv1" ciphers="TLS_RSA_WITH_RC4_128_MD5"'
    )
    inside = connector(
        tmp_path / "b",
        'SSLEnabled="true" keepAliveTimeout="5001" allowTrace="true"',
        '<SSLHostConfig protocols="TLSv1.3" ciphers="HIGH:!aNULL"/>',
    )
    assert (outside.tls, outside.protocols, outside.weak_ciphers) == (
        True,
        ["TLSv1"],
        ["TLS-RSA-WITH-RC4-128-MD5"],
    )
    assert (inside.protocols, inside.weak_ciphers) == (["TLSv1.3"], [])
    assert (inside.idle_timeout, inside.trace) == (6, True)
    assert connector(tmp_path / "c", 'keepAliveTimeout="-1"').idle_timeout == -1


@pytest.mark.parametrize(
    ("password", "guessable", "plain"),
    [
        ("", True, True),
        ("s3cret", True, True),
        ("an", True, True),
        ("Tomcat", True, True),
        ("mR7!xkq2", False, True),
        ("0123456789abcdef" * 2, False, False),
        ("0123456789abcdef$1$" + "ab" * 32, False, False),
    ],
)
def test_passwords_are_compared_and_their_form_is_told(password: str, guessable: bool, plain: bool) -> None:
    text = f'<tomcat-users><user username="an" password="{password}" roles="manager-gui, x"/><user/></tomcat-users>'
    [user] = tomcat_servers.users(documents.parse_xml(text))
    assert (user.name, user.roles, user.guessable, user.plain) == (
        "an",
        ["manager-gui", "x"],
        guessable,
        plain,
    )


@pytest.mark.parametrize(
    ("where", "valve", "is_open"),
    [
        (
            "context",
            '<Valve className="org.apache.catalina.valves.RemoteCIDRValve" allow="127.0.0.0/8"/>',
            False,
        ),
        (
            "context",
            '<Valve className="org.apache.catalina.valves.RemoteAddrValve" allow="127\\.\\d+"/>',
            False,
        ),
        ("context", '<Valve className="org.apache.catalina.valves.RemoteAddrValve" deny="10.*"/>', True),
        (
            "engine",
            '<Valve className="org.apache.catalina.valves.RemoteCIDRValve" allow="10.0.0.0/8"/>',
            False,
        ),
        ("host", '<Valve className="org.apache.catalina.valves.RemoteCIDRValve" allow="10.0.0.0/8"/>', False),
        ("context", "", True),
    ],
)
def test_a_manager_is_open_unless_a_valve_names_who_may_come(
    where: str, valve: str, is_open: bool, tmp_path: Path
) -> None:
    inside = valve if where == "context" else ""
    found = look(
        tmp_path,
        engine=valve if where == "engine" else "",
        valves=valve if where == "host" else "",
        **{"var/lib/tomcat10/webapps/manager/META-INF/context.xml": f"<Context>{inside}</Context>"},
    )
    assert (found.managers, bool(found.managers_open)) == (["manager"], is_open)


def test_pages_of_errors_and_access_logs_are_valves_of_engine_or_host(tmp_path: Path) -> None:
    quiet = '<Valve className="org.apache.catalina.valves.ErrorReportValve" showServerInfo="false"/>'
    off = LOG.replace("<Valve", '<Valve enabled="false"')
    assert not look(tmp_path / "a", valves=quiet).tells_version
    assert not look(tmp_path / "b", engine=quiet).tells_version
    assert look(tmp_path / "c", valves=quiet.replace("false", "true")).tells_version
    assert not look(tmp_path / "d", valves=off).access_logged
    combined = LOG.replace("%h %u %t &quot;%r&quot; %s", "combined")
    found = look(tmp_path / "e", engine=combined, valves="")
    assert (found.access_logged, found.log_fields[-1]) == (True, "{user-agent}i")


def test_a_variable_in_place_of_a_number_leaves_the_default(tmp_path: Path) -> None:
    assert look(tmp_path, port="${shutdown.port}").shutdown_port == 8005


ATTRIBUTE = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), max_size=10)


@given(
    st.integers(-1, 65535), ATTRIBUTE, st.lists(st.tuples(st.integers(1, 65535), st.booleans()), max_size=4)
)
@thorough
def test_what_is_written_for_tomcat_reads_the_same(
    port: int, word: str, ports: list[tuple[int, bool]]
) -> None:
    def escaped(text: str) -> str:
        return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")

    connectors = "".join(
        f'<Connector port="{p}" SSLEnabled="{str(tls).lower()}"/><!-- <Connector/> -->' for p, tls in ports
    )
    text = SERVER.format(port=port, word=escaped(word), connectors=connectors, engine="", host="", valves="")
    top = documents.parse_xml(text)["Server"]
    assert tomcat_servers.number(top["@port"], 0) == port
    assert top["@shutdown"] == word
    found = [tomcat_servers.connector(c) for c in documents.at(top, "/Service/Connector/*")]
    assert [(c.port, c.tls) for c in found] == ports


@pytest.mark.hostile
@given(
    st.lists(
        st.sampled_from(
            ["<Server>", "</Server>", "<Service>", "</Service>", "<Engine>", "</Engine>", "<Host/>", "<Connector/>",
             '<Connector port="x" protocol="ajp" protocols="-"/>', '<Realm className=".LockOutRealm" failureCount=""/>',
             '<Valve className="AccessLogValve" pattern="%{"/>', "text", "<web-app>", "</web-app>", "<tomcat-users>",
             "<user/>", '<user username="a"/>', "</tomcat-users>", "<session-config/>",
             "<servlet><init-param/></servlet>"]
        ),
        max_size=15,
    ).map("".join)
)  # fmt: skip
@thorough
def test_any_document_is_read_or_refused_with_value_error(text: str) -> None:
    with suppress(ValueError):
        document = documents.parse_xml(text)
        tomcat_servers.users(document)
        tomcat_servers.web(document)
        top = document.get("Server", {})
        engines = documents.at(top, "/Service/Engine/*")
        hosts = [h for e in engines for h in e.get("Host", [])]
        tomcat_servers.lockout(engines)
        tomcat_servers.log_fields([*engines, *hosts])
        tomcat_servers.tells_version(engines, hosts)
        for found in documents.at(top, "/Service/Connector/*"):
            tomcat_servers.connector(found)
