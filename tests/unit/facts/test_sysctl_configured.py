"""What the files make of a kernel parameter at the next start."""

import contextlib
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted, this_machine
from tests.unit.properties import thorough
from tests.unit.slowness import slowness

from vonggac_agent.facts.system import dropins, sysctl_configured
from vonggac_agent.facts.system.sysctl_configured import Setting, Settings, normalised, parse
from vonggac_contract.facts import CouldNotLook
from vonggac_contract.facts.system import SysctlConfigured

DEBIAN_LINKS = """\
# Protected links
fs.protected_fifos = 1
fs.protected_symlinks = 1
"""
NAME = st.sampled_from(["a", "b_0", "net", "ipv4", "conf", "all", "eth0", "x-y", "9"])
KEY = st.lists(NAME, min_size=2, max_size=4)
VALUE = st.sampled_from(["", "0", "1", "-1", "4096 131072", "|/bin/false %p", "a=b", "# x", "é"])


def of(host_files: dict[str, str | bytes | Link], key: str, folder: Path) -> SysctlConfigured:
    return sysctl_configured.gather(mounted(folder, host_files), (key,))[0]


def test_the_file_with_the_last_name_has_the_last_word(tmp_path: Path) -> None:
    found = of(
        {
            "usr/lib/systemd/systemd-sysctl": "",
            "usr/lib/sysctl.d/99-protect-links.conf": DEBIAN_LINKS,
            "etc/sysctl.d/60-links.conf": "fs.protected_fifos = 2\n",
        },
        "fs.protected_fifos",
        tmp_path,
    )
    assert found == SysctlConfigured("1", 1, "usr/lib/sysctl.d/99-protect-links.conf")


def test_a_file_of_the_administrator_hides_that_of_the_same_name(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "usr/lib/sysctl.d/50-a.conf": "kernel.sysrq = 1\nkernel.panic = 5\n",
        "etc/sysctl.d/50-a.conf": "kernel.sysrq=0\n",
        "usr/lib/sysctl.d/60-b.conf": "kernel.sysrq = 438\n",
        "etc/sysctl.d/60-b.conf": Link("/dev/null"),
        "etc/sysctl.d/70-c.txt": "kernel.sysrq = 9\n",
    }
    assert of(files, "kernel.sysrq", tmp_path) == SysctlConfigured("0", 0, "etc/sysctl.d/50-a.conf")
    host = sysctl_configured.gather(mounted(tmp_path, {}), ("kernel.panic",))
    assert host == (SysctlConfigured(""), "sysctl.d")


@pytest.mark.parametrize(("linked", "systemd", "value"), [(1, 1, 1), (0, 1, 0), (0, 0, 1)])
def test_sysctl_conf_counts_where_something_reads_it(
    linked: int, systemd: int, value: int, tmp_path: Path
) -> None:
    files: dict[str, str | bytes | Link] = {
        "etc/sysctl.conf": "kernel.sysrq = 1\n",
        "etc/sysctl.d/10-a.conf": "kernel.sysrq = 0\n",
    }
    if linked:
        files["etc/sysctl.d/99-sysctl.conf"] = Link("../sysctl.conf")
    if systemd:
        files["usr/lib/systemd/systemd-sysctl"] = ""
    assert of(files, "kernel.sysrq", tmp_path).number == value


@pytest.mark.parametrize(("enabled", "number"), [("yes", 0), ("no", 1)])
def test_a_ufw_that_is_enabled_sets_its_values_last(enabled: str, number: int, tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        "etc/sysctl.d/99-z.conf": "net.ipv4.conf.all.log_martians = 1\n",
        "etc/ufw/sysctl.conf": "net/ipv4/conf/all/log_martians=0\n",
        "etc/ufw/ufw.conf": f"# x\nENABLED={enabled}\n",
        "etc/default/ufw": "IPT_SYSCTL=/etc/ufw/sysctl.conf\n",
    }
    assert of(files, "net.ipv4.conf.all.log_martians", tmp_path).number == number


