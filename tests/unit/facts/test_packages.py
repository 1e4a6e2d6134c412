"""Installed packages, from dpkg's and rpm's own databases."""

import gzip
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import FIXTURES, mounted, this_machine

from vonggac_agent.facts.packages import dpkg, package_installed, package_inventory, rpm
from vonggac_agent.host import Host
from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook
from vonggac_contract.facts.packages import Package, PackageInstalled

STATUS = (FIXTURES / "dpkg" / "status").read_bytes()
RPM = gzip.decompress((FIXTURES / "rpm" / "rpmdb.sqlite.gz").read_bytes())
QUERY = (FIXTURES / "rpm" / "query.txt").read_bytes()


def test_dpkg_packages_are_those_whose_files_are_in_place() -> None:
    packages = {p.name: p for p in dpkg.parse(STATUS)}
    assert packages["openssh-server"] == Package(
        "openssh-server", "1:9.2p1-2+deb12u10", "amd64", source="openssh"
    )
    assert packages["dpkg"] == Package("dpkg", "1.21.22", "amd64")
    assert "nginx-common" not in packages, "only the remains of its settings are there"
    assert packages["samba"].version == "2:4.17.12+dfsg-0+deb12u1", "its files are there, half configured"


@pytest.mark.hostile
def test_a_field_inside_a_description_is_no_field() -> None:
    raw = b"Package: a\nStatus: install ok installed\nDescription: x\n Version: 9\n Package: b\nVersion: 1\n"
    assert dpkg.parse(raw) == [Package("a", "1", "")]


@pytest.mark.hostile
def test_hostile_names_are_kept_and_bounded() -> None:
    name = "\u202e<script>\x1b[31m".encode() + b"\xff" + b"a" * 5000
    (package,) = dpkg.parse(b"Package: " + name + b"\nStatus: install ok installed\nVersion: 1\n")
    assert package.name.startswith("\u202e<script>\x1b[31m\\xff")
    assert len(package.name) == limits.MAX_FACT_TEXT


def test_an_installed_package_without_a_version_is_refused() -> None:
    with pytest.raises(ValueError, match="no name or no version"):
        dpkg.parse(b"Package: a\nStatus: install ok installed\n")


@pytest.mark.hostile
@given(
    st.lists(
        st.sampled_from([b"Package: a", b"Status: install ok installed", b"Version: 1", b"", b"\xff", b" x"])
    )
)
def test_any_status_file_is_parsed_or_refused(lines: list[bytes]) -> None:
    try:
        packages = dpkg.parse(b"\n".join(lines))
    except ValueError:
        return
    assert all(package.name and package.version for package in packages)


def test_an_image_without_a_package_manager_tells_its_packages(tmp_path: Path) -> None:
    host = mounted(
        tmp_path,
        {
            "var/lib/dpkg/status.d/base": "Package: base-files\nVersion: 12.4\nArchitecture: amd64\n",
            "var/lib/dpkg/status.d/base.md5sums": "0123  etc/debian_version\n",
        },
    )
    inventory, _ = package_inventory.gather(host, ())
    assert inventory.packages == [Package("base-files", "12.4", "amd64")]


def test_one_package_is_asked_of_the_shared_inventory(tmp_path: Path) -> None:
    host = mounted(tmp_path, {"var/lib/dpkg/status": STATUS})
    assert package_installed.gather(host, ("dpkg",))[0] == PackageInstalled(True, "1.21.22")
    (tmp_path / "var/lib/dpkg/status").unlink()
    assert package_installed.gather(host, ("dpkg",))[0] == PackageInstalled(True, "1.21.22")
    assert package_installed.gather(host, ("nginx-common",))[0] == PackageInstalled(False)


def test_too_many_packages_are_refused(tmp_path: Path) -> None:
    one = "Package: p{}\nStatus: install ok installed\nVersion: 1\n\n"
    at_limit = "".join(one.format(n) for n in range(limits.MAX_FACT_LIST))
    host = mounted(tmp_path / "a", {"var/lib/dpkg/status": at_limit})
    assert len(package_inventory.gather(host, ())[0].packages) == limits.MAX_FACT_LIST
    host = mounted(tmp_path / "b", {"var/lib/dpkg/status": at_limit + one.format("over")})
    with pytest.raises(CouldNotLook, match="too-large"):
        package_inventory.gather(host, ())


def test_without_a_database_nothing_is_said_to_be_installed_or_not(tmp_path: Path) -> None:
    with pytest.raises(CouldNotLook, match="not-supported: neither dpkg nor rpm"):
        package_installed.gather(mounted(tmp_path, {}), ("dpkg",))


@pytest.mark.skipif(
    shutil.which("dpkg-query") is None, reason="dpkg-query, the measure of this test, is not here"
)
def test_dpkg_query_agrees_on_this_machine() -> None:
    shown = "${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\t${source:Package}\n"
    told = subprocess.run(["dpkg-query", "-W", f"-f={shown}"], check=True, capture_output=True, timeout=60)
    rows = [line.split("\t") for line in told.stdout.decode().splitlines()]
    wanted = {tuple(row[1:]) for row in rows if row[0].encode() in dpkg.PRESENT}
    inventory, _ = package_inventory.gather(this_machine(), ())
    assert {(p.name, p.version, p.architecture, p.source or p.name) for p in inventory.packages} == wanted


