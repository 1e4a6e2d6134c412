"""Kind, owner and permissions of a path, told by the root's own names."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted, this_machine

from vonggac_agent.facts.files import file_stat, owners
from vonggac_contract.facts.files import FileStat


def test_a_file_is_described_with_the_names_of_its_root(tmp_path: Path) -> None:
    uid, gid = os.getuid(), os.getgid()
    host = mounted(
        tmp_path,
        {
            "etc/passwd": f"chủ:x:{uid}:{gid}::/:/bin/sh\nsecond:x:{uid}:0:::\n",
            "etc/group": f"nhóm:x:{gid}:\n",
            "etc/f": "12345",
        },
    )
    (tmp_path / "etc/f").chmod(0o4751)
    os.utime(tmp_path / "etc/f", (0, 1_700_000_000))
    found, source = file_stat.gather(host, ("/etc/f",))
    assert source == "/etc/f"
    assert found == FileStat(
        exists=True,
        kind="file",
        owner="chủ",
        group="nhóm",
        uid=uid,
        gid=gid,
        mode="4751",
        permissions=["u+r", "u+w", "u+x", "g+r", "g+x", "o+x", "setuid"],
        size=5,
        modified=datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
    )


def test_without_names_the_numbers_are_shown(tmp_path: Path) -> None:
    found, _ = file_stat.gather(mounted(tmp_path, {"f": ""}), ("f",))
    assert (found.owner, found.group) == (str(os.getuid()), str(os.getgid()))


def test_absent_paths_and_links_to_nowhere_are_told_apart(tmp_path: Path) -> None:
    host = mounted(tmp_path, {"nowhere": Link("/nothing"), "linked": Link("/d"), "d/f": ""})
    assert file_stat.gather(host, ("/nothing",))[0] == FileStat(exists=False)
    assert file_stat.gather(host, ("/nowhere",))[0].kind == "link"
    assert file_stat.gather(host, ("/linked",))[0].kind == "directory"


def test_special_files_are_named_without_being_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert file_stat.gather(mounted(tmp_path, {}), ("fifo",))[0].kind == "fifo"
    assert file_stat.gather(this_machine(), ("/dev/null",))[0].kind == "device"


@pytest.mark.hostile
@given(st.lists(st.text(max_size=60), max_size=20))
def test_any_lines_of_a_passwd_file_give_names_by_number(lines: list[str]) -> None:
    assert all(number >= 0 for number in owners.names_by_number(lines))


@pytest.mark.hostile
def test_a_time_beyond_every_calendar_is_left_out(tmp_path: Path) -> None:
    host = mounted(tmp_path, {"f": ""})
    status = os.stat_result((0o100644, 0, 0, 1, 0, 0, 0, 0, 10**17, 0))
    assert file_stat.describe(status, {}, {}).modified is None
    assert file_stat.gather(host, ("f",))[0].modified is not None


def test_the_shadow_file_of_this_machine_can_be_described_by_anybody() -> None:
    found, _ = file_stat.gather(this_machine(), ("/etc/shadow",))
    assert (found.owner, found.uid, found.kind) == ("root", 0, "file")
