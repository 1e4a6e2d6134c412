"""The four distributions agree with each other, with their locks, and carry what they must in their wheels."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests.architecture.sources import DISTRIBUTIONS, ROOT

LOCKS = {
    "agent": ("policies", "agent"),
    "runtime": DISTRIBUTIONS,
    "development": DISTRIBUTIONS,
}


def project(distribution: str) -> dict[str, Any]:
    """The `[project]` table of one distribution."""
    table: dict[str, Any] = tomllib.loads((ROOT / distribution / "pyproject.toml").read_text())["project"]
    return table


def requirement_name(requirement: str) -> str:
    """The normalised name in a requirement (PEP 503): `psycopg[binary]>=3` gives `psycopg`."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found, requirement
    return re.sub(r"[-_.]+", "-", found.group()).lower()


def locked(lock: str) -> set[str]:
    """The names that one lock pins."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    return {requirement_name(line) for line in text.splitlines() if re.match(r"[A-Za-z0-9]", line)}


def test_all_have_one_version_and_ask_for_each_other_in_it() -> None:
    versions = {project(name)["version"] for name in DISTRIBUTIONS}
    assert len(versions) == 1
    (version,) = versions
    siblings = [
        requirement
        for name in DISTRIBUTIONS
        for requirement in project(name)["dependencies"]
        if requirement.startswith("vonggac-")
    ]
    assert len(siblings) == 3
    assert all(requirement.endswith(f"=={version}") for requirement in siblings)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_dependency_is_locked_by_hash(lock: str) -> None:
    wanted = {
        requirement_name(requirement)
        for name in LOCKS[lock]
        for requirement in project(name)["dependencies"]
        if not requirement.startswith("vonggac-")
    }
    assert wanted - locked(lock) == set()
    entries = re.split(r"\n(?=[A-Za-z0-9])", (ROOT / "requirements" / f"{lock}.txt").read_text())
    assert [entry.split()[0] for entry in entries if "==" in entry and "--hash=sha256:" not in entry] == []


def test_what_the_locks_share_has_one_version() -> None:
    pins: dict[str, set[str]] = {}
    for lock in LOCKS:
        for line in (ROOT / "requirements" / f"{lock}.txt").read_text().splitlines():
            if found := re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", line):
                pins.setdefault(found[1], set()).add(found[2])
    assert {name: versions for name, versions in pins.items() if len(versions) > 1} == {}


def test_the_agents_lock_brings_no_copyleft_packet_tool_and_nothing_of_the_collector() -> None:
    assert (
        locked("agent") & {"scapy", "fastapi", "sqlalchemy", "elasticsearch", "requests", "pydantic"} == set()
    )


def test_the_policies_wheel_carries_the_compiled_rulebook_that_git_ignores(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(ROOT / "policies", clone / "policies", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".gitignore", clone)
    subprocess.run(["git", "init", "-q", clone], check=True)
    book = clone / "policies/src/vonggac_rules/data/rulebook.json"
    book.parent.mkdir(exist_ok=True)
    book.write_text("{}")
    ignored = subprocess.run(["git", "check-ignore", "-q", book], cwd=clone, check=False)
    assert ignored.returncode == 0
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=clone / "policies",
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("vonggac_policies-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "vonggac_rules/data/rulebook.json" in names
    assert "vonggac_contract/py.typed" in names
