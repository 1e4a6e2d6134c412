"""What a machine's owner lets rules ask by a program: nothing without his list, only what is on it, and bounded."""

from __future__ import annotations

import json
import os
import pwd
import resource
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.facts.roots import NOW
from tests.unit.properties import thorough

from vonggac_agent import owned
from vonggac_agent.errors import UnsafePath, WrongList
from vonggac_agent.facts import gather
from vonggac_agent.facts.commands.command_output import MAX_VALUES, read
from vonggac_agent.host import Host
from vonggac_agent.notes import Notes
from vonggac_contract.errors import ContractError
from vonggac_contract.facts import CouldNotLook, Fact, FactKey, Known, Reason, Unavailable
from vonggac_contract.facts.commands import CommandOutput, CommandValue

ROOT = os.geteuid() == 0
NOBODY = "nobody" if ROOT else ""
"""Tests that run as root have an account that is there on every system; others run things as themselves."""


class Owner:
    """Writes the list and programs of a machine, and looks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.list = folder / "commands.yaml"
        self.host = Host(now=NOW)

    def program(self, text: str, *, mode: int = 0o755, name: str = "program") -> str:
        """A script of the shell, or of what its first line says."""
        path = self.folder / name
        path.write_text(text if text.startswith("#!") else f"#!/bin/sh\n{text}\n")
        path.chmod(mode)
        return str(path)

    def allow(self, *argv: str, name: str = "one", run_as: str = NOBODY, **entry: object) -> None:
        """Write a list of one entry (JSON is YAML)."""
        self.list.write_text(json.dumps({name: {"argv": argv, "run_as": run_as, **entry}}))
        self.list.chmod(0o644)
        self.host = Host(now=NOW)

    def look(self, name: str = "one") -> Fact:
        """The fact of one entry."""
        key = FactKey("command.output", (name,))
        return gather(self.host, [key])[key]

    def value(self, name: str = "one") -> CommandOutput:
        """Of an entry that could be run."""
        fact = self.look(name)
        assert isinstance(fact, Known), fact
        assert isinstance(fact.value, CommandOutput)
        return fact.value

    def refused(self, name: str = "one") -> Unavailable:
        """Why it could not."""
        fact = self.look(name)
        assert isinstance(fact, Unavailable), fact
        return fact


@pytest.fixture
def owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Owner:
    monkeypatch.setattr(owned, "PATH", tmp_path / "commands.yaml")
    return Owner(tmp_path)


def test_without_a_list_nothing_is_run_and_the_reason_says_that_commands_are_off(owner: Owner) -> None:
    refused = owner.refused()
    assert refused.reason is Reason.DISABLED_BY_OWNER
    assert refused.detail == f"commands are off: there is no {owner.list}"
    assert owner.host.commands == []


def test_a_rule_can_only_name_an_entry(owner: Owner) -> None:
    owner.allow("/bin/true")
    for name in ("/bin/true", "one; id", "two", "../one", "one\0", ""):
        assert owner.refused(name).reason is Reason.DISABLED_BY_OWNER
    assert owner.host.commands == []


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("none", CommandOutput(3)),
        ("line", CommandOutput(3, "17", 17)),
        ("text", CommandOutput(3, "17", 17, "17\na = b")),
        ("key-value", CommandOutput(3, values=[CommandValue("17", ""), CommandValue("a", "b")])),
    ],
)
def test_output_is_read_as_the_entry_says(owner: Owner, output: str, said: CommandOutput) -> None:
    owner.allow(owner.program("echo 17; echo 'a = b'; exit 3"), output=output)
    assert owner.value() == said


def test_json_gives_every_value_by_its_pointer(owner: Owner) -> None:
    document = {"disks": [{"state": "clean", "failed": 0}, {"state": None, "a/b~": True}], "empty": {}}
    owner.allow(owner.program(f"echo '{json.dumps(document)}'"), output="json")
    assert [(v.key, v.value, v.number) for v in owner.value().values] == [
        ("/disks/0/state", "clean", None),
        ("/disks/0/failed", "0", 0),
        ("/disks/1/state", "null", None),
        ("/disks/1/a~1b~0", "true", None),
    ]


def test_what_is_not_of_the_form_that_the_entry_says_is_malformed(owner: Owner) -> None:
    owner.allow(owner.program("echo '{'"), output="json")
    assert owner.refused().reason is Reason.MALFORMED
    with pytest.raises(ValueError, match="over 1000 values"):
        read(0, msgspec.json.encode(list(range(MAX_VALUES + 1))), "json")
    with pytest.raises(ValueError, match="over 1000 values"):
        read(0, b"a=1\n" * (MAX_VALUES + 1), "key-value")


@given(printed=st.binary(max_size=300), output=st.sampled_from(["line", "text", "json", "key-value"]))
@thorough
def test_whatever_is_printed_gives_a_fact_or_a_reason(printed: bytes, output: owned.Output) -> None:
    try:
        found = read(0, printed, output)
    except (ValueError, ContractError):
        return
    msgspec.json.encode(found)


def test_a_command_gets_no_environment_no_input_and_nothing_that_is_open_here(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VONGGAC_TOKEN", "secret")
    secret = os.open("/etc/passwd", os.O_RDONLY)
    os.set_inheritable(secret, True)
    try:
        owner.allow("/bin/cat", "/proc/self/environ", output="text")
        assert owner.value().text == ""
        owner.allow("/bin/cat", output="text")
        assert owner.value().text == ""
        owner.allow("/bin/readlink", "/proc/self/cwd", output="line")
        assert owner.value().line == "/"
        owner.allow("/bin/ls", "-l", "/proc/self/fd", output="text")
        assert "/etc/passwd" not in (owner.value().text or "")
    finally:
        os.close(secret)


def test_arguments_are_passed_on_as_they_are_written_and_reach_no_shell(owner: Owner) -> None:
    words = ["$HOME", "`id`", "; id", "*", "-n", "a b", "'\"", "%s"]
    owner.allow("/usr/bin/printf", "%s\\n", *words, output="text")
    assert owner.value().text == "\n".join(words)


@pytest.mark.skipif(not ROOT, reason="only root can be somebody else")
def test_root_runs_it_as_an_account_that_owns_nothing_and_has_no_other_group(owner: Owner) -> None:
    owner.allow("/usr/bin/id", "-u", output="line")
    assert owner.value().number == pwd.getpwnam("nobody").pw_uid
    owner.allow("/usr/bin/id", "-G", output="line")
    assert owner.value().line == str(pwd.getpwnam("nobody").pw_gid)
    owner.allow("/usr/bin/id", "-u", output="line", run_as="root")
    assert owner.value().number == 0


def test_an_account_that_is_missing_is_named_with_what_makes_it(owner: Owner) -> None:
    owner.allow("/bin/true", run_as="no-such-account")
    refused = owner.refused()
    assert refused.reason is Reason.PERMISSION_DENIED
    assert "useradd --system --shell /usr/sbin/nologin no-such-account" in refused.detail
    assert (
        owned.account_of(owned.Entry(["/bin/true"], run_as=pwd.getpwuid(os.geteuid()).pw_name)) is None
        or ROOT
    )


STUBBORN = {
    "hangs": "sleep 60",
    "ignores SIGTERM": "trap '' TERM; sleep 60",
    "goes on in the background": "sleep 60 & exit 0",
    "forks": "for i in 1 2 3 4 5; do (sleep 60; echo) & done; wait",
    "closes its output": "exec >&- 2>&-; sleep 60",
}


@pytest.mark.hostile
@pytest.mark.parametrize("name", STUBBORN)
def test_what_does_not_end_is_ended_with_all_it_started(owner: Owner, name: str) -> None:
    before = set(os.listdir("/proc/self/fd"))
    # What other tests left running in this process is theirs, such as multiprocessing's tracker of resources.
    others = psutil.Process().children(recursive=True)
    owner.allow(owner.program(STUBBORN[name]), timeout_s=1)
    began = time.monotonic()
    assert owner.refused().reason is Reason.TIMED_OUT
    assert time.monotonic() - began < 3
    assert set(os.listdir("/proc/self/fd")) == before
    assert set(psutil.Process().children(recursive=True)) <= set(others)
    (run,) = owner.host.commands
    assert (run.reason, run.exit_status, run.truncated) == ("timed-out", None, False)
    assert 1 <= run.duration < 3


@pytest.mark.hostile
def test_endless_output_is_cut_off_at_its_limit_and_none_of_it_counts(owner: Owner) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    owner.allow("/usr/bin/yes", output="text", output_bytes=1000, timeout_s=20)
    assert owner.refused().reason is Reason.TOO_LARGE
    (run,) = owner.host.commands
    assert (run.truncated, run.exit_status) == (True, None)
    assert run.duration < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 20_000  # KiB


def test_a_command_that_a_signal_ended_has_no_status(owner: Owner) -> None:
    owner.allow(owner.program("kill -9 $$"))
    assert "ended by signal 9" in owner.refused().detail


def test_every_run_is_told_with_what_became_of_it(owner: Owner, capfd: pytest.CaptureFixture[str]) -> None:
    argv = [owner.program("exit 4"), "--secret=x"]
    owner.allow(*argv)
    owner.look()
    assert capfd.readouterr().err == ""  # by hand; the service tells its journal
    owner.host = Host(now=NOW, notes=Notes(owner.folder))
    owner.look()
    (run,) = owner.host.commands
    assert (run.name, run.argv, run.exit_status, run.reason) == (
        "one",
        owned.Entry(argv).digest,
        4,
        "",
    )
    told = json.loads(capfd.readouterr().err)
    assert (told["event"], told["name"], told["exit_status"]) == ("command-ran", "one", 4)
    assert "secret" not in json.dumps(told)


def _instead(path: Path, make: Callable[[Path], None]) -> None:
    path.unlink()
    make(path)


def _swap(owner: Owner, path: Path) -> None:
    path.unlink()
    path.symlink_to("/bin/true")


def _capable(owner: Owner, path: Path) -> None:
    # VFS_CAP_REVISION_2 with CAP_NET_RAW, permitted and effective (linux/capability.h).
    os.setxattr(path, "security.capability", bytes.fromhex("0100000200200000000000000000000000000000"))


UNSAFE: dict[str, Callable[[Owner, Path], None]] = {
    "others may write it": lambda owner, path: path.chmod(0o757),
    "its group may write it": lambda owner, path: path.chmod(0o775),
    "setuid": lambda owner, path: path.chmod(0o4755),
    "setgid": lambda owner, path: path.chmod(0o2755),
    "a link": _swap,
    "a folder": lambda owner, path: _instead(path, Path.mkdir),
    "a fifo": lambda owner, path: _instead(path, os.mkfifo),
    "no program": lambda owner, path: path.chmod(0o644),
    "others may write the folder": lambda owner, path: owner.folder.chmod(0o777),
}
if ROOT:
    UNSAFE |= {
        "somebody else's": lambda owner, path: os.chown(path, 12345, 0),
        "the folder is somebody else's": lambda owner, path: os.chown(owner.folder, 12345, 0),
        "it has capabilities": _capable,
    }


@pytest.mark.hostile
@pytest.mark.parametrize("name", UNSAFE)
def test_a_program_that_others_could_change_or_that_has_rights_of_its_own_is_not_run(
    owner: Owner, name: str
) -> None:
    path = Path(owner.program("echo ran > /dev/null"))
    owner.allow(str(path))
    owner.value()
    owner.host = Host(now=NOW)
    UNSAFE[name](owner, path)
    assert owner.refused().reason is Reason.PERMISSION_DENIED
    assert owner.host.commands == []


@pytest.mark.hostile
def test_a_script_whose_interpreter_others_could_change_is_not_run(owner: Owner) -> None:
    interpreter = Path(owner.program("echo ran", name="interpreter"))
    script = owner.program(f"#!{interpreter} -x\n")
    os.close(owned.open_program(script))
    interpreter.chmod(0o777)
    owner.allow(script)
    assert f"{interpreter} may be written by others" in owner.refused().detail
    assert owner.host.commands == []


@pytest.mark.hostile
def test_what_was_looked_at_is_what_is_run(owner: Owner) -> None:
    path = Path(owner.program("echo good"))
    fd = owned.open_program(str(path))
    try:
        path.rename(owner.folder / "aside")
        owner.program("echo bad")
        from vonggac_agent import command

        ended = command.ended((str(path),), timeout=5, limit=100, environment={}, program=fd)
        assert ended.output == b"good\n"
    finally:
        os.close(fd)


@pytest.mark.hostile
@pytest.mark.parametrize("mode", [0o666, 0o664, 0o646])
def test_a_list_that_others_may_write_turns_commands_off(owner: Owner, mode: int) -> None:
    owner.allow("/bin/true")
    owner.list.chmod(mode)
    assert f"mode {mode:04o}" in owner.refused().detail
    standing = owned.standing(owner.list)
    assert (standing["on"], standing["entries"]) == (False, [])
    assert f"mode {mode:04o}" in standing["refused"]


@pytest.mark.hostile
@pytest.mark.parametrize("kind", ["link", "dangling", "fifo"])
def test_a_list_that_is_no_file_of_the_owner_turns_commands_off(owner: Owner, kind: str) -> None:
    if kind == "fifo":
        os.mkfifo(owner.list)
    else:
        owner.list.symlink_to(owner.folder / "elsewhere")
    if kind == "link":
        (owner.folder / "elsewhere").write_text("{}")
    with pytest.raises(UnsafePath):
        owned.read_list(owner.list)
    assert owner.refused().reason is Reason.PERMISSION_DENIED


@pytest.mark.parametrize(
    "text",
    [
        "- one",
        "one: /bin/true",
        "one: {argv: /bin/true}",
        "one: {argv: []}",
        "one: {argv: [true]}",
        "one: {argv: [bin/true]}",
        "one: {argv: [/bin/../bin/true]}",
        "one: {argv: [//bin/true]}",
        'one: {argv: [/bin/true, "a\\0b"]}',
        "One: {argv: [/bin/true]}",
        "one/two: {argv: [/bin/true]}",
        "one: {argv: [/bin/true], shell: true}",
        "one: {argv: [/bin/true], environment: {A: b}}",
        "one: {argv: [/bin/true], timeout_s: 0}",
        "one: {argv: [/bin/true], timeout_s: 21}",
        "one: {argv: [/bin/true], output_bytes: 1048577}",
        "one: {argv: [/bin/true], output: xml}",
        "one: &a {argv: [/bin/true]}\ntwo: *a",
        "one: !!python/object:os.system {}",
        "\xff",
        "".join(f"e{n}: {{argv: [/bin/true]}}\n" for n in range(65)),
        "#" * 65537,
    ],
)
def test_a_list_that_does_not_fit_is_refused_as_a_whole(owner: Owner, text: str) -> None:
    owner.list.write_bytes(text.encode("latin-1"))
    with pytest.raises(WrongList, match=str(owner.list)):
        owned.read_list(owner.list)
    assert owner.refused().reason is Reason.PERMISSION_DENIED


def test_an_empty_list_allows_nothing_and_is_on(owner: Owner) -> None:
    owner.list.write_text("# nothing yet\n")
    assert owned.standing(owner.list) == {"on": True, "entries": [], "refused": None}
    assert owner.refused().detail == f"{owner.list} has no entry one"


@pytest.mark.skipif(ROOT, reason="root may be anybody")
def test_who_is_not_root_runs_things_only_as_himself() -> None:
    with pytest.raises(CouldNotLook, match="only root can run it as root"):
        owned.account_of(owned.Entry(["/bin/true"], run_as="root"))
