"""Trees to look at: each a copy of a kept root, changed as `hardened.yaml` and `broken.yaml` say.

A copy shares its files with the root by hard links until they are changed, so that it is made in a moment.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from tests.roots import redhat

HERE = Path(__file__).parent
STATUS = "/var/lib/dpkg/status"
WANTED_TMP = "/usr/lib/systemd/system/local-fs.target.wants/tmp.mount"
"""There on Debian 13, whose every start mounts a tmpfs on /tmp."""
COPY_S = 120


@dataclass(frozen=True)
class Base:
    """A root that is not changed: its name in reports, its family, and the contents that judge it."""

    name: str
    family: str
    contents: tuple[str, ...]
    root: Path


@dataclass
class Tree:
    """One copy of a base. `broken`: the names of the changes made to it."""

    name: str
    base: Base
    root: Path
    broken: list[str] = field(default_factory=list)

    def change(self, what: dict[str, Any]) -> None:
        """Make one change: word -> subject -> value, in the order of `_DOING`. KeyError for another word."""
        unknown = what.keys() - _DOING.keys()
        if unknown:
            raise KeyError(f"no way to {', '.join(sorted(unknown))} in a tree")
        for word, do in _DOING.items():
            for subject, value in what.get(word, {}).items():
                do(self, subject, value)

    def place(self, path: str) -> Path:
        """Where `path` is in this tree. Links are followed inside it."""
        done = self.root
        for part in path.strip("/").split("/"):
            done = done / part
            if done.is_symlink():
                target = os.readlink(done)
                within = done.parent.relative_to(self.root) / target
                done = self.place(target if target.startswith("/") else os.path.normpath(within))
        return done

    def text(self, path: str) -> str:
        """What the file says; empty if there is none."""
        file = self.place(path)
        return file.read_text(encoding="utf-8") if file.exists() else ""

    def write(self, path: str, text: str) -> None:
        """Put `text` there, in a file of its own with the mode and owner of the one that was there."""
        file = self.place(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        before = file.stat() if file.exists() else None
        fresh = file.with_name(file.name + ".fresh")
        fresh.write_text(text, encoding="utf-8")
        fresh.chmod(before.st_mode & 0o7777 if before else 0o644)
        if before:
            os.chown(fresh, before.st_uid, before.st_gid)
        fresh.rename(file)

    def detach(self, path: str) -> Path:
        """The file with an inode of its own, or the base would change with it; an empty one if none is there."""
        file = self.place(path)
        if not file.exists():
            self.write(path, "")
        elif file.is_file() and file.stat().st_nlink > 1:
            fresh = file.with_name(file.name + ".fresh")
            shutil.copy2(file, fresh)
            os.chown(fresh, file.stat().st_uid, file.stat().st_gid)
            fresh.rename(file)
        return file

    def ids(self, owner: str) -> tuple[int, int]:
        """Numbers of `user:group` in this tree's own files."""
        found: list[int] = []
        for name, path in zip(owner.split(":"), ("/etc/passwd", "/etc/group"), strict=True):
            rows = [line.split(":") for line in self.text(path).splitlines()]
            found.append(next(int(row[2]) for row in rows if row[0] == name))
        return (found[0], found[1])


def _write(tree: Tree, path: str, text: str) -> None:
    tree.write(path, text)


def _append(tree: Tree, path: str, text: str) -> None:
    before = tree.text(path)
    tree.write(path, before + ("" if before.endswith("\n") or not before else "\n") + text)


def _before(tree: Tree, path: str, text: str) -> None:
    tree.write(path, text + tree.text(path))


def _replace(tree: Tree, path: str, pairs: list[list[str]]) -> None:
    """What is nowhere in the file is not replaced: what hardening brings is not on a tree as installed."""
    text = before = tree.text(path)
    for pattern, replacement in pairs:
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    if text != before:
        tree.write(path, text)


def _lines(tree: Tree, path: str, lines: list[str]) -> None:
    """Each line in the place of those that set the same word, commented or not; else at the end."""
    text = tree.text(path)
    for line in lines:
        word = re.split(r"[\s=]", line, maxsplit=1)[0]
        same = re.compile(rf"^[ \t]*#?[ \t]*{re.escape(word)}([ \t=].*)?\n?", re.MULTILINE | re.IGNORECASE)
        first = same.search(text)
        at = first.start() if first else len(text)
        text = same.sub("", text)
        head = text[:at] + ("" if text[:at].endswith("\n") or not at else "\n")
        text = f"{head}{line}\n{text[at:]}"
    tree.write(path, text)


def _mode(tree: Tree, path: str, mode: str) -> None:
    tree.detach(path).chmod(int(mode, 8))


def _owner(tree: Tree, path: str, owner: str) -> None:
    file = tree.detach(path)
    mode = file.stat().st_mode & 0o7777
    os.chown(file, *tree.ids(owner))
    file.chmod(mode)


def _folder(tree: Tree, path: str, mode: str) -> None:
    file = tree.place(path)
    file.mkdir(parents=True, exist_ok=True)
    file.chmod(int(mode, 8))


def _remove(tree: Tree, path: str, _: None) -> None:
    file = tree.root / path.lstrip("/")
    if file.is_dir() and not file.is_symlink():
        shutil.rmtree(file)
    else:
        file.unlink(missing_ok=True)


