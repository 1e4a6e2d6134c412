"""A root of the Red Hat family, release 9: packages made by rpmbuild from `redhat.yaml`, installed by `rpm --root`.

There is no archive of that family to install from here. What matters to those who judge a machine is where they look:
names and versions in the rpm database, and the files of `redhat.yaml` with their modes.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from tests.roots.kept import kept
from tests.roots.said import said

DESCRIPTION = Path(__file__).with_suffix(".yaml")
RECIPE = 5
"""Counts the changes of this module that the description does not show."""
DATABASE = "/var/lib/rpm"
APART = "var/cache/apart"
"""Where a root keeps the packages that its description marks with `apart: true`, to be installed later."""
PERSON, PERSON_ID = "lan", 1000
"""An administrator of the description's account database, whose home no package brings."""
RPM_S = 120


def root() -> Path:
    """The installed system; made now if the cache has none. Read only, by agreement."""
    text = DESCRIPTION.read_text(encoding="utf-8")
    return kept(
        "roots", f"redhat\n{RECIPE}\n{text}", lambda fresh: install(with_units(yaml.safe_load(text)), fresh)
    )


def with_units(packages: dict[str, Any]) -> dict[str, Any]:
    """`unit: NAME` of a package spelt out: a unit file of that name, wanted by multi-user.target."""
    found = {}
    for name, what in packages.items():
        found[name] = what
        if unit := what.get("unit"):
            file = f"/usr/lib/systemd/system/{unit}"
            section = (
                "[Socket]\nListenStream=0"
                if unit.endswith(".socket")
                else f"[Service]\nExecStart=/usr/sbin/{name}"
            )
            text = f"[Unit]\nDescription={name}\n{section}\n[Install]\nWantedBy=multi-user.target\n"
            files = {**what.get("files", {}), file: ["0644", "root", text]}
            links = {**what.get("links", {}), f"/etc/systemd/system/multi-user.target.wants/{unit}": file}
            found[name] = {**what, "files": files, "links": links}
    return found


def spec(packages: dict[str, Any]) -> str:
    """One spec with a binary package for each of `packages`; its sources are laid out by `lay_out`."""
    lines = [
        "%undefine _debugsource_packages",
        "%global debug_package %{nil}",
        "%global _build_id_links none",
        "%global __os_install_post %{nil}",
        "Name: vonggac-sample",
        "Version: 1",
        "Release: 1",
        "Summary: sample",
        "License: BSD-3-Clause",
        "BuildArch: noarch",
        "AutoReqProv: no",
        "%description",
        "sample",
    ]
    for name, what in packages.items():
        lines += [
            f"%package -n {name}",
            f"Version: {what['version']}",
            "Release: 1.el9",
            "Summary: sample",
            "AutoReqProv: no",
            f"%description -n {name}",
            "sample",
            f"%files -n {name}",
            *_listed(what),
        ]
    return "\n".join((*lines, ""))


def _listed(what: dict[str, Any]) -> Iterator[str]:
    for path, mode in what.get("folders", {}).items():
        yield f"%dir %attr({mode}, root, root) {path}"
    for path, (mode, group, _) in what.get("files", {}).items():
        config = "%config(noreplace) " if path.startswith("/etc/") else ""
        yield f"{config}%attr({mode}, root, {group}) {path}"
    yield from what.get("links", {})


def lay_out(packages: dict[str, Any], place: Path) -> None:
    """Write what the packages hold below `place`."""
    for what in packages.values():
        for path in what.get("folders", {}):
            (place / path.lstrip("/")).mkdir(parents=True, exist_ok=True)
        for path, (_, _, text) in what.get("files", {}).items():
            file = place / path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        for path, target in what.get("links", {}).items():
            link = place / path.lstrip("/")
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(target)


def install(packages: dict[str, Any], fresh: Path) -> None:
    """Fill the folder `fresh`. Raises RuntimeError with the end of what rpm said."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        lay_out(packages, work / "files")
        (work / "sample.spec").write_text(spec(packages))
        tops = ("--define", f"_topdir {work}", "--define", f"_rpmdir {work}/out")
        rpm("rpmbuild", "-bb", *tops, "--buildroot", f"{work}/files", "--noclean", f"{work}/sample.spec")
        made = sorted(str(path) for path in (work / "out").rglob("*.rpm"))
        # Owners and groups are looked up in the root: their file has to be there first.
        first = [path for path in made if Path(path).name.startswith("setup-")]
        rest = [path for path in made if path not in first]
        apart = [path for path in rest if packages[Path(path).name.rsplit("-", 2)[0]].get("apart")]
        for batch in (first, [path for path in rest if path not in apart]):
            rpm(*ask(fresh), "--install", "--nodeps", "--ignorearch", "--ignoreos", *batch)
        (fresh / APART).mkdir(parents=True)
        for path in apart:
            shutil.copy(path, fresh / APART)
    home = fresh / "home" / PERSON
    home.mkdir(0o700)
    os.chown(home, PERSON_ID, PERSON_ID)
    for link, target in (("bin", "usr/bin"), ("sbin", "usr/sbin"), ("lib", "usr/lib")):
        if not (fresh / link).exists():
            (fresh / link).symlink_to(target)


def ask(root: Path) -> tuple[str, ...]:
    """The beginning of an rpm command about the system in `root`; Debian's rpm installs nothing without a word more."""
    return ("rpm", "--force-debian", "--root", str(root), "--dbpath", DATABASE)


def install_apart(root: Path, name: str) -> None:
    """Install a package that the description keeps apart. Raises RuntimeError with rpm's words."""
    (found,) = (root / APART).glob(f"{name}-[0-9]*.rpm")
    rpm(*ask(root), "--install", "--force", "--nodeps", "--ignorearch", "--ignoreos", str(found))


def uninstall(root: Path, name: str) -> None:
    """Take a package away, if it is there. Raises RuntimeError with rpm's words."""
    if name in rpm(*ask(root), "--query", "--all", "--queryformat", "%{NAME}\n").split():
        rpm(*ask(root), "--erase", "--nodeps", name)


def rpm(*argv: str) -> str:
    """What a program of rpm says. Raises RuntimeError with the end of it."""
    return said(*argv, seconds=RPM_S)
