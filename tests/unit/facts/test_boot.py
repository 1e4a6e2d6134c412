"""The kernel's command line, the boot loader and the rescue shell, read from their files."""

import contextlib
import shlex
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted, this_machine
from tests.unit.properties import thorough
from tests.unit.slowness import slowness

from vonggac_agent.facts.boot import boot_loader, boot_parameters, boot_rescue, loader_files
from vonggac_contract.facts.boot import BootEntry, BootLoader, BootParameters, BootRescue

Files = dict[str, str | bytes | Link]

DEBIAN = """\
### BEGIN /etc/grub.d/00_header ###
if [ -s $prefix/grubenv ]; then
  load_env
fi
set superusers="admin"
password_pbkdf2 admin grub.pbkdf2.sha512.10000.AAAA.BBBB
### BEGIN /etc/grub.d/10_linux ###
menuentry 'Debian GNU/Linux' --class debian --unrestricted $menuentry_id_option 'gnulinux-simple-1' {
\tload_video
\tlinux\t/boot/vmlinuz-6.1.0-28-amd64 root=UUID=1-2 ro audit=1 quiet
\tinitrd\t/boot/initrd.img-6.1.0-28-amd64
}
submenu 'Advanced options for Debian GNU/Linux' $menuentry_id_option 'gnulinux-advanced-1' {
\tmenuentry 'Debian GNU/Linux, with Linux 6.1.0-28-amd64 (recovery mode)' --class debian {
\t\tlinux\t/boot/vmlinuz-6.1.0-28-amd64 root=UUID=1-2 ro single audit=1
\t}
}
"""
RED_HAT = """\
insmod increment
blscfg
if [ -f ${prefix}/user.cfg ]; then
  source ${prefix}/user.cfg
  if [ -n "${GRUB2_PASSWORD}" ]; then
    set superusers="root"
    export superusers
    password_pbkdf2 root ${GRUB2_PASSWORD}
  fi
fi
set kernelopts="root=/dev/mapper/rl-root ro crashkernel=auto"
"""
ENTRY = """\
title Rocky Linux (5.14.0-1.el9.x86_64) 9.3
version 5.14.0-1.el9.x86_64
linux /vmlinuz-5.14.0-1.el9.x86_64
options $kernelopts audit=1 $tuned_params
grub_users $grub_users
"""
RESCUE = """\
[Service]
Environment=HOME=/root
ExecStartPre=-/bin/plymouth --wait quit
ExecStart=-/lib/systemd/systemd-sulogin-shell {}
"""
UNITS: Files = {
    "usr/lib/systemd/system/rescue.service": RESCUE.format("rescue"),
    "usr/lib/systemd/system/emergency.service": RESCUE.format("emergency"),
}
PARAMETER = st.sampled_from(
    ["ro", "quiet", "audit=1", "root=UUID=1-2", "lsm=b,c", "ipv6.disable=1", "-", "é", "console=ttyS0,115200"]
)
TITLE = st.sampled_from(["", "Debian GNU/Linux", "Rocky (5.14) 9.3", "Vọng  Gác", "a;b"])


def test_the_kernels_of_a_debian_menu(tmp_path: Path) -> None:
    value, _ = boot_parameters.gather(mounted(tmp_path, {"boot/grub/grub.cfg": DEBIAN}), ())
    assert value == BootParameters(
        running=None,
        entries=[
            BootEntry("Debian GNU/Linux", ["root=UUID=1-2", "ro", "audit=1", "quiet"], "boot/grub/grub.cfg"),
            BootEntry(
                "Debian GNU/Linux, with Linux 6.1.0-28-amd64 (recovery mode)",
                ["root=UUID=1-2", "ro", "single", "audit=1"],
                "boot/grub/grub.cfg",
            ),
        ],
        template=None,
    )


def test_the_entries_of_a_red_hat_system_with_their_variables(tmp_path: Path) -> None:
    files: Files = {
        "boot/grub2/grub.cfg": RED_HAT,
        "boot/loader/entries/1-5.14.0.conf": ENTRY,
        "boot/loader/entries/1-0-rescue.txt": "options single\n",
    }
    title = "Rocky Linux (5.14.0-1.el9.x86_64) 9.3"
    entry = boot_parameters.gather(mounted(tmp_path / "a", files), ())[0].entries
    parameters = ["root=/dev/mapper/rl-root", "ro", "crashkernel=auto", "audit=1"]
    assert entry == [BootEntry(title, parameters, "boot/loader/entries/1-5.14.0.conf")]
    files["boot/grub2/grubenv"] = "# GRUB Environment Block\nkernelopts=ro audit=0\n######"
    entry = boot_parameters.gather(mounted(tmp_path / "b", files), ())[0].entries
    assert entry[0].parameters == ["ro", "audit=0", "audit=1"]