def _link(tree: Tree, path: str, target: str) -> None:
    file = tree.root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    file.symlink_to(target)


def _install(tree: Tree, name: str, _: None) -> None:
    if tree.base.family == "debian":
        stanza = (
            f"Package: {name}\nStatus: install ok installed\nPriority: optional\nSection: net\n"
            f"Maintainer: Nobody <nobody@example.org>\nArchitecture: amd64\nVersion: 1.0-1\n"
            f"Description: sample\n"
        )
        others = [s for s in _stanzas(tree) if not s.startswith(f"Package: {name}\n")]
        tree.write(STATUS, "\n".join((*others, stanza)) + "\n")
    else:
        _own_database(tree)
        redhat.install_apart(tree.root, name)


def _uninstall(tree: Tree, name: str, _: None) -> None:
    """The package and its files go, as by a purge; what is not there stays away."""
    if tree.base.family == "debian":
        stanzas = _stanzas(tree)
        if others := [s for s in stanzas if not s.startswith(f"Package: {name}\n")]:
            tree.write(STATUS, "\n".join(others) + "\n")
        for listed in (f"{name}.list", f"{name}:amd64.list"):
            for line in tree.text(f"/var/lib/dpkg/info/{listed}").splitlines():
                file = tree.place(line)
                if file.is_file() or file.is_symlink():
                    file.unlink()
    else:
        _own_database(tree)
        redhat.uninstall(tree.root, name)


def _stanzas(tree: Tree) -> list[str]:
    """dpkg's database: stanzas with an empty line between them (dpkg(1), deb822(5)), each ending with a line feed."""
    return [f"{stanza.strip()}\n" for stanza in tree.text(STATUS).split("\n\n") if stanza.strip()]


def _own_database(tree: Tree) -> None:
    for file in tree.place(redhat.DATABASE).iterdir():
        tree.detach(f"{redhat.DATABASE}/{file.name}")


_DOING: dict[str, Callable[[Tree, str, Any], None]] = {
    "folder": _folder,
    "write": _write,
    "before": _before,
    "append": _append,
    "replace": _replace,
    "lines": _lines,
    "link": _link,
    "install": _install,
    "uninstall": _uninstall,
    "owner": _owner,
    "mode": _mode,
    "remove": _remove,
}


def boot(tree: Tree) -> None:
    """Say in /proc/mounts what a boot would mount: oscap asks there for a root too, not in fstab(5)."""
    mounted = {"/dev/shm": "tmpfs /dev/shm tmpfs rw,nosuid,nodev"}  # by systemd itself
    if tree.place(WANTED_TMP).exists():
        mounted["/tmp"] = "tmpfs /tmp tmpfs rw,nosuid,nodev"
    told: set[str] = set()
    for line in tree.text("/etc/fstab").splitlines():
        device, place, kind, options, *_ = (*line.split(), "", "", "", "")
        # Of two lines for one place the first counts, systemd-fstab-generator(8).
        if place.startswith("/") and not device.startswith("#") and place not in told:
            told.add(place)
            mounted[place] = f"{device} {place} {kind} rw,{options}"
    tree.write("/proc/mounts", "".join(f"{row} 0 0\n" for row in mounted.values()))
    for place in mounted:
        tree.place(place).mkdir(parents=True, exist_ok=True)


def copy(base: Base, name: str, forest: Path) -> Tree:
    """A tree of `base`, not changed yet."""
    root = forest / f"{base.name}-{name}"
    done = subprocess.run(
        ["cp", "--archive", "--link", str(base.root), str(root)],
        capture_output=True,
        text=True,
        timeout=COPY_S,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"cp ended with {done.returncode}: {done.stderr[-1000:]}")
    return Tree(f"{base.name}-{name}", base, root)


def fell(folder: Path) -> None:
    """Take a folder of trees away: a hundred thousand names, for which rm(1) is quicker than a loop here."""
    subprocess.run(["rm", "-r", "-f", str(folder)], check=True, timeout=COPY_S * 5)


def changes(file: str, family: str) -> dict[str, dict[str, Any]]:
    """Name -> change, of those in `file` for every family and for this one."""
    described = yaml.safe_load((HERE / file).read_text(encoding="utf-8"))
    return {**described["any"], **described.get(family, {})}


def grow(base: Base, forest: Path, *, seed: int, broken: int) -> list[Tree]:
    """As installed, hardened, and `broken` more, among which the changes of `broken.yaml` are dealt.

    By chance, but the same for the same seed. The first breaks the tree as installed, the others the hardened one.
    """
    hardening = changes("hardened.yaml", base.family)
    grown = [copy(base, "installed", forest), copy(base, "hardened", forest)]
    for change in hardening.values():
        grown[1].change(change)
    breaking = changes("broken.yaml", base.family)
    # Each by a chance of its own, so that one more change moves no other to another tree.
    dealt = {name: random.Random(f"{base.name} {seed} {name}") for name in breaking}
    places = {name: (chance.randrange(broken), chance.random()) for name, chance in dealt.items()}
    for number in range(broken):
        tree = copy(base, f"broken-{number + 1}", forest)
        if number:
            for change in hardening.values():
                tree.change(change)
        for name in sorted((n for n in places if places[n][0] == number), key=lambda n: places[n][1]):
            tree.change(breaking[name])
            tree.broken.append(name)
        grown.append(tree)
    for tree in grown:
        boot(tree)
    return grown
