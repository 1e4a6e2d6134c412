"""Whatever a machine holds, a topic gives its fact or says why it could not look; nothing else comes out of it."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import date, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.imagined import ImaginedHost, keys_of
from tests.unit.properties import broad
from tests.unit.slowness import slowness

from vonggac_agent.facts import GATHERERS
from vonggac_contract import limits
from vonggac_contract.facts import TOPICS, CouldNotLook

OF_THIS_MACHINE = {"socket.listening", "tls.listener", "file.walk", "command.output"}
"""Topics that ask the kernel, or this machine's owner, for what no imagined machine has."""
TOPIC_NAMES = sorted(set(GATHERERS) - OF_THIS_MACHINE)
WORDS = (
    "[", "]", "{", "}", "(", ")", "<", ">", ";", ":", ",", "=", "#", "\"", "'", "\\", "/", "|", "*", "!", "@",
    "%", "$", "-", "~", "\n", "\n", "\n", " ", "\t", "\r\n", "\x00", "\ufeff", "\xe9", "\u2028",
    "999999999999999999999999999999", "999999999999999", "99999999999G", "//",
    "-1", "0", "1", "15", "0x1f", "1e9", "07777", "[main]\n", "[Unit]\n",
    "[Journal]\n", "[global]\n", "[mysqld]\n", "server {", "listen 443 ssl;", "<VirtualHost *:443>",
    "</VirtualHost>", "Include /etc/*.conf\n", "include /etc/a.conf\n", "@include common-auth\n",
    "!includedir /etc\n", "IncludeOptional conf.d/*\n", "root:x:0:0:root:/root:/bin/bash\n",
    "root:$6$a$b:19000:0:99999:7:::\n", "sudo:x:27:root\n", "auth required pam_unix.so nullok\n",
    "-w /etc/passwd -p wa -k identity\n", "-a always,exit -F arch=b64 -S open -F exit=-EACCES -k a\n",
    "-e 2\n", "/dev/sda1 / ext4 defaults,nodev 0 1\n", "install dccp /bin/false\n", "blacklist usb-storage\n",
    "* * * * * root /bin/true\n", "deb [trusted=yes] http://a.example b main\n",
    "Package: a\nStatus: install ok installed\nVersion: 1\n", "gpgcheck=1\n", "key = value\n", "key value\n",
    "key: value\n", "Match User a\n", "ALL ALL=(ALL) NOPASSWD: ALL\n", "local all all trust\n",
    "{\"a\": [1, {\"b\": null}]}", "a:\n  - b: {c: d}\n", "a = [1, 2]\n", "<a b='c'><d/></a>",
    "/srv *(rw,no_root_squash)\n", "yes", "no", "on",
)  # fmt: skip
PART = st.lists(st.sampled_from(WORDS) | st.text(max_size=5), max_size=25).map(
    lambda words: "".join(words).encode("utf-8", "surrogateescape")
) | st.binary(max_size=60)


@pytest.mark.hostile
@pytest.mark.parametrize("topic", TOPIC_NAMES)
@given(parts=st.lists(PART, min_size=1, max_size=5), live=st.booleans())
@broad
def test_any_machine_gives_a_fact_or_a_reason(topic: str, parts: list[bytes], live: bool) -> None:
    if TOPICS[topic].live and not live:
        return
    for key in keys_of(topic):
        try:
            value, source = GATHERERS[topic](ImaginedHost(parts, live=live), key.selector)
        except (CouldNotLook, ValueError, OSError):
            continue
        assert isinstance(value, TOPICS[topic].value)
        assert source
        assert_fits(value, TOPICS[topic].value)


def assert_fits(value: msgspec.Struct, kind: type[msgspec.Struct]) -> None:
    """The value is of its declared types, and within the bounds of what a fact may hold."""
    again = msgspec.convert(msgspec.to_builtins(value), kind)
    assert msgspec.to_builtins(again) == msgspec.to_builtins(value)
    assert_bounded(value)


def assert_bounded(value: Any) -> None:
    """Texts, lists and numbers within what the wire carries; no lone surrogate, no NUL."""
    if isinstance(value, str):
        assert len(value) <= limits.MAX_FACT_TEXT
        assert "\0" not in value
        value.encode("utf-8")
    elif isinstance(value, int):
        assert abs(value) <= limits.MAX_SAFE_INTEGER
    elif isinstance(value, list):
        assert len(value) <= limits.MAX_FACT_LIST
        for item in value:
            assert_bounded(item)
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            assert_bounded(getattr(value, name))
    else:
        assert value is None or isinstance(value, float | date | datetime)


HOSTILE = [
    b"\n", b"a", b"[", b"{", b"(", b"<", b"\"", b"'", b"\\", b"\\\n", b" ", b"#", b";", b"a b ", b"a=b\n",
    b"a{", b"[a]\n", b"<a>", b"include /etc/*\n", b"Include *\n", b"a: ", b"- ", b"\xff", b"\x00", b"a,b,",
    b"-a -b ", b"%a ", b"$(", b"a.b.", b"1:", b"/../",
]  # fmt: skip


BYTES = 32 * limits.KIB
"""Of each file: what grows with the square of its length shows; a second for each megabyte read is allowed."""


@pytest.mark.parser
@pytest.mark.hostile
@pytest.mark.parametrize("topic", TOPIC_NAMES)
def test_a_machine_of_which_every_file_is_the_same_few_bytes_over_and_over_costs_less_than_a_second(
    topic: str,
) -> None:
    slow = {}
    for word in HOSTILE:
        host = ImaginedHost([word * (BYTES // len(word))], live=TOPICS[topic].live)
        began = time.process_time()
        with suppress(CouldNotLook, ValueError, OSError):
            GATHERERS[topic](host, keys_of(topic)[0].selector)
        took = time.process_time() - began
        if took > (1 + 1.5 * host.bytes_read / limits.MIB) * slowness():
            slow[word] = round(took, 2)
    assert slow == {}
