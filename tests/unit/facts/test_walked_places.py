"""Where the walk over the disk goes, and that what the rules' repairs say goes there too."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.facts.roots import mounted
from tests.unit.facts.test_file_walk import PASSWD, put, root_only, walked

from vonggac_agent.facts.files import file_walk
from vonggac_agent.facts.files.walked_places import (
    LEFT_OUT,
    LEFT_OUT_OF_HOMES,
    LOCAL,
    local,
    starts,
)
from vonggac_agent.facts.files.walked_places import mounted as table_of
from vonggac_contract.facts.files import Unsearched
from vonggac_rules.load import load_rule
from vonggac_rules.source import read_source

FSTAB = """\
/dev/sda1 / ext4 defaults 0 1
/dev/sda2 /home ext4 defaults 0 2
UUID=aa-bb /var auto defaults 0 2
/dev/sda3 /opt/backup xfs noauto 0 2
/dev/sda4 /opt/data xfs noauto,x-systemd.automount 0 2
/dev/sda5 /usr/local ext4 defaults 0 2
/dev/sda6 none swap sw 0 0
nas:/x /mnt/nas nfs defaults 0 0
tmpfs /tmp tmpfs defaults 0 0
/dev/sda7 /boot/efi vfat defaults 0 0
"""


def test_file_systems_of_a_mounted_root_that_are_not_mounted_are_told(tmp_path: Path) -> None:
    host = mounted(tmp_path, PASSWD | {"etc/fstab": FSTAB, "usr/bin/tool": "", "var/log/syslog": ""})
    put(tmp_path, "home", 0o755, folder=True)
    found = walked(host)
    assert found.unsearched == [
        Unsearched("/home", "root", "absent", system=False),
        Unsearched("/opt/data", "root", "absent", system=False),
        Unsearched("/usr/local", "root", "absent", system=True),
    ]
    put(tmp_path, "home/an", 0o755, folder=True)  # the copy of a system
    assert [miss.path for miss in walked(host).unsearched] == ["/opt/data", "/usr/local"]


IN_A_NAMESPACE = """
import sys
from pathlib import Path
from datetime import UTC, datetime
from vonggac_agent.facts import gather
from vonggac_agent.host import Host
from vonggac_contract.facts import fact_key
key = fact_key("file.walk")
found = gather(Host(Path(sys.argv[1]), now=datetime.now(UTC)), [key])[key].value
print([f.path for f in found.world_writable], [miss.path for miss in found.unsearched])
"""


def as_mounted(*commands: str, root: Path) -> str:
    """What the walk finds in `root` after these commands, in a mount namespace of its own (unshare(1))."""
    script = " && ".join((*commands, 'exec "$0" -c "$1" "$2"'))
    argv = ["unshare", "--mount", "sh", "-c", script, sys.executable, IN_A_NAMESPACE, os.fspath(root)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if "unshare failed" in done.stderr or "permission denied" in done.stderr:
        pytest.skip("no file system can be mounted here")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@root_only
@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare(1) is not installed")
def test_what_is_mounted_below_a_root_is_walked(tmp_path: Path) -> None:
    fstab = "".join(FSTAB.splitlines(keepends=True)[:2])
    mounted(tmp_path, PASSWD | {"etc/fstab": fstab, "usr/bin/tool": "", "srv/x": ""})
    home, shm = tmp_path / "home", tmp_path / "dev/shm"
    put(tmp_path, "home/an", 0o755, folder=True)
    opened = f"touch {home}/open && chmod 666 {home}/open"
    assert as_mounted(f"mount -t tmpfs none {home}", opened, root=tmp_path) == "['/home/open'] []"
    below = (f"mkdir {tmp_path}/dev", f"mount -t proc none {tmp_path}/dev", "true")
    assert as_mounted(*below, root=tmp_path) == "[] []"
    beyond = (f"mount -t ramfs none {tmp_path}/dev", f"mkdir {shm}", f"mount -t tmpfs none {shm}")
    opened = f"touch {shm}/open && chmod 666 {shm}/open"
    assert as_mounted(*beyond, opened, root=tmp_path) == "['/dev/shm/open'] []"
    hidden = (
        f"mount -t tmpfs none {home} && touch {home}/f",
        f"mount --bind {home}/f {tmp_path}/dev/version",
    )
    assert as_mounted(below[1], *hidden, root=tmp_path) == "[] []"  # as systemd hides files of /proc
    # Where the root is itself a disk's, what lies below the mount point is not what belongs there.
    assert as_mounted(f"mount --bind {tmp_path} {tmp_path}", root=tmp_path) == "[] ['/home']"
    assert as_mounted(f"mount -t ramfs none {home}", root=tmp_path) == "[] ['/home']"


@root_only
@pytest.mark.hostile
@pytest.mark.skipif(shutil.which("mkfs.btrfs") is None, reason="btrfs-progs are not installed")
def test_a_subvolume_that_a_user_made_is_walked_and_a_snapshot_of_the_system_is_not(tmp_path: Path) -> None:
    root, image = tmp_path / "root", tmp_path / "image"
    root.mkdir()
    with image.open("wb") as file:
        file.truncate(128 * 1024 * 1024)
    subprocess.run(["mkfs.btrfs", "-q", image], capture_output=True, check=True)
    made = (
        f"mount -o loop {image} {root} && cd {root} && mkdir -p etc usr/bin home/an",
        "echo root:x:0:0::/root:/bin/sh > etc/passwd && echo root:x:0: > etc/group && touch usr/bin/tool",
        "btrfs subvolume create home/an/his && mkdir home/an/his/in && touch home/an/his/in/open",
        "chmod 666 home/an/his/in/open && chown 1000 home/an/his",
        "btrfs subvolume snapshot . snapshot && chmod 777 snapshot/etc",
    )
    told = as_mounted(" && ".join(made), root=root)
    assert told.splitlines()[-1] == "['/home/an/his/in/open'] []"


def test_local_file_systems_and_the_root_are_walked_from_each_that_is_not_reached_otherwise() -> None:
    lines = [
        b"22 1 254:1 / / rw shared:1 - overlay overlay rw",
        b"23 22 0:5 / /proc rw - proc proc rw",
        b"24 22 8:1 / /srv/my\\040data rw,nosuid - ext4 /dev/sda1 rw",
        b"25 22 0:9 / /mnt/nas rw - nfs4 nas:/x rw",
        b"26 22 0:10 / /tmp rw - tmpfs tmpfs rw",
        b"a line that is none",
        b"27 22 0:11 / /broken - ",
        b"28 22 0:6 / /dev rw - devtmpfs udev rw",
        b"29 28 0:12 / /dev/shm rw - tmpfs tmpfs rw",
        b"30 29 8:2 / /dev/shm/a/b rw - xfs /dev/sdb rw",
        b"31 22 8:3 / /covered rw - ext4 /dev/sdc rw",
        b"32 22 0:9 / /covered rw - nfs4 nas:/y rw",
        b"33 22 0:13 / /var/lib/docker/overlay2/a/merged rw - overlay overlay rw",
        b"34 33 0:14 / /var/lib/docker/overlay2/a/merged/run rw - tmpfs tmpfs rw",
        b"35 25 8:4 / /mnt/nas/\xff rw - ext4 /dev/sdd rw",
    ]
    table = table_of(lines)
    shm, mine = "/dev/shm", "/mnt/nas/\udcff"
    inside = "/var/lib/docker/overlay2/a/merged/run"
    assert local(table) == ["", "/srv/my data", "/tmp", shm, f"{shm}/a/b", inside, mine]
    assert starts(table, LEFT_OUT) == ["", shm, mine]
    assert table_of(lines, "/mnt/nas") == {"": "nfs4", "/\udcff": "ext4"}


FILES = Path(__file__).resolve().parents[3] / "policies/packs/linux/files"


def finds(rule_id: str) -> list[str]:
    """Every command of a rule's repair that searches the disk, in both languages."""
    rule = load_rule(read_source(FILES / f"{rule_id}.rule.yaml")).rule
    texts = [text for way in rule.fix.values() for text in (way.vi, way.en)]
    return [line.strip() for text in texts for line in text.splitlines() if " find " in line]


