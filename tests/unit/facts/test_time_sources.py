"""How many servers the time comes from, whether their answers are authenticated, and who is served."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import Link, mounted
from tests.unit.properties import thorough

from vonggac_agent.facts.system import time_sources, time_sync
from vonggac_contract.facts.system import TimeSource, TimeSources

Files = dict[str, str | bytes | Link]
DEBIAN = """\
confdir /etc/chrony/conf.d
pool 2.debian.pool.ntp.org iburst
sourcedir /etc/chrony/sources.d
makestep 1 3
"""


def look(folder: Path, files: Files) -> TimeSources:
    found, _ = time_sources.gather(mounted(folder, files), ())
    assert isinstance(found, TimeSources)
    return found


def test_debians_chrony_takes_four_servers_of_a_pool(tmp_path: Path) -> None:
    found = look(tmp_path, {"usr/sbin/chronyd": "", "etc/chrony/chrony.conf": DEBIAN})
    assert found == TimeSources(
        client="chrony", sources=[TimeSource("2.debian.pool.ntp.org", 4, False, False)], servers=4
    )


def test_sources_in_other_files_count_too(tmp_path: Path) -> None:
    found = look(
        tmp_path,
        {
            "usr/sbin/chronyd": "",
            "etc/chrony/chrony.conf": DEBIAN.replace("pool", "#pool"),
            "etc/chrony/sources.d/a.sources": "server a.example.vn iburst nts\nserver b.example.vn key 3\n",
            "etc/chrony/conf.d/serve.conf": "allow 10.0.0.0/8\nuser root\n",
        },
    )
    assert sorted(found.sources, key=lambda s: s.name) == [
        TimeSource("a.example.vn", 1, True, True),
        TimeSource("b.example.vn", 1, True, False),
    ]
    assert (found.servers, found.serves, found.as_root) == (2, True, True)


@pytest.mark.parametrize(
    ("line", "source"),
    [
        ("server a", TimeSource("a", 1, False, False)),
        ("server u:PW@a", TimeSource("a", 1, False, False)),
        ("pool a maxsources 2", TimeSource("a", 2, False, False)),
        ("pool a maxsources x", TimeSource("a", 4, False, False)),
        ("SERVER a KEY 0", TimeSource("a", 1, False, False)),
        ("peer a key 12 iburst", TimeSource("a", 1, True, False)),
        ("server a key", TimeSource("a", 1, False, False)),
        ("servers a", TimeSource("a", 4, False, False)),
        ("server", None),
        ("driftfile a", None),
    ],
)
def test_a_line_names_a_source_with_its_options(line: str, source: TimeSource | None) -> None:
    ((word, arguments, _),) = time_sync.parse(line)
    assert time_sources.source(word, arguments) == source


@pytest.mark.parametrize(
    ("text", "serves"),
    [
        ("", False),
        ("allow\n", True),
        ("allow 10/8\ndeny all\n", False),
        ("allow\nport 0\n", False),
        ("port 0\nport 123\nallow 10/8\ndeny 10.1/16\n", True),
    ],
)
def test_chrony_serves_whom_it_allows(text: str, serves: bool) -> None:
    assert time_sources.chrony_serves(time_sync.parse(text)) is serves


@pytest.mark.parametrize(
    ("text", "serves"),
    [
        ("restrict default kod nomodify nopeer noquery limited\n", True),
        ("", True),
        ("restrict default noserve\n", False),
        ("restrict -6 default ignore\n", False),
        ("interface ignore wildcard\n", False),
    ],
)
def test_ntpd_serves_everybody_it_is_not_told_to_refuse(text: str, serves: bool) -> None:
    assert time_sources.ntpd_serves(time_sync.parse(text)) is serves


def test_the_client_that_is_switched_on_is_the_one_that_counts(tmp_path: Path) -> None:
    files: Files = {
        "usr/sbin/chronyd": "",
        "etc/chrony.conf": "server a nts\n",
        "usr/lib/systemd/systemd-timesyncd": "",
        "etc/systemd/timesyncd.conf": "[Time]\nNTP=b c\n",
        "usr/lib/systemd/system/systemd-timesyncd.service": "[Install]\nWantedBy=sysinit.target\n",
        "etc/systemd/system/sysinit.target.wants/systemd-timesyncd.service": Link(
            "/usr/lib/systemd/system/systemd-timesyncd.service"
        ),
    }
    assert look(tmp_path, files) == TimeSources(
        client="systemd-timesyncd",
        sources=[TimeSource("b", 1, False, False), TimeSource("c", 1, False, False)],
        servers=2,
    )


def test_openntpd_serves_where_it_listens(tmp_path: Path) -> None:
    files: Files = {"usr/sbin/ntpd": "", "etc/openntpd/ntpd.conf": "servers pool.ntp.org\nlisten on *\n"}
    found = look(tmp_path, files)
    assert (found.client, found.servers, found.serves) == ("openntpd", 4, True)


def test_without_a_client_there_is_no_source(tmp_path: Path) -> None:
    assert look(tmp_path, {"etc/chrony.conf": "server a\n"}) == TimeSources(client="none")


SOURCES = st.lists(
    st.builds(
        TimeSource,
        st.sampled_from(("a.example.vn", "10.0.0.1", "2001:db8::1")),
        st.sampled_from((1, 2, 4)),
        st.just(True),
        st.booleans(),
    ),
    max_size=4,
)


@given(SOURCES)
@thorough
def test_sources_written_out_are_read_back(wanted: list[TimeSource]) -> None:
    text = "".join(
        f"  {'server' if s.servers == 1 else 'Pool'} {s.name}\tiburst {'nts' if s.nts else 'key 7'}"
        f"{'' if s.servers == 1 else f' maxsources {s.servers}'} # here\n! server never\n"
        for s in wanted
    )
    told = [time_sources.source(word, arguments) for word, arguments, _ in time_sync.parse(text)]
    assert told == wanted


WORD = st.sampled_from(("server", "pool", "key", "maxsources", "allow", "restrict", " ", "\n", "0"))


@pytest.mark.hostile
@given(st.lists(WORD | st.text(max_size=3), max_size=10).map("".join))
@thorough
def test_any_text_is_read_as_configuration(text: str) -> None:
    told = time_sync.parse(text)
    time_sources.chrony_serves(told)
    time_sources.ntpd_serves(told)
    for word, arguments, _ in told:
        time_sources.source(word, arguments)
