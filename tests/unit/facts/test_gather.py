"""Gathering turns every way of failing into a reason, and never raises."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import msgspec
import pytest
from tests.unit.facts.roots import mounted, this_machine

from vonggac_agent import facts
from vonggac_agent.facts.base import Gather
from vonggac_agent.host import Host
from vonggac_contract.facts import TOPICS, CouldNotLook, FactKey, Known, Reason, Unavailable
from vonggac_contract.facts.system import OsRelease

KEY = FactKey("os.release")
VALUE = OsRelease("x", "", "", "", "other")


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[Gather], None]:
    """Put a gatherer in the place of os.release's."""
    return lambda gatherer: monkeypatch.setitem(facts.GATHERERS, "os.release", gatherer)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (CouldNotLook(Reason.DISABLED_BY_OWNER, "x"), Reason.DISABLED_BY_OWNER),
        (PermissionError("x"), Reason.PERMISSION_DENIED),
        (FileNotFoundError("x"), Reason.NOT_INSTALLED),
        (TimeoutError("x"), Reason.TIMED_OUT),
        (OSError("x"), Reason.MALFORMED),
        (UnicodeDecodeError("utf-8", b"x", 0, 1, "x"), Reason.MALFORMED),
        (ValueError("\udcffx\0"), Reason.MALFORMED),
        (RecursionError("x"), Reason.MALFORMED),
        (KeyError("x"), Reason.MALFORMED),
    ],
)
def test_each_error_becomes_its_reason(
    error: Exception, reason: Reason, answer: Callable[[Gather], None], tmp_path: Path
) -> None:
    def fail(host: Host, selector: tuple[str, ...]) -> tuple[msgspec.Struct, str]:
        raise error

    answer(fail)
    fact = facts.gather(mounted(tmp_path, {}), [KEY])[KEY]
    assert isinstance(fact, Unavailable)
    assert fact.reason is reason
    assert "x" in fact.detail
    msgspec.json.encode(fact)


def test_a_value_of_another_topic_is_refused(answer: Callable[[Gather], None], tmp_path: Path) -> None:
    answer(lambda host, selector: (TOPICS["sysctl"].value(value="1"), "x"))
    fact = facts.gather(mounted(tmp_path, {}), [KEY])[KEY]
    assert isinstance(fact, Unavailable)
    assert fact.detail == "TypeError: os.release was gathered as Sysctl"


def test_each_key_is_gathered_once_and_timed(answer: Callable[[Gather], None], tmp_path: Path) -> None:
    calls: list[tuple[str, ...]] = []

    def count(host: Host, selector: tuple[str, ...]) -> tuple[msgspec.Struct, str]:
        calls.append(selector)
        time.sleep(0.01)
        return VALUE, "here"

    answer(count)
    found = facts.gather(mounted(tmp_path, {}), [KEY, KEY])
    fact = found[KEY]
    assert isinstance(fact, Known)
    assert (fact.value, fact.source, len(found), calls) == (VALUE, "here", 1, [()])
    assert fact.took_ms >= 10


def test_a_fact_ends_at_its_deadline_and_the_next_has_its_own(
    answer: Callable[[Gather], None], tmp_path: Path
) -> None:
    def endless(host: Host, selector: tuple[str, ...]) -> tuple[msgspec.Struct, str]:
        while True:
            host.exists("etc")

    answer(endless)
    other = FactKey("file.stat", ("/",))
    found = facts.gather(mounted(tmp_path, {}), [KEY, other], deadline_s=0.05)
    fact = found[KEY]
    assert isinstance(fact, Unavailable)
    assert fact.reason is Reason.TIMED_OUT
    assert isinstance(found[other], Known)


@pytest.mark.parametrize(
    "key",
    [FactKey("no.such.topic"), FactKey("sysctl"), FactKey("os.release", ("x",)), FactKey("sysctl", ("a.b",))],
    ids=str,
)
def test_what_cannot_be_asked_of_a_mounted_root_is_not_supported(key: FactKey, tmp_path: Path) -> None:
    fact = facts.gather(mounted(tmp_path, {}), [key])[key]
    assert isinstance(fact, Unavailable)
    assert fact.reason is Reason.NOT_SUPPORTED


@pytest.mark.parametrize("host_of", ["empty", "live"])
def test_every_topic_without_a_selector_is_known_or_says_why(host_of: str, tmp_path: Path) -> None:
    host = mounted(tmp_path, {}) if host_of == "empty" else this_machine()
    keys = [
        FactKey(name, ("/etc/passwd",) * len(topic.selector))
        for name, topic in TOPICS.items()
        if name in facts.GATHERERS and topic.cadence == "look" and not name.startswith("tls.")
    ]
    for key, fact in facts.gather(host, keys).items():
        if isinstance(fact, Known):
            again = msgspec.json.decode(msgspec.json.encode(fact.value), type=TOPICS[key.topic].value)
            assert again == fact.value
        else:
            assert fact.detail
            assert not fact.detail.startswith(("TypeError", "AttributeError", "KeyError", "IndexError"))


def test_every_gatherer_is_for_a_declared_topic() -> None:
    assert set(facts.GATHERERS) <= set(TOPICS)


@pytest.mark.hostile
def test_a_gatherer_that_computes_on_and_on_is_interrupted(
    answer: Callable[[Gather], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(host: Host, selector: tuple[str, ...]) -> NoReturn:
        while True:
            sum(range(100))

    answer(busy)
    monkeypatch.setattr(facts, "GRACE_S", 0.05)
    began = time.monotonic()
    fact = facts.gather(mounted(tmp_path, {}), [KEY], deadline_s=0.05)[KEY]
    assert isinstance(fact, Unavailable)
    assert fact.reason == Reason.TIMED_OUT
    assert time.monotonic() - began < 5
