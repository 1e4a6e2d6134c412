"""What the tracked files may not hold: a path of somebody's machine, the address of a package registry."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tests.architecture.sources import ROOT, tracked_texts

# In halves, so that this file holds none of them.
REGISTRIES = (
    ("pypi", "org"),
    ("pythonhosted", "org"),
    ("npmjs", "org"),
    ("npmjs", "com"),
    ("unpkg", "com"),
    ("jsdelivr", "net"),
    ("maven", "org"),
    ("maven.apache", "org"),
    ("crates", "io"),
    ("rubygems", "org"),
    ("proxy.golang", "org"),
)
REGISTRY = re.compile("|".join(rf"\b{re.escape(name)}\.{end}\b" for name, end in REGISTRIES), re.IGNORECASE)
GENERIC_TOP_FOLDERS = (
    *("policies", "agent", "collector", "dashboards", "tests", "packaging", "docs"),
    *("policies/src", "agent/src", "collector/src", "dashboards/src"),
    *("tests/unit", "tests/rules", "tests/flow", "tests/architecture", "tests/browser", "tests/load"),
)


def machine_paths(root: Path, prefix: Path) -> re.Pattern[str]:
    """What gives away the machine that a file was made on: the clone, the folder around it, its Python."""
    own = [root]
    if len(root.parts) > 2 and root.parent not in (Path("/tmp"), Path("/home"), Path("/root"), Path.home()):
        own.append(root.parent)
    if prefix not in (Path("/usr"), Path("/usr/local")):
        own.append(prefix)
    return re.compile("|".join(rf"(?<![\w.]){re.escape(str(path))}(?=[/\s\"'`:,)]|$)" for path in own))


def offences(pattern: re.Pattern[str], texts: tuple[tuple[str, str], ...]) -> list[str]:
    """`path: line: what` for each place where `pattern` is found."""
    return [
        f"{name}: {number}: {found.group()}"
        for name, text in texts
        if pattern.search(text)
        for number, line in enumerate(text.splitlines(), 1)
        for found in pattern.finditer(line)
    ]


def test_tracked_files_hold_no_path_of_this_machine() -> None:
    assert offences(machine_paths(ROOT, Path(sys.base_prefix)), tracked_texts()) == []


def test_tracked_files_name_no_package_registry() -> None:
    assert offences(REGISTRY, tracked_texts()) == []


def test_a_path_of_the_machine_would_be_found() -> None:
    pattern = machine_paths(Path("/srv/build/clone"), Path("/opt/python"))
    text = "ok = '/usr/bin/x'\ncache = '/srv/build/clone/x'\n# /srv/build\nrun /opt/python/bin/python\n/srv/builder"
    assert [found.split(": ")[1] for found in offences(pattern, (("a.py", text),))] == ["2", "3", "4"]


def test_a_registry_address_would_be_found() -> None:
    text = "index = https://" + ".".join(("files", *REGISTRIES[1])) + "/simple"
    assert len(offences(REGISTRY, (("lock.txt", text),))) == 1


def test_no_lock_file_that_writes_down_addresses_is_tracked() -> None:
    forbidden = {"uv.lock", "poetry.lock", "Pipfile.lock", "pdm.lock"}
    assert [name for name, _ in tracked_texts() if Path(name).name in forbidden] == []


def test_generic_folders_are_no_packages() -> None:
    assert [folder for folder in GENERIC_TOP_FOLDERS if (ROOT / folder / "__init__.py").exists()] == []