def test_what_the_next_update_writes_comes_from_the_defaults_and_their_drop_ins(tmp_path: Path) -> None:
    files: Files = {
        "etc/default/grub": 'GRUB_CMDLINE_LINUX_DEFAULT="quiet splash"\nGRUB_CMDLINE_LINUX=""\n#GRUB_X=1\n',
        "etc/default/grub.d/60-audit.cfg": 'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX audit=1"\n',
        "etc/default/grub.d/61-more.cfg": 'GRUB_CMDLINE_LINUX="${GRUB_CMDLINE_LINUX} audit_backlog_limit=8192"\n',
    }
    host = mounted(tmp_path, files)
    wanted = ["audit=1", "audit_backlog_limit=8192", "quiet", "splash"]
    assert boot_parameters.gather(host, ())[0].template == wanted
    host = mounted(tmp_path, {"etc/kernel/cmdline": "root=/dev/sda1 audit=1\n"})
    assert boot_parameters.gather(host, ())[0].template == ["root=/dev/sda1", "audit=1"]


def test_values_of_parameters_that_are_not_known_stay_on_the_machine(tmp_path: Path) -> None:
    line = (
        "BOOT_IMAGE=/vmlinuz root=cifs://u:PW@h/x resume=/dev/sda2 rd.iscsi.password=PW netroot=iscsi:u:PW@h:: "
        'luks.key=PW foo="a PW b" "bar=a PW" audit="PW PW" ro systemd.debug-shell=ttyS0 spectre_v2=off init=/bin/sh'
    )
    told = [
        *(
            "BOOT_IMAGE=/vmlinuz",
            "root=…",
            "resume=/dev/sda2",
            "rd.iscsi.password=…",
            "netroot=…",
            "luks.key=…",
        ),
        *("foo=…", "bar=…", "audit=…", "ro", "systemd.debug-shell=ttyS0", "spectre_v2=off", "init=/bin/sh"),
    ]
    assert boot_parameters.harmless(line.split()) == told
    files: Files = {
        "boot/grub/grub.cfg": f"menuentry 'x' {{\n\tlinux\t/boot/vmlinuz {line}\n}}\n",
        "boot/loader/entries/1.conf": f"title x\noptions {line}\n",
        "etc/kernel/cmdline": line,
    }
    value, _ = boot_parameters.gather(mounted(tmp_path / "a", files), ())
    assert value.template == told
    files = {"etc/default/grub": "GRUB_CMDLINE_LINUX='root=cifs://u:PW@h/x luks.key=PW'\n"}
    other, _ = boot_parameters.gather(mounted(tmp_path / "b", files), ())
    assert "PW" not in f"{value}{other}"


def test_single_quotes_hold_a_value_together_for_grub_and_not_for_the_kernel(tmp_path: Path) -> None:
    line = """ro foo='a PW "b' 'bar=a PW' "it's=PW" 'audit=1' quiet"""
    files: Files = {
        "boot/grub/grub.cfg": f"linux /boot/vmlinuz {line}\n",
        "boot/loader/entries/1.conf": f"options {line}\n",
        "etc/default/grub": f"GRUB_CMDLINE_LINUX={shlex.quote(line)}\n",
    }
    value, _ = boot_parameters.gather(mounted(tmp_path, files), ())
    told = ["ro", "foo=…", "bar=…", "its=…", "audit=1", "quiet"]
    assert [value.template, *(entry.parameters for entry in value.entries)] == [told] * 3
    assert boot_parameters.harmless(["x='a", "mitigations=off"]) == ["x=…", "mitigations=off"]


def test_a_root_without_a_boot_loader_has_no_parameters(tmp_path: Path) -> None:
    assert boot_parameters.gather(mounted(tmp_path, {}), ())[0] == BootParameters()
    value, _ = boot_loader.gather(mounted(tmp_path, {}), ())
    assert value == BootLoader(kind="none")


