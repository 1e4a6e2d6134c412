"""Mounts, encrypted disks and core dumps, read from their tables."""

import contextlib
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted, this_machine
from tests.unit.properties import thorough
from tests.unit.slowness import slowness

from vonggac_agent.facts.storage import (
    coredump_settings,
    disk_encryption,
    mount_point,
    mount_table,
    mount_tables,
    mounts,
)
from vonggac_agent.facts.storage.mount_tables import Line, Volume
from vonggac_contract.facts.storage import CoredumpSettings, EncryptedVolume, MountPoint, StoredFileSystem

Files = dict[str, str | bytes | Link]

FSTAB = """\
# <file system> <mount point> <type> <options> <dump> <pass>
UUID=1-2 / ext4 errors=remount-ro 0 1
UUID=3-4\t/home\text4\tdefaults,nodev,nosuid 0 2
/dev/mapper/vg0-log /var/log xfs nosuid,suid,noexec 0 0
tmpfs /dev/shm tmpfs defaults,nodev,nosuid,noexec 0 0
/dev/sr0 /media/cdrom0 udf,iso9660 user,noauto 0 0
//files/share /mnt/share cifs username=lan,password=secret,nodev 0 0
user:secret@host:/ /mnt/far fuse.sshfs noauto 0 0
nas:/export /srv/data\\040one nfs rw 0 0
UUID=5-6 none swap sw 0 0
"""
MOUNTINFO = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
23 22 0:21 / /proc rw,nosuid,nodev,noexec - proc proc rw
24 22 0:22 / /tmp rw,nosuid,nodev - tmpfs tmpfs rw,size=1g
25 22 8:1 /x /mnt/with\\040blank rw - ext4 /dev/sda1 rw
26 22 8:17 / /media/lan/STICK rw,nosuid,nodev - vfat /dev/sdb1 rw
"""
TMP_MOUNT = (
    "[Mount]\nWhat=tmpfs\nWhere=/tmp\nType=tmpfs\nOptions=mode=1777,strictatime,nosuid,nodev,size=50%%\n"
)
WORD = st.sampled_from(["a", "b.c", "=x", "0", "/dev/sda1", "UUID=1-2", "x=1", "_", "-", "tmpfs", "é"])
OPTION = WORD.filter(lambda word: "=" not in word and '"' not in word)
PLACE = st.sampled_from(["/", "/a", "/a b", "/a\tb", "/a\\b", "/var/log", "/é", "/a#b"])


def escaped(text: str) -> str:
    return "".join(f"\\{ord(c):03o}" if c in " \t\n\\" else c for c in text)


def point(folder: Path, path: str, files: Files) -> MountPoint:
    return mount_point.gather(mounted(folder, files), (path,))[0]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("defaults", []),
        ("defaults,nodev,nosuid", ["nodev", "nosuid"]),
        ("nosuid,defaults", []),
        ("user", ["nodev", "nosuid", "noexec", "user"]),
        ("users,exec", ["nodev", "nosuid", "users"]),
        ("group,suid", ["nodev", "group"]),
        ("rw,noexec,rw", ["noexec", "rw"]),
        ("", []),
    ],
)
def test_options_are_spelt_out_and_the_last_of_two_counts(options: str, expected: list[str]) -> None:
    assert mount_tables.spelt_out(options.split(",")) == (expected, False)


def test_a_directory_of_its_own_in_fstab(tmp_path: Path) -> None:
    files: Files = {"etc/fstab": FSTAB, "home/lan": "", "usr/x": ""}
    home = point(tmp_path, "/home", files)
    options = ["nodev", "nosuid"]
    assert home == MountPoint(
        exists=True, separate=True, kept=True, type="ext4", options=options, next_options=options
    )
    assert point(tmp_path, "/usr", {}) == MountPoint(exists=True)
    assert point(tmp_path, "/opt", {}) == MountPoint()
    assert point(tmp_path, "/var/log", {}).options == ["noexec"]
    assert not point(tmp_path, "/media/cdrom0", {}).separate, "noauto"


def test_of_two_lines_of_fstab_for_one_place_systemd_mounts_the_first(tmp_path: Path) -> None:
    lines = "tmpfs /tmp tmpfs nosuid,nodev 0 0\nUUID=4 /tmp ext4 nosuid,nodev,noexec 0 2\n"
    found = point(tmp_path, "/tmp", {"etc/fstab": lines})
    assert (found.type, found.next_options) == ("tmpfs", ["nosuid", "nodev"])


def test_what_systemd_mounts_by_itself_takes_its_options_from_fstab(tmp_path: Path) -> None:
    bare = point(tmp_path / "a", "/dev/shm", {"etc/passwd": ""})
    assert (bare.separate, bare.options[:2]) == (True, ["nosuid", "nodev"])
    told = point(tmp_path / "b", "/dev/shm", {"etc/fstab": FSTAB})
    assert told.options == ["nodev", "nosuid", "noexec"]


@pytest.mark.parametrize(
    ("files", "separate", "noexec"),
    [
        ({"usr/lib/systemd/system/tmp.mount": TMP_MOUNT}, False, False),
        (
            {
                "usr/lib/systemd/system/tmp.mount": TMP_MOUNT,
                "usr/lib/systemd/system/local-fs.target.wants/tmp.mount": Link("../tmp.mount"),
            },
            True,
            False,
        ),
        (
            {
                "usr/lib/systemd/system/tmp.mount": TMP_MOUNT,
                "usr/lib/systemd/system/local-fs.target.wants/tmp.mount": Link("../tmp.mount"),
                "etc/systemd/system/tmp.mount.d/options.conf": "[Mount]\nOptions=nodev,nosuid,noexec\n",
            },
            True,
            True,
        ),
        (
            {
                "etc/systemd/system/tmp.mount": TMP_MOUNT + "[Install]\nWantedBy=local-fs.target\n",
                "etc/systemd/system/local-fs.target.wants/tmp.mount": Link("../tmp.mount"),
                "etc/fstab": "tmpfs /tmp tmpfs noexec 0 0\n",
            },
            True,
            False,
        ),
        (
            {
                "usr/lib/systemd/system/tmp.mount": TMP_MOUNT,
                "usr/lib/systemd/system/local-fs.target.wants/tmp.mount": Link("../tmp.mount"),
                "etc/fstab": "tmpfs /tmp/ tmpfs noexec 0 0\n",
            },
            True,
            True,
        ),
        ({"etc/systemd/system/tmp.mount": Link("/dev/null")}, False, False),
    ],
    ids=["not wanted", "vendor's", "drop-in", "administrator before fstab", "fstab before vendor", "masked"],
)
def test_a_mount_unit_counts_if_the_next_start_wants_it(
    files: Files, separate: bool, noexec: bool, tmp_path: Path
) -> None:
    found = point(tmp_path, "/tmp", files)
    assert (found.separate, "noexec" in found.options) == (separate, noexec)


def test_names_of_mount_units_are_escaped_as_systemd_does_it() -> None:
    assert mount_tables.unit_name("/var/tmp") == "var-tmp.mount"
    assert mount_tables.unit_name("/") == "-.mount"
    assert mount_tables.unit_name("/srv/a-b é") == r"srv-a\x2db\x20\xc3\xa9.mount"
    assert mount_tables.unit_name("/.hidden/.x") == r"\x2ehidden-.x.mount"


@pytest.mark.parametrize("path", ["", "tmp", "/a//b", "/a/../b", "/tmp/"])
def test_only_an_absolute_path_is_a_mount_point(path: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no absolute path"):
        point(tmp_path, path, {})


def test_the_table_of_a_mounted_root_is_its_fstab_without_passwords(tmp_path: Path) -> None:
    value, _ = mount_table.gather(mounted(tmp_path, {"etc/fstab": FSTAB}), ())
    kinds = {mount.path: mount.kind for mount in value.mounts}
    assert kinds == {
        "/": "disk",
        "/home": "disk",
        "/var/log": "disk",
        "/dev/shm": "memory",
        "/media/cdrom0": "removable",
        "/mnt/share": "network",
        "/mnt/far": "network",
        "/srv/data one": "network",
    }
    assert [mount.path for mount in value.mounts if mount.clear_password] == ["/mnt/share"]
    assert "secret" not in str(value)


@pytest.mark.parametrize(
    ("options", "told", "clear"),
    [
        ("ssh_command=sshpass\\040-p\\040PW,ro", ["ssh_command=…", "ro"], True),
        ("user=bob:PW,allow_other", ["user=…", "allow_other"], True),
        ("username=bob%PW", ["username=…"], True),
        ("username=bob,credentials=/etc/bob", ["username=…", "credentials=/etc/bob"], False),
        ("password=PW,vers=3.0,uid=1000", ["vers=3.0", "uid=1000"], True),
        ("password=a,,PW,ro", ["ro"], True),
        ('secret="a,PW",ro', ["secret=…", "ro"], False),
        ("x-systemd.automount,x-systemd.device-timeout=5,secret=PW", None, False),
        ("PASSWORD=PW,size=1g,,ro", ["size=1g", "ro"], True),
    ],
)
def test_of_options_only_the_harmless_are_told_with_their_value(
    options: str, told: list[str] | None, clear: bool, tmp_path: Path
) -> None:
    fstab = f"bob:PW@host: /mnt fuse {options} 0 0\n"
    unit = f"[Mount]\nWhat=https://bob:PW@host/\nWhere=/mnt\nType=davfs\nOptions={options}\n"
    table = mount_table.gather(mounted(tmp_path / "a", {"etc/fstab": fstab}), ())[0]
    found = point(tmp_path / "b", "/mnt", {"etc/fstab": fstab})
    read = mount_tables.mount_unit([unit])
    now = mount_tables.mountinfo(f"22 1 0:9 / /mnt rw - fuse bob:PW@host: {options}\n")
    assert "PW" not in f"{table}{found}{read}{now}"
    assert table.mounts[0].clear_password is clear
    assert told is None or table.mounts[0].options == told


def test_mounts_of_the_running_system_with_their_devices(tmp_path: Path) -> None:
    lines = mount_tables.mountinfo(MOUNTINFO)
    assert [line.path for line in lines] == ["/", "/proc", "/tmp", "/mnt/with blank", "/media/lan/STICK"]
    assert lines[2] == Line("tmpfs", "/tmp", "tmpfs", ["nosuid", "nodev", "rw", "size=1g"], "0:22")
    sys: Files = {"sys/dev/block/8:33": Link("../../devices/pci/usb1/1-1/block/sdc/sdc1"), "x": ""}
    host = mounted(tmp_path, sys)
    stick = Line("/dev/sdc1", "/mnt", "ext4", [], "8:33")
    assert mounts.kind(host, stick) == "removable"
    assert mounts.kind(host, stick._replace(number="8:34")) == "disk"
    says_so: Files = {
        "sys/dev/block/8:49": Link("../../devices/pci/sdd/sdd1"),
        "sys/devices/pci/sdd/sdd1/partition": "1\n",
        "sys/devices/pci/sdd/removable": "1\n",
    }
    assert mounts.kind(mounted(tmp_path, says_so), stick._replace(number="8:49")) == "removable"


def test_this_machine_has_a_root(tmp_path: Path) -> None:
    host = this_machine()
    root = mount_point.gather(host, ("/",))[0]
    assert root.separate
    assert root.type
    assert "/" in [mount.path for mount in mount_table.gather(host, ())[0].mounts if mount.running]
    assert isinstance(disk_encryption.gather(host, ())[0].file_systems, list)


DEVICES: Files = {
    "sys/devices/sda/sda1/partition": "1\n",
    "sys/devices/sda/sda2/partition": "2\n",
    "sys/devices/dm-0/dm/uuid": "CRYPT-LUKS2-0f0f-sda2_crypt\n",
    "sys/devices/dm-0/slaves/sda2": Link("../../sda/sda2"),
    "sys/devices/dm-1/dm/uuid": "LVM-abc\n",
    "sys/devices/dm-1/slaves/dm-0": Link("../../dm-0"),
    "sys/devices/dm-2/dm/uuid": "LVM-abd\n",
    "sys/devices/dm-2/slaves/dm-0": Link("../../dm-0"),
    "sys/devices/dm-2/slaves/sda1": Link("../../sda/sda1"),
    "sys/devices/md0/slaves/dm-0": Link("../../dm-0"),
    "sys/devices/md0/md0p1/partition": "1\n",
    "sys/devices/loop0/slaves/loop0": Link("../../loop0"),
    **{
        f"sys/dev/block/{number}": Link(f"../../devices/{name}")
        for number, name in {
            "8:1": "sda/sda1",
            "254:0": "dm-0",
            "254:1": "dm-1",
            "254:2": "dm-2",
            "9:1": "md0/md0p1",
            "7:0": "loop0",
        }.items()
    },
}


@pytest.mark.parametrize(
    ("number", "told"),
    [
        ("8:1", False),
        ("254:0", True),
        ("254:1", True),
        ("254:2", False),
        ("9:1", True),
        ("7:0", False),
        ("1:1", None),
    ],
)
def test_a_device_is_encrypted_if_all_below_it_is(number: str, told: bool | None, tmp_path: Path) -> None:
    assert disk_encryption.encrypted(mounted(tmp_path, DEVICES), number) is told


def test_a_mounted_root_without_crypttab_is_not_encrypted(tmp_path: Path) -> None:
    value, _ = disk_encryption.gather(mounted(tmp_path, {"etc/fstab": FSTAB}), ())
    assert value.file_systems == [
        StoredFileSystem("/", "UUID=1-2", "ext4", encrypted=False),
        StoredFileSystem("/home", "UUID=3-4", "ext4", encrypted=False),
        StoredFileSystem("/var/log", "/dev/mapper/vg0-log", "xfs", encrypted=False),
    ]
    assert value.swap == [StoredFileSystem("swap", "UUID=5-6", "swap", encrypted=False)]


def test_with_a_crypttab_only_a_volume_by_its_name_is_told(tmp_path: Path) -> None:
    files: Files = {
        "etc/crypttab": "root_crypt UUID=1 none luks,discard\nswap_crypt /dev/sda3 /dev/urandom swap\n"
        "data UUID=7 /etc/keys/data luks\nmore UUID=8 /etc/keys/more luks\nhsm UUID=9 - tpm2-device=auto\n"
        "gone UUID=10 /no/such luks\nout UUID=11 /keys:UUID=12 luks\n",
        "etc/keys/data": "secret",
        "etc/keys/more": "secret",
        "etc/fstab": "/dev/mapper/root_crypt / ext4 defaults 0 1\nUUID=2 /srv xfs defaults 0 0\n"
        "/dev/mapper/swap_crypt none swap sw 0 0\nrpool/x /zfs zfs defaults 0 0\nUUID=3 /boot ext4 defaults 0 0\n",
    }
    host = mounted(tmp_path, files)
    (tmp_path / "etc/keys/data").chmod(0o400)
    (tmp_path / "etc/keys/more").chmod(0o440)
    value, _ = disk_encryption.gather(host, ())
    assert {stored.path: stored.encrypted for stored in value.file_systems} == {
        "/": True,
        "/srv": None,
        "/zfs": None,
    }
    assert [stored.encrypted for stored in value.swap] == [True]
    assert value.volumes == [
        EncryptedVolume("root_crypt", "asked"),
        EncryptedVolume("swap_crypt", "random"),
        EncryptedVolume("data", "file", "/etc/keys/data", key_exposed=False),
        EncryptedVolume("more", "file", "/etc/keys/more", key_exposed=True),
        EncryptedVolume("hsm", "other"),
        EncryptedVolume("gone", "file", "/no/such", key_exposed=None),
        EncryptedVolume("out", "file", "/keys:UUID=12", key_exposed=None),
    ]
    assert "secret" not in str(value)


def test_swap_areas_in_use_are_listed() -> None:
    text = "Filename\tType\tSize\tUsed\tPriority\n/dev/dm-2 partition 1 0 -2\n/swap\\040file file 1 0 -3\n"
    assert mount_tables.swaps(text) == [("/dev/dm-2", "partition"), ("/swap file", "file")]


def test_core_dumps_are_off_by_limits_and_by_the_collector(tmp_path: Path) -> None:
    files: Files = {
        "etc/security/limits.conf": "#*  soft core 0\n* hard core unlimited\nroot hard core 100000\n",
        "etc/security/limits.d/10-core.conf": "*\thard\tcore\t0 # none\n* soft core 1\n",
        "usr/lib/systemd/systemd-coredump": "",
        "etc/systemd/coredump.conf": "[Coredump]\n#Storage=external\nStorage=journal\n",
        "etc/systemd/coredump.conf.d/60-off.conf": "[Coredump]\nStorage=none\nProcessSizeMax=0\n[x]\nStorage=y\n",
    }
    assert coredump_settings.gather(mounted(tmp_path, files), ())[0] == CoredumpSettings(0, True, "none", 0)
    bare = coredump_settings.gather(mounted(tmp_path / "bare", {"etc/passwd": ""}), ())[0]
    assert bare == CoredumpSettings(None, False, "external", None)


@pytest.mark.parametrize(
    ("lines", "limit"),
    [
        ("* - core 0", 0),
        ("* hard core 5\n* hard core 0", 0),
        ("* hard core 0\n* hard core unlimited", None),
        ("* hard core 0\n* hard core -1", None),
        ("* soft core 0", None),
        ("@users hard core 0", None),
        ("* hard nofile 0", None),
        ("* hard core", None),
    ],
)
def test_the_last_hard_limit_for_everybody_counts(lines: str, limit: int | None) -> None:
    assert coredump_settings.hard_limit([lines]) == limit


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("2G", 2 << 30),
        ("512M", 512 << 20),
        ("1 KiB", 1024),
        ("x", None),
        ("", None),
        ("9" * 15 + "E", 2**53),
    ],
)
def test_sizes_of_systemd(text: str, size: int | None) -> None:
    assert coredump_settings.size(text) == size


@given(
    st.lists(st.tuples(WORD, PLACE, WORD, st.lists(OPTION, min_size=1, max_size=4, unique=True)), max_size=5)
)
@thorough
def test_an_fstab_that_is_written_is_read_back(model: list[tuple[str, str, str, list[str]]]) -> None:
    text = "# x\n" + "".join(f"{d} {escaped(p)}\t{t} {','.join(o)} 0 2\n" for d, p, t, o in model)
    expected = [Line(d, p, t, o) for d, p, t, o in model]
    assert mount_tables.fstab(text) == expected


@given(st.lists(st.tuples(PLACE, WORD, WORD, st.booleans()), max_size=3))
@thorough
def test_a_mountinfo_that_is_written_is_read_back(model: list[tuple[str, str, str, bool]]) -> None:
    text = "".join(
        f"22 1 8:1 / {escaped(p)} rw,nodev{' shared:1 master:2' if shared else ''} - {t} {escaped(d)} rw,mode=1\n"
        for p, t, d, shared in model
    )
    assert mount_tables.mountinfo(text) == [
        Line(d, p, t, ["nodev", "rw", "mode=1"], "8:1") for p, t, d, _ in model
    ]


@given(st.lists(st.tuples(WORD, WORD, WORD, st.lists(WORD, max_size=3)), max_size=3))
@thorough
def test_a_crypttab_that_is_written_is_read_back(model: list[tuple[str, str, str, list[str]]]) -> None:
    text = "# x\n\n" + "".join(f"{n} {d}\t{k} {','.join(o)}\n" for n, d, k, o in model)
    assert mount_tables.crypttab(text) == [Volume(*line) for line in model]


@given(
    PLACE.filter(lambda path: "\\" not in path),
    WORD,
    WORD,
    st.lists(OPTION, min_size=1, max_size=3, unique=True),
)
@thorough
def test_a_mount_unit_that_is_written_is_read_back(
    path: str, what: str, kind: str, options: list[str]
) -> None:
    first = f"[Unit]\nDescription=x\n[Mount]\nWhat={what}\nWhere={path}\nType={kind}\nOptions=ro\n"
    drop_in = f"[Mount]\nOptions={','.join(options)}\n"
    assert mount_tables.mount_unit([first, drop_in]) == Line(what, path, kind, options)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["*", "root", "@x"]), st.sampled_from(["hard", "soft", "-"]), st.integers(0, 9)
        )
    ),
    st.sampled_from(["none", "external", "journal"]),
    st.integers(0, 9),
)
@thorough
def test_limits_and_coredump_settings_that_are_written_are_read_back(
    model: list[tuple[str, str, int]], storage: str, gigabytes: int
) -> None:
    text = "".join(f"{who}\t{kind} core  {most} # x\n" for who, kind, most in model)
    everybody = [most for who, kind, most in model if who == "*" and kind != "soft"]
    assert coredump_settings.hard_limit(["# x\n", text]) == (everybody[-1] if everybody else None)
    conf = [f"[Coredump]\n#Storage=x\nStorage={storage}\n", f"[Coredump]\nProcessSizeMax={gigabytes}G\n"]
    assert coredump_settings.conf(conf) == (storage, gigabytes << 30)


@pytest.mark.hostile
@given(st.text(max_size=300))
@thorough
def test_any_text_is_read_as_any_table(text: str) -> None:
    mount_tables.mountinfo(text)
    mount_tables.mountinfo("1 2 3 4 " + text + " - " + text)
    mount_tables.fstab("a /b " + text)
    mount_tables.crypttab("a b " + text)
    mount_tables.swaps(text)
    mount_tables.mount_unit([text, "[Mount]\nWhere=/x\n" + text])
    mount_tables.unit_name(text)
    coredump_settings.hard_limit(["* hard core " + text])
    coredump_settings.conf([text, "[Coredump]\n" + text])


@pytest.mark.parser
@pytest.mark.hostile
@pytest.mark.parametrize(
    "text",
    [
        "a /b c d 0 0\n" * 190_000,
        "a /b c " + "x," * 5_000_000,
        "a /b" + "\\040" * 2_500_000 + " c d",
        "a " * 5_000_000,
    ],
    ids=["lines", "options", "escapes", "words"],
)
def test_a_long_table_is_read_or_refused_at_once(text: str) -> None:
    started = time.process_time()
    for read in (mount_tables.fstab, mount_tables.mountinfo, mount_tables.crypttab, mount_tables.swaps):
        with contextlib.suppress(ValueError):
            read(text)
    assert time.process_time() - started < 2 * slowness(), "four readers"
