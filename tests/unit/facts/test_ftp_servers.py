"""FTP servers under one set of names, whatever each calls it."""

import contextlib
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted
from tests.unit.properties import thorough
from tests.unit.slowness import slowness

from vonggac_agent.facts.shares import ftp_servers
from vonggac_agent.formats import directives
from vonggac_contract.facts.shares import FtpServer

VSFTPD = """\
# as Debian 12 ships it
listen=NO
listen_ipv6=YES
anonymous_enable=NO
local_enable=YES
xferlog_enable=YES
ssl_enable=NO
"""
PROFTPD = """\
Include /etc/proftpd/modules.conf
DefaultServer on
#DefaultRoot ~
TransferLog /var/log/proftpd/xferlog
<IfModule mod_tls.c>
TLSEngine on
TLSProtocol TLSv1 TLSv1.2
TLSRequired auth+data
</IfModule>
Include /etc/proftpd/conf.d/
"""
ANONYMOUS = """\
<Anonymous ~ftp>
  <Limit STOR>
    AllowAll
  </Limit>
</Anonymous>
DefaultRoot ~
"""


def look(folder: Path, files: dict[str, str | bytes | Link]) -> list[FtpServer]:
    return ftp_servers.gather(mounted(folder, files), ())[0].servers


def test_vsftpd_as_debian_ships_it(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {"usr/sbin/vsftpd": "", "etc/vsftpd.conf": VSFTPD}
    assert look(tmp_path, files) == [
        FtpServer(
            "vsftpd",
            anonymous=False,
            anonymous_write=False,
            tls="off",
            old_tls=False,
            chroot=False,
            logged=True,
        )
    ]


def test_guests_are_let_in_by_default_but_not_by_debian(tmp_path: Path) -> None:
    assert ftp_servers.vsftpd("").anonymous
    files: dict[str, str | bytes | Link] = {"usr/sbin/vsftpd": "", "etc/debian_version": "12.5\n"}
    assert not look(tmp_path, files)[0].anonymous


@pytest.mark.parametrize(
    ("lines", "tls", "old"),
    [
        ("anonymous_enable=NO ssl_enable=YES", "required", False),
        ("anonymous_enable=NO ssl_enable=YES force_local_data_ssl=NO", "offered", False),
        ("anonymous_enable=NO ssl_enable=YES force_local_logins_ssl=NO", "offered", False),
        ("anonymous_enable=YES ssl_enable=YES", "offered", False),
        (
            "ssl_enable=YES allow_anon_ssl=YES force_anon_data_ssl=YES force_anon_logins_ssl=YES",
            "required",
            False,
        ),
        ("anonymous_enable=NO ssl_enable=YES ssl_sslv3=YES", "required", True),
        ("anonymous_enable=NO ssl_sslv3=YES", "off", False),
    ],
)
def test_tls_of_vsftpd_is_required_where_logins_and_data_are_forced(lines: str, tls: str, old: bool) -> None:
    found = ftp_servers.vsftpd(lines.replace(" ", "\n"))
    assert (found.tls, found.old_tls) == (tls, old)


def test_guests_of_vsftpd_write_where_all_three_switches_are_on() -> None:
    on = "anonymous_enable=YES\nwrite_enable=YES\nanon_upload_enable=YES\nchroot_local_user=YES\n"
    assert ftp_servers.vsftpd(on).anonymous_write
    assert ftp_servers.vsftpd(on).chroot
    for key in ("write_enable", "anon_upload_enable", "anonymous_enable"):
        assert not ftp_servers.vsftpd(on + f"{key}=NO\n").anonymous_write


def test_proftpd_is_read_with_its_includes(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "usr/sbin/proftpd": "",
        "etc/proftpd/proftpd.conf": PROFTPD,
        "etc/proftpd/conf.d/a.conf": ANONYMOUS,
    }
    assert look(tmp_path, files) == [
        FtpServer(
            "proftpd",
            anonymous=True,
            anonymous_write=True,
            tls="required",
            old_tls=True,
            chroot=True,
            logged=True,
        )
    ]


@pytest.mark.parametrize(
    ("lines", "tls"),
    [
        ("", "off"),
        ("TLSEngine off", "off"),
        ("TLSEngine on", "offered"),
        ("TLSEngine on\nTLSRequired auth", "offered"),
    ],
)
def test_tls_of_proftpd(lines: str, tls: str) -> None:
    found = ftp_servers.proftpd(directives.parse(lines + "\nTransferLog NONE"))
    assert (found.tls, found.logged, found.anonymous) == (tls, False, False)


def test_pure_ftpd_is_read_from_a_file_for_each_setting_or_from_one_of_all(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {"usr/sbin/pure-ftpd": ""}
    for name, value in {
        "NoAnonymous": "yes",
        "TLS": "3",
        "ChrootEveryone": "yes",
        "AltLog": "clf:/var/log/x",
    }.items():
        files[f"etc/pure-ftpd/conf/{name}"] = value + "\n"
    good = FtpServer(
        "pure-ftpd",
        anonymous=False,
        anonymous_write=False,
        tls="required",
        old_tls=False,
        chroot=True,
        logged=True,
    )
    assert look(tmp_path / "debian", files) == [good]
    one = "# x\nNoAnonymous   yes\nTLS 3\nChrootEveryone yes\nAltLog clf:/var/log/x\n"
    assert look(tmp_path / "redhat", {"usr/sbin/pure-ftpd": "", "etc/pure-ftpd/pure-ftpd.conf": one}) == [
        good
    ]
    bare = look(tmp_path / "bare", {"usr/sbin/pure-ftpd": ""})
    assert [(s.anonymous, s.anonymous_write, s.tls, s.chroot, s.logged) for s in bare] == [
        (True, True, "off", False, False)
    ]


def test_a_machine_without_a_server_has_none(tmp_path: Path) -> None:
    assert look(tmp_path, {"etc/vsftpd.conf": VSFTPD}) == []


def test_a_file_that_includes_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="deeper than 8"):
        look(tmp_path, {"usr/sbin/proftpd": "", "etc/proftpd.conf": "Include /etc/proftpd.conf\n"})


@thorough
@given(
    st.fixed_dictionaries(
        {k: st.booleans() for k in ("anonymous_enable", "chroot_local_user", "xferlog_enable", "ssl_enable")}
    ),
    st.booleans(),
)
def test_what_is_written_is_read_back(model: dict[str, bool], lower: bool) -> None:
    text = "\n".join(f"{key}={'yes' if value else 'no'}" for key, value in model.items())
    found = ftp_servers.vsftpd(text if lower else text.upper())
    read = (found.anonymous, found.chroot, found.logged, found.tls != "off")
    assert read == tuple(
        model[k] for k in ("anonymous_enable", "chroot_local_user", "xferlog_enable", "ssl_enable")
    )


@pytest.mark.hostile
@thorough
@given(st.text(max_size=150))
def test_no_text_makes_a_parser_raise_anything_but_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        ftp_servers.vsftpd(text)
        ftp_servers.proftpd(directives.parse("<Anonymous x\n" + text))
        ftp_servers.pure_ftpd({"tls": text, "altlog": text, "noanonymous": text})


@pytest.mark.parser
@pytest.mark.hostile
@pytest.mark.parametrize("text", ["a=" * 5_000_000, "\n" * 10_000_000])
def test_ten_megabytes_cost_less_than_a_second(text: str) -> None:
    started = time.process_time()
    with pytest.raises(ValueError, match="characters"):
        ftp_servers.vsftpd(text)
    with contextlib.suppress(ValueError):
        ftp_servers.vsftpd(text[:1_000_000])
    assert time.process_time() - started < 1 * slowness()