def test_an_explicit_key_goes_before_any_pattern_wherever_it_stands() -> None:
    found = Settings()
    found.add(parse("net.ipv4.conf.hub0.rp_filter = 1\nnet.ipv4.conf.*.rp_filter = 2\n"), "a")
    found.add(parse("-net.ipv4.conf.all.rp_filter\nnet/ipv4/conf/e*/rp_filter=0\n"), "b")
    of = {name: found.of(f"net/ipv4/conf/{name}/rp_filter") for name in ("hub0", "wlan0", "eth0", "all")}
    assert of == {"hub0": ("1", "a"), "wlan0": ("2", "a"), "eth0": ("0", "b"), "all": (None, "")}
    assert found.of("net/ipv4/conf/a/b/rp_filter") == (None, "")


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("net.ipv4.conf.enp3s0/200.forwarding", "net/ipv4/conf/enp3s0.200/forwarding"),
        ("net/ipv4/conf/enp3s0.200/forwarding", "net/ipv4/conf/enp3s0.200/forwarding"),
        ("kernel", "kernel"),
        ("k" * 300, ""),
    ],
)
def test_keys_are_the_same_in_both_ways_of_writing(key: str, path: str) -> None:
    assert normalised(key) == path


@given(st.lists(st.tuples(KEY, st.one_of(st.none(), VALUE), st.booleans()), max_size=3))
@thorough
def test_what_is_written_is_read_back(model: list[tuple[list[str], str | None, bool]]) -> None:
    lines = ["# comment", "; comment", ""]
    for parts, value, slashes in model:
        key = ("/" if slashes else ".").join(parts)
        lines.append(f"-{key}" if value is None else f" {key} ={value} ")
    expected = [Setting("/".join(parts), value) for parts, value, _ in model]
    assert parse("\n".join(lines)) == expected


@pytest.mark.hostile
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200), st.text("ab[]*?!-./=\\", max_size=60))
@thorough
def test_any_text_is_read_as_settings(text: str, patterns: str) -> None:
    found = Settings()
    found.add(parse(text), "a")
    found.add(parse("\n".join(patterns.split("="))), "b")
    found.add(parse(patterns), "c")
    found.of("a/b")


@pytest.mark.parser
@pytest.mark.hostile
@pytest.mark.parametrize(
    "text",
    ["a.b = 1\n" * 1_250_000, "*" * 10_000_000, "a*.b=1\n" * 190_000, "x" * 10_000_000, "\n" * 10_000_000],
    ids=["lines", "stars", "patterns", "word", "empty"],
)
def test_a_long_file_is_read_or_refused_at_once(text: str) -> None:
    started = time.process_time()
    with contextlib.suppress(ValueError):
        Settings().add(parse(text), "a")
    assert time.process_time() - started < 1 * slowness()


@pytest.mark.hostile
def test_settings_without_end_are_refused() -> None:
    with pytest.raises(ValueError, match="1000 patterns"):
        Settings().add([Setting(f"a*/{n}", "1") for n in range(1_001)], "a")
    with pytest.raises(ValueError, match="20000 kernel parameters"):
        Settings().add([Setting(f"a/{n}", "1") for n in range(20_001)], "a")


@pytest.mark.hostile
def test_drop_ins_without_end_are_refused(tmp_path: Path) -> None:
    host = mounted(tmp_path, {f"etc/sysctl.d/{n}.conf": "" for n in range(dropins.MAX_FILES + 1)})
    with pytest.raises(CouldNotLook, match="too-large"):
        sysctl_configured.gather(host, ("a.b",))


@pytest.mark.parametrize(("set_to", "applied"), [("+0", True), ("+1", False), ("", True)])
def test_whether_the_running_kernel_has_the_value_is_told(
    set_to: str, applied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "kernel.pid_max"
    now = int(Path("/proc/sys/kernel/pid_max").read_text())
    found = Settings()
    if set_to:
        found.add([Setting("kernel/pid_max", f" {now + int(set_to)} "), Setting("kernel/no_such", "1")], "a")
    monkeypatch.setattr(sysctl_configured, "_settings", lambda host: found)
    host = this_machine()
    assert sysctl_configured.gather(host, (key,))[0].applied is applied
    assert sysctl_configured.gather(host, ("kernel.no_such",))[0].applied
