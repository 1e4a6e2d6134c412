"""A kernel parameter's key leads to its file under proc/sys and nowhere else."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import mounted, this_machine

from vonggac_agent.facts import gather
from vonggac_agent.facts.system import sysctl
from vonggac_contract.facts import CouldNotLook, FactKey, Known
from vonggac_contract.facts.system import Sysctl


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("net.ipv4.ip_forward", "proc/sys/net/ipv4/ip_forward"),
        ("net/ipv4/ip_forward", "proc/sys/net/ipv4/ip_forward"),
        ("net.ipv4.conf.eth0/100.rp_filter", "proc/sys/net/ipv4/conf/eth0.100/rp_filter"),
        ("net/ipv4/conf/eth0.100/rp_filter", "proc/sys/net/ipv4/conf/eth0.100/rp_filter"),
    ],
)
def test_dots_and_slashes_are_exchanged_by_the_first_of_them(key: str, path: str) -> None:
    assert sysctl.path_of(key) == path


@pytest.mark.hostile
@pytest.mark.parametrize(
    "key",
    ["", "kernel", "../etc/passwd", "a/../b", "a..b", "a.//.b", "a/b\0", "a b.c", "x/" * 200, "net./.."],
)
def test_what_is_no_parameter_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="is no kernel parameter's name"):
        sysctl.path_of(key)


@pytest.mark.hostile
@given(st.text(alphabet=st.sampled_from("a/.b_\0é "), max_size=40))
def test_no_key_leads_out_of_proc_sys(key: str) -> None:
    try:
        path = sysctl.path_of(key)
    except ValueError:
        return
    assert path.startswith("proc/sys/")
    assert not {"..", ".", ""} & set(path.split("/"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1\n", Sysctl("1", 1)),
        ("4096\t131072\t6291456\n", Sysctl("4096 131072 6291456")),
        ("-1\n", Sysctl("-1", -1)),
        ("18446744073709551615\n", Sysctl("18446744073709551615")),
        ("9007199254740993\n", Sysctl("9007199254740993")),
        ("|/usr/share/apport %p\n", Sysctl("|/usr/share/apport %p")),
        ("", Sysctl("")),
        ("١\n", Sysctl("١")),
    ],
)
def test_a_value_is_text_and_a_number_where_it_is_one(text: str, expected: Sysctl) -> None:
    assert sysctl.parse(text) == expected


def test_this_kernel_tells_a_parameter_to_anybody() -> None:
    key = FactKey("sysctl", ("kernel.ostype",))
    fact = gather(this_machine(), [key])[key]
    assert isinstance(fact, Known)
    assert fact.value == Sysctl("Linux")
    assert fact.source == "proc/sys/kernel/ostype"


def test_a_parameter_that_the_kernel_lacks_is_not_supported() -> None:
    with pytest.raises(CouldNotLook, match=r"not-supported: this kernel has no kernel\.no_such"):
        sysctl.gather(this_machine(), ("kernel.no_such",))


def test_a_mounted_root_has_no_kernel_parameters(tmp_path: Path) -> None:
    key = FactKey("sysctl", ("kernel.ostype",))
    assert "needs the running system" in str(gather(mounted(tmp_path, {}), [key])[key])
