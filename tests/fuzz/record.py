"""Writes down the machines that the tests of facts look at, by topic, as inputs to begin with.

So the fuzzer begins where the tests of a topic already lead, also where no drawn machine does. The running system is
never written down: its files may hold secrets. A plugin of pytest, `-p tests.fuzz.record`; `collect` runs it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final

import pytest
from tests.fuzz.machines import Answers, at, written
from tests.fuzz.targets import RAW

from vonggac_agent.facts import GATHERERS
from vonggac_agent.host import Host
from vonggac_contract.facts import CouldNotLook

TESTS: Final = (
    "tests/unit/facts",
    "tests/unit/agent/test_tls_hello.py",
    "tests/unit/agent/test_tls_certificate.py",
)
SEEDS: Final = Path("build/fuzz/seeds")
WHOLE: Final = SEEDS / "whole"
"""Is there if all were written down."""


def collect() -> None:
    """Run the tests of facts once, unless nothing of them changed since they were green."""
    newest = max(path.stat().st_mtime for path in Path("tests/unit/facts").glob("*.py"))
    if WHOLE.exists() and WHOLE.stat().st_mtime > newest:
        return
    shutil.rmtree(SEEDS, ignore_errors=True)
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.fuzz.record"]
    done = subprocess.run([*argv, "-m", "not parser", *TESTS], check=False, stdout=subprocess.PIPE)
    if done.returncode == 0:
        WHOLE.touch()
    else:
        sys.stderr.write(f"the tests that machines are taken from are red: {done.stdout.decode()[-2000:]}\n")


def kept(name: str) -> list[bytes]:
    """What was written down for a topic or format."""
    return [path.read_bytes() for path in sorted((SEEDS / name).glob("*"))]


def listen(host: Host) -> Answers:
    """From now on, write down what this host is asked and answers."""
    known: Answers | None = host.__dict__.get("heard")
    if known is not None:
        return known
    heard: Answers = {}
    host.__dict__["heard"] = heard

    def note(kind: str, path: str | Path, answer: bytes) -> None:
        heard[kind + at(path)] = answer

    def status(path: str | Path, found: os.stat_result) -> None:
        told = (
            f"{found.st_mode:o}",
            found.st_uid,
            found.st_gid,
            found.st_size,
            int(found.st_mtime),
            at(path),
        )
        line = os.fsencode(" ".join(map(str, told))) + b"\n"
        if line not in heard.get("s", b""):
            heard["s"] = heard.get("s", b"") + line

    def whole(path: str | Path, stream: BinaryIO) -> None:
        note("f", path, stream.read(1 << 20))
        stream.seek(0)

    heeds: dict[str, Callable[[Any, Any], None]] = {
        "read": lambda path, found: note("f", path, found),
        "open": whole,
        "names": lambda path, found: note("n", path, os.fsencode("/".join(found))),
        "readlink": lambda path, found: note("l", path, os.fsencode(found)),
        "resolve": lambda path, found: note("v", path, os.fsencode(found)),
        "stat": status,
        "lstat": lambda path, found: None if stat.S_ISLNK(found.st_mode) else status(path, found),
        "run": lambda argv, found: heard.update({"r" + " ".join(argv): found}),
    }

    def heeded(name: str, heed: Callable[[Any, Any], None]) -> Callable[..., Any]:
        def asked(what: Any, *more: Any, **options: Any) -> Any:
            try:
                found = getattr(type(host), name)(host, what, *more, **options)
            except CouldNotLook as error:
                if not isinstance(what, tuple):
                    note("e", what, error.reason.encode())
                raise
            if found is not None:
                heed(what, found)
            return found

        return asked

    for name, heed in heeds.items():
        host.__dict__[name] = heeded(name, heed)
    return heard


def pytest_configure() -> None:
    """Stand before every gatherer, before the tests are imported."""
    for topic, gather in list(GATHERERS.items()):
        GATHERERS[topic] = _heard(topic, gather)
        setattr(sys.modules[gather.__module__], gather.__name__, GATHERERS[topic])
    for name, (module, function) in RAW.items():
        setattr(module, function, _overheard(name, getattr(module, function)))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Only tests that look at one machine: a property looks at thousands that differ little."""
    items[:] = [item for item in items if not hasattr(getattr(item, "obj", None), "hypothesis")]


def _heard(topic: str, gather: Callable[..., Any]) -> Callable[..., Any]:
    def gathered(host: Host, asked: tuple[str, ...] = ()) -> Any:
        if os.fspath(host.root) == "/":
            return gather(host, asked)
        heard = listen(host)
        try:
            return gather(host, asked)
        finally:
            machine = {**heard, "k": os.fsencode("\0".join(asked))} if asked else heard
            keep(topic, written(machine, live=host.live))

    return gathered


def _overheard(name: str, read: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def overheard(data: bytes) -> Any:
        keep(name, data)
        return read(data)

    return overheard


def keep(topic: str, data: bytes) -> None:
    """Leave one input among the seeds of its topic or format."""
    folder = SEEDS / topic
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
