"""Whether a kernel module is there and kept from being loaded."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted, this_machine
from tests.unit.properties import thorough
from tests.unit.slowness import slowness

from vonggac_agent.facts.boot import kernel_module, modprobe
from vonggac_contract.facts.boot import KernelModule

DEP = "kernel/fs/cramfs/cramfs.ko: kernel/drivers/mtd/mtd.ko\nkernel/net/sctp/sctp.ko.xz: kernel/lib/libcrc32c.ko.xz\n"
BUILT_IN = "kernel/fs/ext4/ext4.ko\n"
KERNEL: dict[str, str | bytes | Link] = {
    "usr/lib/modules/6.1.0-28-amd64/modules.dep": DEP,
    "usr/lib/modules/6.1.0-28-amd64/modules.builtin": BUILT_IN,
}
NAME = st.sampled_from(["cramfs", "usb-storage", "usb_storage", "a", "8021q", "snd-hda-intel", "_", "-"])
COMMAND = st.sampled_from(
    ["/bin/false", "/bin/true", "/usr/bin/false", "/sbin/modprobe --ignore-install x", ":"]
)


def of(folder: Path, name: str, files: dict[str, str | bytes | Link]) -> KernelModule:
    return kernel_module.gather(mounted(folder, files), (name,))[0]


def test_a_module_that_a_kernel_brings_can_be_used(tmp_path: Path) -> None:
    assert of(tmp_path, "cramfs", KERNEL) == KernelModule(usable=True, available=True)


def test_one_that_no_kernel_brings_cannot(tmp_path: Path) -> None:
    assert of(tmp_path, "jffs2", KERNEL) == KernelModule(usable=False, available=False)


def test_one_that_is_built_in_is_used_whatever_files_say(tmp_path: Path) -> None:
    files = {**KERNEL, "etc/modprobe.d/x.conf": "install ext4 /bin/false\n"}
    assert of(tmp_path, "ext4", files) == KernelModule(
        usable=True, available=False, built_in=True, disabled=True
    )


def test_where_no_kernel_is_seen_only_the_files_keep_a_module_out(tmp_path: Path) -> None:
    assert of(tmp_path / "a", "cramfs", {"etc/passwd": ""}) == KernelModule(usable=True)
    files: dict[str, str | bytes | Link] = {"etc/modprobe.d/x.conf": "install cramfs /bin/false\n"}
    assert of(tmp_path / "b", "cramfs", files) == KernelModule(usable=False, disabled=True)


def test_a_blacklist_alone_does_not_keep_a_module_out(tmp_path: Path) -> None:
    files = {**KERNEL, "etc/modprobe.d/x.conf": "blacklist cramfs\n"}
    assert of(tmp_path, "cramfs", files) == KernelModule(usable=True, available=True, blacklisted=True)


@pytest.mark.parametrize(
    ("line", "disabled"),
    [
        ("install usb-storage /bin/false", True),
        ("install usb_storage\t/usr/bin/true", True),
        ("install usb-* /bin/false", True),
        ("install usb-storage \\\n  /bin/false", True),
        ("install usb-storage /bin/falsehood", False),
        ("install usb-storage /sbin/modprobe --ignore-install usb-storage", False),
        ("# install usb-storage /bin/false", False),
        ("remove usb-storage /bin/false", False),
        ("install usb-storage", False),
        ("install usb-storage :\ninstall usb-storage /bin/false", False),
    ],
)
def test_the_first_install_line_of_a_module_counts(line: str, disabled: bool) -> None:
    assert modprobe.disabled("usb_storage", modprobe.parse(line)) is disabled


def test_files_are_read_by_their_names_and_hide_the_vendors(tmp_path: Path) -> None:
    files = {
        **KERNEL,
        "usr/lib/modprobe.d/a.conf": "install sctp /bin/false\n",
        "etc/modprobe.d/a.conf": Link("/dev/null"),
        "etc/modprobe.d/b.conf": "install cramfs /bin/false\n",
        "etc/modprobe.d/0.conf": "install cramfs /sbin/mount-it\n",
    }
    assert of(tmp_path, "sctp", files).usable
    assert kernel_module.gather(mounted(tmp_path, {}), ("cramfs",))[0].usable


def test_the_boot_menu_refuses_a_module_if_every_entry_does(tmp_path: Path) -> None:
    line = "linux /vmlinuz ro module_blacklist=sctp,usb-storage modprobe.blacklist=cramfs\n"
    files = {**KERNEL, "boot/grub/grub.cfg": line * 2}
    assert of(tmp_path, "sctp", files) == KernelModule(usable=False, available=True, disabled=True)
    assert kernel_module.gather(mounted(tmp_path, {}), ("cramfs",))[0].blacklisted
    files = {**KERNEL, "boot/grub/grub.cfg": line + "linux /vmlinuz ro\n"}
    assert of(tmp_path / "b", "sctp", files).usable


def test_only_the_name_of_a_module_is_one(tmp_path: Path) -> None:
    for name in ("", "../etc/passwd", "a b", "a" * 65):
        with pytest.raises(ValueError, match="no kernel module's name"):
            of(tmp_path, name, {})


def test_this_machine_answers_for_any_module() -> None:
    found, _ = kernel_module.gather(this_machine(), ("cramfs",))
    assert found.loaded in (True, False)


@given(st.lists(st.one_of(NAME, st.tuples(NAME, COMMAND)), max_size=4))
@thorough
def test_what_is_written_is_read_back(model: list[str | tuple[str, str]]) -> None:
    lines = [f"blacklist  {m}" if isinstance(m, str) else f"install\t{m[0]} {m[1]}" for m in model]
    found = modprobe.parse("# x\n" + "\n\n".join(lines) + "\noptions a b=c\n")
    assert found.blacklisted == [modprobe.canonical(m) for m in model if isinstance(m, str)]
    assert found.installs == [(modprobe.canonical(m[0]), m[1]) for m in model if not isinstance(m, str)]


@given(st.sets(NAME.filter(lambda name: name.strip("-_"))))
@thorough
def test_a_kernels_list_names_its_modules(names: set[str]) -> None:
    text = "".join(f"kernel/x/{name}.ko.zst: kernel/y/other.ko\n" for name in names)
    assert modprobe.listed(text) == {modprobe.canonical(name) for name in names}


@pytest.mark.hostile
@given(st.text(max_size=300))
@thorough
def test_any_text_is_read(text: str) -> None:
    modprobe.disabled("x", modprobe.parse(text))
    modprobe.parse("install " + text)
    modprobe.listed(text)
    modprobe.refused(text.split(), "module_blacklist")


@pytest.mark.parser
@pytest.mark.hostile
@pytest.mark.parametrize(
    "text",
    [
        "install a b\n" * 190_000,
        "blacklist " + "x" * 10_000_000,
        "install a \\\n" * 190_000,
        "a.ko\n" * 190_000,
    ],
    ids=["lines", "word", "joined", "modules"],
)
def test_a_long_file_is_read_or_refused_at_once(text: str) -> None:
    started = time.process_time()
    try:
        modprobe.listed(text)
        modprobe.parse(text)
    except ValueError:
        pass
    assert time.process_time() - started < 1 * slowness()