@pytest.mark.parametrize(
    ("files", "protected", "clear"),
    [
        ({"boot/grub/grub.cfg": DEBIAN}, True, False),
        ({"boot/grub/grub.cfg": DEBIAN.replace("superusers", "others")}, False, False),
        (
            {"boot/grub/grub.cfg": DEBIAN.replace("password_pbkdf2 admin", "password_pbkdf2 lan")},
            False,
            False,
        ),
        ({"boot/grub/grub.cfg": 'set superusers="a"\npassword a secret\n'}, False, True),
        ({"boot/grub2/grub.cfg": RED_HAT}, False, False),
        (
            {
                "boot/grub2/grub.cfg": RED_HAT,
                "boot/grub2/user.cfg": "GRUB2_PASSWORD=grub.pbkdf2.sha512.1.A.B\n",
            },
            True,
            False,
        ),
        ({"boot/grub2/grub.cfg": RED_HAT, "boot/grub2/user.cfg": "GRUB2_PASSWORD=\n"}, False, False),
        (
            {
                "boot/grub/grub.cfg": "configfile x\n",
                "boot/grub/custom.cfg": 'set superusers="a b"\npassword_pbkdf2 b grub.pbkdf2.sha512.1.A.B\n',
            },
            True,
            False,
        ),
    ],
)
def test_grub_is_protected_by_a_superuser_with_a_hashed_password(
    files: Files, protected: bool, clear: bool, tmp_path: Path
) -> None:
    value, _ = boot_loader.gather(mounted(tmp_path, files), ())
    assert (value.kind, value.protected, value.clear_password) == ("grub", protected, clear)


def test_the_files_of_the_loader_tell_who_reads_the_hash_but_not_the_hash(tmp_path: Path) -> None:
    secret = "password_pbkdf2 admin grub.pbkdf2.sha512.10000.AAAA.BBBB\n"
    files: Files = {
        "boot/grub/grub.cfg": DEBIAN,
        "etc/grub.d/40_custom": "#!/bin/sh\nexec tail -n +3 $0\n" + secret,
        "etc/grub.d/10_linux": "#!/bin/sh\n",
        "etc/default/grub": "# the password is elsewhere\n",
    }
    host = mounted(tmp_path, files)
    (tmp_path / "etc/grub.d/40_custom").chmod(0o755)
    value, _ = boot_loader.gather(host, ())
    assert {file.path: file.holds_password for file in value.files} == {
        "boot/grub/grub.cfg": True,
        "etc/grub.d/10_linux": False,
        "etc/grub.d/40_custom": True,
        "etc/default/grub": False,
    }
    assert "AAAA" not in str(value)
    assert next(f for f in value.files if f.path.endswith("40_custom")).permissions[-1] == "o+x"


@pytest.mark.parametrize(
    ("text", "off"),
    [
        ("timeout 3\neditor no\n", True),
        ("editor yes\n", False),
        ("editor no\neditor 1\n", False),
        ("", False),
    ],
)
def test_systemd_boot_is_protected_if_its_editor_is_off(text: str, off: bool, tmp_path: Path) -> None:
    value, _ = boot_loader.gather(mounted(tmp_path, {"boot/efi/loader/loader.conf": text}), ())
    assert (value.kind, value.protected) == ("systemd-boot", off)


@pytest.mark.parametrize(
    ("raw", "on"), [(b"\6\0\0\0\1", True), (b"\6\0\0\0\0", False), (b"", None), (b"\1", None)]
)
def test_secure_boot_is_the_byte_after_the_attributes(raw: bytes, on: bool | None) -> None:
    assert boot_loader.secure_boot(raw) is on


def test_the_units_of_systemd_ask_for_the_password(tmp_path: Path) -> None:
    assert boot_rescue.gather(mounted(tmp_path, UNITS), ())[0] == BootRescue(found=True, asks=True)


@pytest.mark.parametrize(
    "drop_in",
    [
        "[Service]\nEnvironment=SYSTEMD_SULOGIN_FORCE=1\n",
        '[Service]\nEnvironment="A=b" "SYSTEMD_SULOGIN_FORCE=yes"\n',
        "[Service]\nExecStart=\nExecStart=/bin/sh\n",
        "[Service]\nExecStart=\nExecStart=-/sbin/sulogin --force\n",
    ],
)
def test_a_drop_in_that_lets_anybody_in_is_noticed(drop_in: str, tmp_path: Path) -> None:
    for unit in boot_rescue.UNITS:
        files = {**UNITS, f"etc/systemd/system/{unit}.d/force.conf": drop_in}
        value, _ = boot_rescue.gather(mounted(tmp_path / unit, files), ())
        assert value == BootRescue(found=True, asks=False)


def test_the_last_drop_in_has_the_last_word(tmp_path: Path) -> None:
    force = "[Service]\nEnvironment=SYSTEMD_SULOGIN_FORCE={}\n"
    files = {
        **UNITS,
        "etc/systemd/system/rescue.service.d/a.conf": force.format(1),
        "etc/systemd/system/rescue.service.d/b.conf": force.format(0),
    }
    assert boot_rescue.gather(mounted(tmp_path, files), ())[0].asks


