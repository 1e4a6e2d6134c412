"""The service's helper: it answers what is written in it, and the service passes its answers on as they are."""

from __future__ import annotations

import io
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import NOW

from vonggac_agent import answers, asking
from vonggac_agent.host import Host
from vonggac_agent.kernel import clock, interfaces
from vonggac_contract.facts import CouldNotLook, Reason

SOURCE = Path(answers.__file__).parent


def asked(*words: str, seconds: float = 5, size: int = 65_536) -> tuple[asking.Head, bytes]:
    """What the helper says to a question."""
    said = io.BytesIO()
    answers.main(io.BytesIO(msgspec.json.encode(asking.Question(words, seconds, size))), said)
    head, _, answer = said.getvalue().partition(b"\n")
    return msgspec.json.decode(head, type=asking.Head), answer


@contextmanager
def helper(monkeypatch: pytest.MonkeyPatch, folder: Path, said: bytes | None = None) -> Iterator[None]:
    """Answer one question of this process as systemd would have the helper do it; `said`: with these bytes."""
    path = str(folder / "answers.sock")
    monkeypatch.setattr(asking, "SOCKET", path)
    with socket.socket(socket.AF_UNIX) as listens:
        listens.bind(path)
        listens.listen()

        def serve() -> None:
            line, _ = listens.accept()
            with line, line.makefile("rb") as question:
                raw = question.read(asking.HEAD_BYTES)
                line.sendall(answers.answer(raw) if said is None else said)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield
        thread.join(10)


@pytest.mark.parametrize(
    "words",
    [
        (), ("sh", "-c", "id"), ("nft", "flush", "ruleset"), ("auditctl",), ("sshd", "-T", "-f", "/etc/shadow"),
        ("dnf",), ("/usr/sbin/sshd", "-T"), ("os.getcwd",), ("vonggac_agent.kernel.interfaces.os",),
        ("vonggac_agent.kernel.clock.synchronised", "more"),
    ],
)  # fmt: skip
def test_only_questions_that_are_written_are_answered(words: tuple[str, ...]) -> None:
    head, answer = asked(*words)
    assert (head.reason, answer) == (Reason.NOT_SUPPORTED, b"")


@pytest.mark.parametrize(("seconds", "size"), [(0, 10), (21, 10), (1, 0), (1, 2**40), (float("inf"), 1)])
def test_no_question_is_without_bounds(seconds: float, size: int) -> None:
    assert asked("auditctl", "-s", seconds=seconds, size=size)[0].reason is Reason.NOT_SUPPORTED


@given(st.binary(max_size=300))
def test_whatever_is_sent_is_answered_or_refused(raw: bytes) -> None:
    head = msgspec.json.decode(answers.answer(raw).partition(b"\n")[0], type=asking.Head)
    assert head.reason is not None


def test_every_question_of_a_gatherer_is_one_that_is_answered() -> None:
    source = "".join(path.read_text() for path in (SOURCE / "facts").rglob("*.py"))
    told = set(re.findall(r"host\.told\((\w+\.\w+)\)", source))
    assert told == {".".join(name.rsplit(".", 2)[1:]) for name in answers.FUNCTIONS}
    run = set(re.findall(r"host\.run\(([\w.]+),", source))
    assert {name for name in run if not name.startswith("programs.")} == {"argv", "command"}, (
        "of programs too"
    )
    loaded = "import sys, vonggac_agent.answers; print([m for m in sys.modules if m.startswith('vonggac_agent.facts')])"
    said = subprocess.run([sys.executable, "-I", "-c", loaded], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n", "the helper reads nobody's files"


def test_what_the_kernel_says_is_told_through_the_helper(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for ask in (interfaces.hostname, interfaces.addresses, clock.synchronised):
        (folder := tmp_path / ask.__name__).mkdir()
        with helper(monkeypatch, folder):
            host = Host(now=NOW, caged=True)
            assert host.told(ask) == host.told(ask) == ask()


def test_a_program_that_the_helper_could_not_run_is_missing_for_the_same_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("vonggac_agent.host.PROGRAM_DIRS", (str(tmp_path),))
    program = tmp_path / "auditctl"
    program.write_text("#!/bin/sh\necho no >&2\nexit 4\n")
    program.chmod(0o755)
    with helper(monkeypatch, tmp_path), pytest.raises(CouldNotLook, match=r"ended with 4: no") as told:
        Host(now=NOW, caged=True).run(("auditctl", "-s"), timeout=5, limit=100)
    assert told.value.reason is Reason.MALFORMED
    program.write_text("#!/bin/sh\nprintf 'enabled 1\\n'\n")
    (tmp_path / "answers.sock").unlink()
    with helper(monkeypatch, tmp_path):
        assert Host(now=NOW, caged=True).run(("auditctl", "-s"), timeout=5, limit=100) == b"enabled 1\n"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"", Reason.MALFORMED),
        (b"{}", Reason.TOO_LARGE),
        (b'{"reason":"no-such-reason"}\n', Reason.MALFORMED),
        (b"{}\n" + bytes(11), Reason.TOO_LARGE),
        (b"{}\n" + bytes(100_000), Reason.TOO_LARGE),
    ],
)
def test_an_answer_that_is_cut_short_or_too_long_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: bytes, reason: Reason
) -> None:
    with helper(monkeypatch, tmp_path, said), pytest.raises(CouldNotLook) as told:
        asking.ask_helper(("auditctl", "-s"), timeout=5, limit=10)
    assert told.value.reason is reason


def test_without_a_helper_and_with_a_silent_one_the_fact_is_unknown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(asking, "SOCKET", str(tmp_path / "none"))
    with pytest.raises(CouldNotLook, match="does not answer") as told:
        asking.told(clock.synchronised)
    assert told.value.reason is Reason.PERMISSION_DENIED
    monkeypatch.setattr(asking, "START_S", 0.1)
    with socket.socket(socket.AF_UNIX) as listens:
        monkeypatch.setattr(asking, "SOCKET", str(tmp_path / "silent"))
        listens.bind(asking.SOCKET)
        listens.listen()
        with pytest.raises(CouldNotLook) as told:
            asking.ask_helper(("auditctl", "-s"), timeout=0.1, limit=10)
    assert told.value.reason is Reason.TIMED_OUT
