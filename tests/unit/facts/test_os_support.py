"""Support ends are found by the release's id and version, and an unknown release is not called supported."""

from datetime import date
from pathlib import Path

import pytest
from tests.unit.facts.roots import FIXTURES, mounted

from vonggac_agent.facts.system import os_support
from vonggac_contract.facts import CouldNotLook
from vonggac_contract.facts.system import OsRelease, OsSupport

DATA = os_support.decode(os_support.DATA.read_bytes())
TAKEN = date(2026, 8, 22)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("debian-12", OsSupport("debian", "12", date(2026, 7, 11), date(2028, 6, 30), data_date=TAKEN)),
        ("almalinux-9", OsSupport("almalinux", "9", date(2032, 5, 31), data_date=TAKEN)),
        ("ubuntu-24.04", OsSupport("ubuntu", "24.04", date(2029, 5, 31), date(2036, 5, 31), data_date=TAKEN)),
        ("sles-15.5", OsSupport("sles", "15.5", date(2024, 12, 31), date(2027, 12, 31), data_date=TAKEN)),
        ("centos-stream-9", OsSupport("centos-stream", "9", date(2027, 5, 31), data_date=TAKEN)),
        ("oracle-10", OsSupport("oracle-linux", "10", None, None, ended=False, data_date=TAKEN)),
    ],
)
def test_a_release_is_found_by_id_and_version(name: str, expected: OsSupport, tmp_path: Path) -> None:
    host = mounted(tmp_path, {"etc/os-release": (FIXTURES / "os-release" / name).read_bytes()})
    found, source = os_support.gather(host, ())
    assert found == expected
    assert source == "etc/os-release; endoflife.date of 2026-08-22"


@pytest.mark.parametrize(
    ("identifier", "version", "codename", "cycle"),
    [
        ("sles", "15", "", "15.0"),
        ("debian", "", "trixie", "13"),
        ("rocky", "9.4", "", "9"),
        ("rhel", "7.9", "", "7"),
        ("centos", "7", "", "7"),
        ("opensuse-leap", "15.6", "", "15.6"),
    ],
)
def test_version_and_code_name_lead_to_the_release_line(
    identifier: str, version: str, codename: str, cycle: str
) -> None:
    found = os_support.find(OsRelease(identifier, version, codename, "", "other"), DATA)
    assert found is not None
    assert found[1].cycle == cycle


@pytest.mark.parametrize(
    ("identifier", "version", "codename"),
    [
        ("debian", "", "sid"),
        ("debian", "99", "bookworm"),
        ("gentoo", "2.15", ""),
        ("", "", ""),
        ("sles", "99", ""),
    ],
)
def test_an_unknown_release_is_not_supported_by_the_data(
    identifier: str, version: str, codename: str
) -> None:
    with pytest.raises(CouldNotLook, match="not-supported: the support dates of 2026-08-22 do not know"):
        os_support.support(OsRelease(identifier, version, codename, "", "other"), DATA)


def test_each_line_of_the_data_says_when_or_whether_support_ends() -> None:
    undated = {(p, line.cycle) for p, lines in DATA.products.items() for line in lines if line.eol is None}
    assert undated == {("oracle-linux", "10")}


def test_the_data_carries_its_source_and_licence() -> None:
    notice = (os_support.DATA.parent / "NOTICE").read_text()
    assert "endoflife.date" in DATA.source
    assert "Copyright 2020 endoflife.date contributors" in notice