@pytest.mark.parametrize("kind", ["devices", "open-folders", "trust", "unowned", "world-writable"])
def test_a_repair_searches_the_file_systems_and_passes_over_the_folders_that_the_walk_does(kind: str) -> None:
    commands = finds(f"linux.files.{kind}")
    assert len(commands) >= 4
    for command in commands:
        types = re.search(r"find \$\( \(echo /; findmnt -rno TARGET -t (\S+)\) \| sort -u\) -xdev ", command)
        assert types is not None
        assert sorted(types[1].split(",")) == sorted(LOCAL)
        left_out = re.search(r"! -regex '([^']+)'", command)
        assert left_out is not None
        pattern = re.sub(r"\\([(|)])", r"\1", left_out[1])
        assert all(re.fullmatch(pattern, f"{folder}/a/b") for folder in LEFT_OUT)
        assert all(re.fullmatch(pattern, f"/home/an/{folder}/a/b") for folder in LEFT_OUT_OF_HOMES)
        others = (
            "/usr/share/containers/a",
            "/home/an/.local/share/containers/a",
            "/tmp/.local/share/docker/a",
        )
        for beside in (*others, "/var/lib/docker2/a", "/srv/var/lib/docker/a", *LEFT_OUT):
            assert not re.fullmatch(pattern, beside)


def test_the_repair_of_system_folders_searches_those_that_the_walk_does() -> None:
    for command in finds("linux.files.system-writable"):
        places = command.split(" -xdev ")[0].split()[2:]
        searched = [re.compile(re.escape(place).replace(r"\*", "[^/]*")) for place in places]
        assert all(any(pattern.fullmatch(folder) for pattern in searched) for folder in file_walk.SYSTEM)
        assert all(any(pattern.fullmatch(folder) for folder in file_walk.SYSTEM) for pattern in searched)
