"""What rsync offers as a daemon, what inetd and xinetd start, how desktops are reached by RDP."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted
from tests.unit.properties import thorough
from tests.unit.slowness import slowness

from vonggac_agent.facts.shares import inetd_services, rsync_daemon, xrdp_server
from vonggac_contract.facts.shares import (
    InetdService,
    InetdServices,
    RsyncDaemon,
    RsyncModule,
    XrdpServer,
)

RSYNCD = """\
# a mirror
uid = nobody
transfer logging = yes
&include /etc/rsyncd.d
[mirror]
    path = /srv/mirror
[Backup]
    path = /srv/backup
    Read  Only = false
    auth users = an, @backup
    secrets file = /etc/rsyncd.secrets
    hosts allow = 10.0.0.0/24, 10.0.1.5
    uid = root
    use chroot = no
"""
INETD = """\
#echo stream tcp nowait root internal
telnet  stream  tcp  nowait  telnetd  /usr/sbin/tcpd  /usr/sbin/telnetd
127.0.0.1:tftp dgram udp wait nobody /usr/sbin/in.tftpd
daytime stream tcp6 nowait root internal
broken line
"""
XINETD = """\
defaults
{
    disabled = finger
}
service telnet
{
    disable = no
    protocol = tcp
    server = /usr/sbin/in.telnetd
}
service echo
{
    disable = yes
    type = INTERNAL
    id = echo-stream
    protocol = tcp
}
service finger
{
    protocol = tcp
}
service time {
    type = INTERNAL UNLISTED
    protocol = udp
    only_from += 10.0.0.0/8
}
"""
XRDP = """\
[Globals]
; comment
port=tcp://.:3389 tcp6://.:3389
security_layer=tls
crypt_level=fips
certificate=/etc/xrdp/cert.pem
ssl_protocols=TLSv1.3, TLSv1.2
[Xorg]
port=-1
"""
SESMAN = "[Security]\nAllowRootLogin=false\nMaxLoginRetry=3\n[Sessions]\nMaxSessions=10\nIdleTimeLimit=900\n"


def test_rsync_modules_get_the_defaults_that_rsync_gives_them(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "etc/rsyncd.conf": RSYNCD,
        "etc/rsyncd.secrets": "an:hidden\n",
        "etc/rsyncd.d/more.conf": "[more]\npath = /srv/more\nuid = 0\n",
    }
    host = mounted(tmp_path, files)
    (tmp_path / "etc/rsyncd.secrets").chmod(0o644)
    found, _ = rsync_daemon.gather(host, ())
    plain = RsyncModule(
        name="mirror", path="/srv/mirror", writable=False, authenticated=False, hosts_allow=[], chroot=True,
        as_root=False, secrets_permissions=[],
    )  # fmt: skip
    backup = RsyncModule(
        name="Backup", path="/srv/backup", writable=True, authenticated=True, hosts_allow=["10.0.0.0/24", "10.0.1.5"],
        chroot=False, as_root=True, secrets_permissions=["u+r", "u+w", "g+r", "o+r"],
    )  # fmt: skip
    assert found.modules[:2] == [plain, backup]
    assert [(m.name, m.as_root) for m in found.modules[2:]] == [("more", True)]
    assert found.logged
    assert "hidden" not in repr(found)


def test_without_a_configuration_rsync_offers_nothing(tmp_path: Path) -> None:
    assert rsync_daemon.gather(mounted(tmp_path, {}), ())[0] == RsyncDaemon(configured=False)


def test_a_configuration_of_rsync_that_draws_in_itself_is_read_once(tmp_path: Path) -> None:
    host = mounted(tmp_path, {"etc/rsyncd.conf": "&merge /etc/rsyncd.conf\n[a]\npath=/a\n"})
    assert [m.name for m in rsync_daemon.gather(host, ())[0].modules] == ["a"]


def test_inetd_starts_what_is_not_commented_out(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {"usr/sbin/inetd": "", "etc/inetd.conf": INETD}
    assert inetd_services.gather(mounted(tmp_path, files), ())[0].services == [
        InetdService("telnet", "tcp", "/usr/sbin/tcpd", "inetd"),
        InetdService("tftp", "udp", "/usr/sbin/in.tftpd", "inetd"),
        InetdService("daytime", "tcp6", "internal", "inetd"),
    ]


def test_xinetd_starts_what_is_not_disabled_by_itself_or_by_the_defaults(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "usr/sbin/xinetd": "",
        "etc/xinetd.conf": "includedir /etc/xinetd.d\n",
        "etc/xinetd.d/all": XINETD,
        "etc/xinetd.d/all.rpmsave": "service rsh\n{\n}\n",
        "etc/xinetd.d/all~": "service rsh\n{\n}\n",
    }
    assert inetd_services.gather(mounted(tmp_path, files), ())[0].services == [
        InetdService("telnet", "tcp", "/usr/sbin/in.telnetd", "xinetd"),
        InetdService("time", "udp", "internal", "xinetd"),
    ]


TWO = "service a\n{\n}\nservice b\n{\n}\n"


def test_only_what_is_named_as_enabled_starts_if_anything_is() -> None:
    blocks = inetd_services.xinetd("defaults\n{\nenabled = a\nenabled += b\nenabled -= a\n}\n" + TWO)
    assert [s.name for s in inetd_services.switched_on(blocks)] == ["b"]


def test_without_a_super_server_its_configuration_starts_nothing(tmp_path: Path) -> None:
    host = mounted(tmp_path, {"etc/inetd.conf": INETD, "etc/xinetd.d/all": XINETD})
    assert inetd_services.gather(host, ())[0] == InetdServices(installed=False)


def test_xrdp_as_debian_ships_it_lets_the_client_choose() -> None:
    shipped = "[Globals]\nport=3389\nsecurity_layer=negotiate\ncrypt_level=high\ncertificate=\n"
    assert xrdp_server.parse(shipped + "ssl_protocols=TLSv1.2, TLSv1.3\n", "") == XrdpServer(
        installed=True, protocols=["TLSv1.2", "TLSv1.3"]
    )


def test_xrdp_with_care(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "usr/sbin/xrdp": "",
        "etc/xrdp/xrdp.ini": XRDP,
        "etc/xrdp/sesman.ini": SESMAN,
    }
    assert xrdp_server.gather(mounted(tmp_path, files), ())[0] == XrdpServer(
        installed=True, security_layer="tls", crypt_level="fips", protocols=["TLSv1.3", "TLSv1.2"], certificate=True,
        every_address=False, root_login=False, login_tries=3, sessions=10, idle_seconds=900,
    )  # fmt: skip
    assert xrdp_server.gather(mounted(tmp_path / "none", {"etc/xrdp/xrdp.ini": XRDP}), ())[0] == XrdpServer(
        installed=False
    )


@pytest.mark.parametrize(
    ("port", "everywhere"),
    [
        ("3389", True), ("tcp://:3389", True), ("tcp://192.168.1.1:3389", False), ("unix:///x", False),
        ("tcp6://{::}:1", True),
    ],
)  # fmt: skip
def test_where_xrdp_listens(port: str, everywhere: bool) -> None:
    assert xrdp_server.parse(f"[Globals]\nport={port}\n", "").every_address is everywhere


NAMES = st.text("abc-_$", min_size=1, max_size=6)
MODULES = st.dictionaries(
    NAMES.filter(lambda name: name != "global"),
    st.fixed_dictionaries(
        {"read only": st.booleans(), "use chroot": st.booleans(), "auth users": st.sampled_from(["", "an"])}
    ),
    max_size=3,
)


@thorough
@given(MODULES)
def test_what_is_written_for_rsync_is_read_back(model: dict[str, dict[str, bool | str]]) -> None:
    lines: list[str] = []
    for name, own in model.items():
        lines.append(f"[{name}]")
        lines += [f"\t{k} = {v if isinstance(v, str) else 'yes' if v else 'no'}" for k, v in own.items()]
    _, modules, _ = rsync_daemon.parse("\n".join(lines))
    found = [rsync_daemon.describe(name, own, []) for name, own in modules.items()]
    assert {
        m.name: {
            "read only": not m.writable,
            "use chroot": m.chroot,
            "auth users": "an" if m.authenticated else "",
        }
        for m in found
    } == model


@thorough
@given(
    st.dictionaries(NAMES, st.tuples(st.booleans(), st.lists(NAMES, max_size=2, unique=True)), max_size=3),
    st.booleans(),
)
def test_what_is_written_for_xinetd_is_read_back(
    model: dict[str, tuple[bool, list[str]]], same_line: bool
) -> None:
    text = ""
    for name, (off, servers) in model.items():
        text += (
            f"service {name}{' {' if same_line else chr(10) + '{'}\n\tdisable\t= {'yes' if off else 'no'}\n"
        )
        text += f"\tserver = {' '.join(servers)}\n}}\n"
    found = {s.name: s.program for s in inetd_services.switched_on(inetd_services.xinetd(text))}
    assert found == {name: " ".join(servers) for name, (off, servers) in model.items() if not off}


@pytest.mark.hostile
@thorough
@given(st.text(max_size=120))
def test_no_text_makes_a_parser_raise_anything_but_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        _, modules, _ = rsync_daemon.parse(text)
        for name, own in modules.items():
            rsync_daemon.describe(name, own, [])
        inetd_services.inetd(text)
        list(inetd_services.switched_on(inetd_services.xinetd("service a {\n" + text)))
        xrdp_server.parse("[Globals]\n" + text, text)


@pytest.mark.parser
@pytest.mark.hostile
@pytest.mark.parametrize("text", ["[" * 10_000_000, "service a {\n" + "b += c\n" * 1_400_000])
@pytest.mark.parametrize("parse", [rsync_daemon.parse, inetd_services.inetd, inetd_services.xinetd])
def test_ten_megabytes_cost_less_than_a_second(text: str, parse: Callable[[str], object]) -> None:
    started = time.process_time()
    with pytest.raises(ValueError, match="characters"):
        parse(text)
    with contextlib.suppress(ValueError):
        parse(text[:1_000_000])
    assert time.process_time() - started < 1 * slowness()
