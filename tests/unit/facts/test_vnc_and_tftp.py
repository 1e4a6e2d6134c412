"""How desktops are reached by TigerVNC, and what tftpd-hpa lets everybody do."""

import contextlib
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted
from tests.unit.properties import thorough
from tests.unit.slowness import slowness

from vonggac_agent.facts.shares import tftp_server, vnc_server
from vonggac_contract.facts.shares import TftpServer, VncServer


def vnc(folder: Path, files: dict[str, str | bytes | Link]) -> VncServer:
    return vnc_server.gather(mounted(folder, {"usr/bin/Xvnc": "", **files}), ())[0]


def test_tigervnc_of_debian_keeps_to_loopback(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "usr/bin/tigervncserver": "",
        "etc/tigervnc/vncserver-config-defaults": '# $localhost = "no";\n1;\n',
        "etc/tigervnc/vncserver-config-mandatory": "1;\n",
    }
    assert vnc(tmp_path, files) == VncServer(installed=True, local_only=True, security_types=["VncAuth"])


def test_tigervnc_of_others_listens_and_offers_passwords_in_clear(tmp_path: Path) -> None:
    assert vnc(tmp_path, {}) == VncServer(
        installed=True, local_only=False, security_types=["VncAuth", "TLSVnc"]
    )


@pytest.mark.parametrize(
    ("defaults", "mandatory", "debian", "local", "types", "fixed"),
    [
        ('$localhost = "no";', "", True, False, ["VncAuth", "TLSVnc"], False),
        ('$SecurityTypes = "X509Vnc,TLSVnc";', "", True, False, ["X509Vnc", "TLSVnc"], False),
        ('$SecurityTypes = "TLSNone,TLSVnc";', "", True, True, ["TLSNone", "TLSVnc"], False),
        ("localhost", "", False, True, ["VncAuth"], False),
        ("localhost=0", "localhost=1\nsecuritytypes=tlsvnc", False, True, ["tlsvnc"], True),
        ("securitytypes=None", "SecurityTypes = X509Plain", False, False, ["X509Plain"], True),
    ],
)
def test_what_is_mandatory_goes_before_the_defaults(
    defaults: str, mandatory: str, debian: bool, local: bool, types: list[str], fixed: bool
) -> None:
    found = vnc_server.describe(vnc_server.parse(defaults), vnc_server.parse(mandatory), debian=debian)
    assert (found.local_only, found.security_types, found.mandatory) == (local, types, fixed)


@pytest.mark.parametrize(
    ("files", "shut_in", "creates"),
    [
        ({"etc/default/tftpd-hpa": 'TFTP_USERNAME="tftp"\nTFTP_OPTIONS="--secure"\n'}, True, False),
        ({"etc/default/tftpd-hpa": "TFTP_OPTIONS='-c -s'\n"}, True, True),
        ({"usr/lib/systemd/system/tftp.service": "[Service]\nExecStart=/usr/sbin/in.tftpd -s /srv\n"}, True, False),
        ({"usr/lib/systemd/system/tftp.service": "[Service]\nExecStart=/usr/sbin/in.tftpd -c /srv\n"}, False, True),
        ({}, False, False),
    ],
)  # fmt: skip
def test_tftpd_is_told_by_its_options(
    files: dict[str, str | bytes | Link], shut_in: bool, creates: bool, tmp_path: Path
) -> None:
    host = mounted(tmp_path, {"usr/sbin/in.tftpd": "", **files})
    assert tftp_server.gather(host, ())[0] == TftpServer(installed=True, shut_in=shut_in, creates=creates)


def test_machines_without_the_servers_say_so(tmp_path: Path) -> None:
    host = mounted(tmp_path, {"etc/default/tftpd-hpa": ""})
    assert vnc_server.gather(host, ())[0] == VncServer(installed=False)
    assert tftp_server.gather(host, ())[0] == TftpServer(installed=False)


VALUES = st.text("ab,:/0", min_size=1, max_size=8)


@thorough
@given(
    st.dictionaries(st.sampled_from(["localhost", "securitytypes", "geometry"]), VALUES, max_size=3),
    st.booleans(),
)
def test_what_is_written_is_read_back_in_either_form(model: dict[str, str], perl: bool) -> None:
    lines = [f'${key} = "{value}";' if perl else f"{key}={value}" for key, value in model.items()]
    assert vnc_server.parse("# x\n" + "\n".join(lines) + ("\n1;" if perl else "")) == model


@pytest.mark.hostile
@thorough
@given(st.text(max_size=120))
def test_no_text_makes_a_parser_raise_anything_but_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        vnc_server.describe(vnc_server.parse(text), {"securitytypes": text}, debian=True)
        tftp_server.describe(tftp_server.parse("TFTP_OPTIONS=" + text))


@pytest.mark.parser
@pytest.mark.hostile
@pytest.mark.parametrize("text", ["a" * 10_000_000, "$a = " + ";" * 9_900_000, "a =" + " " * 9_900_000])
def test_ten_megabytes_cost_less_than_a_second(text: str) -> None:
    started = time.process_time()
    with pytest.raises(ValueError, match="characters"):
        vnc_server.parse(text)
    vnc_server.parse(text[:1_000_000])
    assert time.process_time() - started < 1 * slowness()
