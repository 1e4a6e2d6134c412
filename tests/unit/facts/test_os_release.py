"""The release is read as os-release(5) says."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import FIXTURES, Link, mounted, this_machine

from vonggac_agent.facts.system import os_release
from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook
from vonggac_contract.facts.system import OsRelease


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "debian-12",
            OsRelease("debian", "12", "bookworm", "Debian GNU/Linux 12 (bookworm)", "debian"),
        ),
        ("almalinux-9", OsRelease("almalinux", "9.4", "", "AlmaLinux 9.4 (Seafoam Ocelot)", "redhat")),
        ("ubuntu-24.04", OsRelease("ubuntu", "24.04", "noble", "Ubuntu 24.04.1 LTS", "debian")),
        ("sles-15.5", OsRelease("sles", "15.5", "", "SUSE Linux Enterprise Server 15 SP5", "suse")),
        ("oracle-10", OsRelease("ol", "10.0", "", "Oracle Linux Server 10.0", "redhat")),
    ],
)
def test_real_files_give_release_and_family(name: str, expected: OsRelease) -> None:
    text = (FIXTURES / "os-release" / name).read_text()
    assert os_release.release(os_release.parse(text)) == expected


def test_quotes_and_escapes_are_undone_as_a_shell_would() -> None:
    text = '# comment\nID=\'a b\'\nPRETTY_NAME="say \\"hi\\" \\$x \\\\"\nVERSION_ID=1\n'
    assert os_release.parse(text) == {"ID": "a b", "PRETTY_NAME": 'say "hi" $x \\', "VERSION_ID": "1"}


def test_without_an_id_it_is_linux_of_no_family() -> None:
    assert os_release.release({"NAME": "x"}) == OsRelease("linux", "", "", "", "other")


def test_opensuse_leap_is_of_the_suse_family_by_its_id_alone() -> None:
    assert os_release.release({"ID": "opensuse-leap"}).family == "suse"


@pytest.mark.hostile
@given(st.text(max_size=400))
def test_any_text_is_parsed_within_bounds_or_refused(text: str) -> None:
    try:
        values = os_release.parse(text)
    except ValueError:
        return
    found = os_release.release(values)
    assert max(len(found.id), len(found.name), len(found.version)) <= limits.MAX_FACT_TEXT


@pytest.mark.hostile
def test_a_long_name_is_cut() -> None:
    found = os_release.release(os_release.parse("PRETTY_NAME=" + "a" * 5000))
    assert len(found.name) == limits.MAX_FACT_TEXT


def test_the_link_to_usr_lib_is_followed_inside_the_root(tmp_path: Path) -> None:
    host = mounted(
        tmp_path,
        {"etc/os-release": Link("../usr/lib/os-release"), "usr/lib/os-release": "ID=debian\nVERSION_ID=12\n"},
    )
    assert os_release.gather(host, ()) == (OsRelease("debian", "12", "", "", "debian"), "etc/os-release")


def test_a_root_without_the_file_is_not_supported(tmp_path: Path) -> None:
    with pytest.raises(CouldNotLook, match="not-supported: there is no os-release file"):
        os_release.gather(mounted(tmp_path, {}), ())


def test_this_machine_has_a_release() -> None:
    found, _ = os_release.gather(this_machine(), ())
    assert found.id
    assert found.name