def rpm_root(folder: Path, database: bytes) -> Host:
    return mounted(folder, {"var/lib/rpm/rpmdb.sqlite": database})


def test_an_rpm_database_gives_what_rpm_itself_told_of_it(tmp_path: Path) -> None:
    inventory, source = package_inventory.gather(rpm_root(tmp_path, RPM), ())
    assert (inventory.manager, source) == ("rpm", "var/lib/rpm/rpmdb.sqlite")
    assert inventory.packages == sorted(rpm.parse_query(QUERY), key=lambda p: p.name)
    assert Package("openssl-libs-sample", "1:3.0.7~rc1-27.el9", "noarch") in inventory.packages
    assert (
        Package("vonggac-sample-libs", "2:1.4.2-7", "noarch", source="vonggac-sample") in inventory.packages
    )
    assert not [p for p in inventory.packages if p.name == "gpg-pubkey"]


def test_an_rpm_database_with_unwritten_changes_or_of_an_old_form_is_not_supported(tmp_path: Path) -> None:
    host = rpm_root(tmp_path / "a", RPM)
    (tmp_path / "a/var/lib/rpm/rpmdb.sqlite-wal").write_bytes(b"x")
    with pytest.raises(CouldNotLook, match=r"not-supported.*not yet written"):
        rpm.read(host)
    with pytest.raises(CouldNotLook, match=r"not-supported.*a form of the database"):
        rpm.read(mounted(tmp_path / "b", {"var/lib/rpm/Packages": b"\0"}))


@pytest.mark.hostile
@pytest.mark.parametrize(
    "schema",
    [
        "CREATE VIEW Packages AS WITH RECURSIVE n(blob) AS (SELECT x'' UNION ALL SELECT blob FROM n) SELECT * FROM n",
        "CREATE VIRTUAL TABLE Packages USING fts5(blob)",
        "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob); INSERT INTO Packages VALUES (1, 'text')",
        "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, other)",
        "CREATE TABLE Others (x)",
    ],
)
def test_a_database_of_another_shape_is_refused(schema: str, tmp_path: Path) -> None:
    path = tmp_path / "made.sqlite"
    connection = apsw.Connection(str(path))
    for statement in schema.split("; "):
        connection.execute(statement)
    connection.close()
    host = rpm_root(tmp_path / "root", path.read_bytes())
    with pytest.raises(ValueError, match=r"rpm"):
        rpm.read(host)


@pytest.mark.hostile
@given(st.integers(0, len(RPM) - 1), st.binary(min_size=1, max_size=64))
def test_a_damaged_database_is_read_or_refused(place: int, damage: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        host = rpm_root(Path(folder), RPM[:place] + damage + RPM[place + len(damage) :])
        try:
            found = rpm.read(host)
        except (ValueError, CouldNotLook):
            return
        assert found is not None


def header(*entries: tuple[int, int, bytes]) -> bytes:
    """A header blob of (tag, type, value) entries."""
    index, store = b"", b""
    for tag, kind, value in entries:
        index += struct.pack(">IIII", tag, kind, len(store), 1)
        store += value
    return struct.pack(">II", len(entries), len(store)) + index + store


NAMED = ((1000, 6, b"bash\0"), (1001, 6, b"5.1\0"), (1002, 6, b"9.el9\0"))


def test_a_header_is_read_by_its_tags() -> None:
    assert rpm.parse_header(header(*NAMED)) == Package("bash", "5.1-9.el9", "")
    with_epoch = header(*NAMED, (1003, 4, struct.pack(">I", 3)), (1022, 6, b"x86_64\0"))
    assert rpm.parse_header(with_epoch) == Package("bash", "3:5.1-9.el9", "x86_64")


@pytest.mark.hostile
@pytest.mark.parametrize(
    ("blob", "why"),
    [
        (b"", "cut short"),
        (struct.pack(">II", 2**31, 0), "points outside itself"),
        (struct.pack(">II", 1, 2**31) + bytes(16), "points outside itself"),
        (header(*NAMED[:2]), "lacks name, version or release"),
        (header(*NAMED, (1022, 6, b"no end")), "has no end"),
        (header(*NAMED, (1003, 4, b"\0")), "points outside itself"),
    ],
)
def test_a_header_that_lies_is_refused(blob: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        rpm.parse_header(blob)


@pytest.mark.hostile
@given(st.binary(max_size=300))
def test_any_bytes_are_a_header_or_refused(blob: bytes) -> None:
    with pytest.raises(ValueError, match="rpm header"):
        rpm.parse_header(blob)


def test_a_query_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="line of another shape"):
        rpm.parse_query(b"bash\t5.1\n")
