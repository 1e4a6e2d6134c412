"""What keeps the clock right, from which servers."""

import ctypes
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted, this_machine

from vonggac_agent.facts.system import time_sync
from vonggac_agent.kernel import clock
from vonggac_contract.facts import CouldNotLook
from vonggac_contract.facts.system import TimeSync

CHRONY = """\
# server commented.example.org
! pool also.example.org
pool 2.debian.pool.ntp.org iburst
SERVER time.example.vn iburst # inline
sourcedir /etc/chrony/sources.d
confdir /etc/chrony/conf.d
include /etc/chrony/extra-*.conf
"""


def on(unit: str) -> dict[str, str | bytes | Link]:
    return {
        f"usr/lib/systemd/system/{unit}": "[Install]\nWantedBy=multi-user.target\n",
        f"etc/systemd/system/multi-user.target.wants/{unit}": Link(f"/usr/lib/systemd/system/{unit}"),
    }


def test_chrony_is_read_with_all_it_draws_in(tmp_path: Path) -> None:
    host = mounted(
        tmp_path,
        {
            "usr/sbin/chronyd": "",
            "etc/chrony/chrony.conf": CHRONY,
            "etc/chrony/sources.d/vn.sources": "server u:PW@ntp.example.gov.vn\n",
            "etc/chrony/sources.d/ignored.conf": "server ignored.example.org\n",
            "etc/chrony/conf.d/a.conf": "peer 10.0.0.1\ninclude /etc/chrony/chrony.conf\n",
            "etc/chrony/extra-1.conf": "server 192.0.2.1\n",
            **on("chrony.service"),
        },
    )
    found, _ = time_sync.gather(host, ())
    assert found.clients == ["chrony"]
    assert found.active == ["chrony"]
    assert found.servers[:2] == ["2.debian.pool.ntp.org", "time.example.vn"]
    assert set(found.servers[2:]) == {"ntp.example.gov.vn", "10.0.0.1", "192.0.2.1"}
    assert found.synchronised is None


def test_timesyncd_takes_drop_ins_in_order_of_their_names(tmp_path: Path) -> None:
    host = mounted(
        tmp_path,
        {
            "usr/lib/systemd/systemd-timesyncd": "",
            "etc/systemd/timesyncd.conf": "[Time]\n#NTP=\nNTP=a.example.org b.example.org\n",
            "usr/lib/systemd/timesyncd.conf.d/50.conf": "[Time]\nNTP=\nNTP=c.example.org\n",
            "etc/systemd/timesyncd.conf.d/60.conf": "[Time]\nNTP=d.example.org\n[Other]\nNTP=x\n",
        },
    )
    found, _ = time_sync.gather(host, ())
    assert found == TimeSync(["systemd-timesyncd"], [], ["c.example.org", "d.example.org"], None)


def test_fallback_servers_count_where_no_others_are_named() -> None:
    assert time_sync.timesyncd_servers(["[Time]\nFallbackNTP=f1 f2\n"]) == ["f1", "f2"]
    assert time_sync.timesyncd_servers(["[Time]\nFallbackNTP=f1\nNTP=n\n"]) == ["n"]
    assert time_sync.timesyncd_servers([]) == []


@pytest.mark.parametrize(
    ("mark", "name", "config"),
    [
        ("etc/ntpsec/ntp.conf", "ntpsec", "pool 0.debian.pool.ntp.org iburst\nrestrict default\n"),
        ("etc/openntpd/ntpd.conf", "openntpd", "servers 0.debian.pool.ntp.org\nlisten on *\n"),
        ("etc/ntp.conf", "ntp", "server 0.debian.pool.ntp.org prefer\n"),
    ],
)
def test_the_makers_of_ntpd_are_told_by_their_configuration(
    mark: str, name: str, config: str, tmp_path: Path
) -> None:
    found, _ = time_sync.gather(mounted(tmp_path, {"usr/sbin/ntpd": "", mark: config}), ())
    assert (found.clients, found.servers) == ([name], ["0.debian.pool.ntp.org"])


def test_a_machine_without_a_client_has_none(tmp_path: Path) -> None:
    host = mounted(tmp_path, {"etc/chrony/chrony.conf": CHRONY})
    assert time_sync.gather(host, ())[0] == TimeSync([], [], [], None)


@pytest.mark.hostile
def test_a_configuration_of_endless_files_is_refused(tmp_path: Path) -> None:
    files: dict[str, str | bytes | Link] = {
        f"etc/chrony/{n}.conf": f"include /etc/chrony/{n + 1}.conf\n" for n in range(300)
    }
    files |= {"usr/sbin/chronyd": "", "etc/chrony/chrony.conf": "include /etc/chrony/0.conf\n"}
    with pytest.raises(CouldNotLook, match="too-large: chrony's configuration"):
        time_sync.gather(mounted(tmp_path, files), ())


@pytest.mark.hostile
@given(st.text(max_size=300))
def test_any_text_is_read_as_configuration(text: str) -> None:
    for server in time_sync.servers(text, ("server",)):
        assert server
    time_sync.timesyncd_servers([text])


def test_the_kernel_is_asked_with_a_structure_as_long_as_its_own() -> None:
    assert ctypes.sizeof(clock.timex()) == 208, "linux/timex.h on 64-bit"


def test_this_machine_tells_whether_its_clock_is_kept_right() -> None:
    found, _ = time_sync.gather(this_machine(), ())
    assert found.synchronised in (True, False, None)
    assert set(found.active) <= set(found.clients)