def test_units_that_are_masked_let_nobody_in(tmp_path: Path) -> None:
    files: Files = {f"etc/systemd/system/{unit}": Link("/dev/null") for unit in boot_rescue.UNITS}
    assert boot_rescue.gather(mounted(tmp_path, files), ())[0] == BootRescue(found=False, asks=True)


@pytest.mark.parametrize(
    ("inittab", "expected"),
    [
        ("id:2:initdefault:\n~~:S:wait:/sbin/sulogin\n", BootRescue(found=True, asks=True)),
        ("~~:S:wait:/bin/sh\n", BootRescue(found=True, asks=False)),
        ("", BootRescue(found=False, asks=True)),
    ],
)
def test_an_inittab_tells_what_single_user_mode_runs(
    inittab: str, expected: BootRescue, tmp_path: Path
) -> None:
    assert boot_rescue.gather(mounted(tmp_path, {"etc/inittab": inittab}), ())[0] == expected


def test_this_machine_tells_its_own_command_line() -> None:
    value, _ = boot_parameters.gather(this_machine(), ())
    words = Path("/proc/cmdline").read_text().split()[: loader_files.MAX_PARAMETERS]
    assert value.running == boot_parameters.harmless(words)


@given(st.lists(st.tuples(TITLE, st.lists(PARAMETER, max_size=3)), max_size=3))
@thorough
def test_a_menu_that_is_written_is_read_back(model: list[tuple[str, list[str]]]) -> None:
    entries = [
        f"menuentry '{title}' --class x {{\n\tlinux\t/vmlinuz {' '.join(parameters)}\n\tinitrd /i\n}}"
        for title, parameters in model
    ]
    read = loader_files.grub("# x\n" + "\n".join(entries))
    assert [(kernel.title, kernel.parameters) for kernel in read.kernels] == model


@given(TITLE, st.lists(st.lists(PARAMETER, min_size=1, max_size=2), max_size=3))
@thorough
def test_an_entry_that_is_written_is_read_back(title: str, options: list[list[str]]) -> None:
    lines = [f"title   {title}", "version 1", *("options  " + " ".join(o) for o in options)]
    assert loader_files.specification("\n".join(lines)) == loader_files.Kernel(
        title.strip(), [parameter for group in options for parameter in group]
    )


@given(st.dictionaries(st.sampled_from(["GRUB_CMDLINE_LINUX", "GRUB_TIMEOUT", "GRUB_X"]), PARAMETER))
@thorough
def test_defaults_and_environments_that_are_written_are_read_back(model: dict[str, str]) -> None:
    quoted = [f'{key}="{value} ${{GRUB_NONE}}{value}"' for key, value in model.items()]
    expected = {key: f"{value} {value}" for key, value in model.items()}
    assert loader_files.defaults(["# x\n", *quoted]) == expected
    block = "# GRUB Environment Block\n" + "".join(f"{k}={v}\n" for k, v in model.items()) + "#" * 40
    assert loader_files.environment(block) == model


@pytest.mark.hostile
@given(st.text(max_size=300))
@thorough
def test_any_text_is_read(text: str) -> None:
    read = loader_files.grub(text)
    loader_files.grub("linux " + text + "\nset " + text + "\npassword " + text)
    loader_files.specification("options " + text)
    loader_files.environment(text)
    loader_files.defaults([text, "GRUB_A=" + text])
    loader_files.user_hash(text)
    boot_rescue.unit_asks([text, "[Service]\n" + text])
    boot_rescue.inittab_asks(text)
    boot_loader.editor_off(text)
    loader_files.expanded(text.split(), read.variables)


@pytest.mark.parser
@pytest.mark.hostile
@pytest.mark.parametrize(
    "text",
    [
        "linux /v a b c\n" * 190_000,
        "linux /v " + "a " * 5_000_000,
        "menuentry '" + "a\\" * 5_000_000,
        "set a=" + "$a" * 5_000_000,
        "password a b\n" * 190_000,
        "set superusers=" + ",a" * 5_000_000,
    ],
    ids=["kernels", "parameters", "title", "variable", "passwords", "users"],
)
def test_a_long_menu_is_read_or_refused_at_once(text: str) -> None:
    started = time.process_time()
    with contextlib.suppress(ValueError):
        loader_files.grub(text)
    assert time.process_time() - started < 1 * slowness()


@pytest.mark.parser
@pytest.mark.hostile
def test_variables_that_name_themselves_do_not_grow_without_end() -> None:
    variables = {"a": "$a$a$a$a$a$a$a$a" * 100}
    started = time.process_time()
    loader_files.expanded(["$a"] * 100, variables)
    loader_files.defaults([f'GRUB_A="{"$GRUB_A" * 50} x"\n' * 100])
    assert time.process_time() - started < 1 * slowness()
