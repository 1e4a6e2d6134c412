"""Machines written down for the fuzzer say again what they said, and any bytes are a machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz.machines import NAMED, SEPARATOR, host_and_selector, written
from tests.fuzz.record import listen
from tests.unit.facts.roots import Link, mounted
from tests.unit.properties import broad

from vonggac_agent.facts import GATHERERS
from vonggac_contract.facts import CouldNotLook, Reason

FILES: dict[str, str | bytes | Link] = {
    "usr/sbin/nginx": "",
    "etc/nginx/nginx.conf": "http { include sites-enabled/*; }",
    "etc/nginx/sites-available/a": "server { listen 80; root /srv/a; }",
    "etc/nginx/sites-enabled/a": Link("../sites-available/a"),
    "etc/passwd": "root:x:0:0::/root:/bin/bash\n",
    "etc/group": "root:x:0:\n",
    "srv/a/.git/config": "",
}


@pytest.mark.parametrize(
    ("topic", "selector"),
    [
        ("nginx.servers", ()),
        ("account.users", ()),
        ("file.stat", ("/etc/nginx/sites-enabled/a",)),
        ("config.setting", ("/etc/nginx/sites-available/a", "directives", "server")),
    ],
)
def test_a_machine_written_down_gives_the_same_fact_again(
    topic: str, selector: tuple[str, ...], tmp_path: Path
) -> None:
    host = mounted(tmp_path, FILES)
    heard = listen(host)
    value, _ = GATHERERS[topic](host, selector)
    data = written({**heard, "k": "\0".join(selector).encode()}, live=False)
    again, asked = host_and_selector(topic, data)
    assert asked == selector
    assert GATHERERS[topic](again, asked)[0] == value


def test_what_could_not_be_looked_at_is_written_down_too(tmp_path: Path) -> None:
    host = mounted(tmp_path, {"a/b": ""})
    heard = listen(host)
    with pytest.raises(CouldNotLook):
        host.read("a")
    again, _ = host_and_selector("os.release", written(heard, live=host.live))
    with pytest.raises(CouldNotLook) as caught:
        again.read("a")
    assert caught.value.reason is Reason.MALFORMED


def test_a_selector_that_no_rule_could_have_is_not_asked() -> None:
    _, asked = host_and_selector("config.setting", b"k" + NAMED + b"/etc/a\0no-format\0key")
    assert asked[1] != "no-format"


@pytest.mark.hostile
@given(
    st.lists(
        st.binary(max_size=20) | st.sampled_from([SEPARATOR, NAMED, b"s", b"k", b"f", b"/etc/a", b"\n1 1 "])
    )
)
@broad
def test_any_bytes_are_a_machine(pieces: list[bytes]) -> None:
    host, _ = host_and_selector("file.stat", b"".join(pieces))
    host.stat("/etc/a")
