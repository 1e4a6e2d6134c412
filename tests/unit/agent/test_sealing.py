"""A sealed key: by a program in systemd-creds' place, which the real one takes on a booted system (flow/systemd)."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from tests.unit.agent.twin import Machine

from vonggac_agent import command, identity, sealing
from vonggac_agent.errors import CannotSeal, StateDamaged

CREDS = """#!/bin/sh
# Seals as this machine, under the name that it is given; fails as told.
for word in "$@"; do case $word in *PRIVATE*) exit 9;; --name=*) name=${word#--name=};; esac; done
[ -e "$(dirname "$0")/broken" ] && { echo "no key of this host" >&2; exit 1; }
if [ "$1" = encrypt ]; then
  [ "$2" = --with-key=auto ] || exit 8
  echo "$name"; exec base64
fi
read -r first
[ "$first" = "$name" ] || { echo "embedded name does not match" >&2; exit 1; }
exec base64 -d
"""


@pytest.fixture
def creds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "systemd-creds"
    program.write_text(CREDS)
    program.chmod(0o755)
    monkeypatch.setattr(sealing, "PROGRAMS", (str(program),))
    return program


def files(machine: Machine) -> list[str]:
    return sorted(p.suffix for p in machine.folder.glob("key-*"))


def secret_is_on_the_disk(folder: Path) -> bool:
    return any(b"PRIVATE KEY" in p.read_bytes() for p in folder.rglob("*") if p.is_file())


def test_sealed_and_unsealed_it_is_the_same_key_and_one_of_both_files_is_there(
    machine: Machine, creds: Path
) -> None:
    keyid = machine.identity.keyid
    assert files(machine) == [".pem"]
    for _ in range(2):
        identity.seal_key(machine.folder, keyid)
        assert (files(machine), identity.is_sealed(machine.folder, keyid)) == ([".sealed"], True)
    assert not secret_is_on_the_disk(machine.folder)
    (path,) = machine.folder.glob("key-*")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert identity.has_key(machine.folder, keyid)
    read = identity.read_key(machine.folder, keyid)
    assert read.private_bytes_raw() == machine.key.private_bytes_raw()
    for _ in range(2):
        identity.unseal_key(machine.folder, keyid)
        assert (files(machine), identity.is_sealed(machine.folder, keyid)) == ([".pem"], False)


def test_what_cannot_be_sealed_stays_plain_and_what_cannot_be_opened_stays_sealed(
    machine: Machine, creds: Path
) -> None:
    keyid, broken = machine.identity.keyid, creds.with_name("broken")
    broken.touch()
    with pytest.raises(CannotSeal, match="no key of this host"):
        identity.seal_key(machine.folder, keyid)
    assert files(machine) == [".pem"]
    broken.unlink()
    identity.seal_key(machine.folder, keyid)
    broken.touch()
    with pytest.raises(CannotSeal, match="could not be read"):
        identity.unseal_key(machine.folder, keyid)
    assert files(machine) == [".sealed"]


def test_a_sealed_key_under_another_keys_name_is_not_opened(machine: Machine, creds: Path) -> None:
    keyid = machine.identity.keyid
    identity.seal_key(machine.folder, keyid)
    (path,) = machine.folder.glob("key-*")
    path.rename(path.with_name(f"key-{'0' * 64}.sealed"))
    with pytest.raises(CannotSeal, match="embedded name"):
        identity.read_key(machine.folder, "0" * 64)
    with pytest.raises(StateDamaged, match="missing"):
        identity.read_key(machine.folder, keyid)


def test_killed_between_the_two_files_the_plain_one_counts_and_the_next_try_finishes(
    machine: Machine, creds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyid = machine.identity.keyid

    unlink = Path.unlink

    def killed(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".pem":
            raise KeyboardInterrupt
        unlink(path, missing_ok=missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            identity.seal_key(machine.folder, keyid)
    assert files(machine) == [".pem", ".sealed"]
    assert not identity.is_sealed(machine.folder, keyid)
    identity.read_key(machine.folder, keyid)
    identity.seal_key(machine.folder, keyid)
    assert files(machine) == [".sealed"]


def test_the_next_key_is_sealed_as_the_one_in_force_is(machine: Machine, creds: Path) -> None:
    keyid = machine.identity.keyid
    identity.seal_key(machine.folder, keyid)
    key = identity.key_for_enrolment(machine.folder, keyid)
    assert files(machine) == [".sealed", ".sealed"]
    assert identity.key_for_enrolment(machine.folder, keyid).private_bytes_raw() == key.private_bytes_raw()
    identity.forget_others(machine.folder, keyid)
    assert files(machine) == [".sealed"]
    assert not secret_is_on_the_disk(machine.folder)


def test_without_the_program_the_key_stays_as_it_is(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "PROGRAMS", ("/nowhere/systemd-creds",))
    with pytest.raises(CannotSeal, match="not installed"):
        identity.seal_key(machine.folder, machine.identity.keyid)
    assert files(machine) == [".pem"]


def test_a_program_that_does_not_read_what_it_is_given_harms_nobody() -> None:
    done = command.ended(("/bin/true",), timeout=5, limit=10, environment={}, given=b"x" * 60_000)
    assert (done.status, done.output) == (0, b"")
    echoed = command.run(("/bin/cat",), timeout=5, limit=100, environment={}, given=b"secret")
    assert echoed == b"secret"
