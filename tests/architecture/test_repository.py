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


# Folders that stand on every machine (FHS 3.0) or in every build container: naming one gives nothing away.
ANYWHERE = {
    Path(name)
    for name in (
        *("/", "/etc", "/home", "/media", "/mnt", "/opt", "/root", "/run", "/srv", "/tmp", "/usr", "/var"),
        *("/usr/local", "/usr/src", "/var/lib", "/var/opt", "/var/tmp"),
        *("/app", "/build", "/builds", "/code", "/repo", "/src", "/workspace"),
    )
}


def machine_paths(root: Path, prefix: Path) -> re.Pattern[str]:
    """What gives away the machine that a file was made on: the clone, the folder around it, its Python.

    Where all three are `ANYWHERE`, the pattern finds nothing.
    """
    own = [path for path in (root, root.parent, prefix) if path not in ANYWHERE]
    return re.compile("|".join(rf"(?<![\w.}}]){re.escape(str(path))}(?![\w.-])" for path in own) or r"(?!)")


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
    pattern = machine_paths(Path("/srv/team/clone"), Path("/opt/python"))
    text = (
        "ok = '/usr/bin/x'\ncache = '/srv/team/clone/x'\n# /srv/team\nrun /opt/python/bin/python\n/srv/teams"
    )
    assert [found.split(": ")[1] for found in offences(pattern, (("a.py", text),))] == ["2", "3", "4"]


def test_a_clone_in_a_folder_that_stands_everywhere_gives_nothing_away_by_its_parent() -> None:
    pattern = machine_paths(Path("/srv/clone"), Path("/usr"))
    assert offences(pattern, (("a.py", "/srv/data\n/usr/bin/x\n/srv/clone/x"),)) == ["a.py: 3: /srv/clone"]
    assert offences(machine_paths(Path("/app"), Path("/usr")), (("a.py", "/app/x"),)) == []


def test_a_registry_address_would_be_found() -> None:
    text = "index = https://" + ".".join(("files", *REGISTRIES[1])) + "/simple"
    assert len(offences(REGISTRY, (("lock.txt", text),))) == 1


def test_no_lock_file_that_writes_down_addresses_is_tracked() -> None:
    forbidden = {"uv.lock", "poetry.lock", "Pipfile.lock", "pdm.lock"}
    assert [name for name, _ in tracked_texts() if Path(name).name in forbidden] == []


def test_generic_folders_are_no_packages() -> None:
    assert [folder for folder in GENERIC_TOP_FOLDERS if (ROOT / folder / "__init__.py").exists()] == []
