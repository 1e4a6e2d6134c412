"""Files of the account database of any size cost little: they are told, or too large."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.facts.imagined import keys_of
from tests.unit.facts.roots import mounted
from tests.unit.slowness import slowness

from vonggac_agent.facts import gather
from vonggac_agent.facts.files import owners
from vonggac_contract.facts import Known, Reason, Unavailable
from vonggac_contract.limits import MIB

TOPICS = (
    "account.consistency", "account.users", "account.dot-files", "account.keys", "account.shadow", "account.groups",
    "account.homes", "pam.second-factor", "sudo.rules",
)  # fmt: skip
SMALL: dict[str, str | bytes] = {
    "etc/passwd": "root:x:0:0::/root:/bin/sh\n",
    "etc/group": "root:x:0:\n",
    "etc/shadow": "root:*:1::::::\n",
}
PIECES = {
    "accounts": b"a:x:1:1::/:\n",
    "backslashes": b"\\\n",
    "empty lines": b"\n",
    "colons": b":",
    "names": b"ab,",
    "words": b"a=b ",
    "no text": b"\xff",
}


def looked_at(folder: Path, file: str, piece: bytes, size: int) -> Iterator[tuple[str, Known | Unavailable]]:
    """Each topic with what it says of the file, `size` bytes of one piece again and again."""
    data = b"root:x:0:" + piece * (size // len(piece))
    host = mounted(folder, {**SMALL, file: data[:size]})
    for topic in TOPICS:
        (key, *_) = keys_of(topic)
        yield topic, gather(host, [key])[key]


@pytest.mark.hostile
@pytest.mark.parser
@pytest.mark.parametrize("piece", PIECES.values(), ids=PIECES)
@pytest.mark.parametrize(
    ("file", "size"),
    [
        *((file, 8 * MIB) for file in SMALL),
        *((file, owners.MAX_ACCOUNT_FILE) for file in ("etc/passwd", "etc/shadow")),
    ],
)
def test_a_huge_file_costs_less_than_a_second(tmp_path: Path, file: str, piece: bytes, size: int) -> None:
    started = time.process_time()
    for topic, _ in looked_at(tmp_path, file, piece, size):
        assert time.process_time() - started < 1 * slowness(), topic
        started = time.process_time()


@pytest.mark.hostile
@pytest.mark.parametrize("file", SMALL)
@pytest.mark.parametrize("piece", [PIECES["accounts"], PIECES["names"]], ids=["accounts", "names"])
def test_a_huge_file_costs_less_than_60_mb(tmp_path: Path, file: str, piece: bytes) -> None:
    tracemalloc.start()
    try:
        for topic, _ in looked_at(tmp_path, file, piece, owners.MAX_ACCOUNT_FILE):
            assert tracemalloc.get_traced_memory()[1] < 60_000_000, topic
    finally:
        tracemalloc.stop()


def test_as_many_accounts_as_a_fact_holds_are_told_and_one_more_is_too_large(tmp_path: Path) -> None:
    (key, *_) = keys_of("account.consistency")
    line = "name{n}:x:{n}:0:Họ và tên,,,:/home/name{n}:/bin/bash\n"
    for count in (owners.MAX_ACCOUNTS, owners.MAX_ACCOUNTS + 1):
        text = "".join(line.format(n=n) for n in range(count))
        found = gather(mounted(tmp_path, {**SMALL, "etc/passwd": text}), [key])[key]
        if count == owners.MAX_ACCOUNTS:
            assert isinstance(found, Known)
        else:
            assert isinstance(found, Unavailable)
            assert (found.reason, found.detail) == (Reason.TOO_LARGE, "etc/passwd is over 20000 lines")
